"""Lines as rows of a recording's SQLite file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
            item.figures.open_calls,
            item.figures.allocated_bytes,
            item.figures.net_bytes,
        )
        for item in lines
    ]


def lines_of_rows(rows: Iterable[_Row], functions: int) -> tuple[RecordedLine, ...]:
    """Return the lines of a recording. Raise ``ValueError`` for one of a function it has not."""
    lines = tuple(
        RecordedLine(pid, function, LineFigures(*figures)) for pid, function, *figures in rows
    )
    if not all(0 <= item.function < functions for item in lines):
        raise ValueError("a line is of a function that is not there")
    return lines
