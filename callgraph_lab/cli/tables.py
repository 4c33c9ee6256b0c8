"""Tables on stdout: fitted to a terminal, whole when they go into a file or a pipe."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from callgraph_lab.render.text import visible_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDTH_OF_A_FILE = 10_000


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column's title, and whether it holds numbers (these stand at the right, never cut)."""

    title: str
    number: bool = False


def print_table(columns: Sequence[TableColumn], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text under their titles."""
    from rich.console import Console  # noqa: PLC0415 - dear to import
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.number else "left",
            no_wrap=column.number or not sys.stdout.isatty(),
            overflow="fold",
        )
    for row in rows:
        # As Text: what a target calls its functions is no markup.
        table.add_row(*(Text(visible_text(cell)) for cell in row))
    console = Console(
        file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE, highlight=False
    )
    with console.capture() as capture:
        console.print(table)
    # rich fills up every line to the table's width.
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def print_json(value: object) -> None:
    """Print a value as JSON on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace"))
