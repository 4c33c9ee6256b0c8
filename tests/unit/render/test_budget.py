from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from unit.render.samples import edge, function, graph, node, thread

from callgraph_lab.render.budget import FEWEST_NODES, apply_node_budget
from callgraph_lab.render.drawing import Drawing

if TYPE_CHECKING:
    from callgraph_lab.model import CallGraph


def wide_graph(leaves: int) -> CallGraph:
    """A thread calls main, which calls so many leaves, the first the heaviest."""
    nodes = [thread(inclusive_ns=10**9), node("main", inclusive_ns=10**9)]
    edges = [edge("t", "main", inclusive_ns=10**9)]
    for number in range(leaves):
        weight = (leaves - number) * 1_000
        nodes.append(node(f"leaf{number}", inclusive_ns=weight, calls=number + 1, min_depth=2))
        edges.append(edge("main", f"leaf{number}", inclusive_ns=weight, calls=number + 1))
    return graph(nodes, edges)


@st.composite
def graphs(draw: st.DrawFn) -> CallGraph:
    """Any graph at all: with rings, islands, several threads, bridged and double edges."""
    size = draw(st.integers(1, 25))
    nodes = []
    for number in range(size):
        figures = {
            "calls": draw(st.integers(0, 9)),
            "resumes": draw(st.integers(0, 3)),
            "inclusive_ns": draw(st.integers(0, 50)),
            "min_depth": draw(st.integers(1, 6)),
        }
        if draw(st.integers(0, 9)) == 0:
            nodes.append(thread(str(number), f"T{number}", **(figures | {"min_depth": 0})))
        else:
            module = draw(st.sampled_from(["a", "b", "c"]))
            nodes.append(node(str(number), function(f"f{number}", module=module), **figures))
    ends = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1), st.booleans())
    edges = [
        edge(
            str(source),
            str(target),
            bridged=bridged,
            skipped_frames=draw(st.integers(1, 5)) if bridged else 0,
            calls=draw(st.integers(0, 9)),
            resumes=draw(st.integers(0, 3)),
            inclusive_ns=draw(st.integers(0, 50)),
        )
        for source, target, bridged in draw(st.lists(ends, unique=True, max_size=60))
    ]
    return graph(nodes, edges)


@given(graphs(), st.integers(0, 30))
def test_the_budget_is_kept_and_nothing_is_lost(whole: CallGraph, most: int) -> None:
    drawing = apply_node_budget(whole, max_nodes=most)
    assert len(drawing.nodes) + len(drawing.folds) <= max(most, FEWEST_NODES)
    members = [each.id for each in drawing.nodes]
    members += [each.id for fold in drawing.folds for each in fold.members]
    assert sorted(members) == sorted(each.id for each in whole.nodes)
    assert all(len(fold.members) > 1 for fold in drawing.folds)


@given(graphs(), st.integers(0, 30))
def test_calls_and_resumes_are_conserved(whole: CallGraph, most: int) -> None:
    drawing = apply_node_budget(whole, max_nodes=most)
    drawn = [*drawing.nodes, *drawing.folds]
    assert sum(each.calls for each in drawn) == sum(each.calls for each in whole.nodes)
    assert sum(each.resumes for each in drawn) == sum(each.resumes for each in whole.nodes)
    assert sum(each.self_ns for each in drawn) == sum(each.self_ns for each in whole.nodes)
    calls = sum(each.calls for each in drawing.edges) + sum(f.inner_calls for f in drawing.folds)
    assert calls == sum(each.calls for each in whole.edges)
    resumes = sum(e.resumes for e in drawing.edges) + sum(f.inner_resumes for f in drawing.folds)
    assert resumes == sum(each.resumes for each in whole.edges)


@given(graphs(), st.integers(0, 30))
def test_edges_lead_between_what_is_drawn_and_are_merged(whole: CallGraph, most: int) -> None:
    drawing = apply_node_budget(whole, max_nodes=most)
    ids = {each.id for each in (*drawing.nodes, *drawing.folds)}
    keys = [(each.source, each.target, each.bridged) for each in drawing.edges]
    assert all(source in ids and target in ids for source, target, _ in keys)
    assert len(set(keys)) == len(keys)
    folds = {fold.id for fold in drawing.folds}
    assert not [key for key in keys if key[0] == key[1] and key[0] in folds]


