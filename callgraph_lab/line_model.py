"""What was counted of single source lines of functions."""

from __future__ import annotations

from dataclasses import dataclass

from callgraph_lab.ending_model import NO_OPEN_CALLS, OpenCalls


@dataclass(frozen=True, slots=True)
class LineFigures:
    """A source line of a function: what happened at it, in all threads and, maybe, processes.

    ``inclusive_ns`` has what it called as well; recursion counts once. Calls that are at the line
    now, or were when their process ended, (``unreturned``) count until then. The bytes are what its
    threads allocated meanwhile, callees included, and that less what they freed, so ``net_bytes``
    may be negative; None where memory was not counted.
    """

    line: int
    hits: int = 0
    inclusive_ns: int = 0
    self_ns: int = 0
    unreturned: OpenCalls = NO_OPEN_CALLS
    allocated_bytes: int | None = None
    net_bytes: int | None = None

    @property
    def open_calls(self) -> int:
        """How many calls are at it, or were when their process ended."""
        return self.unreturned.total

    def __add__(self, other: LineFigures) -> LineFigures:
        """Return what happened at the same line here and there."""
        return LineFigures(
            line=self.line,
            hits=self.hits + other.hits,
            inclusive_ns=self.inclusive_ns + other.inclusive_ns,
            self_ns=self.self_ns + other.self_ns,
            unreturned=self.unreturned + other.unreturned,
            allocated_bytes=_sum(self.allocated_bytes, other.allocated_bytes),
            net_bytes=_sum(self.net_bytes, other.net_bytes),
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return (one or 0) + (other or 0) if one is not None or other is not None else None


@dataclass(frozen=True, slots=True)
class RecordedLine:
    """A line of one process: its function as an index into the recording's functions."""

    pid: int
    function: int
    figures: LineFigures


def added_up(lines: list[RecordedLine]) -> tuple[RecordedLine, ...]:
    """Return one for each line of a function in a process, in order."""
    sums: dict[tuple[int, int, int], LineFigures] = {}
    for item in lines:
        key = item.pid, item.function, item.figures.line
        sums[key] = sums[key] + item.figures if key in sums else item.figures
    return tuple(
        RecordedLine(pid, function, sums[pid, function, line])
        for pid, function, line in sorted(sums)
    )
