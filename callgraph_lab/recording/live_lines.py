"""Read from a live file what was counted of single source lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_blocks import DamagedError, blocks
from callgraph_lab.recording.live_part import LiveLine

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST = 2**62
_MOST_OPEN_CALLS = 2**31


def read_lines(data: bytes, functions: int) -> list[LiveLine]:
    """Return the lines of every thread; ``functions`` is how many there are to be of."""
    lines: list[LiveLine] = []
    totals: dict[int, tuple[int, int]] = {}
    for thread, record in _records(data):
        function, number, hits, ticks, since, open_calls, running, own, *memory = record
        allocated, freed, allocated_before, freed_before = memory
        if max(hits, ticks, since, allocated, freed) > _LARGEST or open_calls > _MOST_OPEN_CALLS:
            raise DamagedError("its figures of lines are damaged")
        if function == layout.NO_CONTEXT:
            totals[thread] = allocated, freed
            continue
        if function >= functions:
            continue  # it was added while the file was read
        if open_calls:
            allocated_now, freed_now = totals.get(thread, (0, 0))
            allocated += max(allocated_now - allocated_before, 0)
            freed += max(freed_now - freed_before, 0)
        lines.append(
            LiveLine(
                function=function,
                line=number,
                hits=hits,
                ticks=ticks,
                since_ticks=since,
                open_calls=open_calls,
                running_calls=min(running, open_calls),
                own_ticks=own,
                allocated_bytes=allocated,
                freed_bytes=freed,
            )
        )
    return lines


def _records(data: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the index of the thread and the fields of each record, in the order of the file."""
    for kind, start, end, used, _, thread in blocks(data):
        if kind == layout.BLOCK_LINES:
            count = min(used, (end - start) // layout.LINE_BYTES)
            payload = memoryview(data)[start : start + count * layout.LINE_BYTES]
            for record in layout.LINE.iter_unpack(payload):
                yield thread, record
