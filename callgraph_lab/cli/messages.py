"""What ``cglab`` says: its own lines on stderr, so that a target's stdout stays the target's."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from callgraph_lab.cli.printing import print_line

if TYPE_CHECKING:
    from callgraph_lab.errors import CallgraphLabError


def say(line: str) -> None:
    """Print one line of our own on stderr."""
    _print_on_stderr(f"cglab: {line}")


def print_error(error: CallgraphLabError) -> None:
    """Print what failed and what to do next."""
    with suppress(OSError):
        sys.stdout.flush()
    _print_on_stderr(f"cglab: error: {error}")
    if error.hint:
        _print_on_stderr(f"       {error.hint}")


def _print_on_stderr(line: str) -> None:
    # The terminal may be closed by now, or the pipe: that must cost nobody a recording.
    with suppress(OSError):
        print_line(line, to_stderr=True)
