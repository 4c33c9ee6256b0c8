"""What became of calls that have not returned: as the process ended that they were made in."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import compress
from typing import TYPE_CHECKING

from callgraph_lab.ending_model import NO_OPEN_CALLS, OpenCalls
from callgraph_lab.graph.tally import HIDDEN

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Sequence

    from callgraph_lab.ending_model import Ending
    from callgraph_lab.model import RecordedThread, Recording

OpenCallsOfNodes = dict[int, OpenCalls]
"""By the node's number."""


class OpenCallsAt:
    """Tells of the open calls of each context how they ended: as the process of its thread did."""

    def __init__(self, recording: Recording) -> None:
        threads: list[RecordedThread] = sorted(recording.threads, key=lambda thread: thread.root)
        self._open_calls = recording.tree.open_calls
        self._roots = [thread.root for thread in threads]
        self._endings: list[Ending] = [thread.ending for thread in threads]

    def __getitem__(self, context: int) -> OpenCalls:
        calls = self._open_calls[context]
        if not calls:
            return NO_OPEN_CALLS
        # A thread's contexts follow its root without a gap.
        return OpenCalls.of(self._endings[bisect_right(self._roots, context) - 1], calls)

    def among(self, contexts: Iterable[int]) -> OpenCalls:
        """Return those of some contexts together."""
        return sum((self[context] for context in contexts), NO_OPEN_CALLS)

    def contexts(self) -> Iterable[int]:
        """Return the contexts that have open calls; there are few."""
        return compress(range(len(self._open_calls)), self._open_calls)


def open_calls_by_depth(
    recording: Recording,
    node_of_function: Sequence[int],
    depths: array[int],
    limits: Sequence[int],
) -> list[OpenCallsOfNodes]:
    """Return for each of ``limits`` (ascending) what lies deeper than the one before, up to it.

    The arguments are those of ``tally_by_depth``.
    """
    tallies: list[OpenCallsOfNodes] = [{} for _ in limits]
    open_calls = OpenCallsAt(recording)
    for context in open_calls.contexts():
        node = node_of_function[recording.tree.function[context]]
        if node != HIDDEN and limits and depths[context] <= limits[-1]:
            tally = tallies[bisect_left(limits, depths[context])]
            tally[node] = tally.get(node, NO_OPEN_CALLS) + open_calls[context]
    return tallies


def add_open_calls(total: OpenCallsOfNodes, other: OpenCallsOfNodes) -> None:
    """Add to ``total`` what happened at other depths."""
    for node, calls in other.items():
        total[node] = total.get(node, NO_OPEN_CALLS) + calls
