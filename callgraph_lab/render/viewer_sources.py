"""The lines of source that a page shows of each function, as far as its file can be read."""

from __future__ import annotations

import inspect
import tokenize
from collections import defaultdict
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from callgraph_lab.model import Function

MOST_LINES = 30
"""Lines of one function."""
LONGEST_LINE = 300
"""Characters of one line."""
MOST_CHARACTERS = 3_000_000
"""Characters of all snippets together."""
_LARGEST_FILE_BYTES = 5_000_000

Snippets = dict[str, dict[str, list[str]]]


def snippets_of(functions: Iterable[Function]) -> Snippets:
    """Return by file, and by the number of a function's first line, the lines of the function.

    Long functions are cut, and what is beyond a budget is left out, as is what cannot be read.
    """
    lines_of: defaultdict[str, set[int]] = defaultdict(set)
    for function in functions:
        if function.kind == "function" and function.file.startswith("/"):
            lines_of[function.file].add(function.line)
    found: Snippets = {}
    characters = 0
    for file, numbers in lines_of.items():
        lines = _lines_of_file(file)
        for number in sorted(numbers) if lines else ():
            snippet = _snippet(lines, number)
            characters += sum(map(len, snippet))
            if characters > MOST_CHARACTERS:
                return found
            if snippet:
                found.setdefault(file, {})[str(number)] = snippet
    return found


def changed_files(files: Iterable[str], started: str) -> list[str]:
    """Return the files that were written to after a run began at ``started`` (ISO 8601)."""
    began_s = datetime.fromisoformat(started).timestamp()
    return [file for file in files if _modified_s(file) > began_s]


def _modified_s(file: str) -> float:
    try:
        return Path(file).stat().st_mtime
    except (OSError, ValueError):
        return 0.0


def _lines_of_file(file: str) -> list[str]:
    """Return the lines of a file of source, or none where it cannot be read as such."""
    path = Path(file)
    try:
        # A pipe or a device of that name would never end.
        if not path.is_file() or path.stat().st_size > _LARGEST_FILE_BYTES:
            return []
        with tokenize.open(path) as source:
            return source.read().splitlines()
    except (OSError, SyntaxError, ValueError):
        return []


def _snippet(lines: Sequence[str], number: int) -> list[str]:
    """Return the lines of what begins at a line, counted from 1 (0, 1: the module itself)."""
    start = max(number - 1, 0)
    # One line more than is shown, to see whether it goes on.
    following = lines[start : start + MOST_LINES + 1]
    if number > 1:
        # What is cut off in the middle of a statement is long enough as it is.
        with suppress(SyntaxError, tokenize.TokenError):
            following = inspect.getblock([f"{line}\n" for line in following])
    kept = [line.rstrip("\n")[:LONGEST_LINE] for line in following[:MOST_LINES]]
    return [*kept, "..."] if len(following) > MOST_LINES else kept
