"""A target that leaves its terminal, its descriptors and its user behind is recorded on."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from support_engines import DrivenRecording, column_by_name, every_engine, write_script

from callgraph_lab.recording import catalog
from callgraph_lab.recording.live_folder import is_running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAEMON = """
import os, signal, sys, time

def become_daemon():
    if os.fork():
        os._exit(0)
    # Its parent is gone, and it has called no function yet.
    time.sleep(1.5)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o77)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    os.closerange(3, 4096)

def give_up_rights():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)

def step():
    pass

def last_step():
    pass

def serve():
    for _ in range(500):
        step()
    while not told:
        time.sleep(0.01)
    # Enough new functions that the file has to grow by now.
    for number in range(3000):
        space = {"__name__": "made"}
        exec(f"def made_{number}(): pass", space)
        space[f"made_{number}"]()
    last_step()

told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
become_daemon()
with open(sys.argv[1], "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[1], sys.argv[1] + ".done")
if sys.argv[2] == "another user":
    give_up_rights()
serve()
"""


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


@every_engine
@pytest.mark.parametrize(
    "user",
    [
        "this user",
        pytest.param(
            "another user",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its user"),
        ),
    ],
)
def test_daemon_is_recorded_to_its_end(engine: str, user: str, tmp_path: Path) -> None:
    script, pid_file = write_script(tmp_path, DAEMON), tmp_path / "pid"
    driven = DrivenRecording(script, str(pid_file), user, folder=tmp_path, engine=engine)
    assert driven.process.communicate(timeout=30) == ("", "")
    assert driven.process.returncode == 0
    (live_folder,) = (tmp_path / "out").glob("*.live")
    written = tmp_path / "pid.done"
    wait_until(written.exists, "the daemon has said its pid")
    pid = int(written.read_text(encoding="ascii"))
    try:
        wait_until(
            lambda: column_by_name(driven.recording(), "calls").get("step") == 500,
            "the calls of the running daemon are seen",
        )
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_running(live_folder), "the daemon has ended")
    catalog.fold_abandoned(tmp_path / "out")
    (entry,) = catalog.entries(tmp_path / "out")
    assert entry.live_folder is None
    recording = catalog.load(entry)
    calls = column_by_name(recording, "calls")
    assert calls["step"] == 500
    # A process that runs no function between its two forks leaves nothing to keep.
    assert len(recording.processes) in (2, 3)
    stopped = [process for process in recording.processes if process.stop_reason]
    if engine == "pycallgraph2" and user == "another user":
        # It opens the file again to make it longer, which the other user may not.
        assert ["could not grow" in process.stop_reason for process in stopped] == [True]
    else:
        assert stopped == []
        assert (calls["made_2999"], calls["last_step"]) == (1, 1)
