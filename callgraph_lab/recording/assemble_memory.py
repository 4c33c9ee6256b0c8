"""Join what the contexts of a run's processes have allocated and freed."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from callgraph_lab.model import MEMORY_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from callgraph_lab.model import CallTree
    from callgraph_lab.recording.live_part import LivePart


def add_memory_columns(tree: CallTree, part: LivePart, order: Sequence[int]) -> None:
    """Append the figures of a part's contexts, in the order of the tree.

    What no context has done belongs to the root of the first thread. A part that has no figures
    has zeros: its process could not be asked for any.
    """
    memory = part.memory
    if memory is None:
        for column in MEMORY_COLUMNS:
            getattr(tree, column.name).extend(bytes(len(order)))
        return
    # What was written at two moments may be a block more freed than allocated.
    net = array(
        "Q",
        (
            max(allocated - returned, 0)
            for allocated, returned in zip(
                memory.allocated_bytes, memory.returned_bytes, strict=True
            )
        ),
    )
    first = part.threads[0].root if part.threads else None
    allocated, blocks, freed, returned = memory.outside
    for target, values, outside in (
        (tree.allocated_bytes, memory.allocated_bytes, allocated),
        (tree.blocks, memory.blocks, blocks),
        (tree.freed_bytes, memory.freed_bytes, freed),
        (tree.net_bytes, net, max(allocated - returned, 0)),
    ):
        target.extend(values[context] + (outside if context == first else 0) for context in order)


def have_memory(parts: Iterable[LivePart]) -> bool:
    """Say whether memory was counted in one of the processes."""
    return any(part.memory is not None for part in parts)
