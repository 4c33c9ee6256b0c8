from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import RUN, small_recording

from callgraph_lab.ending_model import OpenCalls
from callgraph_lab.errors import RecordingError
from callgraph_lab.graph.processes import only_process
from callgraph_lab.line_model import LineFigures, RecordedLine, added_up
from callgraph_lab.model import RecordedProcess
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import store
from callgraph_lab.recording.live_blocks import DamagedError
from callgraph_lab.recording.live_lines import read_lines
from callgraph_lab.recording.live_part import LiveLine
from callgraph_lab.recording.merging import ProcessMerger, joined

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.model import Recording

FIGURES = LineFigures(12, 3, 40, 30, OpenCalls(1, 2, 3, 4, 5), 1_000, -500)


def file_of(*blocks: tuple[int, list[tuple[int, ...]]]) -> bytes:
    """Return a file with blocks of lines, each of a thread."""
    data = bytes(layout.HEADER_BYTES)
    for thread, records in blocks:
        header = layout.BLOCK_HEADER.pack(
            layout.BLOCK_MAGIC, layout.BLOCK_LINES, layout.PAGE_BYTES, len(records), 1, thread
        )
        payload = b"".join(layout.LINE.pack(*record) for record in records)
        block = header.ljust(layout.BLOCK_HEADER_BYTES, b"\0") + payload
        data += block.ljust(layout.PAGE_BYTES, b"\0")
    return data


def with_lines(*, pid: int = 42) -> Recording:
    recording = small_recording()
    processes = (RecordedProcess(pid, 1, ("x.py",)),)
    threads = (replace(recording.threads[0], pid=pid),)
    lines = (RecordedLine(pid, 1, FIGURES), RecordedLine(pid, 1, LineFigures(13, 1)))
    return replace(recording, processes=processes, threads=threads, lines=lines)


def test_bytes_of_an_open_line_go_up_to_now() -> None:
    totals = (layout.NO_CONTEXT, 0, 0, 0, 0, 0, 0, 0, 900, 500, 0, 0)
    is_open = (1, 12, 3, 100, 50, 1, 1, 7, 10, 20, 600, 400)
    closed = (1, 13, 1, 5, 9, 0, 0, 5, 11, 21, 600, 400)
    found = read_lines(file_of((0, [totals, is_open]), (1, [closed])), 2)
    assert [(line.line, line.allocated_bytes, line.freed_bytes) for line in found] == [
        (12, 10 + 300, 20 + 100),
        (13, 11, 21),
    ]
    assert (found[0].hits, found[0].ticks, found[0].since_ticks) == (3, 100, 50)


def test_a_line_of_a_function_that_came_meanwhile_is_left_out() -> None:
    assert read_lines(file_of((0, [(9, 12, 1, *[0] * 9)])), 2) == []


@pytest.mark.parametrize("place", [2, 3, 4, 5, 8, 9])
def test_damaged_lines(place: int) -> None:
    record = [1, 12, *[0] * 10]
    record[place] = 2**32 - 1 if place == 5 else 2**63
    with pytest.raises(DamagedError, match="lines are damaged"):
        read_lines(file_of((0, [tuple(record)])), 2)


@pytest.mark.parametrize(
    ("since", "open_calls", "running", "own", "expected"),
    [
        (0, 0, 0, 30, (100, 30)),
        (400, 1, 1, -370, (100 + 600, 630)),
        (400, 1, 0, 130, (100 + 600, 130)),
        (400, 2, 1, -270, (100 + 600, 700)),
        (0, 0, 1, 30, (100, 100)),  # the two were written at two moments
        (0, 0, 0, -370, (100, 0)),
        (2000, 1, 0, 5, (100, 5)),
    ],
)
def test_time_up_to_now(
    since: int, open_calls: int, running: int, own: int, expected: tuple[int, int]
) -> None:
    line = LiveLine(1, 12, 3, 100, since, open_calls, running, own % 2**64)
    assert line.spent_ticks(1000) == expected


def test_lines_of_one_process_are_added_up() -> None:
    lines = [
        RecordedLine(2, 1, LineFigures(12, 1, 2, 1)),
        RecordedLine(1, 1, FIGURES),
        RecordedLine(1, 1, LineFigures(12, 1, 2, 1, OpenCalls(killed=1), 10, 5)),
    ]
    assert added_up(lines) == (
        RecordedLine(1, 1, LineFigures(12, 4, 42, 31, OpenCalls(1, 2, 3, 5, 5), 1_010, -495)),
        RecordedLine(2, 1, LineFigures(12, 1, 2, 1)),
    )
    assert lines[0].figures + FIGURES == LineFigures(
        12, 4, 42, 31, OpenCalls(1, 2, 3, 4, 5), 1_000, -500
    )


def test_lines_come_back_from_the_file(tmp_path: Path) -> None:
    recording = with_lines()
    store.save(recording, tmp_path / "x.cglab")
    assert store.load(tmp_path / "x.cglab").lines == recording.lines


def test_a_line_of_a_function_that_is_not_there(tmp_path: Path) -> None:
    recording = replace(with_lines(), lines=(RecordedLine(42, 99, FIGURES),))
    store.save(recording, tmp_path / "x.cglab")
    with pytest.raises(RecordingError, match="a line is of a function that is not there"):
        store.load(tmp_path / "x.cglab")


def test_joining_and_one_process_again() -> None:
    one, other = with_lines(), with_lines(pid=43)
    other = replace(other, functions=[other.functions[2], *other.functions])
    other = replace(
        other,
        lines=tuple(replace(line, function=2) for line in other.lines),
        tree=replace(other.tree, function=other.tree.function[:]),
    )
    for context, function in enumerate(other.tree.function):
        other.tree.function[context] = function + 1
    both = joined(one, other)
    assert [(line.pid, line.function) for line in both.lines] == [
        (42, 1),
        (42, 1),
        (43, 1),
        (43, 1),
    ]
    assert only_process(both, 43).lines == both.lines[2:]


def test_merging_adds_up_what_the_same_program_did() -> None:
    merger = ProcessMerger()
    merger.add(with_lines())
    merger.add(with_lines(pid=43))
    merged = merger.merged(RUN)
    assert [process.pid for process in merged.processes] == [42]
    assert [(line.pid, line.figures.line, line.figures.hits) for line in merged.lines] == [
        (42, 12, 6),
        (42, 13, 2),
    ]
    assert merged.functions[merged.lines[0].function].qualname == "Base.loop"
