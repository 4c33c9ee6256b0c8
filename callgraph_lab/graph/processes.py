"""One process of a recording, as a recording of its own."""

from __future__ import annotations

import itertools
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

from callgraph_lab.errors import UsageError
from callgraph_lab.model import NO_PARENT, CallTree

if TYPE_CHECKING:
    from collections.abc import Collection

    from callgraph_lab.model import RecordedMark, RecordedThread, Recording

_MOST_NAMED = 8


def only_process(recording: Recording, pid: int) -> Recording:
    """Return what one process did, with all of the recording's functions at their numbers.

    Raise ``UsageError`` where no process of the recording has that pid.
    """
    known = [process.pid for process in recording.processes]
    if pid not in known:
        named = ", ".join(str(number) for number in known[:_MOST_NAMED])
        more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
        merged = sum(process.processes for process in recording.processes) - len(known)
        rest = f" ({merged:,} that ended are in one with another)" if merged else ""
        raise UsageError(
            f"the recording has no process {pid}{rest}",
            hint=f"it has {named}{more}; see cglab info",
        )
    roots = sorted(thread.root for thread in recording.threads)
    ends = dict(zip(roots, [*roots[1:], len(recording.tree)], strict=True))
    tree = CallTree()
    threads: list[RecordedThread] = []
    # Where its contexts are now, by where they were.
    places: dict[int, int] = {}
    for thread in recording.threads:
        if thread.pid == pid:
            threads.append(replace(thread, root=len(tree)))
            start, end = thread.root, ends[thread.root]
            places.update(zip(range(start, end), itertools.count(len(tree))))
            _append(tree, recording.tree, start, end)
    return replace(
        recording,
        tree=tree,
        threads=tuple(threads),
        processes=tuple(process for process in recording.processes if process.pid == pid),
        events=tuple(
            replace(event, context=None if event.context is None else places.get(event.context))
            for event in recording.events
            if event.pid == pid
        ),
        marks=tuple(_taken(mark, places) for mark in recording.marks),
        lines=tuple(item for item in recording.lines if item.pid == pid),
    )


def _taken(mark: RecordedMark, contexts: Collection[int]) -> RecordedMark:
    """Return a mark for some contexts only."""
    return replace(
        mark,
        calls=array("Q", [mark.calls[context] for context in contexts]),
        resumes=array("Q", [mark.resumes[context] for context in contexts]),
        inclusive_ns=array("Q", [mark.inclusive_ns[context] for context in contexts]),
        self_ns=array("Q", [mark.self_ns[context] for context in contexts]),
    )


def _append(tree: CallTree, source: CallTree, start: int, end: int) -> None:
    """Append the contexts from ``start`` to ``end``, one thread's, to ``tree``."""
    shift = len(tree) - start
    parents = array(
        "i", (NO_PARENT, *(parent + shift for parent in source.parent[start + 1 : end]))
    )
    for column in source.columns:
        values: array[int] = getattr(source, column.name)
        part = parents if column.name == "parent" else values[start:end]
        getattr(tree, column.name).extend(part)
