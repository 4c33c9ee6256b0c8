"""What ``cglab`` says: its own lines on stderr, so that a target's stdout stays the target's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from callgraph_lab.render.text import visible_text

if TYPE_CHECKING:
    from callgraph_lab.errors import CallgraphLabError


def say(line: str) -> None:
    """Print one line of our own on stderr."""
    click.echo(f"cglab: {visible_text(line)}", err=True)


def print_error(error: CallgraphLabError) -> None:
    """Print what failed and what to do next."""
    sys.stdout.flush()
    click.echo(f"cglab: error: {visible_text(str(error))}", err=True)
    if error.hint:
        click.echo(f"       {visible_text(error.hint)}", err=True)
