from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from unit.graph.builders import call, decisions, edges, main, query, recording, thread
from unit.graph.test_slicing import server as server_in_the_foreground

from callgraph_lab.errors import UsageError
from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.call_chains import CallChain, call_chains
from callgraph_lab.graph.excerpt import only_ways_to
from callgraph_lab.graph.search import select_functions
from callgraph_lab.graph.within import look_within
from callgraph_lab.model import RecordedMark

if TYPE_CHECKING:
    from callgraph_lab.model import Recording

MARKED = ("calls", "resumes", "inclusive_ns", "self_ns")


def server() -> Recording:
    program = server_in_the_foreground()
    return replace(
        program,
        actions=tuple(replace(item, background=item.name == "idle") for item in program.actions),
    )


def numbers(program: Recording, pattern: str) -> set[int]:
    return set().union(*select_functions(program, pattern).values())


def chains(
    program: Recording, target: str, start: str | None = None, hidden: str = "-", **more: object
) -> tuple[CallChain, ...]:
    return call_chains(
        program,
        numbers(program, target),
        starts=None if start is None else numbers(program, start),
        decisions=decisions(program, hidden),
        **more,  # type: ignore[arg-type]
    )


def told(chain: CallChain) -> str:
    """Return ``MainThread > loop:2 > read:9``: each step's calls, hidden frames as ``~``."""
    steps = [
        f"{'~' * step.skipped_frames}> {step.function.own_name}:{step.calls}"
        for step in chain.steps[1:]
    ]
    return " ".join([chain.steps[0].function.qualname, *steps])


LOOP = main(
    call(
        "m.loop",
        call("m.poll", call("lib.read", call("m.handle", calls=4, self_ns=6)), calls=9),
        call("m.handle", calls=3, self_ns=2),
        calls=1,
    ),
    call("m.close", call("m.handle", calls=0)),
)


def test_shortest_first_with_the_figures_of_each_chain() -> None:
    shortest, longer = chains(LOOP, "handle")
    assert told(shortest) == "MainThread > loop:1 > handle:3"
    assert told(longer) == "MainThread > loop:1 > poll:9 > read:1 > handle:4"
    assert [step.inclusive_ns for step in longer.steps] == [13, 11, 8, 7, 6]
    assert (shortest.length, longer.length) == (2, 4)


def test_hidden_frames_are_no_steps() -> None:
    assert [told(chain) for chain in chains(LOOP, "handle", hidden="lib")] == [
        "MainThread > loop:1 > handle:3",
        "MainThread > loop:1 > poll:9 ~> handle:4",
    ]


def test_a_hidden_target_shows() -> None:
    (chain,) = chains(LOOP, "lib.read", hidden="lib")
    assert told(chain) == "MainThread > loop:1 > poll:9 > read:1"


def test_ways_that_show_alike_are_one_chain() -> None:
    program = main(
        call(
            "m.a", call("lib.x", call("m.b", calls=2)), call("lib.y", call("m.b", calls=5)), calls=7
        )
    )
    (chain,) = chains(program, "m.b", hidden="lib")
    assert told(chain) == "MainThread > a:7 ~> b:7"
    assert chain.steps[-1].inclusive_ns == 2
    assert len(chain.contexts) == 2


def test_chains_from_one_function_to_another() -> None:
    (chain,) = chains(LOOP, "handle", "poll")
    assert told(chain) == "MainThread > loop:1 > poll:9 > read:1 > handle:4"
    assert [step.is_start for step in chain.steps] == [False, False, True, False, False]
    assert chain.length == 2
    assert chains(LOOP, "poll", "handle") == ()


def test_a_recursive_function_is_reached_once_and_counts_what_is_below() -> None:
    program = main(
        call("m.f", call("m.g", call("m.f", call("m.f", calls=4), calls=3), calls=2), calls=1)
    )
    (chain,) = chains(program, "m.f")
    assert told(chain) == "MainThread > f:1"
    assert chain.calls_below == 7
    again = chains(program, "m.f", "m.f")
    assert [told(item) for item in again] == [
        "MainThread > f:1 > g:2 > f:3 > f:4",
        "MainThread > f:1 > g:2 > f:3",
    ]
    assert [item.length for item in again] == [1, 2]
    (one,) = chains(program, "m.f", "m.g")
    assert (told(one), one.calls_below) == ("MainThread > f:1 > g:2 > f:3", 4)


def test_threads_of_one_kind_are_one_root() -> None:
    work = call("m.work", call("m.step", calls=2))
    program = recording(thread("worker-1", work), thread("worker-2", work))
    (chain,) = chains(program, "step")
    assert [step.name for step in chain.steps] == ["worker-N", "m.work", "m.step"]
    assert [step.calls for step in chain.steps[1:]] == [2, 4]


def test_within_an_action_the_way_is_that_of_the_whole_tree() -> None:
    program, within = look_within(server(), "STOR")
    (chain,) = chains(program, "write", within=within)
    assert told(chain) == "MainThread > loop:0 > read:3 > write:3"
    assert [(step.action, step.enters) for step in chain.steps] == [
        ("", False),
        ("", False),
        ("STOR", True),
        ("STOR", False),
    ]
    # m.login is of another action, in the middle of an upload.
    assert chains(program, "login", within=within) == ()
    (inner,) = chains(program, "m.stor", within=within)
    assert [step.action for step in inner.steps if step.enters] == ["STOR", "login", "STOR"]


def test_within_one_instance_figures_are_its_own() -> None:
    program, within = look_within(server(), "STOR", "first")
    (chain,) = chains(program, "m.open", within=within)
    assert told(chain) == "MainThread > loop:0 > command:1 > open:1"
    assert chain.steps[-1].inclusive_ns == 3
    assert chains(program, "write", within=within) == ()
    (command,) = numbers(program, "command")
    assert program.tree.self_ns[program.tree.function.index(command)] == 9 - 3


def test_background_enters_only_where_it_is_asked_for() -> None:
    whole, everywhere = look_within(server())
    assert {
        step.action for item in chains(whole, "read", within=everywhere) for step in item.steps
    } == {"", "STOR"}
    idle, within = look_within(server(), "idle")
    (chain,) = chains(idle, "loop", within=within)
    assert [(step.action, step.enters) for step in chain.steps] == [("", False), ("idle", True)]


def test_after_a_mark_figures_are_those_of_the_time_since() -> None:
    program = server()
    at_mark = {name: array("Q", getattr(program.tree, name)) for name in MARKED}
    read = program.tree.calls.index(3)
    at_mark["calls"][read] -= 1
    at_mark["self_ns"][read] -= 5
    marked = replace(program, marks=(RecordedMark("since", 10, **at_mark),))
    whole, within = look_within(marked, "since")
    (chain,) = chains(whole, "m.read", within=within)
    assert told(chain) == "MainThread > loop:0 > read:1"
    assert [step.inclusive_ns for step in chain.steps] == [5, 5, 5]
    assert chains(whole, "m.write", within=within) == ()


def test_an_action_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="'NOOP'"):
        look_within(server(), "NOOP")


def test_an_excerpt_has_nothing_but_the_ways() -> None:
    ends = [context for chain in chains(LOOP, "handle", "poll") for context in chain.contexts]
    excerpt = only_ways_to(LOOP, ends)
    graph = build_graph(excerpt, query(), decisions(excerpt))
    assert edges(graph) == {
        "MainThread > m.loop": 1,
        "m.loop > m.poll": 9,
        "m.poll > lib.read": 1,
        "lib.read > m.handle": 4,
    }
    assert {node.name: node.inclusive_ns for node in graph.nodes}["m.loop"] == 11
