"""The information on a process that stands in the header of its live file, cut to fit there.

This module runs inside the target and imports little.
"""

from __future__ import annotations

import json

from callgraph_lab.recording import live_format as layout

TYPE_CHECKING = False  # importing typing would be seen in the target
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MOST_ARGUMENT_BYTES = 2000


def brief_arguments(words: Sequence[str]) -> list[str]:
    """Return as many of a command line's words as the header has room for beside the rest.

    The run file has all of the first process's.
    """
    brief: list[str] = []
    room = _MOST_ARGUMENT_BYTES
    for word in words:
        room -= len(json.dumps(word)) + 2
        if room < 0:
            return [*brief, "..."]
        brief.append(word)
    return brief


def without_arguments(words: Sequence[str]) -> list[str]:
    """Return what of Python's command line is not the program's: up to its script or module.

    Code after ``-c`` is left out as well.
    """
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--check-hash-based-pycs":
            kept += [word, *_next(rest)]
        elif word in {"-", "--"} or not word.startswith("-"):
            return [*kept, word, *(_next(rest) if word == "--" else ())]
        elif word.startswith("--"):
            kept.append(word)
        else:
            # Several options may stand in one word; the value of one is its rest, or the next.
            place = next((place for place, letter in enumerate(word) if letter in "cmXW"), None)
            if place is None:
                kept.append(word)
                continue
            if word[place] == "c":
                return [*kept, word[: place + 1]]
            kept += [word, *(_next(rest) if place + 1 == len(word) else ())]
            if word[place] == "m":
                return kept
    return kept


def _next(words: Iterator[str]) -> list[str]:
    return [word for word in (next(words, None),) if word is not None]


def fitting_json(information: Mapping[str, object]) -> bytes:
    """Return ``information`` as JSON, without its longest parts where there is no room for all."""
    kept = dict(information)
    while True:
        text = json.dumps(kept).encode()
        # One byte less than there is room: a NUL ends it.
        if len(text) < layout.INFORMATION_BYTES or not kept:
            return text
        del kept[max(kept, key=lambda name: len(json.dumps(kept[name])))]
