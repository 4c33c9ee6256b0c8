"""Join what was counted of single source lines in a run's processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.ending_model import OpenCalls
from callgraph_lab.line_model import LineFigures, RecordedLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from callgraph_lab.recording.live_part import LivePart

_LONGEST_NS = 2**62


def lines_of(part: LivePart, function_of: Sequence[int], until_ns: int) -> Iterator[RecordedLine]:
    """Yield the lines of each thread of a part, what is open up to ``until_ns``.

    ``function_of`` says which functions of the recording those of the part are.
    """
    clock = part.clock
    now_ticks = clock.ticks_at(until_ns)
    has_memory = part.memory is not None
    for live in part.lines:
        inclusive_ticks, own_ticks = live.spent_ticks(now_ticks)
        yield RecordedLine(
            pid=part.pid,
            function=function_of[live.function],
            figures=LineFigures(
                line=live.line,
                hits=live.hits,
                inclusive_ns=min(clock.duration_ns(inclusive_ticks), _LONGEST_NS),
                self_ns=min(clock.duration_ns(own_ticks), _LONGEST_NS),
                unreturned=OpenCalls.of(part.ending, live.open_calls),
                allocated_bytes=live.allocated_bytes if has_memory else None,
                net_bytes=live.allocated_bytes - live.freed_bytes if has_memory else None,
            ),
        )
