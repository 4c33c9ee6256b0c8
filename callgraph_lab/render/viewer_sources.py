"""The lines of source that a page shows of each function, as far as its file can be read."""

from __future__ import annotations

import inspect
import tokenize
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from callgraph_lab.model import Function
    from callgraph_lab.recording.source_files import SourceFiles

MOST_LINES = 30
"""Lines of one function."""
LONGEST_LINE = 300
"""Characters of one line."""
MOST_CHARACTERS = 3_000_000
"""Characters of all snippets together."""

Snippets = dict[str, dict[str, list[str]]]


def snippets_of(functions: Iterable[Function], files: SourceFiles) -> tuple[Snippets, list[str]]:
    """Return by file, and by the number of a function's first line, the lines of the function.

    Long functions are cut, and what is beyond a budget is left out, as is what cannot be read. The
    second is which of these files have changed since they were recorded.
    """
    lines_of: defaultdict[str, set[int]] = defaultdict(set)
    for function in functions:
        if function.kind == "function" and function.file.startswith("/"):
            lines_of[function.file].add(function.line)
    found: Snippets = {}
    changed: list[str] = []
    characters = 0
    for file, numbers in lines_of.items():
        source = files.read(file)
        lines = [line.rstrip("\r\n") for line in source.lines]
        for number in sorted(numbers) if lines else ():
            snippet = _snippet(lines, number)
            characters += sum(map(len, snippet))
            if characters > MOST_CHARACTERS:
                return found, changed
            if snippet:
                found.setdefault(file, {})[str(number)] = snippet
        if source.has_changed and file in found:
            changed.append(file)
    return found, changed


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
