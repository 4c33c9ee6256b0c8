from __future__ import annotations

from unit.graph.builders import call, decisions, main
from unit.graph.test_call_chains import numbers, server

from callgraph_lab.graph.nearest import nearest_reached, similar_names
from callgraph_lab.graph.reached import contexts_below, entered_contexts
from callgraph_lab.graph.within import look_within

PROGRAM = main(
    call(
        "m.loop",
        call("m.command", call("m.open", call("lib.file"))),
        call("lib.poll", call("m.read", call("m.write"))),
        call("m.other", call("m.open", call("lib.file", call("m.flush", call("m.sync"))))),
    )
)


def below(name: str) -> list[int]:
    tree = PROGRAM.tree
    return contexts_below(tree, numbers(PROGRAM, name), entered_contexts(tree))


def test_the_nearest_caller_that_ran() -> None:
    nearest = nearest_reached(PROGRAM, numbers(PROGRAM, "m.sync"), below("m.command"))
    assert nearest is not None
    assert (nearest.name, nearest.is_inside) == ("lib.file", True)
    assert [item.own_name for item in nearest.way] == ["file", "flush", "sync"]
    assert nearest.function is nearest.way[0]


def test_else_the_nearest_that_leads_to_both() -> None:
    nearest = nearest_reached(
        PROGRAM, numbers(PROGRAM, "m.write"), below("m.command"), decisions(PROGRAM, "lib")
    )
    assert nearest is not None
    assert (nearest.name, nearest.is_inside) == ("m.loop", False)
    assert [item.own_name for item in nearest.way] == ["loop", "read", "write"]


def test_of_an_action() -> None:
    program, within = look_within(server(), "login")
    inside = entered_contexts(program.tree, within)
    nearest = nearest_reached(program, numbers(program, "write"), inside)
    assert nearest is not None
    assert (nearest.name, nearest.is_inside) == ("m.loop", False)


def test_nothing_comes_near_to_what_never_ran() -> None:
    assert nearest_reached(PROGRAM, set(), below("m.command")) is None
    assert nearest_reached(PROGRAM, numbers(PROGRAM, "m.sync"), []) is None


def test_names_alike() -> None:
    assert similar_names(PROGRAM, "comand") == ("m.command",)
    assert "m.read" in similar_names(PROGRAM, "Raed")
    assert similar_names(PROGRAM, "zzz") == ()
