"""Lines as rows of a recording's SQLite file."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from callgraph_lab.ending_model import OpenCalls
from callgraph_lab.line_model import LineFigures, RecordedLine

if TYPE_CHECKING:
    from collections.abc import Iterable

_Row = tuple[Any, ...]


def rows_of_lines(lines: Iterable[RecordedLine]) -> list[_Row]:
    """Return the rows of the table ``line``."""
    return [
        (
            item.pid,
            item.function,
            item.figures.line,
            item.figures.hits,
            item.figures.inclusive_ns,
            item.figures.self_ns,
            *astuple(item.figures.unreturned),
            item.figures.allocated_bytes,
            item.figures.net_bytes,
        )
        for item in lines
    ]


def lines_of_rows(rows: Iterable[_Row], functions: int) -> tuple[RecordedLine, ...]:
    """Return the lines of a recording. Raise ``ValueError`` for one of a function it has not."""
    lines = tuple(_line_of(row) for row in rows)
    if not all(0 <= item.function < functions for item in lines):
        raise ValueError("a line is of a function that is not there")
    return lines


def _line_of(row: _Row) -> RecordedLine:
    pid, function, line, hits, inclusive_ns, self_ns, *rest = row
    *open_calls, allocated_bytes, net_bytes = rest
    figures = LineFigures(
        line,
        hits,
        inclusive_ns,
        self_ns,
        OpenCalls(*open_calls),
        allocated_bytes,
        net_bytes,
    )
    return RecordedLine(pid, function, figures)
