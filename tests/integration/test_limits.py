"""``cglab run --limit``: what the kernel keeps, and the share of the CPU, on real targets."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from support_cli import as_json, cglab, figures, only_recording, running, wait_until, write_target

RUN = ("run", "--no-render")
SPIN = """
import sys, time

def waited():
    with open("/proc/self/schedstat") as file:
        return int(file.read().split()[1]) / 1e9

def spin(seconds):
    wall, cpu, queued = time.monotonic(), time.process_time(), waited()
    while time.monotonic() - wall < seconds:
        pass
    elapsed = time.monotonic() - wall
    return (time.process_time() - cpu) / elapsed, (waited() - queued) / elapsed

"""
CHILDREN = (
    SPIN
    + """
import os
read_end, write_end = os.pipe()
for _ in range(2):
    if not os.fork():
        used, queued = spin(5)
        os.write(write_end, f"{used} {queued}\\n".encode())
        os._exit(0)
os.wait()
os.wait()
numbers = [float(word) for word in os.read(read_end, 200).split()]
print(sum(numbers[::2]), sum(numbers[1::2]))
"""
)
SPIN_FOR_EVER = """
import os
def burn():
    while True:
        pass
if not os.fork():
    burn()
print("ready", flush=True)
burn()
"""


def notes_of(folder: Path) -> Any:
    return as_json("info", "--format", "json", folder=folder)["notes"]


def check_share(output: str, share: float) -> None:
    """Check a share of the CPU that was used; waiting for a busy machine's CPU is not our doing."""
    used, queued = map(float, output.split())
    assert used <= share * 1.1
    assert used + queued >= share * 0.9


@pytest.mark.parametrize("percent", [25, 50])
def test_cpu_share_over_five_seconds(percent: int, tmp_path: Path) -> None:
    """By the target's own clocks, of CPU and of the wall."""
    write_target(tmp_path, SPIN + "print(*spin(5))\n")
    result = cglab(*RUN, "--limit", f"cpu={percent}%", "target.py", folder=tmp_path)
    check_share(result.stdout, percent / 100)
    assert f"limit cpu={percent}%: the target and its children are stopped (SIGSTOP)" in (
        result.stderr
    )


