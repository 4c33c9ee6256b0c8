from __future__ import annotations

from typing import TYPE_CHECKING

from unit.graph.builders import call, decisions, main
from unit.graph.test_call_chains import numbers, server

from callgraph_lab.graph.neighbours import Level, callees_by_level, callers_by_level
from callgraph_lab.graph.within import look_within

if TYPE_CHECKING:
    from collections.abc import Callable

    from callgraph_lab.model import Recording

PROGRAM = main(
    call(
        "m.main",
        call("m.a", call("lib.x", call("m.f", call("m.g", calls=5, self_ns=9), calls=2)), calls=4),
        call("m.b", call("m.f", call("m.h", calls=1), calls=3), calls=7),
        call("m.g", calls=100),
    )
)


def levels(
    ask: Callable[..., tuple[Level, ...]],
    program: Recording,
    name: str,
    depth: int = 9,
    hidden: str = "-",
    **more: object,
) -> list[dict[str, int]]:
    found = ask(
        program, numbers(program, name), depth=depth, decisions=decisions(program, hidden), **more
    )
    assert [level.number for level in found] == [*range(1, len(found) + 1)]
    return [{item.name: item.calls for item in level.neighbours} for level in found]


def test_callers_count_what_they_lead_to() -> None:
    assert levels(callers_by_level, PROGRAM, "m.f") == [
        {"m.b": 3, "lib.x": 2},
        {"m.main": 3, "m.a": 2},
        {"MainThread": 3, "m.main": 2},
        {"MainThread": 2},
    ]


def test_as_deep_as_asked_and_no_deeper() -> None:
    assert levels(callers_by_level, PROGRAM, "m.f", depth=1) == [{"m.b": 3, "lib.x": 2}]
    assert levels(callees_by_level, PROGRAM, "m.main", depth=1) == [
        {"m.g": 100, "m.b": 7, "m.a": 4}
    ]


def test_hidden_frames_are_no_level() -> None:
    assert levels(callers_by_level, PROGRAM, "m.f", depth=2, hidden="lib") == [
        {"m.b": 3, "m.a": 2},
        {"m.main": 5},
    ]
    assert levels(callees_by_level, PROGRAM, "m.a", hidden="lib") == [{"m.f": 2}, {"m.g": 5}]


def test_callees_are_those_below_the_function_alone() -> None:
    assert levels(callees_by_level, PROGRAM, "m.f") == [{"m.g": 5, "m.h": 1}]
    (level,) = callees_by_level(PROGRAM, numbers(PROGRAM, "m.f"), depth=1)
    assert [item.inclusive_ns for item in level.neighbours] == [9, 1]
    assert [[(near.name, near.calls) for near in item.nearer] for item in level.neighbours] == [
        [("m.f", 5)],
        [("m.f", 1)],
    ]


def test_nearer_functions_and_times() -> None:
    first, second, *_ = callers_by_level(PROGRAM, numbers(PROGRAM, "m.g"), depth=3)
    assert [(item.name, item.calls, item.inclusive_ns) for item in first.neighbours] == [
        ("m.main", 100, 1),
        ("m.f", 5, 9),
    ]
    assert [(near.name, near.calls) for near in second.neighbours[0].nearer] == [("m.main", 100)]


def test_recursion_counts_time_once_and_levels_anew() -> None:
    program = main(
        call(
            "m.f",
            call(
                "m.g",
                call("m.f", call("m.g", calls=5, self_ns=10), calls=3, self_ns=10),
                self_ns=10,
            ),
        )
    )
    (level,) = callees_by_level(program, numbers(program, "m.f"), depth=1)
    assert [(item.name, item.calls, item.inclusive_ns) for item in level.neighbours] == [
        ("m.g", 6, 30)
    ]
    assert levels(callees_by_level, program, "m.f") == [{"m.g": 6}, {"m.f": 3}]
    (_, second, *_) = callers_by_level(program, numbers(program, "m.g"), depth=2)
    assert [(item.name, item.calls, item.inclusive_ns) for item in second.neighbours] == [
        ("m.g", 5, 10),
        ("MainThread", 1, 30),
    ]


def test_within_an_action() -> None:
    program, within = look_within(server(), "STOR")
    assert levels(callers_by_level, program, "m.write", within=within) == [
        {"m.read": 3},
        {"m.loop": 3},
        {"MainThread": 3},
    ]
    assert levels(callees_by_level, program, "m.command", within=within) == [{"m.open": 1}]
    assert levels(callees_by_level, program, "m.loop", within=within) == []
    assert levels(callees_by_level, server(), "m.command") == [
        {"m.login": 1, "m.open": 1},
        {"m.stor": 2},
    ]


def test_nothing_is_called() -> None:
    assert levels(callees_by_level, PROGRAM, "m.h") == []
    assert levels(callers_by_level, PROGRAM, "nowhere") == []
