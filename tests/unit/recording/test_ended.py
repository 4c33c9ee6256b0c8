"""Parts of ended processes become one recording, and each counts once whoever is killed when."""

from __future__ import annotations

import json
import os
import sys
from array import array
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import abandoned_run, live_file, plant_part

from callgraph_lab.errors import RecordingError
from callgraph_lab.graph.processes import only_process
from callgraph_lab.recording import catalog, ended, folding, store
from callgraph_lab.recording.assemble import assemble
from callgraph_lab.recording.ended import KEPT_PARTS, MOST_ENDED_PARTS, merge_ended_parts
from callgraph_lab.recording.live_folder import read_live_folder
from callgraph_lab.recording.live_format import PART_SUFFIX
from callgraph_lab.recording.live_part import LiveAction, LiveLabel
from callgraph_lab.recording.live_reader import read_part
from callgraph_lab.recording.live_writer import process_start_time
from callgraph_lab.recording.locking import locked

if TYPE_CHECKING:
    from callgraph_lab.model import Recording

PARTS = 100
NEVER_STARTED_AT = 5
"""No process of a running machine has started so few ticks after it did."""


@pytest.fixture
def live_folder(tmp_path: Path) -> Path:
    """Return a run of which many processes have ended, each of which called serve > f twice."""
    live_folder = abandoned_run(tmp_path)
    for path in live_folder.glob(f"*{PART_SUFFIX}"):
        path.unlink()
    plant_many(live_folder, range(10, 10 + PARTS))
    return live_folder


def plant_many(live_folder: Path, pids: range) -> None:
    for pid in pids:
        plant_part(live_folder, process=(pid, NEVER_STARTED_AT), calls_open=pid % 2 == 0)


def parts_in(live_folder: Path) -> list[str]:
    return sorted(path.name for path in live_folder.glob(f"*{PART_SUFFIX}"))


def totals(recording: Recording) -> dict[str, tuple[int, int, int]]:
    """Return calls, open calls and contexts of each function."""
    sums: dict[str, tuple[int, int, int]] = {}
    tree = recording.tree
    for context, number in enumerate(tree.function):
        name = recording.functions[number].name
        calls, still_open, contexts = sums.get(name, (0, 0, 0))
        calls, still_open = calls + tree.calls[context], still_open + tree.open_calls[context]
        sums[name] = calls, still_open, contexts + 1
    return sums


def counts(recording: Recording) -> dict[str, tuple[int, int]]:
    return {name: figures[:2] for name, figures in totals(recording).items()}


def processes_in(recording: Recording) -> int:
    return sum(process.processes for process in recording.processes)


def test_totals_stay_and_files_go(live_folder: Path) -> None:
    before = read_live_folder(live_folder).recording
    assert not merge_ended_parts(live_folder)
    after = read_live_folder(live_folder).recording
    assert len(parts_in(live_folder)) == KEPT_PARTS
    assert counts(after) == counts(before)
    assert processes_in(after) == processes_in(before) == PARTS
    assert len(after.processes) == KEPT_PARTS + 1
    # One context for all that were merged, which are in the order of a tree.
    assert {figures[2] for figures in totals(after).values()} == {KEPT_PARTS + 1}
    store.save(after, live_folder / "copy.cglab")
    assert store.load(live_folder / "copy.cglab") == after


def test_times_are_added_up(live_folder: Path) -> None:
    before = read_live_folder(live_folder).recording
    merge_ended_parts(live_folder)
    after = read_live_folder(live_folder).recording
    for recording in (before, after):
        number = [function.name for function in recording.functions].index("m.f")
        spent = sum(
            nanoseconds
            for function, nanoseconds in zip(
                recording.tree.function, recording.tree.inclusive_ns, strict=True
            )
            if function == number
        )
        assert spent == 3_000 * PARTS


def test_processes_that_ran_the_same_are_added_up_before_they_are_merged(
    live_folder: Path,
) -> None:
    other = replace(read_part(live_folder / parts_in(live_folder)[0]), pid=9)
    other.label = array("I", [1] * len(other.label))
    flags = {"background": False, "once": False}
    totals_of_action = ("count", "ended", "sessions", "busy_ticks", "cpu_ns", "bytes", "dropped")
    zeros = dict.fromkeys((*totals_of_action, "duration_ticks"), 0)
    other.labels, other.actions = [LiveLabel(1, 0, 0)], [LiveAction("other", **flags, **zeros)]
    parts = [other, *(read_part(live_folder / name) for name in parts_in(live_folder))]
    run = read_live_folder(live_folder).recording.run
    apart = assemble(parts, run, now_ns=0)
    together = assemble(parts, run, now_ns=0, in_preorder=False)
    assert len(together.tree) == 2 * len(other.parent)
    assert counts(together) == counts(apart)
    assert together.processes == apart.processes
    for column in ("inclusive_ns", "self_ns", "calls", "open_calls"):
        assert sum(getattr(together.tree, column)) == sum(getattr(apart.tree, column)) > 0
    assert len({thread.root for thread in together.threads}) == 2
    assert len(together.threads) == PARTS + 1


