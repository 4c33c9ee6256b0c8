from __future__ import annotations

from dataclasses import replace

import pytest
from unit.graph.builders import call, decisions, found_names, main, recording, thread

from callgraph_lab.graph.paths import shortest_path
from callgraph_lab.graph.search import find_functions, matches
from callgraph_lab.model import Function

LOOP = Function(
    module="pyftpdlib.ioloop",
    qualname="_IOLoop.loop",
    class_name="pyftpdlib.ioloop:Epoll",
    ancestors=("pyftpdlib.ioloop:Epoll", "pyftpdlib.ioloop:_IOLoop"),
)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("loop", True),
        ("Epoll", True),
        ("epoll", True),
        ("EPOLL", False),
        ("_IOLoop.loop", True),
        ("pyftpdlib.ioloop._IOLoop.loop", True),
        ("Epoll.*", True),
        ("epoll.*", True),
        ("*.Epoll.loop", True),
        ("oop*", False),
        ("?poll.loop", True),
        ("[ABE]poll.loop", True),
        ("Epoll.loops", False),
        ("", True),
    ],
)
def test_patterns(pattern: str, found: bool) -> None:  # noqa: FBT001 - a table
    assert matches(LOOP, pattern) is found


PROGRAM = main(
    call("m.main", call("m.deep", call("lib.x", call("m.read", calls=2)))),
    call("lib.y", call("m.read", calls=9, self_ns=4), calls=3),
)


def test_callers_and_the_shortest_path() -> None:
    (found,) = find_functions(PROGRAM, "read")
    assert (found.node.name, found.node.total_calls, found.node.min_depth) == ("m.read", 11, 2)
    assert [(item.name, item.calls) for item in found.callers] == [("lib.y", 9), ("lib.x", 2)]
    assert [item.short_name for item in found.path] == ["MainThread", "y", "read"]


def test_hidden_functions_are_no_callers_nor_steps() -> None:
    (found,) = find_functions(PROGRAM, "read", decisions(PROGRAM, "lib"))
    assert [(item.name, item.calls, item.bridged) for item in found.callers] == [
        ("MainThread", 9, True),
        ("m.deep", 2, True),
    ]
    assert [item.short_name for item in found.path] == ["MainThread", "read"]
    assert find_functions(PROGRAM, "lib", decisions(PROGRAM, "lib")) == ()


def test_the_most_called_comes_first_and_threads_are_no_functions() -> None:
    assert found_names(find_functions(PROGRAM, "m")) == ["m.read", "m.deep", "m.main"]
    assert find_functions(PROGRAM, "MainThread") == ()
    assert find_functions(PROGRAM, "nowhere") == ()


def test_one_function_recorded_twice_is_found_once() -> None:
    program = main(call("m.a", call("n.x")), call("n.x"))
    functions = list(program.functions)
    functions[2] = replace(functions[1], ancestors=("m:B",))
    program = replace(program, functions=functions)
    (found,) = find_functions(program, "m.a")
    assert [item.name for item in found.path] == ["MainThread", "m.a"]
    assert [(item.name, item.calls) for item in found.callers] == [("MainThread", 2), ("m.a", 1)]


def test_shortest_path_takes_the_first_of_the_shortest() -> None:
    program = recording(
        thread("MainThread", call("m.a", call("m.t")), call("m.b", call("m.t"))),
        thread("other", call("m.c", call("m.t"))),
    )
    path = shortest_path(program, lambda function: function.name == "m.t")
    assert [item.name for item in path] == ["MainThread", "m.a", "m.t"]


def test_shortest_path_to_a_hidden_function_shows_it() -> None:
    path = shortest_path(
        PROGRAM, lambda function: function.name == "lib.x", decisions(PROGRAM, "lib")
    )
    assert [item.name for item in path] == ["MainThread", "m.main", "m.deep", "lib.x"]


def test_there_may_be_no_path() -> None:
    assert shortest_path(PROGRAM, lambda _: False) == ()
