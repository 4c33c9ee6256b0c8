"""However a target ends, its recording is there: complete, readable, and with its calls."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from support_cli import (
    LISTENER,
    PATIENCE_S,
    SLEEPER,
    as_json,
    cglab,
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

STUBBORN = """
import signal, sys, time

caught = []

def note(number, frame):
    caught.append(number)
    print("caught", signal.Signals(number).name, len(caught), flush=True)

for number in map(int, sys.argv[1:]):
    signal.signal(number, note)

def work():
    print("ready", flush=True)
    while True:
        time.sleep(0.05)

work()
"""
"""Notes the signals whose numbers it is given, and goes on; dies of any other."""


def test_returns(tmp_path: Path) -> None:
    write_target(tmp_path, "def work(): pass\nfor _ in range(5): work()\n")
    cglab(*RUN, "target.py", folder=tmp_path)
    recording = only_recording(tmp_path)
    work = figures(recording)["work"]
    assert (work.calls, work.open_calls) == (5, 0)
    info = as_json("info", "--format", "json", folder=tmp_path)
    assert (info["complete"], info["exit_status"], info["notes"]) == (True, 0, [])


def test_raises(tmp_path: Path) -> None:
    """Stderr, apart from our own lines, is to the byte what Python prints without us."""
    target = write_target(
        tmp_path,
        """
        def inner():
            raise ValueError("of the target")
        def outer():
            inner()
        outer()
        """,
    )
    result = cglab(*RUN, "target.py", folder=tmp_path, status=1)
    expected = plain_python(target, tmp_path)
    assert without_our_lines(result.stderr) == expected.stderr
    assert "ValueError: of the target" in expected.stderr
    assert figures(only_recording(tmp_path))["inner"].calls == 1


def test_syntax_error(tmp_path: Path) -> None:
    target = write_target(tmp_path, "def work(:\n    pass\n")
    result = cglab(*RUN, "target.py", folder=tmp_path, status=1)
    assert without_our_lines(result.stderr) == plain_python(target, tmp_path).stderr
    only_recording(tmp_path)


def plain_python(target: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command("-")[0], target.name],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def without_our_lines(errors: str) -> str:
    lines = errors.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("cglab: "))


@pytest.mark.parametrize(
    ("statement", "status"),
    [("sys.exit(3)", 3), ("sys.exit('said')", 1), ("sys.exit()", 0), ("os._exit(7)", 7)],
)
def test_exits(statement: str, status: int, tmp_path: Path) -> None:
    write_target(tmp_path, f"import os, sys\ndef work():\n    {statement}\nwork()\n")
    cglab(*RUN, "target.py", folder=tmp_path, status=status)
    assert figures(only_recording(tmp_path))["work"].calls == 1
    assert as_json("info", "--format", "json", folder=tmp_path)["exit_status"] == status


def test_interrupt_of_cglab(tmp_path: Path) -> None:
    """It is passed on; the server shuts down as it likes to."""
    write_target(tmp_path, LISTENER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0
        assert run.output.endswith("bye\n")
    serve = figures(only_recording(tmp_path))["serve"]
    assert (serve.calls, serve.open_calls) == (1, 0)


def test_duration(tmp_path: Path) -> None:
    write_target(tmp_path, LISTENER)
    begin = time.monotonic()
    result = cglab(*RUN, "--duration", "2", "target.py", folder=tmp_path)
    assert time.monotonic() - begin >= 2
    assert result.stdout == "ready\nbye\n"
    notes = as_json("info", "--format", "json", folder=tmp_path)["notes"]
    assert notes == ["stopped by --duration 2"]


def test_interrupted_target_has_the_status_of_its_signal(tmp_path: Path) -> None:
    write_target(tmp_path, SLEEPER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 130
        assert "KeyboardInterrupt" in run.errors
        assert "callgraph_lab" not in without_our_lines(run.errors)
    assert figures(only_recording(tmp_path))["work"].calls == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_killed_target(number: signal.Signals, tmp_path: Path) -> None:
    """Nothing of ours runs in the target any more, and nothing is lost: its calls are open."""
    write_target(tmp_path, SLEEPER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        os.kill(run.target_pid(), number)
        assert run.end() == 128 + number
        assert f"cglab: the target was ended by {number.name}\n" in run.errors
    functions = figures(only_recording(tmp_path))
    for name in ("work", "main"):
        assert (functions[name].calls, functions[name].open_calls) == (1, 1)
        assert functions[name].inclusive_ns > 0


def test_killed_by_a_signal_without_a_name(tmp_path: Path) -> None:
    write_target(tmp_path, "import os\ndef work(): os.kill(os.getpid(), 40)\nwork()\n")
    result = cglab(*RUN, "target.py", folder=tmp_path, status=168)
    assert "the target was ended by signal 40" in result.stderr
    assert figures(only_recording(tmp_path))["work"].open_calls == 1


def test_killed_cglab(tmp_path: Path) -> None:
    """The target goes on and is recorded on; when it has ended the next command finishes."""
    write_target(tmp_path, LISTENER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        target = run.target_pid()
        run.process.kill()
        run.end()
        (listed,) = as_json("list", "--format", "json", folder=tmp_path)["recordings"]
        assert listed["state"] == "running"
        os.kill(target, signal.SIGINT)
        wait_until(lambda: "bye" in run.output, "the target has said bye")
        wait_until(lambda: has_ended(target), "the target has ended")
    result = cglab("list", folder=tmp_path)
    recording = only_recording(tmp_path)
    assert f"cglab: finished out/{recording.name}, whose cglab had been killed" in result.stderr
    assert "finished" in result.stdout
    assert figures(recording)["serve"].open_calls == 0
    assert not as_json("info", "--format", "json", folder=tmp_path)["complete"]


def test_killed_cglab_and_target(tmp_path: Path) -> None:
    write_target(tmp_path, SLEEPER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        os.killpg(run.process.pid, signal.SIGKILL)
        run.end()
    assert not list((tmp_path / "out").glob("*.cglab"))
    cglab("list", folder=tmp_path)
    work = figures(only_recording(tmp_path))["work"]
    assert (work.calls, work.open_calls) == (1, 1)


def has_ended(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - may vanish while it is read
            return stat.read().rpartition(b")")[2].split()[0] in b"ZX"
    except OSError:
        return True


def test_child_that_outlives_the_target(tmp_path: Path) -> None:
    """The recording is left running, says so, and is finished when the last process has ended."""
    write_target(
        tmp_path,
        """
        import os, time
        def child():
            while not os.path.exists("enough"):
                time.sleep(0.02)
        if os.fork() == 0:
            child()
            os._exit(0)
        """,
    )
    with running(*RUN, "target.py", folder=tmp_path) as run:
        assert run.end() == 0
        assert "goes on: a process of the target still runs" in run.errors
        (listed,) = as_json("list", "--format", "json", folder=tmp_path)["recordings"]
        assert listed["state"] == "running"
        (tmp_path / "enough").touch()
        wait_until(lambda: "finished" in cglab("list", folder=tmp_path).stdout, "it is finished")
    child = figures(only_recording(tmp_path))["child"]
    assert (child.calls, child.open_calls) == (1, 0)


def test_stubborn_target_is_stopped_in_steps(tmp_path: Path) -> None:
    """SIGINT at once, SIGTERM after --stop-after, SIGKILL after as long again."""
    write_target(tmp_path, STUBBORN)
    ignored = (str(signal.SIGINT.value), str(signal.SIGTERM.value))
    options = ("--duration", "2", "--stop-after", "1")
    begin = time.monotonic()
    result = cglab(*RUN, *options, "target.py", *ignored, folder=tmp_path, status=137)
    assert time.monotonic() - begin >= 4
    assert result.stdout == "ready\ncaught SIGINT 1\ncaught SIGTERM 2\n"
    assert [line for line in result.stderr.splitlines() if "sending" in line] == [
        "cglab: the target has not ended yet; sending SIGTERM",
        "cglab: the target has not ended yet; sending SIGKILL",
    ]
    assert figures(only_recording(tmp_path))["note"].calls == 2


def test_terminated_target_has_time_for_its_own_signal(tmp_path: Path) -> None:
    """SIGTERM is SIGTERM to the target; SIGKILL comes when --stop-after has passed, not before."""
    write_target(tmp_path, STUBBORN)
    words = ("--stop-after", "1", "target.py", str(signal.SIGTERM.value))
    with running(*RUN, *words, folder=tmp_path) as run:
        run.wait_for("ready")
        begin = time.monotonic()
        run.process.send_signal(signal.SIGTERM)
        assert run.end() == 128 + signal.SIGKILL
        assert time.monotonic() - begin >= 1
    assert run.output == "ready\ncaught SIGTERM 1\n"
    assert "the target has not ended yet; sending SIGKILL" in run.errors
    assert "stopped by SIGTERM" in as_json("info", "--format", "json", folder=tmp_path)["notes"]


def test_first_control_c_reaches_the_target_once(tmp_path: Path) -> None:
    """The terminal gives it to the target; cglab must not give it a second time."""
    write_target(tmp_path, STUBBORN)
    terminal = Terminal(*RUN, "target.py", str(signal.SIGINT.value), folder=tmp_path)
    terminal.wait_for("ready")
    terminal.press_control_c()
    terminal.wait_for("caught SIGINT 1")
    # Long enough for a second one to have come.
    time.sleep(0.5)
    assert terminal.read().count("caught") == 1
    terminal.press_control_c()
    assert terminal.end() == 128 + signal.SIGTERM
    assert "the target has not ended yet; sending SIGTERM" in terminal.text
    # The second press is given by the terminal, too, and by nobody else.
    assert 1 <= figures(only_recording(tmp_path))["note"].calls <= 2


def test_third_control_c_kills(tmp_path: Path) -> None:
    write_target(tmp_path, STUBBORN)
    ignored = (str(signal.SIGINT.value), str(signal.SIGTERM.value))
    terminal = Terminal(*RUN, "target.py", *ignored, folder=tmp_path)
    terminal.wait_for("ready")
    for press in (1, 2, 3):
        terminal.press_control_c()
        if press < 3:
            terminal.wait_for("caught", times=press)
    assert terminal.end() == 128 + signal.SIGKILL
    # The target and cglab write to one terminal: either may cut into the other's line.
    assert re.search(r"SIGTERM \d", terminal.text)
    assert "sending SIGKILL" in terminal.text
    assert figures(only_recording(tmp_path))["note"].calls >= 2


def test_control_c_on_a_server(tmp_path: Path) -> None:
    write_target(tmp_path, LISTENER)
    terminal = Terminal(*RUN, "target.py", folder=tmp_path)
    terminal.wait_for("ready")
    terminal.press_control_c()
    assert terminal.end() == 0
    assert "bye" in terminal.text
    assert figures(only_recording(tmp_path))["serve"].open_calls == 0


def test_terminal_that_closes(tmp_path: Path) -> None:
    """Every line that cglab prints then fails; the recording must not."""
    write_target(tmp_path, LISTENER)
    terminal = Terminal(*RUN, "target.py", folder=tmp_path)
    terminal.wait_for("ready")
    terminal.close()
    terminal.end()
    assert figures(only_recording(tmp_path))["serve"].calls == 1


def test_reader_of_our_output_that_leaves(tmp_path: Path) -> None:
    """As ``cglab run server.py 2>&1 | head -1`` does."""
    write_target(tmp_path, STUBBORN)
    process = subprocess.Popen(
        command(*RUN, "target.py"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    # What Python prints of the interrupt, and what cglab prints, goes nowhere now.
    process.terminate()
    assert process.wait(PATIENCE_S) != 0
    assert figures(only_recording(tmp_path))["work"].calls == 1


def test_signals_that_arrive_while_a_call_is_counted(tmp_path: Path) -> None:
    """What a handler raises reaches the target and not the engine, which goes on counting."""
    write_target(
        tmp_path,
        """
        import signal, traceback
        class Stop(Exception): pass
        def handler(*_): raise Stop
        def callee(): pass
        def busy():
            signal.setitimer(signal.ITIMER_REAL, 0.005)
            while True:
                callee()
        def after(): pass
        signal.signal(signal.SIGALRM, handler)
        for _ in range(30):
            try:
                busy()
            except Stop:
                traceback.print_exc()
                after()
        """,
    )
    result = cglab(*RUN, "target.py", folder=tmp_path)
    functions = figures(only_recording(tmp_path))
    assert (functions["busy"].calls, functions["after"].calls) == (30, 30)
    assert functions["busy"].open_calls == 0
    files = set(re.findall(r'File "([^"]+)"', result.stderr))
    assert files == {str(tmp_path / "target.py")}
