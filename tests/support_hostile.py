"""Recordings in which every text hopes to do something to the terminal of who reads it."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from unit.recording.builders import small_recording

from callgraph_lab.heap_model import HeapSnapshot, HeapTotal
from callgraph_lab.line_model import LineFigures, RecordedLine
from callgraph_lab.model import RecordedMark

if TYPE_CHECKING:
    from callgraph_lab.model import Recording

HOSTILE = (
    "\x1b]0;title\x07\x1b[31m\x9b31m\x7f\x00\r\t\n"
    "\u202ebidi\u2066\u200f\u061c\u200bzero\ufeff\u2028line\u2029\x85\ud800\U000e0001\U0010ffff"
)
FORBIDDEN = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e0fff\U0010fffe\U0010ffff]"
)
"""What must reach no terminal. A line break is ours, and is looked for otherwise."""
_CHOSEN = {"kind", "started", "ending", "cause", "counter", "event_map"}
"""Fields that a recording may hold certain words in only."""


def hostile_recording() -> Recording:
    """Return a recording with everything in it that has text, all of it hostile."""
    small = small_recording()
    whole = replace(
        small,
        marks=tuple(
            RecordedMark(
                name,
                moment_ns,
                small.tree.calls[:],
                small.tree.resumes[:],
                small.tree.inclusive_ns[:],
                small.tree.self_ns[:],
            )
            for name, moment_ns in (("m1", 10), ("m2", 20))
        ),
        heap=tuple(
            HeapSnapshot(moment_ns, 42, "every", 1, {f"C{HOSTILE}": HeapTotal(moment_ns, 10)})
            for moment_ns in (5, 9)
        ),
        lines=(RecordedLine(42, 1, LineFigures(11, hits=3, inclusive_ns=5, self_ns=4)),),
    )
    changed: Recording = _hostile(whole)
    return changed


def _hostile(value: Any) -> Any:
    if isinstance(value, str):
        return value + HOSTILE
    if isinstance(value, (tuple, list)):
        return type(value)(map(_hostile, value))
    if is_dataclass(value) and not isinstance(value, type):
        changes = {
            item.name: _hostile(getattr(value, item.name))
            for item in fields(value)
            if item.name not in _CHOSEN
        }
        return replace(value, **changes)
    return value
