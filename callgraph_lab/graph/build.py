"""Make the call graph of a recording at a depth, with hidden functions bridged."""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callgraph_lab.model import (
    NO_PARENT,
    CallGraph,
    CallTree,
    Decision,
    Function,
    GraphEdge,
    GraphNode,
    GraphQuery,
    HiddenByRule,
    Recording,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_HIDDEN = -1
_NUMBER = re.compile(r"\d+")
PYCALLGRAPH2_ROOT = "__main__"
"""What stock pycallgraph2 calls the root of the thread that it traces."""


def build_graph(
    recording: Recording, query: GraphQuery, decisions: Sequence[Decision]
) -> CallGraph:
    """Return the graph that ``query`` asks for.

    ``decisions`` holds, for each of the recording's functions, whether it shows. An edge from a
    function to the next visible one below it crosses the hidden frames between them (it is
    *bridged*), so every visible function keeps its path to a thread's root.
    """
    tree = recording.tree
    names = _node_names(recording, query)
    node_of_function = [
        _HIDDEN if not decision.visible else node
        for node, decision in zip(names.node_of_function, decisions, strict=True)
    ]
    ends = subtree_ends(tree)
    tally = _walk(tree, ends, node_of_function, query)
    totals = _function_totals(tree, len(recording.functions))
    return CallGraph(
        query=query,
        nodes=_make_nodes(names, node_of_function, tally, totals),
        edges=tuple(
            GraphEdge(
                source=names.ids[caller],
                target=names.ids[callee],
                calls=edge.calls,
                resumes=edge.resumes,
                inclusive_ns=edge.inclusive_ns,
                bridged=bridged,
                skipped_frames=edge.skipped_frames,
            )
            for (caller, callee, bridged), edge in tally.edges.items()
        ),
        hidden=_count_hidden(decisions, totals),
        deepest=_deepest(tree, node_of_function, query),
    )


def subtree_ends(tree: CallTree) -> array[int]:
    """Return, for each context, the index just behind its subtree."""
    sizes = array("i", [1]) * len(tree)
    parents = tree.parent
    for context in range(len(sizes) - 1, 0, -1):
        parent = parents[context]
        if parent != NO_PARENT:
            sizes[parent] += sizes[context]
    for context, size in enumerate(sizes):
        sizes[context] = context + size
    return sizes


@dataclass(slots=True)
class _NodeNames:
    """Which node each function belongs to, and for each node a function, its name and its id."""

    node_of_function: list[int] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


def _node_names(recording: Recording, query: GraphQuery) -> _NodeNames:
    """Join functions that are one to the reader: the same name at the same place."""
    result = _NodeNames()
    labels = thread_labels(recording)
    numbers: dict[tuple[object, ...], int] = {}
    for function in recording.functions:
        key: tuple[object, ...]
        if function.kind == "thread":
            name = labels[function.qualname]
            if query.naming == "pycallgraph2" and name == "MainThread":
                name = PYCALLGRAPH2_ROOT
            key = ("thread", name)
        elif query.naming == "pycallgraph2":
            name = function.pycallgraph2_name
            key = (name,)
        else:
            name = function.name
            key = (name, function.file, function.line)
        number = numbers.setdefault(key, len(numbers))
        if number == len(result.functions):
            result.functions.append(function)
            result.names.append(name)
        result.node_of_function.append(number)
    seen: Counter[str] = Counter()
    for name, function in zip(result.names, result.functions, strict=True):
        stem = f"thread {name}" if function.kind == "thread" else name
        seen[stem] += 1
        result.ids.append(stem if seen[stem] == 1 else f"{stem}#{seen[stem]}")
    return result


def thread_labels(recording: Recording) -> dict[str, str]:
    """Return what to call each thread: one name for threads that differ only by a number."""
    patterns: defaultdict[str, set[str]] = defaultdict(set)
    shared = set()
    for thread in recording.threads:
        pattern = _NUMBER.sub("N", thread.name)
        patterns[pattern].add(thread.name)
        if thread.threads > 1:
            shared.add(pattern)
    labels = {}
    for function in recording.functions:
        if function.kind == "thread":
            pattern = _NUMBER.sub("N", function.qualname)
            is_one = len(patterns[pattern]) <= 1 and pattern not in shared
            labels[function.qualname] = function.qualname if is_one else pattern
    return labels


@dataclass(slots=True)
class _NodeTally:
    calls: int = 0
    resumes: int = 0
    open_calls: int = 0
    inclusive_ns: int = 0
    self_ns: int = 0
    min_depth: int = 0
    counted_until: int = 0
    """End of the subtree whose root was last added to ``inclusive_ns``: recursion counts once."""


@dataclass(slots=True)
class _EdgeTally:
    calls: int = 0
    resumes: int = 0
    inclusive_ns: int = 0
    skipped_frames: int = 0
    counted_until: int = 0


@dataclass(slots=True)
class _Tally:
    nodes: dict[int, _NodeTally] = field(default_factory=dict)
    edges: dict[tuple[int, int, bool], _EdgeTally] = field(default_factory=dict)


def _walk(
    tree: CallTree, ends: array[int], node_of_function: Sequence[int], query: GraphQuery
) -> _Tally:
    """Add up the contexts down to the query's depth; what lies deeper is leapt over."""
    tally = _Tally()
    count = len(tree)
    limit = count + 1 if query.max_depth is None else query.max_depth
    every_frame_counts = query.depth_by == "stack"
    parents, functions = tree.parent, tree.function
    # For each context on the way: its depth, the nearest visible context's node (itself or
    # above), and how many hidden frames lie between that one and whatever it calls.
    depths = array("i", bytes(4 * count))
    visible_nodes = array("i", bytes(4 * count))
    gaps = array("i", bytes(4 * count))
    context = 0
    while context < count:
        node = node_of_function[functions[context]]
        parent = parents[context]
        if parent == NO_PARENT:
            depth = 0
            _count_node(tally, tree, context, ends, node, depth)
        else:
            depth = depths[parent] + (every_frame_counts or node != _HIDDEN)
            if depth > limit:
                context = ends[context]
                continue
            if node == _HIDDEN:
                node = visible_nodes[parent]
                gaps[context] = gaps[parent] + 1
            else:
                _count_node(tally, tree, context, ends, node, depth)
                _count_edge(tally, tree, context, ends, visible_nodes[parent], node, gaps[parent])
        depths[context] = depth
        visible_nodes[context] = node
        context += 1
    return tally


def _count_node(
    tally: _Tally, tree: CallTree, context: int, ends: array[int], node: int, depth: int
) -> None:
    entry = tally.nodes.get(node)
    if entry is None:
        entry = tally.nodes[node] = _NodeTally(min_depth=depth)
    elif depth < entry.min_depth:
        entry.min_depth = depth
    entry.calls += tree.calls[context]
    entry.resumes += tree.resumes[context]
    entry.open_calls += tree.open_calls[context]
    entry.self_ns += tree.self_ns[context]
    if context >= entry.counted_until:
        entry.counted_until = ends[context]
        entry.inclusive_ns += tree.inclusive_ns[context]


def _count_edge(
    tally: _Tally,
    tree: CallTree,
    context: int,
    ends: array[int],
    caller: int,
    callee: int,
    skipped_frames: int,
) -> None:
    key = (caller, callee, skipped_frames > 0)
    entry = tally.edges.get(key)
    if entry is None:
        entry = tally.edges[key] = _EdgeTally()
    entry.calls += tree.calls[context]
    entry.resumes += tree.resumes[context]
    entry.skipped_frames = max(entry.skipped_frames, skipped_frames)
    if context >= entry.counted_until:
        entry.counted_until = ends[context]
        entry.inclusive_ns += tree.inclusive_ns[context]


@dataclass(slots=True)
class _FunctionTotals:
    """Per function, at any depth: calls, and generators or coroutines left suspended."""

    calls: list[int]
    suspended: list[int]
    contexts: list[int]


def _function_totals(tree: CallTree, functions: int) -> _FunctionTotals:
    calls, suspended, contexts = [0] * functions, [0] * functions, [0] * functions
    for function, called in zip(tree.function, tree.calls, strict=True):
        calls[function] += called
        contexts[function] += 1
    for function, left, resumed in zip(
        tree.function, tree.suspensions, tree.resumes, strict=True
    ):
        suspended[function] += left - resumed
    return _FunctionTotals(calls, suspended, contexts)


def _make_nodes(
    names: _NodeNames, node_of_function: Sequence[int], tally: _Tally, totals: _FunctionTotals
) -> tuple[GraphNode, ...]:
    total_calls: Counter[int] = Counter()
    suspended: Counter[int] = Counter()
    for function, node in enumerate(node_of_function):
        if node != _HIDDEN:
            total_calls[node] += totals.calls[function]
            suspended[node] += totals.suspended[function]
    return tuple(
        GraphNode(
            id=names.ids[node],
            function=names.functions[node],
            name=names.names[node],
            calls=entry.calls,
            total_calls=total_calls[node],
            resumes=entry.resumes,
            open_calls=entry.open_calls,
            suspended=max(suspended[node], 0),
            inclusive_ns=entry.inclusive_ns,
            self_ns=entry.self_ns,
            min_depth=entry.min_depth,
        )
        for node, entry in tally.nodes.items()
    )


def _count_hidden(
    decisions: Sequence[Decision], totals: _FunctionTotals
) -> tuple[HiddenByRule, ...]:
    functions: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for function, decision in enumerate(decisions):
        if not decision.visible and totals.contexts[function]:
            functions[decision.rule] += 1
            calls[decision.rule] += totals.calls[function]
    return tuple(
        HiddenByRule(rule=rule, functions=count, calls=calls[rule])
        for rule, count in functions.most_common()
    )


def _deepest(tree: CallTree, node_of_function: Sequence[int], query: GraphQuery) -> int:
    """Return the greatest depth of a visible context, without any limit."""
    every_frame_counts = query.depth_by == "stack"
    deepest = 0
    depths = array("i", bytes(4 * len(tree)))
    for context, (parent, function) in enumerate(zip(tree.parent, tree.function, strict=True)):
        if parent == NO_PARENT:
            continue
        visible = node_of_function[function] != _HIDDEN
        depth = depths[context] = depths[parent] + (every_frame_counts or visible)
        if visible and depth > deepest:
            deepest = depth
    return deepest
