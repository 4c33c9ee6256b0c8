"""Make the call graph of a recording at a depth, or at several, with hidden functions bridged."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING

from callgraph_lab.ending_model import NO_OPEN_CALLS
from callgraph_lab.graph.endings import OpenCallsOfNodes, add_open_calls, open_calls_by_depth
from callgraph_lab.graph.memory import MemoryTally, add_memory, memory_by_depth
from callgraph_lab.graph.names import node_names
from callgraph_lab.graph.tally import (
    HIDDEN,
    EdgeKeys,
    Tally,
    context_depths,
    deepest_visible,
    function_totals,
    roots_of,
    tally_by_depth,
)
from callgraph_lab.model import CallGraph, GraphEdge, GraphNode, HiddenByRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from callgraph_lab.graph.names import NodeNames
    from callgraph_lab.graph.tally import FunctionTotals
    from callgraph_lab.memory_model import NodeMemory
    from callgraph_lab.model import Decision, GraphQuery, Recording


def build_graph(
    recording: Recording, query: GraphQuery, decisions: Sequence[Decision]
) -> CallGraph:
    """Return the graph that ``query`` asks for.

    ``decisions`` holds, for each of the recording's functions, whether it shows; a thread's root
    always does. An edge from a function to the next visible one below it crosses the hidden frames
    between them (it is *bridged*), so every visible function keeps its path to a thread's root.
    Nodes and edges come in the order of their first calls.
    """
    (graph,) = build_graphs(recording, query, decisions, (query.max_depth,))
    return graph


def build_graphs(
    recording: Recording,
    query: GraphQuery,
    decisions: Sequence[Decision],
    depths: Sequence[int | None],
) -> tuple[CallGraph, ...]:
    """Return a graph for each of ``depths`` (None: every depth), in one pass over the tree.

    Each is what ``build_graph`` returns for ``query`` with that ``max_depth``.
    """
    tree = recording.tree
    names = node_names(recording, query)
    root_functions = {tree.function[root] for root in roots_of(tree)}
    node_of_function = [
        node if decision.visible or function in root_functions else HIDDEN
        for function, (node, decision) in enumerate(
            zip(names.node_of_function, decisions, strict=True)
        )
    ]
    context_depth = context_depths(
        tree, [query.depth_by == "stack" or node != HIDDEN for node in node_of_function]
    )
    # Hidden frames at the end of a branch may lie deeper than anything that shows.
    deepest = deepest_visible(tree, context_depth, node_of_function)
    limits = sorted({_limit(depth, deepest) for depth in depths})
    tallies = tally_by_depth(tree, node_of_function, context_depth, limits)
    memory_tallies: Iterable[MemoryTally | None] = [None] * len(limits)
    if tree.has_memory:
        memory_tallies = memory_by_depth(tree, node_of_function, context_depth, limits)
    open_calls = open_calls_by_depth(recording, node_of_function, context_depth, limits)
    totals = function_totals(tree, len(recording.functions))
    peaks = [item.peak_bytes for item in recording.processes if item.peak_bytes is not None]
    graph_at = {}
    sum_so_far = Tally()
    memory_so_far: MemoryTally = {}
    open_so_far: OpenCallsOfNodes = {}
    hidden = _count_hidden(decisions, node_of_function, totals)
    keys = EdgeKeys(node_of_function)
    for limit, tally, opened, memory in zip(
        limits, tallies, open_calls, memory_tallies, strict=True
    ):
        sum_so_far.add(tally)
        add_open_calls(open_so_far, opened)
        add_memory(memory_so_far, memory or {})
        graph_at[limit] = CallGraph(
            query=query,
            nodes=_with_memory(
                _make_nodes(names, node_of_function, sum_so_far, totals, open_so_far),
                {names.ids[node]: figures for node, figures in memory_so_far.items()},
                max(peaks, default=None),
            ),
            edges=_make_edges(names, sum_so_far, keys),
            hidden=hidden,
            deepest=deepest,
        )
    return tuple(
        replace(graph_at[_limit(depth, deepest)], query=replace(query, max_depth=depth))
        for depth in depths
    )


def _limit(max_depth: int | None, deepest: int) -> int:
    return deepest if max_depth is None else max(min(max_depth, deepest), 0)


def _make_nodes(
    names: NodeNames,
    node_of_function: Iterable[int],
    tally: Tally,
    totals: FunctionTotals,
    open_calls: OpenCallsOfNodes,
) -> tuple[GraphNode, ...]:
    total_calls: Counter[int] = Counter()
    suspended: Counter[int] = Counter()
    for function, node in enumerate(node_of_function):
        if node != HIDDEN:
            total_calls[node] += totals.calls[function]
            suspended[node] += totals.suspended[function]
    nodes = [
        (
            entry.first,
            GraphNode(
                id=names.ids[node],
                function=names.functions[node],
                name=names.names[node],
                calls=entry.calls,
                total_calls=total_calls[node],
                resumes=entry.resumes,
                unreturned=open_calls.get(node, NO_OPEN_CALLS),
                suspended=max(suspended[node], 0),
                inclusive_ns=entry.inclusive_ns,
                self_ns=entry.self_ns,
                min_depth=entry.min_depth,
            ),
        )
        for node, entry in tally.nodes.items()
    ]
    nodes.sort(key=itemgetter(0))
    return tuple(node for _, node in nodes)


def _with_memory(
    nodes: tuple[GraphNode, ...], memory: Mapping[str, NodeMemory], peak_bytes: int | None
) -> tuple[GraphNode, ...]:
    """Return nodes with what they have allocated, by their ids; none where nothing was counted."""
    if not memory:
        return nodes
    return tuple(
        replace(
            node,
            # A copy: the figures of the next depth are added to what is counted so far.
            memory=replace(
                memory[node.id], peak_bytes=peak_bytes if node.function.kind == "thread" else None
            ),
        )
        for node in nodes
    )


def _make_edges(names: NodeNames, tally: Tally, keys: EdgeKeys) -> tuple[GraphEdge, ...]:
    edges = []
    for key, edge in sorted(tally.edges.items(), key=lambda item: item[1].first):
        caller, callee, bridged = keys.split(key)
        edges.append(
            GraphEdge(
                source=names.ids[caller],
                target=names.ids[callee],
                calls=edge.calls,
                resumes=edge.resumes,
                inclusive_ns=edge.inclusive_ns,
                bridged=bridged,
                skipped_frames=edge.skipped_frames,
            )
        )
    return tuple(edges)


def _count_hidden(
    decisions: Sequence[Decision], node_of_function: Sequence[int], totals: FunctionTotals
) -> tuple[HiddenByRule, ...]:
    functions: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for function in sorted(totals.called):
        if node_of_function[function] == HIDDEN:
            rule = decisions[function].rule
            functions[rule] += 1
            calls[rule] += totals.calls[function]
    return tuple(
        HiddenByRule(rule=rule, functions=count, calls=calls[rule])
        for rule, count in functions.most_common()
    )
