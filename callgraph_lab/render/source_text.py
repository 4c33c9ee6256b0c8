"""The source of a function, as its file has it now."""

from __future__ import annotations

import inspect
import os
import tokenize
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callgraph_lab.model import Function

_TAB_COLUMNS = 8
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SourceText:
    """Lines of a file by their numbers, and what a reader must know of them.

    ``problem`` is a sentence: why there are none, or that the file has changed since.
    """

    lines: dict[int, str]
    problem: str = ""


def source_of(function: Function, last_line: int, started: str) -> SourceText:
    """Return the lines of a function, up to ``last_line`` at least.

    ``started`` is when it was recorded, in ISO 8601: a file that is younger may be another by now.
    """
    if not function.file.startswith("/"):
        return SourceText({}, f"{function.file or 'its code'} is no file that can be read")
    path = Path(function.file)
    try:
        status = path.stat()
        if not path.is_file() or status.st_size > _MOST_BYTES:
            return SourceText({}, f"{path} is no file of source code")
        with tokenize.open(path) as file:
            text = file.read().splitlines(keepends=True)
    except (OSError, ValueError, SyntaxError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return SourceText({}, f"{path} cannot be read: {reason}")
    changed = status.st_mtime > _seconds_of(started)
    problem = f"{path} has changed since it was recorded: lines may be others by now"
    return SourceText(_lines_of(function, text, last_line), problem if changed else "")


def _seconds_of(started: str) -> float:
    try:
        return datetime.fromisoformat(started).timestamp()
    except ValueError:
        return float("inf")


def _lines_of(function: Function, text: list[str], last_line: int) -> dict[int, str]:
    first = max(function.line, 1)
    if function.own_name == "<module>":
        last = len(text)
    elif function.own_name.startswith("<"):
        # A lambda or a comprehension: a part of a statement, which has no end of its own.
        last = last_line
    else:
        # Without the blank lines and comments behind it.
        last = max(first + len(inspect.getblock(text[first - 1 :])) - 1, last_line)
    shown = text[first - 1 : last]
    return {
        number: line.rstrip(f"\r\n{os.linesep}").expandtabs(_TAB_COLUMNS)
        for number, line in enumerate(shown, first)
    }
