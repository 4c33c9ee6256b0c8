from __future__ import annotations

from typing import TYPE_CHECKING

from unit.render.samples import edge, function, graph, node, run, thread

from callgraph_lab.render.arrangement import clusters, direction
from callgraph_lab.render.budget import apply_node_budget
from callgraph_lab.render.dot import drawing_to_dot

if TYPE_CHECKING:
    from callgraph_lab.model import CallGraph


def arranged(whole: CallGraph, most: int = 80) -> list[tuple[str | None, list[str]]]:
    drawing = apply_node_budget(whole, max_nodes=most)
    return [(module, [each.id for each in group]) for module, group in clusters(drawing)]


def test_functions_stand_with_their_module_and_threads_outside() -> None:
    whole = graph(
        [
            thread(),
            node("a", function("a", module="one")),
            node("b", function("b", module="two"), min_depth=2),
            node("c", function("c", module="one"), min_depth=2),
        ],
        [edge("t", "a"), edge("a", "b"), edge("a", "c")],
    )
    assert arranged(whole) == [(None, ["t"]), ("one", ["a", "c"]), ("two", ["b"])]


def test_a_module_that_calls_come_back_to_has_a_cluster_for_each_visit() -> None:
    whole = graph(
        [
            node("loop", function("loop", module="ioloop")),
            node("read", function("read", module="asyncore"), min_depth=2),
            node("handle", function("handle", module="ioloop"), min_depth=3),
            node("poll", function("poll", module="ioloop"), min_depth=2),
        ],
        [edge("loop", "read"), edge("read", "handle"), edge("loop", "poll")],
    )
    assert arranged(whole) == [
        ("ioloop", ["loop", "poll"]),
        ("asyncore", ["read"]),
        ("ioloop", ["handle"]),
    ]


def test_recursion_between_modules_ends() -> None:
    whole = graph(
        [node("a", function("a", module="one")), node("b", function("b", module="two"))],
        [edge("a", "b"), edge("b", "a")],
    )
    assert sorted(arranged(whole)) == [("one", ["a"]), ("two", ["b"])]


def test_a_fold_of_one_module_stands_in_it_and_of_several_outside() -> None:
    light = [node(f"x{n}", function(f"x{n}", module="one"), inclusive_ns=1) for n in range(9)]
    whole = graph(
        [node("a", function("a", module="one"), inclusive_ns=99), *light],
        [edge("a", each.id, inclusive_ns=1) for each in light],
    )
    assert arranged(whole, 3) == [("one", ["a", "x0", "fold-0"])]
    mixed = [*light, node("y", function("y", module="two"), inclusive_ns=0)]
    whole = graph([*whole.nodes[:1], *mixed], [edge("a", each.id) for each in mixed])
    assert (None, ["fold-0"]) in arranged(whole, 3)


def test_a_wide_graph_runs_left_right_and_a_deep_one_top_down() -> None:
    wide = [node("m", "main"), *(node(f"f{n}", min_depth=2) for n in range(30))]
    fan = graph(wide, [edge("m", f"f{n}") for n in range(30)])
    assert direction(apply_node_budget(fan)) == "LR"
    deep = [node(f"f{n}", min_depth=n + 1) for n in range(30)]
    chain = graph(deep, [edge(f"f{n}", f"f{n + 1}") for n in range(29)])
    assert direction(apply_node_budget(chain)) == "TB"
    assert direction(apply_node_budget(graph([]))) == "TB"


def test_every_cluster_is_drawn_though_two_are_of_one_module() -> None:
    whole = graph(
        [node(n, function(n, module=m)) for n, m in (("a", "one"), ("b", "two"), ("c", "one"))],
        [edge("a", "b"), edge("b", "c")],
    )
    assert drawing_to_dot(apply_node_budget(whole), run()).count("subgraph cluster_") == 3
