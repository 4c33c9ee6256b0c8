"""What recording functions written in C takes from the target, in a sentence for a run's notes."""

from __future__ import annotations

import sys

OPTION = "--c-calls"


def note_of_price() -> str:
    """Return what a target loses; the interpreter that runs it has this one's minor version."""
    if sys.version_info < (3, 12):
        lost = "a profiler of its own (cProfile, sys.setprofile) ends that in its thread"
    else:
        lost = "one of the six tool ids of sys.monitoring is taken"
    return f"C functions are recorded ({OPTION}): the target is slower, and {lost}"
