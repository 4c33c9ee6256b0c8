"""Signals sent to ``cglab`` reach the target as they were sent, and each of them once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from support_cli import (
    LISTENER,
    PATIENCE_S,
    SLEEPER,
    command,
    environment,
    figures,
    only_recording,
    running,
    wait_until,
    write_target,
)
from support_terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--no-render")
SENT = (
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
    signal.SIGCONT,
    signal.SIGALRM,
    signal.SIGRTMIN + 1,
)

NOTER = """
import os, signal

def note(number, frame):
    global noted
    noted += 1
    print("noted", number, flush=True)

noted = 0
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, note)
print("ready", flush=True)
while not os.path.exists("enough"):
    signal.sigtimedwait((), 0.02)
print("end", noted, flush=True)
"""
"""Prints the number of every signal that reaches it, until there is a file ``enough``."""


def test_every_signal_arrives_as_it_was_sent(tmp_path: Path) -> None:
    write_target(tmp_path, NOTER)
    with running(*RUN, "--stop-after", "60", "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        for number in SENT:
            run.process.send_signal(number)
            run.wait_for(f"noted {int(number)}\n")
        (tmp_path / "enough").touch()
        assert run.end() == 0
    noted = [f"noted {int(number)}" for number in SENT]
    assert run.output.splitlines() == ["ready", *noted, f"end {len(SENT)}"]
    assert figures(only_recording(tmp_path))["note"].calls == len(SENT)


def test_what_the_group_gets_arrives_once(tmp_path: Path) -> None:
    """As ``timeout`` and ``fg`` send it: to each process of the job."""
    write_target(tmp_path, NOTER)
    with running(*RUN, "--stop-after", "60", "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        for number in SENT:
            os.killpg(run.process.pid, number)
            run.wait_for(f"noted {int(number)}\n")
            # Then one to cglab alone: when it has come, a second one of before would have.
            run.process.send_signal(signal.SIGIO)
            noted = f"noted {int(signal.SIGIO)}\n"
            times = SENT.index(number) + 1
            wait_until(lambda: run.output.count(noted) >= times, "both have arrived")  # noqa: B023
        (tmp_path / "enough").touch()
        assert run.end() == 0
    assert run.output.endswith(f"end {2 * len(SENT)}\n")


def test_what_the_target_sends_its_parent_does_not_come_back(tmp_path: Path) -> None:
    write_target(
        tmp_path,
        """
        import os, signal, subprocess, sys, time
        noted = []
        signal.signal(signal.SIGUSR1, lambda number, frame: noted.append(number))
        signal.signal(signal.SIGUSR2, lambda number, frame: noted.append(number))
        os.kill(os.getppid(), signal.SIGUSR1)
        print("ready", flush=True)
        while signal.SIGUSR2 not in noted:
            time.sleep(0.02)
        print(len(noted))
        """,
    )
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        run.process.send_signal(signal.SIGUSR2)
        assert run.end() == 0
    assert run.output == "ready\n1\n"


def test_signal_that_nobody_handles_ends_the_target(tmp_path: Path) -> None:
    write_target(tmp_path, SLEEPER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        run.process.send_signal(signal.SIGUSR1)
        assert run.end() == 128 + signal.SIGUSR1
    assert figures(only_recording(tmp_path))["work"].open_calls == 1


def test_signal_that_our_parent_ignores_stays_ignored(tmp_path: Path) -> None:
    write_target(tmp_path, NOTER.replace("signal.signal(number, note)", "pass"))
    process = subprocess.Popen(
        command(*RUN, "target.py"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_ignore_hangup,  # noqa: PLW1509 - it does nothing else
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    (tmp_path / "enough").touch()
    assert process.communicate(timeout=PATIENCE_S)[0] == "end 0\n"
    assert process.returncode == 0


def _ignore_hangup() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_control_c_in_a_prompt_is_for_the_prompt(tmp_path: Path) -> None:
    """As often as anybody likes; only those in quick succession ask for more."""
    terminal = Terminal(*RUN, "-m", "code", folder=tmp_path)
    terminal.wait_for(">>> ")
    for times in (1, 2, 3):
        terminal.press_control_c()
        terminal.wait_for("KeyboardInterrupt", times)
        terminal.type(f"{times} + 40\r")
        terminal.wait_for(f"\n{times + 40}\r")
        time.sleep(1)  # this is what tells it from an impatient one
    terminal.type("\x04")
    assert terminal.end() == 0
    assert "sending" not in terminal.text
    only_recording(tmp_path)


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "--duration"])
def test_stopped_target_can_be_stopped_for_good_at_once(how: str, tmp_path: Path) -> None:
    """Stopped by SIGSTOP it would not get the signal: --stop-after is longer than we wait."""
    write_target(tmp_path, LISTENER)
    duration = ("--duration", "3") if how == "--duration" else ()
    words = ("--stop-after", "3600", *duration, "target.py")
    with running(*RUN, *words, folder=tmp_path) as run:
        run.wait_for("ready")
        os.kill(run.target_pid(), signal.SIGSTOP)
        if not duration:
            run.process.send_signal(signal.Signals[how])
        assert run.end() == (128 + signal.SIGTERM if how == "SIGTERM" else 0)


SHELL = """
import os, signal, subprocess, sys
print("shell", flush=True)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = subprocess.Popen(sys.argv[1:], process_group=0)
os.tcsetpgrp(0, job.pid)
for _ in range(2):
    pid, status = os.waitpid(job.pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        os.tcsetpgrp(0, os.getpgrp())
        print("stopped", flush=True)
        os.tcsetpgrp(0, job.pid)
        os.killpg(job.pid, signal.SIGCONT)
    else:
        print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""
"""What a shell with job control does with one job: it waits, is told that it stopped, goes on."""


def test_control_z_and_fg(tmp_path: Path) -> None:
    """The shell is told when the target has stopped, whatever that did before; then all goes on."""
    write_target(
        tmp_path,
        """
        import os, signal, time
        noted = []
        def suspend(number, frame):
            print("tidying up", flush=True)
            time.sleep(0.3)
            print("tidied", flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)
        signal.signal(signal.SIGTSTP, suspend)
        signal.signal(signal.SIGCONT, lambda number, frame: noted.append(number))
        print("ready", flush=True)
        while not noted:
            time.sleep(0.02)
        time.sleep(0.3)
        print("went on", len(noted), flush=True)
        """,
    )
    shell = write_target(tmp_path, SHELL, "shell.py")
    words = [os.fsdecode(word) for word in command(*RUN, "target.py")]
    terminal = Terminal(folder=tmp_path, words=[words[0], str(shell), *words])
    terminal.wait_for("ready")
    terminal.type("\x1a")
    terminal.wait_for("ended 0")
    assert terminal.end() == 0
    places = [terminal.text.index(text) for text in ("tidied", "stopped", "went on 1", "ended 0")]
    assert places == sorted(places)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_before_the_target_is_there_ends_the_run(
    number: signal.Signals, tmp_path: Path
) -> None:
    """It comes while the run is prepared: it is the target's, and nothing is left behind."""
    write_target(tmp_path, "import time\ntime.sleep(600)\n")
    (tmp_path / "tmp").mkdir()
    script = f"""
import importlib, os, sys
from callgraph_lab.cli import main
record = importlib.import_module("callgraph_lab.launch.record")
prepare = record._prepare
def prepare_and_be_hit(*arguments):
    os.kill(os.getpid(), {int(number)})
    return prepare(*arguments)
record._prepare = prepare_and_be_hit
sys.argv = ["cglab", "run", "--no-render", "target.py"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment() | {"TMPDIR": str(tmp_path / "tmp")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode in (-number, 128 + number), done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not list((tmp_path / "out").glob("*.live*"))


@pytest.mark.parametrize("follow", ["fork", "all"])
def test_interrupt_while_python_starts_shows_nothing_of_ours(follow: str, tmp_path: Path) -> None:
    """A ``sitecustomize`` of the user, which ours imports, is where it strikes."""
    write_target(tmp_path, "print('target')\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sitecustomize.py").write_text(
        "import os, sys\nif 'target.py' in sys.orig_argv[1:2]: os.kill(os.getpid(), 2)\n",
        encoding="utf-8",
    )
    before = os.environ.get("PYTHONPATH")
    paths = [str(tmp_path / "mine"), *([before] if before else [])]
    done = subprocess.run(
        command(*RUN, "--follow-children", follow, "target.py"),
        cwd=tmp_path,
        env=environment(PYTHONPATH=os.pathsep.join(paths)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.returncode == 1
    assert "KeyboardInterrupt" in done.stderr
    assert "callgraph_lab" not in done.stderr
    assert "cglab-run-" not in done.stderr
    assert "target" not in done.stdout
