"""Calls that were open when a process ended last until that moment, and not until the run ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support_engines import column_by_name, every_engine, record_program, write_script

if TYPE_CHECKING:
    from pathlib import Path

CHILD_OUTLIVED = """
import json, os, signal, sys, time

def child(how):
    wait()
    if how == "leaves":
        os._exit(0)
    if how == "runs another program":
        os.execv("/bin/true", ["/bin/true"])
    if how == "is killed":
        wait()
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit()

def wait():
    time.sleep(0.02)

began = time.monotonic()
pid = os.fork()
if pid == 0:
    child(sys.argv[1])
os.waitpid(pid, 0)
lasted = time.monotonic() - began
time.sleep(1.5)
with open(sys.argv[2], "w") as file:
    json.dump(lasted, file)
"""


@every_engine
@pytest.mark.parametrize(
    ("how", "ending"),
    [
        ("leaves", "exited"),
        ("returns", "exited"),
        ("runs another program", "replaced"),
        ("is killed", "killed"),
    ],
)
def test_a_child_ends_at_its_own_last_sign(
    engine: str, how: str, ending: str, tmp_path: Path
) -> None:
    script, told = write_script(tmp_path, CHILD_OUTLIVED), tmp_path / "told.json"
    recording = record_program(script, how, str(told), folder=tmp_path, engine=engine)
    lasted_ns = json.loads(told.read_text(encoding="ascii")) * 1e9
    assert 0.02e9 < column_by_name(recording, "inclusive_ns")["child"] < lasted_ns
    # No root has more than its thread has lived.
    parent, child = recording.processes
    (root,) = (thread.root for thread in recording.threads if thread.pid == child.pid)
    assert recording.tree.inclusive_ns[root] < lasted_ns
    assert (parent.ending, child.ending) == ("exited", ending)


@every_engine
def test_a_program_that_cannot_be_run_ends_nothing(engine: str, tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        """
        import os, time

        def tries():
            try:
                os.execv("/no/such/program", ["x"])
            except FileNotFoundError:
                pass
            try:
                os._exit("no number")
            except TypeError:
                pass
            time.sleep(0.05)
            os.abort()

        assert repr(os._exit) == "<built-in function _exit>"
        if os.fork() == 0:
            tries()
        os.wait()
        """.replace("\n        ", "\n"),
    )
    recording = record_program(script, folder=tmp_path, engine=engine)
    assert [process.ending for process in recording.processes] == ["exited", "killed"]
