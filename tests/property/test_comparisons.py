"""Comparisons of random trees: nothing differs from itself, and neither side is special."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from property.test_graph_properties import DEPTH_BY, HIDDEN, PROGRAMS
from unit.graph.builders import decisions, query, recording

from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.call_chains import call_chains
from callgraph_lab.graph.compare import compare_graphs, only_differences
from callgraph_lab.graph.neighbours import callees_by_level, callers_by_level
from callgraph_lab.graph.search import select_functions
from callgraph_lab.render.diff_drawing import draw_comparison

if TYPE_CHECKING:
    from unit.graph.builders import Call

    from callgraph_lab.graph.compare import GraphComparison
    from callgraph_lab.model import CallGraph

DEPTHS = st.one_of(st.none(), st.integers(1, 6))


def graph_of(threads: list[Call], hidden: list[str], max_depth: int | None, by: Any) -> CallGraph:
    program = recording(*threads)
    return build_graph(program, query(max_depth, depth_by=by), decisions(program, *hidden))


def facts(comparison: GraphComparison, *, mirrored: bool = False) -> tuple[set[Any], set[Any]]:
    """Return functions and edges in a form without order, or with the sides changed over."""

    def sides(item: Any) -> tuple[Any, Any]:
        return (item.b, item.a) if mirrored else (item.a, item.b)

    functions = {item.id: sides(item) for item in comparison.functions}
    edges = set()
    for edge in comparison.edges:
        ends = [functions[end] for end in (edge.source, edge.target)]
        figures = tuple(
            side and (side.calls, side.resumes, side.inclusive_ns, side.bridged)
            for side in sides(edge)
        )
        edges.add((*ends, figures))
    return set(functions.values()), edges


@given(PROGRAMS, HIDDEN, DEPTHS, DEPTH_BY)
@settings(max_examples=60)
def test_nothing_differs_from_itself(
    threads: list[Call], hidden: list[str], max_depth: int | None, by: str
) -> None:
    graph = graph_of(threads, hidden, max_depth, by)
    comparison = compare_graphs(graph, graph)
    assert comparison.is_empty
    assert all(item.side == "both" and item.a is item.b for item in comparison.functions)
    assert len(comparison.functions) == len(graph.nodes)
    assert all(item.function.kind == "thread" for item in only_differences(comparison).functions)


@given(PROGRAMS, PROGRAMS, HIDDEN, DEPTHS, DEPTH_BY)
@settings(max_examples=100)
def test_a_comparison_mirrored_is_that_of_the_other_order(
    one: list[Call], other: list[Call], hidden: list[str], max_depth: int | None, by: str
) -> None:
    graph_a = graph_of(one, hidden, max_depth, by)
    graph_b = graph_of(other, hidden, max_depth, by)
    there, back = compare_graphs(graph_a, graph_b), compare_graphs(graph_b, graph_a)
    assert facts(there) == facts(back, mirrored=True)
    # Nothing is lost: each side's figures are those of its own graph.
    assert sorted(item.a.id for item in there.functions if item.a) == sorted(
        item.id for item in graph_a.nodes
    )
    for graph, edges in (
        (graph_a, [edge.a for edge in there.edges if edge.a]),
        (graph_b, [edge.b for edge in there.edges if edge.b]),
    ):
        assert sum(edge.calls for edge in edges) == sum(edge.calls for edge in graph.edges)


@given(PROGRAMS, PROGRAMS, st.integers(2, 8))
@settings(max_examples=60)
def test_a_folded_drawing_conserves_the_calls_of_both_sides(
    one: list[Call], other: list[Call], max_nodes: int
) -> None:
    comparison = compare_graphs(
        graph_of(one, [], None, "visible"), graph_of(other, [], None, "visible")
    )
    drawn = draw_comparison(comparison, max_nodes=max_nodes)
    assert len(drawn.drawing.nodes) + len(drawn.drawing.folds) <= max_nodes
    assert all((edge.source, edge.target) in drawn.edges for edge in drawn.drawing.edges)
    for side in ("a", "b"):
        drawn_sides = [getattr(edge, side) for edge in drawn.edges.values()]
        all_sides = [getattr(edge, side) for edge in comparison.edges]
        assert sum(edge.calls for edge in drawn_sides if edge) == sum(
            edge.calls for edge in all_sides if edge
        )


@given(PROGRAMS, HIDDEN)
@settings(max_examples=100)
def test_chains_and_levels_account_for_every_call(threads: list[Call], hidden: list[str]) -> None:
    program = recording(*threads)
    decided = decisions(program, *hidden)
    tree = program.tree
    for functions in select_functions(program, "*").values():
        own = [context for context, number in enumerate(tree.function) if number in functions]
        entered = [at for at in own if tree.calls[at] or tree.resumes[at] or tree.open_calls[at]]
        calls = sum(tree.calls[context] for context in own)
        chains = call_chains(program, functions, decisions=decided)
        assert sum(chain.steps[-1].calls + chain.calls_below for chain in chains) == calls
        assert [chain.length for chain in chains] == sorted(chain.length for chain in chains)
        first, *_ = callers_by_level(program, functions, depth=1, decisions=decided) or [None]
        assert sum(item.calls for item in first.neighbours) == calls if first else not entered
        direct = callees_by_level(program, functions, depth=1)
        below = [at for at, parent in enumerate(tree.parent) if parent in set(entered)]
        assert sum(item.calls for level in direct for item in level.neighbours) == sum(
            tree.calls[context] for context in below
        )