@given(graphs(), st.integers(2, 30))
def test_what_a_root_reached_is_still_reached(whole: CallGraph, most: int) -> None:
    drawing = apply_node_budget(whole, max_nodes=most)
    drawn_as = {each.id: each.id for each in drawing.nodes}
    drawn_as |= {each.id: fold.id for fold in drawing.folds for each in fold.members}
    roots = {each.id for each in whole.nodes if each.function.kind == "thread"}
    before = reached({(each.source, each.target) for each in whole.edges}, roots)
    after = reached(
        {(each.source, each.target) for each in drawing.edges}, {drawn_as[id_] for id_ in roots}
    )
    assert {drawn_as[id_] for id_ in before} <= after


def reached(edges: set[tuple[str, str]], start: set[str]) -> set[str]:
    seen: set[str] = set()
    waiting = list(start)
    while waiting:
        seen.add(waiting.pop())
        waiting += [target for source, target in edges if source in seen and target not in seen]
    return seen


def test_a_graph_within_the_budget_is_left_alone() -> None:
    whole = wide_graph(3)
    assert apply_node_budget(whole, max_nodes=5) == Drawing(whole, whole.nodes, (), whole.edges)


def test_the_lightest_are_folded_beside_their_caller() -> None:
    drawing = apply_node_budget(wide_graph(20), max_nodes=10)
    assert [each.id for each in drawing.nodes] == ["t", "main", *(f"leaf{n}" for n in range(7))]
    (fold,) = drawing.folds
    assert len(fold.members) == 13
    assert fold.calls == sum(range(8, 21))
    into = [each for each in drawing.edges if each.target == fold.id]
    assert [(each.source, each.calls) for each in into] == [("main", sum(range(8, 21)))]


def test_the_way_to_a_heavy_function_is_kept_though_light_itself() -> None:
    # As where a callback does the work: the frames between were entered, and timed, elsewhere.
    whole = graph(
        [
            thread(inclusive_ns=100),
            node("light1", inclusive_ns=1),
            node("light2", inclusive_ns=1, min_depth=2),
            node("heavy", inclusive_ns=90, min_depth=3),
            *(node(f"other{n}", inclusive_ns=5) for n in range(20)),
        ],
        [
            edge("t", "light1", inclusive_ns=1),
            edge("light1", "light2", inclusive_ns=1),
            edge("light2", "heavy", inclusive_ns=90),
            *(edge("t", f"other{n}", inclusive_ns=5) for n in range(20)),
        ],
    )
    kept = {each.id for each in apply_node_budget(whole, max_nodes=6).nodes}
    assert kept >= {"t", "light1", "light2", "heavy"}


def test_thread_roots_stay_while_there_is_room() -> None:
    nodes = [thread(f"t{n}", f"T{n}", inclusive_ns=0) for n in range(4)]
    nodes += [node(f"f{n}", inclusive_ns=1_000) for n in range(30)]
    whole = graph(nodes, [edge(f"t{n % 4}", f"f{n}") for n in range(30)])
    kept = {each.id for each in apply_node_budget(whole, max_nodes=12).nodes}
    assert kept >= {"t0", "t1", "t2", "t3"}


def test_more_threads_than_the_budget_become_one_fold() -> None:
    whole = graph([thread(f"t{n}", f"Worker-{n}") for n in range(100)])
    drawing = apply_node_budget(whole, max_nodes=10)
    assert len(drawing.nodes) == 9
    assert [len(fold.members) for fold in drawing.folds] == [91]


def test_a_fold_never_takes_the_id_of_a_node() -> None:
    whole = graph([node("fold-0", inclusive_ns=5), *(node(f"n{n}") for n in range(9))])
    drawing = apply_node_budget(whole, max_nodes=3)
    assert "fold-0" not in {fold.id for fold in drawing.folds}
