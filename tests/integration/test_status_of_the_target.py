"""Whatever fails in ``cglab``: the target is not left alone, and its exit status is ours."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from support_cli import (
    as_json,
    cglab,
    figures,
    only_recording,
    recordings,
    running,
    wait_until,
    write_target,
)

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--no-render")

WAITER = """
import os, sys, time

def work():
    print("ready", flush=True)
    while not os.path.exists("enough"):
        time.sleep(0.02)
    print("end", flush=True)
    sys.exit(7)

work()
"""
"""Ends with status 7 when there is a file ``enough``."""


def test_folder_that_is_moved_away(tmp_path: Path) -> None:
    write_target(tmp_path, WAITER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        (tmp_path / "out").rename(tmp_path / "elsewhere")
        (tmp_path / "enough").touch()
        assert run.end() == 7
        assert "Traceback" not in run.errors
        assert "it was moved or removed while the target ran" in run.errors
    cglab("list", "--out", "elsewhere", folder=tmp_path)
    (recording,) = (tmp_path / "elsewhere").glob("*.cglab")
    assert figures(recording)["work"].calls == 1


def test_folder_that_is_removed(tmp_path: Path) -> None:
    write_target(tmp_path, WAITER)
    with running("run", "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        shutil.rmtree(tmp_path / "out")
        (tmp_path / "enough").touch()
        assert run.end() == 7
        assert "Traceback" not in run.errors
        assert run.output.endswith("end\n")


def test_limit_on_the_size_of_files(tmp_path: Path) -> None:
    """As ``ulimit -f`` sets it, too small for the recording to be made one file."""
    write_target(tmp_path, WAITER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        _limit_files_of(run.process.pid, 4096)
        (tmp_path / "enough").touch()
        assert run.end() == 7
        assert "Traceback" not in run.errors
        assert "cglab: error: " in run.errors
    assert not recordings(tmp_path)
    cglab("list", folder=tmp_path)
    assert figures(only_recording(tmp_path))["work"].calls == 1


def _limit_files_of(pid: int, size_bytes: int) -> None:
    import resource  # noqa: PLC0415 - the one who needs it

    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


@pytest.mark.parametrize("name", ["resources", "events", "ended"])
def test_files_of_the_run_that_are_spoilt(name: str, tmp_path: Path) -> None:
    """Somebody has put something else where our own files are, or are to be."""
    write_target(tmp_path, WAITER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        (live_folder,) = (tmp_path / "out").glob("*.live")
        for path in [*live_folder.glob(f"{name}*"), live_folder / f"{name}.json"]:
            path.write_bytes(b"\xff{]")
        (tmp_path / "enough").touch()
        assert run.end() == 7
        assert "Traceback" not in run.errors


def test_very_many_parts_of_processes_that_never_began(tmp_path: Path) -> None:
    write_target(tmp_path, WAITER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        (live_folder,) = (tmp_path / "out").glob("*.live")
        for number in range(200):
            (live_folder / f"{4_000_000 + number}-{number}.part").touch()
        wait_until(lambda: len(list(live_folder.glob("*.part"))) < 150, "some have been merged")
        (tmp_path / "enough").touch()
        assert run.end() == 7
        assert "failed" not in run.errors
    assert figures(only_recording(tmp_path))["work"].calls == 1


def test_interrupt_while_the_recording_is_finished(tmp_path: Path) -> None:
    """It is finished by the next command then."""
    write_target(tmp_path, WAITER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        target = run.target_pid()
        (tmp_path / "enough").touch()
        wait_until(lambda: not os.path.exists(f"/proc/{target}"), "the target has ended")  # noqa: PTH110
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 7
    cglab("list", folder=tmp_path)
    assert figures(only_recording(tmp_path))["work"].calls == 1


def test_pictures_that_cannot_be_drawn(tmp_path: Path) -> None:
    write_target(tmp_path, "import os\nos.mkdir('out/target.depth-4.dot')\n")
    result = cglab("run", "target.py", folder=tmp_path)
    assert "cglab: error: Cannot write out/target.depth-4.dot" in result.stderr
    assert as_json("info", "--format", "json", folder=tmp_path)["exit_status"] == 0