def test_a_reader_adds_up_what_is_not_merged_yet(live_folder: Path) -> None:
    """All parts of thousands would not have room in its memory."""
    names = parts_in(live_folder)
    damaged = live_folder / names[-1]
    damaged.write_bytes(damaged.read_bytes()[:5000])
    contents = read_live_folder(live_folder)
    assert parts_in(live_folder) == names
    assert contents.damaged_parts == (damaged,)
    recording = contents.recording
    assert len(recording.processes) == KEPT_PARTS + 1
    assert processes_in(recording) == PARTS - 1
    merge_ended_parts(live_folder)
    merged = read_live_folder(live_folder).recording
    assert (totals(recording), recording.threads) == (totals(merged), merged.threads)
    assert recording.run.duration_ns == merged.run.duration_ns


def test_few_parts_are_left_alone(live_folder: Path) -> None:
    for name in parts_in(live_folder)[MOST_ENDED_PARTS:]:
        (live_folder / name).unlink()
    files = sorted(live_folder.iterdir())
    assert not merge_ended_parts(live_folder)
    assert sorted(live_folder.iterdir()) == files


def test_step_by_step(live_folder: Path) -> None:
    for first in range(1000, 1400, 100):
        plant_many(live_folder, range(first, first + 100))
        before = counts(read_live_folder(live_folder).recording)
        while merge_ended_parts(live_folder):
            pass
        assert counts(read_live_folder(live_folder).recording) == before
        assert len(list(live_folder.iterdir())) <= MOST_ENDED_PARTS + 3
    recording = read_live_folder(live_folder).recording
    assert processes_in(recording) == PARTS + 400
    assert len(recording.processes) == KEPT_PARTS + 1


def test_a_living_process_is_never_merged(live_folder: Path) -> None:
    # Its lock says that it lives; a pid may be that of another process, here or elsewhere.
    dead = plant_part(live_folder, process=(os.getpid(), process_start_time(os.getpid())))
    mine = live_file(live_folder)
    merge_ended_parts(live_folder)
    assert Path(mine.path).name in parts_in(live_folder)
    assert dead.name not in parts_in(live_folder)


def test_one_that_was_merged_is_found_with_the_others(live_folder: Path) -> None:
    merge_ended_parts(live_folder)
    recording = read_live_folder(live_folder).recording
    group = recording.processes[-1]
    together = only_process(recording, group.pid)
    assert together.processes == (group,)
    assert counts(together)["m.f"] == (2 * (PARTS - KEPT_PARTS), 0)
    with pytest.raises(Exception, match="67 that ended are in one with another"):
        only_process(recording, 10 + PARTS - 1)


def test_a_damaged_part_stays(live_folder: Path) -> None:
    damaged = live_folder / parts_in(live_folder)[-1]
    damaged.write_bytes(b"no part at all" * 1000)
    before = counts(read_live_folder(live_folder).recording)
    merge_ended_parts(live_folder)
    assert damaged.name in parts_in(live_folder)
    after = read_live_folder(live_folder)
    assert counts(after.recording) == before
    assert after.damaged_parts == (damaged,)


def test_nothing_is_changed_under_a_reader(live_folder: Path) -> None:
    files = sorted(live_folder.iterdir())
    with locked(live_folder, shared=True) as may_read:
        assert may_read
        assert not merge_ended_parts(live_folder)
        # Others may read at the same time.
        assert processes_in(read_live_folder(live_folder).recording) == PARTS
    assert sorted(live_folder.iterdir()) == files


def test_the_recording_of_a_run_whose_cglab_was_killed_is_merged_too(live_folder: Path) -> None:
    ((entry, error),) = catalog.fold_abandoned(live_folder.parent)
    assert error is None
    recording = catalog.load(entry)
    assert processes_in(recording) == PARTS
    assert len(recording.processes) == KEPT_PARTS + 1
    assert not live_folder.exists()


