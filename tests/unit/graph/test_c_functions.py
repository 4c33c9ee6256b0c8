from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from unit.graph.builders import call, decisions, edges, main, node, query

from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.c_functions import hide_with_callers

if TYPE_CHECKING:
    from callgraph_lab.model import CallGraph, Recording


def _recording() -> Recording:
    return main(
        call("m.f", call("c.len", calls=2), call("lib.g", call("c.len", calls=5))),
        call("lib.g", call("c.sort", call("m.key", call("c.len", calls=7)))),
    )


def _graph(recording: Recording, *hidden: str) -> CallGraph:
    decided = [
        replace(decision, with_caller=function.module == "c")
        for function, decision in zip(
            recording.functions, decisions(recording, *hidden), strict=True
        )
    ]
    recording, decided = hide_with_callers(recording, decided)
    return build_graph(recording, query(), decided)


def test_they_show_below_what_shows() -> None:
    graph = _graph(_recording())
    assert edges(graph)["m.f > c.len"] == 2
    assert edges(graph)["lib.g > c.len"] == 5
    assert node(graph, "c.len").total_calls == 14


def test_they_are_hidden_below_what_is_hidden() -> None:
    graph = _graph(_recording(), "lib")
    found = edges(graph)
    assert found == {
        "MainThread > m.f": 1,
        "m.f > c.len": 2,
        # The hidden function and the C function that it calls are crossed alike.
        "MainThread ~> m.key": 1,
        "m.key > c.len": 7,
    }
    assert node(graph, "c.len").total_calls == 9
    rules = {rule.rule: (rule.functions, rule.calls) for rule in graph.hidden}
    assert rules == {"lib": (1, 2), "hidden callers of C functions": (2, 6)}


def test_an_exclude_of_their_own_hides_them_everywhere() -> None:
    found = edges(_graph(_recording(), "c.len"))
    assert not any(edge.endswith("c.len") for edge in found)
    assert found["c.sort > m.key"] == 1


def test_nothing_changes_where_there_are_none() -> None:
    recording = main(call("m.f", call("lib.g")))
    decided = decisions(recording, "lib")
    same, unchanged = hide_with_callers(recording, decided)
    assert same is recording
    assert unchanged == decided
