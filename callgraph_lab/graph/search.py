"""Find functions by a pattern: where they are, who calls them, how they are reached."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.names import node_names
from callgraph_lab.graph.paths import shortest_paths
from callgraph_lab.model import Decision, GraphQuery

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from callgraph_lab.model import Function, GraphNode, Recording

_WILDCARD = re.compile(r"[*?[]")
_SHOWN = Decision(visible=True, rule="", reason="")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls a function: its node's id and name, and how often; ``bridged`` as of an edge."""

    id: str
    name: str
    calls: int
    resumes: int
    bridged: bool


@dataclass(frozen=True, slots=True)
class FoundFunction:
    """A function that a pattern found, with its figures at any depth.

    ``callers`` come with the most calls first; ``path`` leads from a thread's root to the function,
    both included.
    """

    node: GraphNode
    callers: tuple[Caller, ...]
    path: tuple[Function, ...]


def matches(function: Function, pattern: str) -> bool:
    """Say whether a pattern finds a function.

    A pattern is a part of one of its names (full, qualified, short, as defined), or, with ``*``,
    ``?`` or ``[``, a glob for a whole one. Where it has no capital letter, case does not matter.
    """
    names = _names(function)
    if pattern == pattern.lower():
        names = {name.lower() for name in names}
    if _WILDCARD.search(pattern):
        return any(fnmatchcase(name, pattern) for name in names)
    return any(pattern in name for name in names)


def _names(function: Function) -> set[str]:
    return {
        function.name,
        function.qualname,
        function.short_name,
        f"{function.module}.{function.qualname}",
    }


def select_functions(recording: Recording, pattern: str) -> dict[str, set[int]]:
    """Return the functions that are called ``pattern``, else those that it finds as ``matches``.

    They come as sets of indices, by the id of the node that the functions of a set are. A function
    is called by its own name (``loop``) or by a whole one that ``matches`` knows. Threads are not
    found.
    """
    names = node_names(recording, GraphQuery())
    for is_meant in (_is_called, matches):
        selected: defaultdict[str, set[int]] = defaultdict(set)
        for number, function in enumerate(recording.functions):
            if function.kind == "function" and is_meant(function, pattern):
                selected[names.ids[names.node_of_function[number]]].add(number)
        if selected:
            return dict(selected)
    return {}


def _is_called(function: Function, name: str) -> bool:
    return name in _names(function) or name == function.own_name


def find_functions(
    recording: Recording, pattern: str, decisions: Sequence[Decision] | None = None
) -> tuple[FoundFunction, ...]:
    """Return the functions that ``pattern`` finds, the most called first; threads are none.

    With ``decisions`` only what shows is found and counts as a caller, and paths leave the rest
    out.
    """
    decided = [_SHOWN] * len(recording.functions) if decisions is None else decisions
    query = GraphQuery(max_depth=None)
    names = node_names(recording, query)
    functions_of_id: defaultdict[str, set[int]] = defaultdict(set)
    for number, node_number in enumerate(names.node_of_function):
        function = recording.functions[number]
        # Functions of one name at one place are one node; classes' ancestors may differ.
        if function.kind != "thread" and decided[number].visible and matches(function, pattern):
            functions_of_id[names.ids[node_number]].add(number)
    if not functions_of_id:
        return ()
    graph = build_graph(recording, query, decided)
    nodes = {node.id: node for node in graph.nodes}
    found = [nodes[node_id] for node_id in functions_of_id if node_id in nodes]
    found.sort(key=lambda node: (-node.total_calls, node.name, node.id))
    callers: dict[str, list[Caller]] = {node.id: [] for node in found}
    for edge in graph.edges:
        if edge.target in callers:
            name = nodes[edge.source].name
            callers[edge.target].append(
                Caller(edge.source, name, edge.calls, edge.resumes, edge.bridged)
            )
    paths = shortest_paths(recording, [functions_of_id[node.id] for node in found], decisions)
    return tuple(
        FoundFunction(node=node, callers=tuple(_by_calls(callers[node.id])), path=path)
        for node, path in zip(found, paths, strict=True)
    )


def _by_calls(callers: Sequence[Caller]) -> Iterator[Caller]:
    return iter(sorted(callers, key=lambda caller: (-caller.calls, caller.name)))
