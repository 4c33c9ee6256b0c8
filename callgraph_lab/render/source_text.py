"""The source of a function, out of the file that holds it."""

from __future__ import annotations

import inspect
import os
import tokenize
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.model import Function
    from callgraph_lab.recording.source_files import SourceFiles

_TAB_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class SourceText:
    """Lines of a file by their numbers, and what a reader must know of them.

    ``problem`` is a sentence: why there are none, or that the file has changed since.
    """

    lines: dict[int, str]
    problem: str = ""


def source_of(function: Function, last_line: int, files: SourceFiles) -> SourceText:
    """Return the lines of a function, up to ``last_line`` at least."""
    found = files.read(function.file)
    return SourceText(_lines_of(function, found.lines, last_line), found.problem)


def _lines_of(function: Function, text: Sequence[str], last_line: int) -> dict[int, str]:
    first = max(function.line, 1)
    if function.own_name == "<module>":
        last = len(text)
    elif function.own_name.startswith("<"):
        # A lambda or a comprehension: a part of a statement, which has no end of its own.
        last = last_line
    else:
        # Without the blank lines and comments behind it.
        last = last_line
        # The file may be any text by now.
        with suppress(SyntaxError, tokenize.TokenError):
            last = max(first + len(inspect.getblock(text[first - 1 :])) - 1, last_line)
    shown = text[first - 1 : last]
    return {
        number: line.rstrip(f"\r\n{os.linesep}").expandtabs(_TAB_COLUMNS)
        for number, line in enumerate(shown, first)
    }
