"""Leave out of a part what never ran: contexts whose only calls the interpreter has refused.

A call is refused with ``RecursionError`` when it has been entered already, so that its context is
there, without a call. What making the exception has allocated is its caller's.
"""

from __future__ import annotations

from array import array
from dataclasses import fields, replace
from itertools import compress
from typing import TYPE_CHECKING, Any

from callgraph_lab.model import NO_PARENT

if TYPE_CHECKING:
    from callgraph_lab.recording.live_part import LiveMemory, LivePart


def without_refused(part: LivePart) -> LivePart:
    """Return a part without contexts that were never entered and lead to none that was."""
    ran = _ran(part)
    if all(ran):
        return part
    places = array("i", [NO_PARENT]) * (len(ran) + 1)
    for place, context in enumerate(compress(range(len(ran)), ran)):
        places[context] = place
    columns: dict[str, Any] = {
        item.name: array(column.typecode, compress(column, ran))
        for item in fields(part)
        if isinstance(column := getattr(part, item.name), array)
    }
    columns["parent"] = array("i", [places[parent] for parent in columns["parent"]])
    return replace(
        part,
        **columns,
        memory=None if part.memory is None else _memory_of_callers(part.memory, part.parent, ran),
        threads=[
            replace(
                thread,
                root=places[thread.root],
                open_calls=tuple(
                    replace(call, context=places[call.context]) for call in thread.open_calls
                ),
            )
            for thread in part.threads
        ],
        events=[
            event
            if event.context is None
            else replace(event, context=places[event.context] if ran[event.context] else None)
            for event in part.events
        ],
    )


def _ran(part: LivePart) -> bytearray:
    """Say of each context whether it, or one below it, was ever entered; a root always was."""
    ran = bytearray(map(bool, part.calls))
    if all(ran):
        return ran
    for thread in part.threads:
        ran[thread.root] = True
        for call in thread.open_calls:
            ran[call.context] = True
    for context in range(len(ran) - 1, -1, -1):
        parent = part.parent[context]
        ran[context] |= parent == NO_PARENT or bool(part.resumes[context] or part.ticks[context])
        if ran[context] and parent != NO_PARENT:
            ran[parent] = True
    return ran


def _memory_of_callers(memory: LiveMemory, parents: array[int], ran: bytearray) -> LiveMemory:
    """Return the figures of the contexts that ran, with those of the others that they called."""

    def moved(columns: tuple[array[int], ...]) -> tuple[array[int], ...]:
        columns = tuple(column[:] for column in columns)
        for context in range(len(ran) - 1, -1, -1):
            if not ran[context]:
                for column in columns:
                    column[parents[context]] += column[context]
        return tuple(array(column.typecode, compress(column, ran)) for column in columns)

    allocated, blocks, freed, returned = moved(memory.columns)
    return replace(
        memory,
        allocated_bytes=allocated,
        blocks=blocks,
        freed_bytes=freed,
        returned_bytes=returned,
        of_instances=None if memory.of_instances is None else moved(memory.of_instances),
    )
