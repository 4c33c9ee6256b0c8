"""Join what the contexts of a run's processes have allocated and freed."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from callgraph_lab.model import MEMORY_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from callgraph_lab.action_model import RecordedLabel
    from callgraph_lab.model import CallTree
    from callgraph_lab.recording.live_part import LivePart

_WHOLE, _OF_INSTANCES = MEMORY_COLUMNS[:4], MEMORY_COLUMNS[4:]


def add_memory_columns(
    tree: CallTree, part: LivePart, order: Sequence[int], labels: Sequence[RecordedLabel]
) -> None:
    """Append the figures of a part's contexts, in the order of the tree, which has their labels.

    What no context has done belongs to the root of the first thread. A part that has no figures
    has zeros: its process could not be asked for any.
    """
    memory = part.memory
    if memory is None:
        for column in MEMORY_COLUMNS:
            getattr(tree, column.name).extend(bytes(len(order)))
        return
    first = part.threads[0].root if part.threads else None
    *outside, outside_returned = memory.outside
    outside.append(max(outside[0] - outside_returned, 0))
    for column, values, more in zip(_WHOLE, _with_net(memory.columns), outside, strict=True):
        getattr(tree, column.name).extend(
            values[context] + (more if context == first else 0) for context in order
        )
    labels_of_part = tree.label[len(tree.label) - len(order) :]
    has_instance = [labels[label].instance is not None for label in labels_of_part]
    of_instances = _with_net(memory.of_instances or memory.columns)
    for column, values in zip(_OF_INSTANCES, of_instances, strict=True):
        getattr(tree, column.name).extend(
            values[context] if is_of_one else 0
            for context, is_of_one in zip(order, has_instance, strict=True)
        )


def _with_net(columns: Sequence[array[int]]) -> tuple[array[int], ...]:
    """Return columns of a live file with what is left of it in the place of what was given back."""
    allocated, blocks, freed, returned = columns
    # What was written at two moments may be a block more freed than allocated.
    net = (max(more - less, 0) for more, less in zip(allocated, returned, strict=True))
    return allocated, blocks, freed, array("Q", net)


def have_memory(parts: Iterable[LivePart]) -> bool:
    """Say whether memory was counted in one of the processes."""
    return any(part.memory is not None for part in parts)
