"""Marks: copies of live folders, laid beside the tree that the recording has at its end."""

from __future__ import annotations

import os
import zlib
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import small_recording

from callgraph_lab.action_model import RecordedAction, RecordedLabel
from callgraph_lab.errors import UsageError
from callgraph_lab.model import (
    NO_PARENT,
    CallTree,
    Function,
    RecordedProcess,
    RecordedThread,
    Recording,
)
from callgraph_lab.recording import catalog, marking, store
from callgraph_lab.recording.live_format import FUNCTION_IS_THREAD, NO_CONTEXT
from callgraph_lab.recording.live_writer import WORD_CALLS, LiveWriter
from callgraph_lab.recording.marks import lay_beside, unpack_marks
from callgraph_lab.recording.run_file import ended_now, started_now, write_run_file
from callgraph_lab.recording.tree_columns import pack_column

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.recording.live_writer import ThreadWriter

Node = tuple[str, int, int, list["Node"]]
"""Name, label, calls, callees."""


def recording_of(*roots: tuple[int, str, list[Node]]) -> Recording:
    """Return a recording with these threads: pid, name, callees of the root."""
    functions: list[Function] = []
    columns: dict[str, list[int]] = {"parent": [], "function": [], "label": [], "calls": []}
    threads = []

    def add(function: Function, parent: int, label: int, calls: int) -> int:
        if function not in functions:
            functions.append(function)
        row = (parent, functions.index(function), label, calls)
        for name, value in zip(columns, row, strict=True):
            columns[name].append(value)
        return len(columns["parent"]) - 1

    def add_callees(parent: int, nodes: list[Node]) -> None:
        for name, label, calls, callees in nodes:
            add_callees(add(Function("m", name), parent, label, calls), callees)

    for pid, name, callees in roots:
        root = add(Function("", name, kind="thread"), NO_PARENT, 0, 1)
        threads.append(RecordedThread(pid, name, root))
        add_callees(root, callees)
    tree = CallTree()
    for column in ("parent", "function", "label", "calls"):
        getattr(tree, column).extend(columns[column])
    for column in ("resumes", "suspensions", "inclusive_ns", "self_ns", "open_calls"):
        getattr(tree, column).extend(number + len(column) for number in columns["calls"])
    for column in ("instance_calls", "instance_resumes", "instance_ns"):
        getattr(tree, column).extend([0] * len(tree))
    empty = small_recording()
    return replace(empty, functions=functions, tree=tree, threads=tuple(threads))


def leaf(name: str, calls: int, label: int = 0) -> Node:
    return (name, label, calls, [])


def test_contexts_are_found_by_their_path() -> None:
    """Wherever their callers' other callees have come to stand."""
    copy = recording_of((7, "Main", [("a", 0, 2, [leaf("b", 3)]), leaf("b", 4)]))
    later = recording_of(
        (7, "Main", [leaf("new", 9), ("a", 0, 5, [leaf("x", 1), leaf("b", 6)]), leaf("b", 8)])
    )
    mark = lay_beside(copy, later, "m")
    assert (mark.name, mark.moment_ns) == ("m", copy.run.duration_ns)
    assert mark.calls.tolist() == [1, 0, 2, 0, 3, 4]
    assert mark.resumes.tolist() == [8, 0, 9, 0, 10, 11]
    assert mark.inclusive_ns.tolist() == [13, 0, 14, 0, 15, 16]
    assert mark.self_ns.tolist() == [8, 0, 9, 0, 10, 11]


def test_labels_tell_contexts_apart_by_what_they_stand_for() -> None:
    """Their numbers may differ: another process came first."""
    actions = (RecordedAction("STOR"), RecordedAction("RETR"))
    labels = (RecordedLabel(), RecordedLabel(action=0), RecordedLabel(action=1))
    copy = recording_of((7, "Main", [leaf("f", 1), leaf("f", 2, 1), leaf("f", 3, 2)]))
    copy = replace(copy, actions=actions, labels=labels)
    later = recording_of((7, "Main", [leaf("f", 1), leaf("f", 7, 2), leaf("f", 8, 1)]))
    other = (RecordedLabel(), RecordedLabel(action=0), RecordedLabel(action=1))
    later = replace(later, actions=tuple(reversed(actions)), labels=other)
    assert lay_beside(copy, later, "m").calls.tolist() == [1, 1, 2, 3]
    # Every process has labels of its own for the same actions.
    twice = replace(later, labels=(*other, RecordedLabel(action=0), RecordedLabel(action=1)))
    assert lay_beside(copy, twice, "m").calls.tolist() == [1, 1, 2, 3]
    lanes = (RecordedLabel(), RecordedLabel(action=0, lane=1), RecordedLabel(action=1))
    assert lay_beside(copy, replace(later, labels=lanes), "m").calls.tolist() == [1, 1, 2, 0]


