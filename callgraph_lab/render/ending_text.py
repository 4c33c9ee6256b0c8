"""What is said of calls that have not returned: only a process that is there has some at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from callgraph_lab.ending_model import Ending, OpenCalls

_SAID: Mapping[Ending, str] = {
    "running": "still running",
    "exited": "exited inside",
    "replaced": "replaced by exec",
    "killed": "killed inside",
    "stopped": "recording stopped inside",
}
_IN_A_CELL: Mapping[Ending, str] = {**{ending: ending for ending in _SAID}, "replaced": "exec'd"}


def ending_text(ending: Ending) -> str:
    """Return what became of an open call: ``killed inside``."""
    return _SAID[ending]


def open_calls_lines(calls: OpenCalls) -> list[str]:
    """Return ``still running: 1``, ``killed inside: 2``; nothing where all have returned."""
    return [f"{_SAID[ending]}: {number:,}" for ending, number in calls.by_ending.items()]


def open_calls_text(calls: OpenCalls) -> str:
    """Return ``1 still running, 2 killed inside``."""
    return ", ".join(f"{number:,} {_SAID[ending]}" for ending, number in calls.by_ending.items())


def open_calls_cell(calls: OpenCalls) -> str:
    """Return ``1 running, 2 killed``, for a column that is about open calls."""
    return ", ".join(
        f"{number:,} {_IN_A_CELL[ending]}" for ending, number in calls.by_ending.items()
    )


def double_border_text(of_nodes: Iterable[OpenCalls]) -> str:
    """Return what double borders of a picture mean; empty where there are none."""
    there = {ending for calls in of_nodes for ending in calls.by_ending}
    if not there:
        return ""
    said = _SAID[there.pop()] if len(there) == 1 else "calls that have not returned"
    return f"double border: {said}"
