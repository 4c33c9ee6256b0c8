from __future__ import annotations

import hashlib
import os
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support_viewer import HOSTILE_TEXTS, hostile_recording, large_recording
from unit.graph.builders import RUN, call, main, recording, thread

from callgraph_lab.action_model import ActionInstance, RecordedAction, RecordedLabel
from callgraph_lab.errors import UsageError
from callgraph_lab.graph.slicing import slice_action
from callgraph_lab.model import MEMORY_COLUMNS, Function, RecordedMark, Recording
from callgraph_lab.recording.source_files import SourceFiles
from callgraph_lab.render import viewer_data, viewer_slices, viewer_sources
from callgraph_lab.render.viewer_data import Told, ViewQuery, viewer_document
from callgraph_lab.render.viewer_slices import SliceChoice, asked_choice, slice_documents

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
import os


@print
def decorated(
    argument,
):
    return argument


class Thing:
    def long(self):
""" + "".join(f"        self.x{number} = {number}\n" for number in range(50))


def with_actions() -> Recording:
    """Return a recording with two actions, of which one has two instances, and a mark."""
    made = recording(
        thread(
            "MainThread",
            call("m.serve", label=0),
            call("m.put", call("m.write", label=1, calls=5, instance_calls=2), label=1),
            call("m.get", label=2),
        )
    )
    return replace(
        made,
        actions=(RecordedAction("STOR", count=2), RecordedAction("RETR", count=1)),
        labels=(RecordedLabel(), RecordedLabel(0, instance=1), RecordedLabel(1)),
        instances=(
            ActionInstance(1, 1, 0, 0, 1, begin_ns=5, end_ns=9),
            ActionInstance(2, 1, 0, 0, 1, begin_ns=7, detail="note.txt"),
        ),
        marks=(RecordedMark("half", 4, *([array("Q", [0, 0, 1, 3, 0])] * 4)),),
    )


def keys(slices: list[dict[str, object]]) -> list[object]:
    return [item["key"] for item in slices]


def test_slices_are_the_whole_then_actions_then_marks_then_instances() -> None:
    slices, left_out = slice_documents(with_actions())
    assert keys(slices) == [
        "all",
        "action:STOR",
        "action:RETR",
        "mark:half",
        "action:STOR@slowest",
        "action:STOR@first",
        "action:STOR@last",
    ]
    assert left_out == 0
    stored = slice_action(with_actions(), {"STOR"})
    assert slices[1]["tree"]["function"] == stored.tree.function.tolist()
    assert slices[1]["tree"]["calls"] == stored.tree.calls.tolist()


def test_columns_that_are_zero_are_left_out_and_those_of_slicing_too() -> None:
    slices, _ = slice_documents(main(call("m.f", resumes=2)))
    columns = slices[0]["tree"]
    assert set(columns) == {"parent", "function", "calls", "resumes", "inclusive_ns", "self_ns"}
    assert columns["parent"] == [-1, 0]


def test_bytes_are_there_where_memory_was_counted() -> None:
    made = with_actions()
    counted = array("Q", [0, 10, 20, 30, 40])
    columns = {column.name: counted for column in MEMORY_COLUMNS}
    made = replace(made, tree=replace(made.tree, **columns))
    (whole, put, *_), _ = slice_documents(made)
    assert whole["tree"]["allocated_bytes"] == whole["tree"]["net_bytes"] == list(counted)
    assert put["tree"]["allocated_bytes"] == [0, 20, 30]
    assert "blocks" not in whole["tree"]


def test_slices_beyond_a_budget_are_left_out_but_not_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(viewer_slices, "MOST_CONTEXTS", 2)
    asked = SliceChoice(action="STOR", nth="last")
    slices, left_out = slice_documents(with_actions(), asked)
    assert keys(slices) == ["all", "action:STOR", "action:STOR@last"]
    assert left_out == 4


def test_a_glob_of_actions_is_a_slice_when_it_is_asked_for() -> None:
    made = with_actions()
    asked = asked_choice(made, "*R*", None)
    assert asked.key == "action:*R*"
    slices, _ = slice_documents(made, asked)
    assert keys(slices)[-1] == asked.key
    assert len(slices[-1]["tree"]["parent"]) == 4
    assert asked_choice(made, "half", "first") == SliceChoice(mark="half", nth="first")
    assert asked_choice(made, "stor", None).key == "action:STOR"
    assert asked_choice(made, None, None).key == "all"
    with pytest.raises(UsageError, match="no action or mark 'APPE'"):
        asked_choice(made, "APPE", None)


def test_an_instance_that_was_asked_for_and_is_not_there_is_an_error() -> None:
    with pytest.raises(UsageError, match="no single instance of RETR"):
        slice_documents(with_actions(), SliceChoice(action="RETR", nth="first"))


def files_of(*paths: Path) -> SourceFiles:
    """Return what reads files as they are now, pipes left out."""
    digests = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in paths
    }
    return SourceFiles(digests, RUN.started)


def test_sources_are_the_lines_of_each_function(tmp_path: Path) -> None:
    file = tmp_path / "target.py"
    file.write_text(SOURCE, encoding="utf-8")
    lines = {1: "<module>", 4: "decorated", 12: "Thing.long", 999: "gone"}
    functions = [
        Function("m", qualname, file=str(file), line=line) for line, qualname in lines.items()
    ]
    functions += [
        Function("m", "f", file=str(tmp_path / "missing.py"), line=1),
        Function("m", "g", file="<string>", line=1),
        Function("m", "h", file=str(tmp_path), line=1),
    ]
    found, _ = viewer_sources.snippets_of(functions, files_of(file))
    assert list(found) == [str(file)]
    snippets = found[str(file)]
    assert snippets["4"] == SOURCE.splitlines()[3:8]
    assert snippets["12"][:2] == ["    def long(self):", "        self.x0 = 0"]
    assert len(snippets["12"]) == viewer_sources.MOST_LINES + 1
    assert snippets["12"][-1] == "..."
    assert snippets["1"][0] == "import os"
    assert "999" not in snippets


def test_what_is_no_source_or_a_pipe_or_too_much_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary, pipe, fine = tmp_path / "binary.py", tmp_path / "pipe.py", tmp_path / "fine.py"
    binary.write_bytes(b"\xff\x00\xfe" * 9)
    os.mkfifo(pipe)
    fine.write_text("x = 1\n" * 9, encoding="utf-8")
    functions = [Function("m", "f", file=str(path), line=1) for path in (binary, pipe, fine)]
    files = files_of(binary, pipe, fine)
    assert list(viewer_sources.snippets_of(functions, files)[0]) == [str(fine)]
    monkeypatch.setattr(viewer_sources, "MOST_CHARACTERS", 10)
    assert viewer_sources.snippets_of(functions, files)[0] == {}


def test_files_that_changed_after_the_run_began_are_named(tmp_path: Path) -> None:
    old, new = tmp_path / "old.py", tmp_path / "new.py"
    for file, modified_s in ((old, 1_000_000_000), (new, 4_000_000_000)):
        file.write_text("x = 1\n", encoding="utf-8")
        os.utime(file, (modified_s, modified_s))
    functions = [Function("m", "f", file=str(path), line=1) for path in (old, new)]
    found, changed = viewer_sources.snippets_of(functions, files_of(old, new))
    assert list(found) == [str(old), str(new)]
    assert changed == [str(new)]


def test_the_whole_document_of_a_hostile_recording() -> None:
    made = hostile_recording()
    events = [
        {"moment_ns": event.moment_ns, "path": ["x"], "file": "x", "line": 1}
        for event in made.events
    ]
    document = viewer_document(made, ViewQuery(links="file"), Told(events=events), is_running=True)
    assert document["recording"]["name"] == HOSTILE_TEXTS[0]
    assert document["recording"]["running"] is True
    names = [item["module"] for item in document["functions"] if item["kind"] == "function"]
    assert names[::2] == list(HOSTILE_TEXTS)
    links = [item["link"] for item in document["functions"]]
    assert any(links)
    assert all(link is None or link.startswith("file:///") for link in links)
    # An event's path is functions by their indices; the root of the thread is not in it.
    assert document["events"][2] == {"moment_ns": 20, "path": [2, 2 + 14]}
    assert [band["detail"] for band in document["action_bands"]] == list(HOSTILE_TEXTS)
    assert [mark["name"] for mark in document["marks"]] == list(HOSTILE_TEXTS)


def test_lists_on_the_time_line_are_bounded_and_what_is_left_out_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = hostile_recording()
    for name in ("MOST_EVENTS", "MOST_BANDS", "MOST_SAMPLES"):
        monkeypatch.setattr(viewer_data, name, 7)
    made = replace(made, events_dropped=100)
    events = [{"moment_ns": event.moment_ns} for event in made.events]
    document = viewer_document(made, ViewQuery(), Told(events=events))
    count = len(HOSTILE_TEXTS)
    assert document["events_dropped"] == 100 + count - 7
    assert document["action_bands_dropped"] == count - 7
    assert [item["moment_ns"] for item in document["events"]] == [
        event.moment_ns for event in made.events[-7:]
    ]
    assert len(document["resources"]["moments_ns"]) == 7
    assert all(len(series["values"]) == 7 for series in document["resources"]["series"])
    assert document["sources"] == {}


def test_a_large_recording_is_there_as_a_whole() -> None:
    made = large_recording(functions=500, contexts=5_000)
    document = viewer_document(made, ViewQuery(), Told())
    assert len(document["functions"]) == 501
    assert document["slices"][0]["tree"]["calls"] == made.tree.calls.tolist()
