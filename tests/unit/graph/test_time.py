from __future__ import annotations

from typing import TYPE_CHECKING

from unit.graph.builders import call, decisions, main, node, query, recording, thread

from callgraph_lab.graph.build import build_graph

if TYPE_CHECKING:
    from callgraph_lab.model import CallGraph, Recording


def whole(program: Recording, *hidden: str) -> CallGraph:
    return build_graph(program, query(), decisions(program, *hidden))


def edge_ns(graph: CallGraph, source: str, target: str) -> int:
    return sum(
        edge.inclusive_ns for edge in graph.edges if (edge.source, edge.target) == (source, target)
    )


def test_direct_recursion_counts_once() -> None:
    program = main(call("m.f", call("m.f", call("m.f", self_ns=1), self_ns=10), self_ns=100))
    graph = whole(program)
    assert (node(graph, "m.f").inclusive_ns, node(graph, "m.f").self_ns) == (111, 111)
    assert edge_ns(graph, "thread MainThread", "m.f") == 111
    assert edge_ns(graph, "m.f", "m.f") == 11


def test_mutual_recursion_counts_once() -> None:
    program = main(call("m.f", call("m.g", call("m.f", call("m.g", self_ns=1), self_ns=2))))
    graph = whole(program)
    assert node(graph, "m.f").inclusive_ns == 5
    assert node(graph, "m.g").inclusive_ns == 4
    assert edge_ns(graph, "m.f", "m.g") == 4
    assert edge_ns(graph, "m.g", "m.f") == 3


def test_recursion_through_hidden_frames_counts_once() -> None:
    inner = call("m.f", self_ns=7)
    program = main(call("m.f", call("lib.x", call("lib.y", inner, self_ns=1), self_ns=2)))
    graph = whole(program, "lib")
    assert node(graph, "m.f").inclusive_ns == 11
    assert edge_ns(graph, "m.f", "m.f") == 7


def test_calls_beside_each_other_add_up() -> None:
    program = main(
        call("m.f", call("m.f", self_ns=5), self_ns=1), call("m.f", self_ns=20), call("m.g")
    )
    assert node(whole(program), "m.f").inclusive_ns == 26


def test_time_below_the_depth_stays_in_inclusive() -> None:
    program = main(call("m.a", call("m.b", call("m.c", self_ns=50), self_ns=3), self_ns=1))
    graph = build_graph(program, query(1), decisions(program))
    assert (node(graph, "m.a").inclusive_ns, node(graph, "m.a").self_ns) == (54, 1)


def test_time_of_threads_adds_up() -> None:
    program = recording(
        thread("worker-1", call("m.w", self_ns=10)), thread("worker-2", call("m.w", self_ns=5))
    )
    graph = whole(program)
    assert node(graph, "m.w").inclusive_ns == 15
    assert node(graph, "worker-N").inclusive_ns == 15


def test_open_calls_and_suspended_generators_are_apart() -> None:
    program = main(call("m.serve", call("m.gen", calls=3, resumes=5, suspensions=7), open_calls=1))
    graph = whole(program)
    assert (node(graph, "m.serve").open_calls, node(graph, "m.serve").suspended) == (1, 0)
    assert (node(graph, "m.gen").open_calls, node(graph, "m.gen").suspended) == (0, 2)
