from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from unit.graph.builders import RUN, call, decisions, main, query, recording, thread
from unit.graph.test_slicing import server
from unit.render.samples import graph, node

from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.compare import (
    GraphComparison,
    are_different_programs,
    compare_graphs,
    only_differences,
)
from callgraph_lab.graph.same_functions import pair_nodes
from callgraph_lab.graph.slicing import select_slice
from callgraph_lab.memory_model import NodeMemory
from callgraph_lab.model import Function

if TYPE_CHECKING:
    from callgraph_lab.model import GraphNode, Recording


def compared(
    program_a: Recording, program_b: Recording, hidden: str = "-", max_depth: int | None = None
) -> GraphComparison:
    return compare_graphs(
        *(
            build_graph(program, query(max_depth), decisions(program, hidden))
            for program in (program_a, program_b)
        )
    )


def calls(comparison: GraphComparison) -> dict[str, tuple[int | None, int | None]]:
    """Return the calls on both sides, by name."""
    return {
        item.name: (item.a and item.a.calls, item.b and item.b.calls)
        for item in comparison.functions
        if item.function.kind == "function"
    }


def edge_calls(comparison: GraphComparison) -> dict[str, tuple[int | None, int | None]]:
    return {
        f"{edge.source} > {edge.target}": (edge.a and edge.a.calls, edge.b and edge.b.calls)
        for edge in comparison.edges
    }


A = main(
    call(
        "m.main",
        call("m.put", call("m.write", calls=6, self_ns=20), calls=2),
        call("m.log", calls=3, self_ns=5),
        call("m.same", call("m.below")),
    )
)
B = main(
    call(
        "m.main",
        call("m.get", call("m.write", calls=1)),
        call("m.log", calls=7, self_ns=8),
        call("m.same", call("m.below")),
    )
)


def test_only_here_only_there_and_how_much_more() -> None:
    comparison = compared(A, B)
    assert calls(comparison) == {
        "m.main": (1, 1),
        "m.put": (2, None),
        "m.write": (6, 1),
        "m.log": (3, 7),
        "m.same": (1, 1),
        "m.below": (1, 1),
        "m.get": (None, 1),
    }
    assert edge_calls(comparison) == {
        "thread MainThread > m.main": (1, 1),
        "m.main > m.put": (2, None),
        "m.put > m.write": (6, None),
        "m.main > m.log": (3, 7),
        "m.main > m.same": (1, 1),
        "m.same > m.below": (1, 1),
        "m.main > m.get": (None, 1),
        "m.get > m.write": (None, 1),
    }
    by_name = {item.name: item for item in comparison.functions}
    assert by_name["m.log"].values("inclusive") == (5, 8)
    assert by_name["m.put"].values("self") == (1, 0)
    assert [by_name[name].side for name in ("m.put", "m.get", "m.log")] == ["a", "b", "both"]
    counts = {side: comparison.count(side) for side in ("a", "b", "both", "changed", "same")}  # type: ignore[arg-type]
    assert counts == {"a": 1, "b": 1, "both": 5, "changed": 2, "same": 3}
    assert not comparison.is_empty


def test_nothing_differs_from_itself() -> None:
    comparison = compared(A, A)
    assert comparison.is_empty
    assert comparison.count("same") == comparison.count("both") == 6
    assert [item.name for item in only_differences(comparison).functions] == ["MainThread"]


def test_times_alone_are_no_difference_but_resumes_are() -> None:
    slower = main(call("m.f", self_ns=99))
    assert compared(main(call("m.f")), slower).is_empty
    assert not compared(main(call("m.f")), main(call("m.f", resumes=1))).is_empty


def test_the_rules_of_depth_and_filters_hold() -> None:
    assert set(calls(compared(A, B, max_depth=2))) == {
        "m.main",
        "m.put",
        "m.log",
        "m.same",
        "m.get",
    }
    hidden = compared(A, B, hidden="m.put")
    assert "m.put" not in calls(hidden)
    assert edge_calls(hidden)["m.main > m.write"] == (6, None)


def test_a_bridged_edge_and_a_direct_one_are_one() -> None:
    both_ways = main(call("m.a", call("m.b", calls=2), call("lib.x", call("m.b", calls=3))))
    direct = main(call("m.a", call("m.b", calls=5)))
    comparison = compared(both_ways, direct, hidden="lib")
    assert comparison.is_empty
    (edge,) = (edge for edge in comparison.edges if edge.source == "m.a")
    assert edge.a is not None
    assert (edge.a.calls, edge.a.bridged, edge.a.skipped_frames) == (5, False, 1)


def test_only_differences_keeps_what_leads_to_them() -> None:
    shown = only_differences(compared(A, B))
    assert {item.name for item in shown.functions} == {
        "MainThread", "m.main", "m.put", "m.get", "m.write", "m.log",
    }  # fmt: skip
    assert len(shown.edges) == 6