def test_cpu_share_is_of_children_as_well(tmp_path: Path) -> None:
    write_target(tmp_path, CHILDREN)
    result = cglab(*RUN, "--limit", "cpu=30%", "target.py", folder=tmp_path)
    check_share(result.stdout, 0.3)


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_nothing_stays_stopped_after_ctrl_c(tmp_path: Path) -> None:
    """Neither the target, nor a child that outlives it."""
    write_target(tmp_path, SPIN_FOR_EVER)
    with running(*RUN, "--limit", "cpu=2%", "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        target = run.target_pid()
        children = Path(f"/proc/{target}/task/{target}/children")
        child = int(wait_until(children.read_text, "there is a child").split()[0])
        wait_until(lambda: state_of(child) == "T", "it is stopped")
        os.kill(run.process.pid, signal.SIGINT)
        assert run.end() == 130
        states = set()
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            states.add(state_of(child))
            time.sleep(0.01)
        assert "T" not in states
        os.kill(child, signal.SIGKILL)


def test_cpu_time_ends_the_target_and_leaves_its_recording(tmp_path: Path) -> None:
    write_target(tmp_path, SPIN + "spin(20)\n")
    result = cglab(*RUN, "--limit", "cpu-time=1s", "target.py", folder=tmp_path, status=152)
    assert "limit cpu-time=1s: RLIMIT_CPU counts" in result.stderr
    assert "the limit cpu-time=1s was reached, and SIGXCPU ended it" in notes_of(tmp_path)
    assert figures(only_recording(tmp_path))["spin"].calls == 1


def test_cpu_time_that_is_only_told(tmp_path: Path) -> None:
    write_target(tmp_path, "import time\nwhile time.process_time() < 2: pass\nprint('done')\n")
    words = ("--limit", "cpu-time=1s", "--on-limit", "warn")
    result = cglab(*RUN, *words, "target.py", folder=tmp_path)
    assert result.stdout == "done\n"
    assert "the limit cpu-time=1s was reached; the target went on" in notes_of(tmp_path)


def test_memory_error_arrives_as_it_would(tmp_path: Path) -> None:
    target = """
        held = []
        def fill():
            while True:
                held.append(bytearray(1024 * 1024))
        try:
            fill()
        except MemoryError:
            count = len(held)
            held.clear()
            print(count)
        def after():
            pass
        after()
        bytearray(512 * 1024 * 1024)
        """
    write_target(tmp_path, target)
    result = cglab(*RUN, "--limit", "memory=256M", "target.py", folder=tmp_path, status=1)
    # The interpreter's own space, and what is left of what is allowed for the recording.
    assert int(result.stdout) == pytest.approx(256, abs=30)
    assert result.stderr.splitlines().count("MemoryError") == 1
    assert "limit memory=256M: RLIMIT_AS limits the address space" in result.stderr
    functions = figures(only_recording(tmp_path))
    assert functions["fill"].calls == functions["after"].calls == 1


def test_files_and_file_size(tmp_path: Path) -> None:
    target = """
        import errno
        files = []
        try:
            while True:
                files.append(open("/dev/null"))
        except OSError as error:
            print(errno.errorcode[error.errno], files[-1].fileno())
        for file in files:
            file.close()
        try:
            with open("large", "wb", buffering=0) as file:
                while file.write(bytes(1024 * 1024)):
                    pass
        except OSError as error:
            print(errno.errorcode[error.errno])
        """
    write_target(tmp_path, target)
    words = ("--limit", "files=40", "--limit", "file-size=8M")
    result = cglab(*RUN, *words, "target.py", folder=tmp_path)
    assert result.stdout.split()[::2] == ["EMFILE", "EFBIG"]
    assert int(result.stdout.split()[1]) <= 39
    assert (tmp_path / "large").stat().st_size == 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--limit", "disk=5G"), ("no limit 'disk'", "memory, cpu, cpu-time, files, processes")),
        (("--limit", "memory=5X"), ("'5X' is no value for --limit memory", "K, M, G and T")),
        (("--limit", "memory"), ("no value for --limit memory", "256M")),
        (("--limit", "cpu=50"), ("'50' is no value for --limit cpu", "50%")),
        (("--limit", "cpu-time=5d"), ("no value for --limit cpu-time", "s, m and h")),
        (("--limit", "files=many"), ("no value for --limit files", "64")),
        (("--limit", "upload=64K/user"), ("no value for --limit upload", "64K/total")),
        (("--limit", "cpu=0%"), ("cpu=0% is too little", "50%")),
        (("--limit", "memory=2M"), ("memory=2M is less than", "needs to start", "M\n")),
        (("--limit", "files=4"), ("files=4 is less than an interpreter needs to start, 10",)),
        (("--limit", "file-size=1K"), ("is less than the file of the recording needs, 4M",)),
        (("--limit", "cpu=5%", "--limit", "cpu=6%"), ("--limit cpu is given twice",)),
    ],
)
def test_limits_that_cannot_be(
    words: tuple[str, ...], expected: tuple[str, ...], tmp_path: Path
) -> None:
    write_target(tmp_path, "")
    result = cglab(*RUN, *words, "target.py", folder=tmp_path, status=2)
    for text in expected:
        assert text in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.glob("out/*"))


def test_processes_are_not_limited_for_root(tmp_path: Path) -> None:
    """Anybody else's are, and the kernel says no to the one too many."""
    target = """
        import os
        started = 0
        try:
            while started < 400:
                if not os.fork():
                    import time
                    time.sleep(2)
                    os._exit(0)
                started += 1
        except BlockingIOError:
            print("refused", started)
        """
    write_target(tmp_path, target)
    words = (*RUN, "--limit", "processes=20", "target.py")
    if os.geteuid() == 0:
        result = cglab(*words, folder=tmp_path, status=2)
        assert "root, whom the kernel exempts from RLIMIT_NPROC" in result.stderr
        assert "pids.max" in result.stderr
    else:
        result = cglab(*words, folder=tmp_path)
        assert result.stdout.startswith("refused ")
