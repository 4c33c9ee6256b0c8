"""Who calls a function, and what it calls, level by level."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callgraph_lab.ending_model import NO_OPEN_CALLS, OpenCalls
from callgraph_lab.graph.endings import OpenCallsAt
from callgraph_lab.graph.names import node_names
from callgraph_lab.graph.reached import is_entered, reached_contexts, shown_functions
from callgraph_lab.graph.tally import subtree_ends
from callgraph_lab.model import NO_PARENT, GraphQuery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from callgraph_lab.graph.names import NodeNames
    from callgraph_lab.graph.within import Within
    from callgraph_lab.model import CallTree, Decision, Function, Recording


@dataclass(frozen=True, slots=True)
class Nearer:
    """The function one level nearer, and the calls and resumes that are shared with it."""

    id: str
    name: str
    calls: int
    resumes: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A function some levels away.

    Of a caller, the figures are those of the calls that it leads to; of a callee, those of its own
    calls. Recursion counts once in ``inclusive_ns``. ``nearer`` come with the most calls first.
    """

    id: str
    name: str
    function: Function
    calls: int
    resumes: int
    inclusive_ns: int
    nearer: tuple[Nearer, ...]
    unreturned: OpenCalls = NO_OPEN_CALLS


@dataclass(frozen=True, slots=True)
class Level:
    """The functions ``number`` calls away, those that show counted; the most called first."""

    number: int
    neighbours: tuple[Neighbour, ...]


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    resumes: int = 0
    inclusive_ns: int = 0
    counted_until: int = 0
    nearer_calls: Counter[int] = field(default_factory=Counter)
    nearer_resumes: Counter[int] = field(default_factory=Counter)
    unreturned: OpenCalls = NO_OPEN_CALLS


Sums = defaultdict[int, defaultdict[int, _Sum]]
"""By level, then by node."""


def callers_by_level(
    recording: Recording,
    targets: AbstractSet[int],
    *,
    depth: int,
    decisions: Sequence[Decision] | None = None,
    within: Within | None = None,
) -> tuple[Level, ...]:
    """Return who calls the functions ``targets`` (indices), who calls those, down to ``depth``.

    Only what led to calls of the targets counts, not what else a caller did. A thread's root is
    the last of all callers. ``within`` limits the calls of the targets, not the way to them.
    """
    tree = recording.tree
    shows = shown_functions(recording, decisions)
    names = node_names(recording, GraphQuery())
    contexts = reached_contexts(tree, targets, within)
    ends = subtree_ends(tree, range(len(tree)))
    open_calls = OpenCallsAt(recording)
    sums: Sums = defaultdict(lambda: defaultdict(_Sum))
    for context in contexts:
        level, nearer = 0, names.node_of_function[tree.function[context]]
        above = tree.parent[context]
        while above != NO_PARENT and level < depth:
            function = tree.function[above]
            if shows[function]:
                level += 1
                node = names.node_of_function[function]
                _add(sums[level][node], tree, context, ends[context], nearer)
                sums[level][node].unreturned += open_calls[context]
                nearer = node
            above = tree.parent[above]
    return _levels(names, sums)


def callees_by_level(
    recording: Recording,
    targets: AbstractSet[int],
    *,
    depth: int,
    decisions: Sequence[Decision] | None = None,
    within: Within | None = None,
) -> tuple[Level, ...]:
    """Return what the functions ``targets`` (indices) call, what those call, down to ``depth``.

    Where a target is called again below itself it is a callee there, and levels count anew.
    ``within`` limits both the targets' calls and the callees.
    """
    tree = recording.tree
    shows = shown_functions(recording, decisions)
    names = node_names(recording, GraphQuery())
    begins = set(reached_contexts(tree, targets, within))
    ends = subtree_ends(tree, range(len(tree)))
    open_calls = OpenCallsAt(recording)
    sums: Sums = defaultdict(lambda: defaultdict(_Sum))
    # How far below a target each context is, and the nearest function that shows, itself or above.
    levels: dict[int, int] = {}
    nodes: dict[int, int] = {}
    for context, (parent, function) in enumerate(zip(tree.parent, tree.function, strict=True)):
        node = names.node_of_function[function]
        if parent in levels and (within is None or within.contexts[context]):
            levels[context], nodes[context] = levels[parent], nodes[parent]
            if shows[function]:
                levels[context], nodes[context] = levels[parent] + 1, node
                if levels[context] <= depth and is_entered(tree, context):
                    into = sums[levels[context]][node]
                    _add(into, tree, context, ends[context], nodes[parent])
                    into.unreturned += open_calls[context]
        if context in begins:
            levels[context], nodes[context] = 0, node
    return _levels(names, sums)


def _add(into: _Sum, tree: CallTree, context: int, end: int, nearer: int) -> None:
    into.calls += tree.calls[context]
    into.resumes += tree.resumes[context]
    into.nearer_calls[nearer] += tree.calls[context]
    into.nearer_resumes[nearer] += tree.resumes[context]
    # Within what was added last, time is counted already.
    if context >= into.counted_until:
        into.inclusive_ns += tree.inclusive_ns[context]
        into.counted_until = end


def _levels(names: NodeNames, sums: Sums) -> tuple[Level, ...]:
    return tuple(
        Level(
            number,
            tuple(
                sorted(
                    (_neighbour(names, node, item) for node, item in sums[number].items()),
                    key=lambda one: (-one.calls - one.resumes, -one.inclusive_ns, one.name),
                )
            ),
        )
        for number in sorted(sums)
    )


def _neighbour(names: NodeNames, node: int, item: _Sum) -> Neighbour:
    nearer = [
        Nearer(names.ids[near], names.names[near], calls, item.nearer_resumes[near])
        for near, calls in item.nearer_calls.items()
    ]
    nearer.sort(key=lambda near: (-near.calls - near.resumes, near.name))
    return Neighbour(
        id=names.ids[node],
        name=names.names[node],
        function=names.functions[node],
        calls=item.calls,
        resumes=item.resumes,
        inclusive_ns=item.inclusive_ns,
        nearer=tuple(nearer),
        unreturned=item.unreturned,
    )
