from __future__ import annotations

import pytest
from unit.graph.builders import call, decisions, edges, main, names, node, query

from callgraph_lab.graph.build import build_graph, build_graphs

# main calls a, which calls b through two hidden frames, and c directly.
PROGRAM = main(
    call(
        "m.main",
        call(
            "m.a",
            call("lib.one", call("lib.two", call("m.b", call("m.d"), calls=3)), calls=2),
            call("m.c", calls=5),
        ),
    )
)


def test_depth_one_is_what_the_thread_begins_with() -> None:
    graph = build_graph(PROGRAM, query(1), decisions(PROGRAM))
    assert names(graph) == ["m.main"]
    assert edges(graph) == {"MainThread > m.main": 1}
    assert node(graph, "m.main").min_depth == 1
    assert node(graph, "MainThread").min_depth == 0


def test_nothing_hidden_counts_every_frame() -> None:
    graph = build_graph(PROGRAM, query(3), decisions(PROGRAM))
    assert names(graph) == ["m.main", "m.a", "lib.one", "m.c"]
    assert graph.deepest == 6


def test_hidden_frames_use_up_no_depth() -> None:
    graph = build_graph(PROGRAM, query(3), decisions(PROGRAM, "lib"))
    assert names(graph) == ["m.main", "m.a", "m.b", "m.c"]
    assert edges(graph)["m.a ~> m.b"] == 3
    assert node(graph, "m.b").min_depth == 3
    assert graph.deepest == 4


def test_hidden_frames_use_up_depth_of_the_stack() -> None:
    hidden = decisions(PROGRAM, "lib")
    assert names(build_graph(PROGRAM, query(4, depth_by="stack"), hidden)) == [
        "m.main",
        "m.a",
        "m.c",
    ]
    graph = build_graph(PROGRAM, query(5, depth_by="stack"), hidden)
    assert names(graph) == ["m.main", "m.a", "m.b", "m.c"]
    assert (node(graph, "m.b").min_depth, graph.deepest) == (5, 6)


def test_a_bridge_says_how_many_frames_it_skips() -> None:
    graph = build_graph(PROGRAM, query(), decisions(PROGRAM, "lib"))
    skipped = {edge.target: edge.skipped_frames for edge in graph.edges}
    assert skipped == {"m.main": 0, "m.a": 0, "m.b": 2, "m.d": 0, "m.c": 0}


def test_bridged_and_direct_calls_are_two_edges() -> None:
    program = main(call("m.a", call("lib.x", call("m.b", calls=2)), call("m.b", calls=7)))
    graph = build_graph(program, query(), decisions(program, "lib"))
    assert edges(graph) == {"MainThread > m.a": 1, "m.a ~> m.b": 2, "m.a > m.b": 7}
    assert node(graph, "m.b").calls == 9


def test_the_longest_of_several_bridges_is_told() -> None:
    program = main(
        call("m.a", call("lib.x", call("m.b")), call("lib.y", call("lib.x", call("m.b"))))
    )
    graph = build_graph(program, query(), decisions(program, "lib"))
    assert [edge.skipped_frames for edge in graph.edges] == [0, 2]
    assert edges(graph)["m.a ~> m.b"] == 2


def test_recursion_of_hidden_frames_is_one_bridge() -> None:
    program = main(call("lib.r", call("lib.r", call("lib.r", call("m.leaf"), call("lib.r")))))
    graph = build_graph(program, query(1), decisions(program, "lib"))
    assert edges(graph) == {"MainThread ~> m.leaf": 1}
    assert graph.edges[0].skipped_frames == 3


def test_a_thread_shows_whatever_a_filter_says() -> None:
    program = main(call("m.a"))
    nothing = list(decisions(program, "m"))
    nothing = [type(item)(visible=False, rule="all", reason="") for item in nothing]
    graph = build_graph(program, query(), nothing)
    assert [item.name for item in graph.nodes] == ["MainThread"]
    assert [(rule.rule, rule.functions, rule.calls) for rule in graph.hidden] == [("all", 1, 1)]
    assert graph.deepest == 0


def test_calls_at_the_depth_and_at_any() -> None:
    program = main(call("m.a", call("m.b", calls=3, resumes=1), call("m.a", call("m.b", calls=4))))
    graph = build_graph(program, query(2), decisions(program))
    b = node(graph, "m.b")
    assert (b.calls, b.resumes, b.total_calls) == (3, 1, 7)
    assert node(build_graph(program, query(), decisions(program)), "m.b").calls == 7


def test_min_depth_is_the_shallowest() -> None:
    program = main(call("m.a", call("m.b", call("m.c"))), call("m.c"))
    graph = build_graph(program, query(), decisions(program))
    assert node(graph, "m.c").min_depth == 1
    assert node(graph, "m.b").min_depth == 2


def test_what_was_hidden_is_accounted_for_by_rule() -> None:
    program = main(
        call("m.a", call("lib.x", call("log.y", calls=10), calls=2), call("lib.z", calls=3))
    )
    graph = build_graph(program, query(1), decisions(program, "lib", "log"))
    hidden = [(item.rule, item.functions, item.calls) for item in graph.hidden]
    assert hidden == [("lib", 2, 5), ("log", 1, 10)]
    assert (graph.hidden_functions, graph.hidden_calls) == (3, 15)


def test_a_function_that_never_ran_is_not_hidden() -> None:
    program = main(call("m.a"), call("lib.x"))
    program.tree.function[2] = 1
    assert build_graph(program, query(), decisions(program, "lib")).hidden == ()


def test_depth_zero_shows_threads_alone() -> None:
    graph = build_graph(PROGRAM, query(0), decisions(PROGRAM))
    assert [item.name for item in graph.nodes] == ["MainThread"]
    assert graph.edges == ()


def test_an_empty_recording_has_an_empty_graph() -> None:
    program = main()
    del program.tree.parent[:], program.tree.function[:]
    for column in ("calls", "resumes", "suspensions", "inclusive_ns", "self_ns", "open_calls"):
        del getattr(program.tree, column)[:]
    graph = build_graph(program, query(), decisions(program))
    assert (graph.nodes, graph.edges, graph.deepest) == ((), (), 0)


@pytest.mark.parametrize("depth_by", ["visible", "stack"])
@pytest.mark.parametrize("hidden", [(), ("lib",), ("m.a",), ("m", "lib")])
def test_several_depths_at_once_are_the_graphs_one_by_one(
    hidden: tuple[str, ...], depth_by: str
) -> None:
    decided = decisions(PROGRAM, *hidden)
    depths = (4, None, 1, 0, 2, 99, 4)
    at_once = build_graphs(PROGRAM, query(7, depth_by=depth_by), decided, depths)
    assert list(at_once) == [
        build_graph(PROGRAM, query(depth, depth_by=depth_by), decided) for depth in depths
    ]


def test_the_longest_bridge_is_told_whichever_depth_it_is_at() -> None:
    program = main(
        call("m.a", call("lib.x", call("lib.x", call("m.b")))),
        call("m.c", call("m.a", call("lib.x", call("m.b")))),
    )
    graphs = build_graphs(program, query(), decisions(program, "lib"), (1, 2, 3))
    skipped = [edge.skipped_frames for edge in graphs[-1].edges if edge.target == "m.b"]
    assert skipped == [2]


def test_no_depths_no_graphs() -> None:
    assert build_graphs(PROGRAM, query(), decisions(PROGRAM), ()) == ()