def test_threads_are_found_by_process_and_name() -> None:
    copy = recording_of((7, "A", [leaf("f", 1)]), (8, "A", [leaf("f", 2)]), (8, "A", []))
    later = recording_of(
        (6, "A", [leaf("f", 9)]),
        (7, "A", [leaf("f", 5)]),
        (8, "A", [leaf("f", 6)]),
        (8, "A", [leaf("f", 7)]),
    )
    assert lay_beside(copy, later, "m").calls.tolist() == [0, 0, 1, 1, 1, 2, 1, 0]


def test_processes_folded_together_since_add_up() -> None:
    """They go by the first one's pid, among those that ran the same program."""
    workers = [(pid, "Main", [("f", 0, pid, [leaf("g", 1)])]) for pid in (8, 9, 10)]
    copy = recording_of((7, "Main", [leaf("f", 1)]), *workers)
    later = recording_of(
        (7, "Main", [leaf("f", 5)]),
        (8, "Main", [leaf("h", 1), ("f", 0, 99, [leaf("g", 9)])]),
        (11, "Main", [leaf("f", 1)]),
    )
    argv = {7: ("a",), 8: ("worker",), 9: ("worker",), 10: ("worker",), 11: ("other",)}
    copy, later = (
        replace(item, processes=tuple(RecordedProcess(pid, 1, argv[pid]) for pid in argv))
        for item in (copy, later)
    )
    later = replace(later, processes=tuple(item for item in later.processes if item.pid != 9))
    assert lay_beside(copy, later, "m").calls.tolist() == [1, 1, 3, 0, 27, 3, 0, 0]


def test_what_is_not_in_the_recording_any_more_is_left_out() -> None:
    copy = recording_of((7, "Main", [("gone", 0, 1, [leaf("f", 3)]), leaf("f", 2)]))
    later = recording_of((7, "Main", [leaf("f", 2)]))
    assert lay_beside(copy, later, "m").calls.tolist() == [1, 2]
    assert lay_beside(copy, recording_of((7, "Other", [])), "m").calls.tolist() == [0]


def with_marks(names: list[str]) -> Recording:
    recording = small_recording()
    marks = [
        replace(lay_beside(recording, recording, name), moment_ns=number)
        for number, name in enumerate(names)
    ]
    return replace(recording, marks=tuple(marks))


def test_saved_and_loaded(tmp_path: Path) -> None:
    recording = with_marks(["one", "日本", "one"])
    store.save(recording, tmp_path / "x.cglab")
    assert store.load(tmp_path / "x.cglab") == recording


@pytest.mark.parametrize(
    ("rows", "columns", "contexts"),
    [
        ([("m", 1)], "none", 1),
        ([], "one", 1),
        ([("m", 1)], "same", 1),
        ([("m", 1)], "good", 2),
        ([("m", 1), ("n", 2)], "good", 1),
        ([("m", 1)], "long", 1),
        ([("m", 1)] * 100_000, "good", 1_000_000),
    ],
)
def test_damaged_columns(rows: list[tuple[str, int]], columns: str, contexts: int) -> None:
    names = ("calls", "resumes", "inclusive_ns", "self_ns")
    good = [pack_column(name, array("Q", [1])) for name in names]
    assert unpack_marks([("m", 1)], good, 1)[0].calls.tolist() == [1]
    long = [(name, 8, 1, zlib.compress(bytes(80))) for name in names]
    chosen = {"none": [], "one": good[:1], "same": good[:1] * 4, "good": good, "long": long}
    with pytest.raises(ValueError, match=r"columns?|marks"):
        unpack_marks(rows, chosen[columns], contexts)


@pytest.fixture
def live_folder(tmp_path: Path) -> Path:
    """Give the live folder of a run of this process that has called ``f`` once."""
    folder = tmp_path / "x.cglab.live"
    folder.mkdir()
    run = started_now(name="x", target="x.py", argv=("x.py",), python="3", engine="native")
    write_run_file(folder, run)
    return folder


def begin_part(folder: Path) -> tuple[LiveWriter, ThreadWriter, memoryview]:
    """Begin the part of this process, with a thread; return the words of its root as well."""
    writer = LiveWriter(str(folder), information={}, max_contexts=10_000)
    thread = writer.add_thread(identifier=1, native_identifier=1)
    function = writer.add_function(("", "Main", "", "", "", ""), line=0, flags=FUNCTION_IS_THREAD)
    root, words = thread.add_context(NO_CONTEXT, function)
    thread.set_root(root)
    return writer, thread, words