def test_two_functions_called_as_often_along_other_edges() -> None:
    one = main(call("m.a", call("m.c")), call("m.b"))
    other = main(call("m.a"), call("m.b", call("m.c")))
    comparison = compared(one, other)
    assert comparison.count("same") == 3
    assert not comparison.is_empty
    assert {item.name for item in only_differences(comparison).functions} == {
        "MainThread", "m.a", "m.b", "m.c",
    }  # fmt: skip


def test_slices_are_compared_as_recordings_are() -> None:
    comparison = compared(select_slice(server(), "STOR"), select_slice(server(), "login"))
    assert calls(comparison) == {
        "m.command": (2, None),
        "m.stor": (2, None),
        "m.open": (1, None),
        "m.read": (4, None),
        "m.write": (3, None),
        "m.login": (None, 1),
    }


def placed(
    id_: str, qualname: str, file: str, line: int, class_name: str | None = None
) -> GraphNode:
    return node(id_, Function("m", qualname, file=file, line=line, class_name=class_name))


def pairs(nodes_a: list[GraphNode], nodes_b: list[GraphNode]) -> set[tuple[str | None, str | None]]:
    one_way = {(a and a.id, b and b.id) for a, b in pair_nodes(nodes_a, nodes_b)}
    assert {(a and a.id, b and b.id) for b, a in pair_nodes(nodes_b, nodes_a)} == one_way
    return one_way


@pytest.mark.parametrize(
    ("nodes_a", "nodes_b", "expected"),
    [
        pytest.param(
            [placed("1", "f", "/x/m.py", 10)],
            [placed("2", "f", "/x/m.py", 99)],
            {("1", "2")},
            id="moved within its file",
        ),
        pytest.param(
            [placed("1", "f", "/python3.11/m.py", 10)],
            [placed("2", "f", "/other/m.py", 12)],
            {("1", "2")},
            id="in another folder",
        ),
        pytest.param(
            [placed("1", "A.f", "/x/m.py", 10, "m:A")],
            [placed("2", "A.f", "/x/m.py", 10, "m:B")],
            {("1", None), (None, "2")},
            id="of another class",
        ),
        pytest.param(
            [placed("1", "<lambda>", "/x/m.py", 10), placed("2", "<lambda>", "/x/m.py", 20)],
            [placed("3", "<lambda>", "/x/m.py", 30), placed("4", "<lambda>", "/x/m.py", 20)],
            {("1", "4"), ("2", "3")},
            id="as many of one name: in their order",
        ),
        pytest.param(
            [placed("1", "<lambda>", "/x/m.py", 10), placed("2", "<lambda>", "/x/m.py", 20)],
            [placed("4", "<lambda>", "/x/m.py", 20)],
            {("1", None), ("2", "4")},
            id="one gone: the other stayed where it was",
        ),
        pytest.param(
            [placed("1", "main", "/a/one.py", 1), placed("2", "main", "/a/two.py", 1)],
            [placed("3", "main", "/b/two.py", 5), placed("4", "main", "/b/one.py", 5)],
            {("1", "4"), ("2", "3")},
            id="two scripts: by the file's name",
        ),
    ],
)
def test_pairs(
    nodes_a: list[GraphNode],
    nodes_b: list[GraphNode],
    expected: set[tuple[str | None, str | None]],
) -> None:
    assert pairs(nodes_a, nodes_b) == expected


def test_threads_are_paired_without_their_numbers() -> None:
    several = recording(thread("w-1", call("m.f")), thread("w-2", call("m.f")))
    one = recording(thread("w-7", call("m.f", calls=2)))
    assert compared(several, one).is_empty


def test_ids_stay_distinct() -> None:
    one = graph([node("m.f", Function("m", "f", file="/a.py", class_name="m:A"))])
    other = graph([node("m.f", Function("m", "f", file="/a.py", class_name="m:B"))])
    comparison = compare_graphs(one, other)
    assert [item.id for item in comparison.functions] == ["m.f", "m.f#2"]


def test_different_programs() -> None:
    assert are_different_programs(RUN, replace(RUN, target="y.py"))
    assert not are_different_programs(RUN, replace(RUN, target="/elsewhere/x.py"))


def test_bytes_are_a_difference_only_where_they_are_asked_for() -> None:
    less, more = (
        graph(
            [
                node("main", memory=NodeMemory(net_bytes=5)),
                node("hold", memory=NodeMemory(allocated_bytes=9, net_bytes=net_bytes)),
            ]
        )
        for net_bytes in (7, 8)
    )
    comparison = compare_graphs(less, more)
    assert comparison.has_memory
    assert comparison.is_empty
    assert comparison.is_alike("allocated")
    assert not comparison.is_alike("net")
    assert comparison.count("changed", "net") == 1
    assert comparison.count("same", "net") == 1
    shown = only_differences(comparison, "net").functions
    assert [(item.name, item.values("net")) for item in shown] == [("app.hold", (7, 8))]
    assert not compare_graphs(less, graph([node("main")])).has_memory
