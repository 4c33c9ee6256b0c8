"""Tables on stdout: fitted to a terminal, whole when they go into a file or a pipe."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.cli.printing import print_line
from callgraph_lab.render.text import columns as width_of
from callgraph_lab.render.text import visible_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDEST = 120


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column's title, and whether it holds numbers (these stand at the right, never cut)."""

    title: str
    number: bool = False


def print_table(columns: Sequence[TableColumn], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text under their titles."""
    cells = [[visible_text(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_fitted(columns, cells)
        return
    titles = [column.title for column in columns]
    widths = [_usual_width(map(width_of, values)) for values in zip(titles, *cells, strict=True)]
    for row in (titles, *cells):
        padded = (
            " " * (width - width_of(cell)) + cell
            if column.number
            else cell + " " * (width - width_of(cell))
            for column, cell, width in zip(columns, row, widths, strict=True)
        )
        print_line("  ".join(padded).rstrip())


class GrowingTable:
    """A table of which nobody knows how many rows will come: columns get wider as they need to."""

    def __init__(self, columns: Sequence[TableColumn], widths: Sequence[int]) -> None:
        self._columns = columns
        self._widths = list(widths)
        self._has_titles = False

    def print_rows(self, rows: Iterable[Sequence[str]]) -> None:
        """Print rows, below the titles once there is one."""
        for row in rows:
            if not self._has_titles:
                self._has_titles = True
                self._print([column.title for column in self._columns])
            self._print([visible_text(cell) for cell in row])

    def _print(self, cells: Sequence[str]) -> None:
        widths = zip(self._widths, map(width_of, cells), strict=True)
        self._widths = [max(width, min(needed, _WIDEST)) for width, needed in widths]
        print_line(_padded(self._columns, cells, self._widths))


def _padded(columns: Sequence[TableColumn], cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        " " * (width - width_of(cell)) + cell
        if column.number
        else cell + " " * (width - width_of(cell))
        for column, cell, width in zip(columns, cells, widths, strict=True)
    )
    return "  ".join(padded).rstrip()


def _usual_width(widths: Iterable[int]) -> int:
    """Return the width for a column: a cell that is far longer sticks out of its own row only."""
    return max(width for position, width in enumerate(widths) if not position or width <= _WIDEST)


def _print_fitted(columns: Sequence[TableColumn], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - dear to import
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.number else "left",
            no_wrap=column.number,
            overflow="fold",
        )
    for row in rows:
        # As Text: what a target calls its functions is no markup.
        table.add_row(*map(Text, row))
    Console(file=sys.stdout, highlight=False).print(table)
