"""What ``cglab`` says: its own lines on stderr, so that a target's stdout stays the target's."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from callgraph_lab.render.text import visible_text

if TYPE_CHECKING:
    from callgraph_lab.errors import CallgraphLabError


def say(line: str) -> None:
    """Print one line of our own on stderr."""
    _print_on_stderr(f"cglab: {visible_text(line)}")


def print_error(error: CallgraphLabError) -> None:
    """Print what failed and what to do next."""
    with suppress(OSError):
        sys.stdout.flush()
    _print_on_stderr(f"cglab: error: {visible_text(str(error))}")
    if error.hint:
        _print_on_stderr(f"       {visible_text(error.hint)}")


def _print_on_stderr(line: str) -> None:
    # The terminal may be closed by now, or the pipe: that must cost nobody a recording.
    with suppress(OSError):
        click.echo(line, err=True)
