"""Which functions of two graphs are the same one: by name, class and file, not by line."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from callgraph_lab.graph.names import without_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from callgraph_lab.model import Function, GraphNode

Pair = tuple["GraphNode | None", "GraphNode | None"]


def pair_nodes(nodes_a: Sequence[GraphNode], nodes_b: Sequence[GraphNode]) -> list[Pair]:
    """Return each function of two graphs once, with its node on either side, or None.

    One name, of one class, is one function, wherever it stands in its file: code moves. Its file
    decides only between several of that name (lambdas, functions in functions, ``main`` of two
    scripts), and the order of their lines between those of one file. Threads are paired by their
    names without numbers. The order is that of ``nodes_a``, then what only ``nodes_b`` has.
    """
    groups_a, groups_b = _by_identity(nodes_a), _by_identity(nodes_b)
    partner: dict[str, GraphNode] = {}
    for identity, group_a in groups_a.items():
        partner.update(_partners(group_a, groups_b.get(identity, [])))
    paired = {node.id for node in partner.values()}
    pairs: list[Pair] = [(node, partner.get(node.id)) for node in nodes_a]
    pairs += [(None, node) for node in nodes_b if node.id not in paired]
    return pairs


def _by_identity(nodes: Iterable[GraphNode]) -> dict[tuple[str, ...], list[GraphNode]]:
    groups: defaultdict[tuple[str, ...], list[GraphNode]] = defaultdict(list)
    for node in nodes:
        groups[_identity(node)].append(node)
    for group in groups.values():
        group.sort(key=lambda node: (node.function.file, node.function.line))
    return groups


def _identity(node: GraphNode) -> tuple[str, ...]:
    if node.function.kind == "thread":
        return ("thread", without_numbers(node.name))
    return ("function", node.name, node.function.class_name or "", node.function.qualname)


def _partners(group_a: list[GraphNode], group_b: list[GraphNode]) -> dict[str, GraphNode]:
    """Pair what has one name: in the same file, in a file of the same name, in whatever file."""
    places: list[Callable[[Function], object]] = [
        lambda function: function.file,
        lambda function: function.file.rpartition("/")[2],
        lambda _: None,
    ]
    if len(group_a) != len(group_b):
        # One has come or gone: those that stayed where they were are known by that.
        places.insert(0, lambda function: (function.file, function.line))
    partners: dict[str, GraphNode] = {}
    for place in places:
        candidates: defaultdict[object, list[GraphNode]] = defaultdict(list)
        for node in group_b:
            candidates[place(node.function)].append(node)
        for node in group_a:
            if same := candidates[place(node.function)]:
                partners[node.id] = same.pop(0)
        paired = {node.id for node in partners.values()}
        group_a = [node for node in group_a if node.id not in partners]
        group_b = [node for node in group_b if node.id not in paired]
    return partners
