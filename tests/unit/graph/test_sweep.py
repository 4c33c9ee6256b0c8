from __future__ import annotations

from unit.graph.builders import call, decisions, main, query

from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.sweep import sweep

PROGRAM = main(
    call("m.main", call("m.light", self_ns=1), call("m.heavy", call("lib.x", call("m.leaf")))),
)


def test_each_step_has_its_graph_and_its_newcomers_heaviest_first() -> None:
    steps = sweep(PROGRAM, query(), decisions(PROGRAM), range(1, 6))
    assert [step.depth for step in steps] == [1, 2, 3, 4, 5]
    assert [[item.name for item in step.newcomers] for step in steps] == [
        ["m.main"],
        ["m.heavy", "m.light"],
        ["lib.x"],
        ["m.leaf"],
        [],
    ]
    for step in steps:
        assert step.graph == build_graph(PROGRAM, query(step.depth), decisions(PROGRAM))
    assert [step.is_beyond_deepest for step in steps] == [False, False, False, False, True]


def test_hidden_functions_are_no_newcomers() -> None:
    steps = sweep(PROGRAM, query(), decisions(PROGRAM, "lib"), (3, 4))
    assert [[item.name for item in step.newcomers] for step in steps] == [["m.leaf"], []]
    assert [step.is_beyond_deepest for step in steps] == [False, True]


def test_depth_one_is_always_shown() -> None:
    (step,) = sweep(main(), query(), decisions(main()), (1,))
    assert not step.is_beyond_deepest
    assert step.newcomers == ()


def test_depths_come_back_in_the_order_asked_for() -> None:
    steps = sweep(PROGRAM, query(), decisions(PROGRAM), (3, 1, 2, 1))
    assert [len(step.graph.nodes) for step in steps] == [5, 2, 4, 2]
