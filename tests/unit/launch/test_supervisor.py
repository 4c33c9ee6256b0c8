"""The supervisor and the drive on real processes, without an engine in them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from callgraph_lab.errors import TargetError
from callgraph_lab.launch.drive import (
    Drive,
    DriveState,
    family,
    have_open_connections,
    listening_address,
)
from callgraph_lab.launch.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callgraph_lab.launch.supervisor import Outcome


def supervise(program: str, *, duration_s: float | None = None) -> tuple[Outcome, list[str]]:
    said: list[str] = []
    command = [sys.executable, "-S", "-c", program]
    supervisor = Supervisor(command, dict(os.environ), say=said.append, duration_s=duration_s)
    return supervisor.run(), said


@pytest.mark.parametrize(
    ("program", "status", "notes"),
    [
        ("", 0, []),
        ("raise SystemExit(9)", 9, []),
        ("import os; os.kill(os.getpid(), 9)", 137, ["the target was ended by SIGKILL"]),
        ("import os; os.kill(os.getpid(), 40)", 168, ["the target was ended by signal 40"]),
    ],
)
def test_status(program: str, status: int, notes: list[str]) -> None:
    outcome, said = supervise(program)
    assert (outcome.status, outcome.notes, outcome.stopped_by) == (status, notes, "")
    assert said == []


def test_duration_stops_as_control_c_does() -> None:
    outcome, _ = supervise("import time\ntime.sleep(60)", duration_s=0.3)
    assert (outcome.status, outcome.stopped_by) == (130, "--duration 0.3")


def test_signals_are_as_before_afterwards() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    supervise("")
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_signal_mask_of_the_target_is_empty() -> None:
    outcome, _ = supervise(
        "import signal, sys; sys.exit(len(signal.pthread_sigmask(signal.SIG_BLOCK, ())))"
    )
    assert outcome.status == 0


def test_a_signal_during_the_run_goes_to_the_target_alone() -> None:
    """It ends the target, and we go on to the end."""
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    # A thread started now would take the signal: it must have it blocked, as the main thread has.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        timer.start()
        # The target inherits that it is blocked.
        unblock = "import signal, time\nsignal.pthread_sigmask(signal.SIG_SETMASK, ())\n"
        outcome, _ = supervise(f"{unblock}time.sleep(60)")
    finally:
        timer.join()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    assert (outcome.status, outcome.stopped_by) == (143, "SIGTERM")


def test_what_fails_beside_the_target_is_said_once() -> None:
    attempts = []

    def attend(pid: int) -> float:
        attempts.append(pid)
        raise RuntimeError("of ours")

    said: list[str] = []
    command = [sys.executable, "-S", "-c", "import time; time.sleep(0.5); raise SystemExit(9)"]
    # With a duration it looks more often than once.
    outcome = Supervisor(command, dict(os.environ), say=said.append, duration_s=60).run(attend)
    assert (outcome.status, len(attempts), outcome.faults) == (9, 1, said)
    assert "a fault of cglab itself (RuntimeError: of ours)" in said[0]


def test_supervisor_that_fails_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the fault is in its own turn, the target is not left alone."""

    def fail(*_: object) -> None:
        raise RuntimeError("of ours")

    monkeypatch.setattr(Supervisor, "_on_signal", fail)
    outcome, said = supervise("raise SystemExit(9)")
    assert outcome.status == 9
    assert len(said) <= 1


def test_command_that_cannot_be_started() -> None:
    with pytest.raises(TargetError, match="cannot be started: No such file") as error:
        Supervisor(["/no/such/python"], {}, say=print).run()
    assert error.value.hint


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_listening_address(server: socket.socket) -> None:
    assert listening_address(family(os.getpid())) == server.getsockname()
    assert not have_open_connections(family(os.getpid()))
    with socket.create_connection(server.getsockname()):
        assert have_open_connections(family(os.getpid()))
    server.close()
    assert listening_address(family(os.getpid())) is None
    assert listening_address(family(2**22 + 1)) is None


def test_drive_step_by_step(server: socket.socket) -> None:
    said: list[str] = []
    check = f"import os; assert os.environ['CGLAB_PORT'] == '{server.getsockname()[1]}'"
    drive = Drive(f'python -S -c "{check}"', timeout_s=30, say=said.append)
    drive.begin()
    states = [drive.poll(os.getpid())]
    deadline = time.monotonic() + 20
    while states[-1] is not DriveState.DONE and time.monotonic() < deadline:
        state = drive.poll(os.getpid())
        if state is not states[-1]:
            states.append(state)
        time.sleep(0.01)
    assert states == [DriveState.RUNNING, DriveState.DRAINING, DriveState.DONE]
    assert drive.exit_status == 0
    assert said[0].startswith(f"the target listens on 127.0.0.1:{server.getsockname()[1]}; ")


def test_drive_gives_up_waiting() -> None:
    drive = Drive("true", timeout_s=0, say=print)
    drive.begin()
    time.sleep(0.01)
    assert drive.poll(2**22 + 1) is DriveState.NEVER_LISTENED
    drive.end()


def test_drive_ends_its_client(server: socket.socket) -> None:
    """At once: it must not inherit that the supervisor lets signals wait."""
    drive = Drive("sleep 60", timeout_s=1, say=lambda _: None)
    drive.begin()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        assert drive.poll(os.getpid()) is DriveState.RUNNING
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    drive.end()
    assert (drive.state, drive.exit_status) == (DriveState.CUT_SHORT, -signal.SIGTERM)
    server.close()


@pytest.mark.parametrize("command", ["", "   ", "'", "no-such-program-anywhere", "/etc"])
def test_commands_that_are_none(command: str) -> None:
    with pytest.raises(TargetError) as error:
        Drive(command, timeout_s=1, say=print)
    assert error.value.hint
