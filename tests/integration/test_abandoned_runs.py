"""``cglab`` itself dies: the target goes on undisturbed, and what it did is not lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from support_cli import cglab, running, wait_until, write_target
from unit.recording.builders import abandoned_run

from callgraph_lab.errors import OutputError, RecordingError
from callgraph_lab.recording import catalog
from callgraph_lab.recording.live_folder import is_running
from callgraph_lab.recording.live_writer import process_start_time
from callgraph_lab.recording.unlocked import is_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from callgraph_lab.model import Recording

RUN = ("run", "--no-render", "--out", "out", "target.py")

COUNTS_UNTIL_TOLD = """
import os, time

def count():
    pass

def main():
    print("ready", flush=True)
    for _ in range(1000):
        count()
    while not os.path.exists("enough"):
        time.sleep(0.01)
    for _ in range(500):
        count()

main()
"""

WITH_A_CHILD = """
import os, time

def child():
    print("ready", flush=True)
    while not os.path.exists("enough"):
        time.sleep(0.01)

def parent():
    os.waitpid(pid, 0)

pid = os.fork()
if pid == 0:
    child()
    os._exit(0)
parent()
"""


def kill_cglab_while_the_target_runs(folder: Path, source: str) -> int:
    """Run a target, kill ``cglab`` with SIGKILL, and return the pid of the target, still there."""
    write_target(folder, source)
    with running(*RUN, folder=folder) as run:
        run.wait_for("ready")
        target = run.target_pid()
        run.process.kill()
        run.process.wait()
        start_time = process_start_time(target)
        assert is_alive(target, start_time)
        ((state, complete),) = states(folder)
        assert (state, complete) == ("running", False)
        assert catalog.fold_abandoned(folder / "out") == []
        files = [path for path in next((folder / "out").glob("*.live")).iterdir() if path.is_file()]
        assert {path.name for path in files} >= {"run.json", "resources"}
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        assert state_of_newest(folder).tree.open_calls
        (folder / "enough").touch()
        wait_until(lambda: not is_alive(target, start_time), "the target has ended")
        live_folder = next((folder / "out").glob("*.live"))
        wait_until(lambda: not is_running(live_folder), "its children have ended")
    return target


def states(folder: Path) -> list[tuple[str, bool]]:
    return [
        ("running" if entry.running else "finished", catalog.load(entry).run.complete)
        for entry in catalog.entries(folder / "out")
    ]


def state_of_newest(folder: Path) -> Recording:
    return catalog.load(catalog.find(None, folder / "out"))


def calls_of(recording: Recording, name: str) -> int:
    tree = recording.tree
    return sum(
        calls
        for function, calls in zip(tree.function, tree.calls, strict=True)
        if recording.functions[function].qualname == name
    )


def test_the_target_outlives_cglab_and_is_recorded_to_its_end(tmp_path: Path) -> None:
    kill_cglab_while_the_target_runs(tmp_path, COUNTS_UNTIL_TOLD)
    listed = json.loads(cglab("list", "--format", "json", folder=tmp_path).stdout)
    assert [item["state"] for item in listed["recordings"]] == ["finished"]
    assert not list((tmp_path / "out").glob("*.live"))
    recording = state_of_newest(tmp_path)
    assert calls_of(recording, "count") == 1500
    assert not any(recording.tree.open_calls)
    assert recording.run.exit_status is None
    assert recording.run.duration_ns >= max(recording.tree.inclusive_ns)


def test_children_are_recorded_to_their_end(tmp_path: Path) -> None:
    kill_cglab_while_the_target_runs(tmp_path, WITH_A_CHILD)
    ((entry, error),) = catalog.fold_abandoned(tmp_path / "out")
    assert error is None
    recording = catalog.load(entry)
    assert len(recording.processes) == 2
    assert (calls_of(recording, "child"), calls_of(recording, "parent")) == (1, 1)


def test_what_cannot_be_finished_is_said_once(
    tmp_path: Path, cglab_here: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    live_folder = abandoned_run(tmp_path / "out")
    for part in live_folder.glob("*.part"):
        part.write_bytes(b"no part")
    name = live_folder.name.removesuffix(".live")
    for command in (("info", name), ("functions",), ("diff", "a", "b"), ("view", "-o", "-")):
        result = cglab_here(*command, folder=tmp_path, status=2)
        assert result.stderr.count("cglab: error:") == 1, result.stderr
        assert "is not a readable part of a recording" in result.stderr
    assert cglab_here("list", folder=tmp_path).stderr.count("cglab: error:") == 1


def test_a_run_file_that_says_what_cannot_be_costs_nothing_recorded(tmp_path: Path) -> None:
    live_folder = abandoned_run(tmp_path / "out", started="yesterday")
    os.utime(live_folder, (0, 0))  # not one that is only being made
    ((entry, error),) = catalog.fold_abandoned(tmp_path / "out")
    assert error is None
    recording = catalog.load(entry)
    assert calls_of(recording, "f") == 2
    assert "run.json cannot be read" in recording.run.notes[0]
    assert not live_folder.exists()


def test_what_nobody_could_read_is_not_made_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Recording) -> None:
        raise ValueError("no")

    live_folder = abandoned_run(tmp_path / "out")
    monkeypatch.setattr("callgraph_lab.recording.folding.check_recording", refuse)
    ((_, error),) = catalog.fold_abandoned(tmp_path / "out")
    assert isinstance(error, RecordingError)
    assert list(live_folder.glob("*.part"))


def test_the_damaged_part_of_a_child_costs_only_itself(tmp_path: Path) -> None:
    target = kill_cglab_while_the_target_runs(tmp_path, WITH_A_CHILD)
    (live_folder,) = (tmp_path / "out").glob("*.live")
    (part,) = (
        part for part in live_folder.glob("*.part") if not part.name.startswith(f"{target}-")
    )
    os.truncate(part, 5_000)
    result = cglab("info", "--format", "json", folder=tmp_path)
    facts = json.loads(result.stdout)
    assert [process["pid"] for process in facts["processes"]] == [target]
    assert part.name in facts["notes"][-1]
    assert [item.name for item in (tmp_path / "out").glob("*.damaged")] == [
        f"{facts['name']}.cglab.{part.name}.damaged"
    ]


def test_both_are_killed(tmp_path: Path) -> None:
    write_target(tmp_path, COUNTS_UNTIL_TOLD)
    with running(*RUN, folder=tmp_path) as run:
        run.wait_for("ready")
        target = run.target_pid()
        start_time = process_start_time(target)
        time.sleep(0.3)
        run.process.kill()
        os.kill(target, signal.SIGKILL)
        run.process.wait()
        wait_until(lambda: not is_alive(target, start_time), "the target is gone")
    ((entry, error),) = catalog.fold_abandoned(tmp_path / "out")
    assert error is None
    recording = catalog.load(entry)
    assert not recording.run.complete
    assert sum(recording.tree.open_calls) >= 2
    assert recording.run.duration_ns > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "out"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)  # noqa: S607


def test_no_room_to_finish_the_recording(tmp_path: Path, small_disk: Path) -> None:
    """The live files stay until there is room, and the command says what to do."""
    kill_cglab_while_the_target_runs(tmp_path, COUNTS_UNTIL_TOLD)
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    ((entry, error),) = catalog.fold_abandoned(small_disk)
    assert isinstance(error, OutputError)
    assert error.hint
    assert calls_of(catalog.load(entry), "count") == 1500
    ballast.unlink()
    ((entry, error),) = catalog.fold_abandoned(small_disk)
    assert error is None
    assert calls_of(catalog.load(entry), "count") == 1500
    assert [item.name for item in small_disk.iterdir()] == [entry.path.name]
