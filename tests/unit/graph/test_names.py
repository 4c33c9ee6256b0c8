from __future__ import annotations

from dataclasses import replace

import pytest
from unit.graph.builders import RUN, call, decisions, edges, main, node, query, recording, thread

from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.names import thread_labels, without_numbers
from callgraph_lab.model import Function, Recording


def renamed(program: Recording, number: int, **fields: object) -> Recording:
    functions = list(program.functions)
    functions[number] = replace(functions[number], **fields)  # type: ignore[arg-type]
    return replace(program, functions=functions)


def test_threads_that_differ_by_a_number_are_one_node() -> None:
    program = recording(
        thread("MainThread", call("m.a")),
        thread("Thread-1 (run)", call("m.b", calls=2)),
        thread("Thread-23 (run)", call("m.b", calls=3)),
    )
    graph = build_graph(program, query(), decisions(program))
    assert edges(graph) == {"MainThread > m.a": 1, "Thread-N (run) > m.b": 5}
    assert node(graph, "Thread-N (run)").calls == 2


def test_a_single_numbered_thread_keeps_its_name() -> None:
    program = recording(thread("worker-7", call("m.a")))
    assert thread_labels(program) == {"worker-7": "worker-7"}


def test_a_root_that_several_threads_shared_has_no_number() -> None:
    program = recording(thread("worker-7", call("m.a")), shared=["worker-7"])
    assert thread_labels(program) == {"worker-7": "worker-N"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("('127.0.0.1', 54321)", "(address, port)"),
        ("('::1', 54321, 0, 0)", "(address, port)"),
        ("('fe80::a1:2b3c%eth0', 54321, 0, 2)", "(address, port)"),
        ("('::ffff:10.0.0.1', 5, 0, 0)", "(address, port)"),
        ("client ('10.0.0.1', 2) 7", "client (address, port) N"),
        ("('worker', 2)", "('worker', N)"),
        ("('1.2.3', 2)", "('N.N.N', N)"),
        ("Thread-7 (run)", "Thread-N (run)"),
    ],
)
def test_addresses_in_the_names_of_threads_are_one_word(name: str, kind: str) -> None:
    assert without_numbers(name) == kind


def test_threads_that_are_called_by_their_clients_are_one_node() -> None:
    program = recording(
        thread("('127.0.0.1', 54321)", call("m.b", calls=2)),
        thread("('10.0.0.2', 1024)", call("m.b", calls=3)),
    )
    graph = build_graph(program, query(), decisions(program))
    assert edges(graph) == {"(address, port) > m.b": 5}
    alone = recording(thread("('127.0.0.1', 54321)", call("m.b")))
    assert thread_labels(alone) == {"('127.0.0.1', 54321)": "('127.0.0.1', 54321)"}


def test_main_threads_of_several_processes_are_one_node() -> None:
    program = recording(thread("MainThread", call("m.a")), thread("MainThread", call("m.a")))
    assert edges(build_graph(program, query(), decisions(program))) == {"MainThread > m.a": 2}


def test_names_of_pycallgraph2() -> None:
    program = main(call("m.a", call("m.b")))
    program = renamed(program, 2, pycallgraph2_name="m.A.b")
    graph = build_graph(program, query(naming="pycallgraph2"), decisions(program))
    assert [item.name for item in graph.nodes] == ["__main__", "m.a", "m.A.b"]


def test_pycallgraph2_joins_functions_of_one_name() -> None:
    program = renamed(main(call("m.a"), call("n.a")), 2, pycallgraph2_name="m.a")
    graph = build_graph(program, query(naming="pycallgraph2"), decisions(program))
    assert node(graph, "m.a").calls == 2


def test_a_function_without_a_name_of_pycallgraph2_has_ours() -> None:
    program = renamed(main(call("m.a"), call("n.a")), 2, pycallgraph2_name="")
    graph = build_graph(program, query(naming="pycallgraph2"), decisions(program))
    assert node(graph, "n.a").calls == 1


def test_one_name_in_two_files_are_two_nodes() -> None:
    program = renamed(main(call("m.a"), call("n.a")), 2, module="m", file="/other/m.py")
    graph = build_graph(program, query(), decisions(program))
    assert [(item.id, item.name) for item in graph.nodes[1:]] == [("m.a", "m.a"), ("m.a#2", "m.a")]


def test_ids_differ_even_from_names_that_look_like_ids() -> None:
    program = renamed(main(call("m.a"), call("m.a#2"), call("n.a")), 3, module="m", file="/o.py")
    program = renamed(program, 2, qualname="a#2")
    graph = build_graph(program, query(), decisions(program))
    assert [item.id for item in graph.nodes[1:]] == ["m.a", "m.a#2", "m.a#3"]


def test_a_function_called_like_a_thread() -> None:
    program = renamed(main(call("m.a")), 1, module="", qualname="thread MainThread")
    graph = build_graph(program, query(), decisions(program))
    assert [item.id for item in graph.nodes] == ["thread MainThread", "thread MainThread#2"]


def test_functions_that_differ_only_in_ancestors_are_one_node() -> None:
    program = main(call("m.a"), call("n.a"))
    functions: list[Function] = list(program.functions)
    functions[2] = replace(functions[1], ancestors=("m:A",))
    graph = build_graph(
        Recording(RUN, functions, program.tree, program.threads, ()), query(), decisions(program)
    )
    assert node(graph, "m.a").calls == 2
