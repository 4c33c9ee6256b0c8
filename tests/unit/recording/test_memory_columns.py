from __future__ import annotations

import struct
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import RUN, small_recording

from callgraph_lab.errors import RecordingError
from callgraph_lab.model import MEMORY_COLUMNS, Recording
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import store
from callgraph_lab.recording.live_blocks import DamagedError
from callgraph_lab.recording.live_memory import read_memory
from callgraph_lab.recording.merging import ProcessMerger, joined

if TYPE_CHECKING:
    from pathlib import Path


def block(first: int, *records: tuple[int, ...]) -> bytes:
    payload = [struct.pack("<8Q", *record) for record in records]
    return block_of(layout.BLOCK_MEMORY, first, payload)


def block_of_instances(*records: tuple[int, int, tuple[int, ...]]) -> bytes:
    payload = [
        layout.INSTANCE_MEMORY.pack(context, is_current).ljust(64, b"\0") + struct.pack("<8Q", *own)
        for context, is_current, own in records
    ]
    return block_of(layout.BLOCK_INSTANCE_MEMORY, 0, payload)


def block_of(kind: int, first: int, records: list[bytes]) -> bytes:
    payload = b"".join(records)
    header = layout.BLOCK_HEADER.pack(
        layout.BLOCK_MAGIC, kind, layout.PAGE_BYTES, len(records), first, 0
    )
    return (header.ljust(layout.BLOCK_HEADER_BYTES, b"\0") + payload).ljust(
        layout.PAGE_BYTES, b"\0"
    )


def file_of(*blocks: bytes, peak_bytes: int = 0, unlisted_blocks: int = 0) -> bytes:
    header = bytearray(layout.HEADER_BYTES)
    layout.MEMORY_TOTALS.pack_into(header, layout.MEMORY_TOTALS_OFFSET, peak_bytes, unlisted_blocks)
    return bytes(header) + b"".join(blocks)


def with_memory() -> Recording:
    recording = small_recording()
    tree = replace(
        recording.tree,
        allocated_bytes=array("Q", [1, 20, 300, 4000]),
        blocks=array("Q", [1, 2, 3, 4]),
        freed_bytes=array("Q", [9, 9, 9, 9]),
        net_bytes=array("Q", [0, 10, 200, 3000]),
        instance_allocated_bytes=array("Q", [0, 5, 6, 7]),
        instance_blocks=array("Q", [0, 1, 1, 1]),
        instance_freed_bytes=array("Q", [0, 1, 2, 3]),
        instance_net_bytes=array("Q", [0, 4, 5, 6]),
    )
    process = replace(recording.processes[0], peak_bytes=77_000)
    return replace(recording, tree=tree, processes=(process,))


def test_a_block_of_what_is_outside_of_calls_that_is_empty_adds_nothing() -> None:
    memory = read_memory(file_of(block(layout.NO_CONTEXT)), array("i", [0]), 1)
    assert memory is not None
    assert memory.outside == (0, 0, 0, 0)


def test_figures_of_both_sides_are_added_at_the_places_of_the_ids() -> None:
    data = file_of(
        block(layout.NO_CONTEXT, (1, 2, 3, 4, 10, 20, 30, 40)),
        block(0, (1, 1, 1, 1, 0, 0, 0, 0), (0,) * 8, (5, 6, 7, 8, 50, 60, 70, 80)),
        peak_bytes=99,
        unlisted_blocks=2,
    )
    memory = read_memory(data, array("i", [1, -1, 0]), 2)
    assert memory is not None
    assert [list(column) for column in memory.columns] == [[55, 1], [66, 1], [77, 1], [88, 1]]
    assert memory.outside == (11, 22, 33, 44)
    assert (memory.peak_bytes, memory.unlisted_blocks) == (99, 2)


def test_figures_of_instances_are_the_contexts_too() -> None:
    present, former = (10, 1, 2, 3, 0, 0, 0, 5), (100, 2, 30, 70, 0, 0, 0, 0)
    data = file_of(
        block_of_instances((0, 1, present), (0, 0, former), (layout.NO_CONTEXT, 0, (9,) * 8)),
        block(0, (1, 1, 1, 1, 0, 0, 0, 0), (4, 4, 4, 4, 0, 0, 0, 0)),
    )
    memory = read_memory(data, array("i", [1, 0]), 2)
    assert memory is not None
    assert [list(column) for column in memory.columns] == [[4, 111], [4, 4], [4, 33], [4, 79]]
    assert memory.of_instances is not None
    # One whose lane no instance has had before has all in its own record.
    assert [list(column) for column in memory.of_instances] == [[4, 10], [4, 1], [4, 2], [4, 8]]


def test_a_file_without_them_has_none() -> None:
    assert read_memory(file_of(), array("i"), 0) is None


@pytest.mark.parametrize(
    "data",
    [
        file_of(block(0, (2**64 - 1, 0, 0, 0, 2**64 - 1, 0, 0, 0))),
        file_of(block(layout.NO_CONTEXT, (2**63, 0, 0, 0, 0, 0, 0, 0))),
        file_of(block(0), peak_bytes=2**64 - 1),
        file_of(block(0), block_of_instances((0, 1, (2**63, 0, 0, 0, 0, 0, 0, 0)))),
    ],
    ids=["context", "outside", "peak", "instance"],
)
def test_figures_that_cannot_be(data: bytes) -> None:
    with pytest.raises(DamagedError, match="figures of memory"):
        read_memory(data, array("i", [0]), 1)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "x.cglab"
    store.save(with_memory(), path)
    assert store.load(path) == with_memory()


def test_a_tree_with_some_of_the_columns_is_none(tmp_path: Path) -> None:
    recording = with_memory()
    recording.tree.net_bytes = array("Q", [1])
    path = tmp_path / "x.cglab"
    store.save(recording, path)
    with pytest.raises(RecordingError, match="differ in length"):
        store.load(path)


def test_merging_adds_up_and_keeps_the_largest_peak() -> None:
    merger = ProcessMerger()
    other = with_memory()
    smaller = replace(other.processes[0], peak_bytes=5)
    # One that was not counted comes first.
    for recording in (small_recording(), with_memory(), replace(other, processes=(smaller,))):
        merger.add(recording)
    merged = merger.merged(RUN)
    for column in MEMORY_COLUMNS:
        own = getattr(with_memory().tree, column.name)
        # Of several processes nobody asks for one instance.
        times = 0 if column.name.startswith("instance_") else 2
        assert list(getattr(merged.tree, column.name)) == [times * value for value in own]
    assert [process.peak_bytes for process in merged.processes] == [77_000]


def test_joining_one_that_was_not_counted() -> None:
    both = joined(small_recording(), with_memory())
    assert list(both.tree.net_bytes) == [0, 0, 0, 0, 0, 10, 200, 3000]
    assert not joined(small_recording(), small_recording()).tree.has_memory