def end_at_event(number: int) -> None:
    """Make this process end, as if killed, at its n-th step that touches a file."""
    left = number

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in {"os.rename", "os.remove", "sqlite3.connect"} or (
            event == "open" and ".live" in str(arguments[0])
        ):
            left -= 1
            if left < 0:
                os._exit(9)

    sys.addaudithook(count)


def test_killed_at_any_step_nothing_is_lost_or_counted_twice(live_folder: Path) -> None:
    merge_ended_parts(live_folder)
    plant_many(live_folder, range(5000, 5000 + PARTS))
    expected = counts(read_live_folder(live_folder).recording)
    seen: set[tuple[int, bool]] = set()
    for number in range(0, 3000, 3):
        child = os.fork()
        if child == 0:
            end_at_event(number)
            merge_ended_parts(live_folder, wait=True)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        recording = read_live_folder(live_folder).recording
        assert counts(recording) == expected
        assert processes_in(recording) == 2 * PARTS
        seen.add((ended.read_index(live_folder).number, len(parts_in(live_folder)) > KEPT_PARTS))
        if status == 0:
            break
    assert len(parts_in(live_folder)) == KEPT_PARTS
    # Killed before the step counted, after it, and when it was all but done.
    assert seen == {(1, True), (2, True), (2, False)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        json.dumps({"recording": "../x.cglab", "parts": []}),
        json.dumps({"recording": "ended-1.cglab", "parts": 5}),
        json.dumps({"recording": "ended-1.cglab", "parts": []}),
        "[" * 100_000,
    ],
)
def test_an_index_that_cannot_be_trusted(text: str, live_folder: Path) -> None:
    (live_folder / "ended.json").write_text(text, encoding="utf-8")
    files = sorted(live_folder.iterdir())
    with pytest.raises(RecordingError):
        merge_ended_parts(live_folder)
    assert sorted(live_folder.iterdir()) == files
    recording = read_live_folder(live_folder).recording
    assert processes_in(recording) == PARTS
    assert any("left out" in note for note in recording.run.notes)


def test_no_file_outside_is_removed(live_folder: Path, tmp_path: Path) -> None:
    merge_ended_parts(live_folder)
    outside = tmp_path / f"1-1{PART_SUFFIX}"
    outside.write_text("kept", encoding="utf-8")
    index = json.loads((live_folder / "ended.json").read_text(encoding="utf-8"))
    index["parts"] = ["../1-1.part", str(outside), "run.json"]
    (live_folder / "ended.json").write_text(json.dumps(index), encoding="utf-8")
    plant_many(live_folder, range(5000, 5100))
    merge_ended_parts(live_folder)
    assert outside.exists()
    assert (live_folder / "run.json").exists()
    assert ended.read_index(live_folder).number == 2


def test_finishing_very_many_processes_says_how_many_are_left(
    live_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended, "_MOST_AT_ONCE", 10)
    monkeypatch.setattr(folding, "_SAY_EVERY_S", 0.0)
    said: list[str] = []
    ((_, error),) = catalog.fold_abandoned(live_folder.parent, said.append)
    assert error is None
    name = live_folder.name.removesuffix(".live")
    assert said == [
        f"finishing {name}: {left} processes are left to add up"
        for left in range(PARTS - 10, MOST_ENDED_PARTS, -10)
    ]


def test_a_step_asks_only_for_the_parts_that_it_takes(
    live_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_many(live_folder, range(1000, 1200))
    asked: list[Path] = []

    def is_written(path: Path) -> bool:
        asked.append(path)
        return False

    monkeypatch.setattr(ended, "is_written", is_written)
    monkeypatch.setattr(ended, "_MOST_AT_ONCE", 10)
    assert merge_ended_parts(live_folder)
    # What is kept, what is merged, and as many as say that there are more.
    assert len(asked) == 10 + MOST_ENDED_PARTS + 1
    assert len(parts_in(live_folder)) == PARTS + 200 - 10


def test_processes_that_had_one_pid_are_merged_each(live_folder: Path) -> None:
    for start_time in range(NEVER_STARTED_AT + 1, NEVER_STARTED_AT + 4):
        for pid in range(50, 80):
            plant_part(live_folder, process=(pid, start_time))
    before = read_live_folder(live_folder).recording
    assert not merge_ended_parts(live_folder)
    after = read_live_folder(live_folder).recording
    assert counts(after) == counts(before)
    assert processes_in(after) == PARTS + 90
    assert len(parts_in(live_folder)) == KEPT_PARTS
