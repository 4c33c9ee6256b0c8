"""What each action of a recording cost, for a table of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.ending_model import NO_OPEN_CALLS, OpenCalls
from callgraph_lab.graph.names import node_names
from callgraph_lab.memory_model import ActionMemory
from callgraph_lab.model import NO_PARENT, GraphQuery

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from callgraph_lab.action_model import ActionInstance, RecordedAction
    from callgraph_lab.model import Recording

P50, P95 = 50, 95


@dataclass(frozen=True, slots=True)
class ActionSummary:
    """An action with what its contexts add up to, and how long its instances lasted.

    ``calls`` and ``functions`` count all that served it, whatever a filter would hide; ``wall_ns``
    is the time spent in these calls, those still open with theirs so far. Of the percentiles, which
    are durations from begin to end, ``instances`` says how many they are of.
    """

    action: RecordedAction
    calls: int
    functions: int
    wall_ns: int
    instances: int
    p50_ns: int
    p95_ns: int
    max_ns: int
    memory: ActionMemory | None = None
    """None where memory was not counted."""
    unended: OpenCalls = NO_OPEN_CALLS
    """How many of its instances did not end, by what became of their processes."""


def summarize_actions(recording: Recording) -> tuple[ActionSummary, ...]:
    """Return a summary for each action that did anything, in the order of the recording."""
    tree = recording.tree
    node_of_function = node_names(recording, GraphQuery()).node_of_function
    calls = [0] * len(recording.actions)
    wall_ns = [0] * len(recording.actions)
    nodes: list[set[int]] = [set() for _ in recording.actions]
    action_of_label = [label.action for label in recording.labels]
    for label, parent, function, called, self_ns in zip(
        tree.label, tree.parent, tree.function, tree.calls, tree.self_ns, strict=True
    ):
        action = action_of_label[label]
        if action is not None and parent != NO_PARENT:
            calls[action] += called
            wall_ns[action] += self_ns
            nodes[action].add(node_of_function[function])
    durations: list[list[int]] = [[] for _ in recording.actions]
    for instance in recording.instances:
        if instance.end_ns is not None:
            durations[instance.action].append(instance.duration_ns(0))
    unended = unended_of(recording.instances)
    memory = _memory_of_actions(recording)
    return tuple(
        ActionSummary(
            action=action,
            calls=calls[number],
            functions=len(nodes[number]),
            wall_ns=wall_ns[number],
            instances=len(durations[number]),
            p50_ns=percentile(durations[number], P50),
            p95_ns=percentile(durations[number], P95),
            max_ns=max(durations[number], default=0),
            memory=memory[number],
            unended=unended.get(number, NO_OPEN_CALLS),
        )
        for number, action in enumerate(recording.actions)
        if action.count or nodes[number]
    )


def unended_of(instances: Iterable[ActionInstance]) -> dict[int, OpenCalls]:
    """Return by action how many instances did not end, by what became of their processes."""
    found: dict[int, OpenCalls] = {}
    for item in instances:
        if item.ending is not None:
            one = OpenCalls.of(item.ending, 1)
            found[item.action] = found.get(item.action, NO_OPEN_CALLS) + one
    return found


def _memory_of_actions(recording: Recording) -> Sequence[ActionMemory | None]:
    tree = recording.tree
    if not tree.has_memory:
        return [None] * len(recording.actions)
    sums = [ActionMemory() for _ in recording.actions]
    action_of_label = [label.action for label in recording.labels]
    for context, (label, parent) in enumerate(zip(tree.label, tree.parent, strict=True)):
        action = action_of_label[label]
        if action is not None and parent != NO_PARENT:
            memory = sums[action]
            memory.allocated_bytes += tree.allocated_bytes[context]
            memory.freed_bytes += tree.freed_bytes[context]
            memory.net_bytes += tree.net_bytes[context]
            memory.blocks += tree.blocks[context]
    return sums


def percentile(values: Sequence[int], percent: int) -> int:
    """Return the smallest value that ``percent`` of all do not exceed, 0 where there are none."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank, 1) - 1] if ordered else 0
