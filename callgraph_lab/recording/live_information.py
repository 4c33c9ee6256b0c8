"""The information on a process that stands in the header of its live file, cut to fit there.

This module runs inside the target and imports little.
"""

from __future__ import annotations

import json

from callgraph_lab.recording import live_format as layout

TYPE_CHECKING = False  # importing typing would be seen in the target
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def fitting_json(information: Mapping[str, object]) -> bytes:
    """Return ``information`` as JSON, without its longest parts where there is no room for all."""
    kept = dict(information)
    while True:
        text = json.dumps(kept).encode()
        # One byte less than there is room: a NUL ends it.
        if len(text) < layout.INFORMATION_BYTES or not kept:
            return text
        del kept[max(kept, key=lambda name: len(json.dumps(kept[name])))]
