"""What ``cglab`` was started with, the target is started with, and nothing of ours beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support_cli import PATIENCE_S, command, environment, figures, only_recording, write_target

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--no-render")


def in_shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which ``$CGLAB`` is the beginning of a command line."""
    words = " ".join(os.fsdecode(word) for word in command(*RUN))
    return subprocess.run(
        ["/bin/bash", "-c", line.replace("$CGLAB", words)],
        cwd=folder,
        env=environment(PYTHON=sys.executable),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_redirections_of_a_shell(tmp_path: Path) -> None:
    write_target(
        tmp_path,
        """
        import os, sys
        def work(): return open(sys.argv[1]).read().strip()
        print(work(), os.read(3, 9), os.write(7, b"said"), os.fstat(7).st_size)
        """,
    )
    line = "$CGLAB target.py <(echo hello) 3< <(echo three) 7>seven"
    result = in_shell(line, tmp_path)
    assert result.stdout == "hello b'three\\n' 4 4\n", result.stderr
    assert (tmp_path / "seven").read_text() == "said"
    assert figures(only_recording(tmp_path))["work"].calls == 1


def test_pipe_ends_when_the_target_closes_it(tmp_path: Path) -> None:
    """Nobody else has its other end: not ``cglab``, nor what it starts."""
    write_target(tmp_path, "import os, sys\nos.close(int(sys.argv[1]))\nsys.stdin.read()\n")
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        command(*RUN, "target.py", str(theirs)),
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        pass_fds=(theirs,),
    )
    os.close(theirs)
    assert os.read(ours, 1) == b""
    assert process.poll() is None
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    os.close(ours)


@pytest.mark.parametrize("limit", ["64", "256", "1024"])
def test_next_descriptor_is_the_one_it_would_have_been(limit: str, tmp_path: Path) -> None:
    write_target(
        tmp_path,
        """
        import os
        numbers = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
        child = os.fork()
        if child == 0:
            os._exit(os.open("/dev/null", os.O_RDONLY))
        print(numbers, os.waitpid(child, 0)[1] >> 8)
        """,
    )
    line = f"ulimit -n {limit}; $PYTHON target.py 9</dev/null; $CGLAB target.py 9</dev/null"
    result = in_shell(line, tmp_path)
    untraced, traced = result.stdout.splitlines()
    assert traced == untraced


def test_sockets_of_systemd(tmp_path: Path) -> None:
    """The variables that hold a pid hold the target's, as ``sd_listen_fds`` asks."""
    write_target(
        tmp_path,
        """
        import os
        names = ("LISTEN_PID", "WATCHDOG_PID")
        print([os.environ[name] == str(os.getpid()) for name in names], os.environ["LISTEN_FDS"])
        print(os.fstat(3).st_size)
        """,
    )
    line = "LISTEN_FDS=1 LISTEN_PID=$$ WATCHDOG_PID=$$ exec $CGLAB target.py 3<target.py"
    result = in_shell(line, tmp_path)
    size = (tmp_path / "target.py").stat().st_size
    assert result.stdout == f"[True, True] 1\n{size}\n", result.stderr


def test_pid_of_another_process_is_left_alone(tmp_path: Path) -> None:
    write_target(tmp_path, "import os\nprint(os.environ['LISTEN_PID'])\n")
    assert in_shell("LISTEN_PID=1 $CGLAB target.py", tmp_path).stdout == "1\n"


def test_file_of_ours_that_is_a_descriptor_stays_ours(tmp_path: Path) -> None:
    write_target(tmp_path, "import time\ntime.sleep(1.5)\n")
    result = in_shell("$CGLAB --heartbeat 0.3 --log-file /dev/fd/5 target.py 5>log", tmp_path)
    assert result.returncode == 0
    assert "cannot write" not in result.stderr
    assert (tmp_path / "log").read_text().count("\n") > 1