def test_copies_are_whole_while_the_writer_goes_on(live_folder: Path) -> None:
    """Functions and contexts that come in between two marks are in the second only."""
    writer, thread, _ = begin_part(live_folder)
    names = []
    for number in range(1, 3001):
        function = writer.add_function(("m", f"f{number}", "", "", "", ""), line=1)
        _, words = thread.add_context(0, function)
        words[WORD_CALLS] += 1
        if number % 1000 == 0:
            names.append(f"after {number}")
            assert marking.put_mark(os.fsencode(live_folder), names[-1])
    recording = catalog.read_live(live_folder)
    assert [mark.name for mark in recording.marks] == names
    assert [sum(mark.calls) for mark in recording.marks] == [1000, 2000, 3000]


def test_marks_survive_folding(live_folder: Path, tmp_path: Path) -> None:
    writer, _, root_words = begin_part(live_folder)
    root_words[WORD_CALLS] += 1
    assert marking.put_mark(os.fsencode(live_folder), "kept")
    writer.stop()
    assert [mark.name for mark in catalog.read_live(live_folder).marks] == ["kept"]
    recording = catalog.read_live(live_folder)
    store.save(recording, tmp_path / "y.cglab")
    assert store.load(tmp_path / "y.cglab").marks == recording.marks


def test_damaged_marks_are_told_and_left_out(live_folder: Path) -> None:
    writer, *_ = begin_part(live_folder)
    for number in range(6):
        marking.put_mark(os.fsencode(live_folder), f"mark {number}")
    folders = sorted((live_folder / "marks").iterdir())
    (folders[0] / "name").unlink()
    (folders[1] / "name").write_bytes(b"\xff")
    (folders[2] / "name").write_text("x\0y")
    (folders[3] / "name").write_text("x" * 1000)
    for part in folders[4].glob("*.part"):
        part.write_bytes(b"damaged")
    (live_folder / "marks" / ".left-by-one-that-was-killed").mkdir()
    (live_folder / "marks" / "what is this").touch()
    recording = catalog.read_live(live_folder)
    assert [mark.name for mark in recording.marks] == ["mark 5"]
    (note,) = recording.run.notes
    assert note.startswith(f"left out: mark {folders[0].name} (")
    assert note.endswith("and 2 more")
    writer.stop()


def test_bounds(live_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, *_ = begin_part(live_folder)
    monkeypatch.setattr(marking, "MOST_MARKS", 2)
    for _ in range(2):
        assert marking.put_mark(os.fsencode(live_folder), "x")
    with pytest.raises(UsageError, match="as many marks as it may") as caught:
        marking.put_mark(os.fsencode(live_folder), "x")
    assert caught.value.hint
    monkeypatch.setattr(marking, "MOST_MARKS", 100)
    size = sum(int(item.name.rpartition("-")[2]) for item in (live_folder / "marks").iterdir())
    monkeypatch.setattr(marking, "MOST_MARK_BYTES", size + 100)
    with pytest.raises(UsageError, match="as many marks as it may"):
        marking.put_mark(os.fsencode(live_folder), "x")
    # Nothing is left of what was refused.
    assert len(list((live_folder / "marks").iterdir())) == 2
    writer.stop()


def test_no_room(live_folder: Path) -> None:
    (live_folder / "marks").touch()
    with pytest.raises(UsageError, match="cannot put a mark on"):
        marking.put_mark(os.fsencode(live_folder), "x")


def test_folder_that_is_gone(tmp_path: Path) -> None:
    assert not marking.put_mark(os.fsencode(tmp_path / "x.cglab.live"), "x")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0b", "\udc80", "x" * 201, 3])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a mark"):
        marking.check_name(name)


def test_an_ended_run_is_folded_with_its_marks(live_folder: Path) -> None:
    """As ``cglab`` does it, when the processes are gone."""
    run = started_now(name="x", target="x.py", argv=("x.py",), python="3", engine="native")
    write_run_file(live_folder, ended_now(run, exit_status=0))
    assert marking.put_mark(os.fsencode(live_folder), "before anything was recorded")
    entry = catalog.fold(catalog.Entry(live_folder.with_name("x.cglab"), live_folder, 0.0))
    (mark,) = catalog.load(entry).marks
    assert mark.name == "before anything was recorded"
    assert not live_folder.exists()
