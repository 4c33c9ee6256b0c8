from __future__ import annotations

from array import array
from dataclasses import replace

import pytest
from unit.graph.builders import call, decisions, edges, main, node, query, recording, thread

from callgraph_lab.action_model import (
    ActionInstance,
    RecordedAction,
    RecordedEvent,
    RecordedLabel,
)
from callgraph_lab.errors import UsageError
from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.slicing import (
    select_slice,
    slice_action,
    slice_marks,
    slice_names,
    slice_title,
)
from callgraph_lab.model import NO_PARENT, RecordedMark, Recording

IDLE, STOR, LOGIN, STOR_SLOW = 1, 2, 3, 4
ACTIONS = tuple(map(RecordedAction, ("STOR", "login", "idle")))
LABELS = (
    RecordedLabel(),
    RecordedLabel(action=2),
    RecordedLabel(action=0, instance=0),
    RecordedLabel(action=1),
    RecordedLabel(action=0, lane=1, instance=1),
)
INSTANCES = (
    ActionInstance(serial=1, pid=1, session=1, action=0, label=STOR, begin_ns=10, end_ns=20),
    ActionInstance(serial=2, pid=1, session=2, action=0, label=STOR_SLOW, begin_ns=30, end_ns=90),
    # Its lane was used again since, by the first.
    ActionInstance(serial=0, pid=1, session=2, action=0, label=STOR, begin_ns=1, end_ns=999),
)


def labelled(program: Recording) -> Recording:
    return replace(program, actions=ACTIONS, labels=LABELS, instances=INSTANCES)


def server() -> Recording:
    """Return a loop that reads uploads at two places; a login comes in the middle of one."""
    return labelled(
        main(
            call(
                "m.loop",
                call(
                    "m.command",
                    call(
                        "m.login",
                        call("m.stor", label=STOR, calls=2, self_ns=5),
                        label=LOGIN,
                        self_ns=100,
                    ),
                    call("m.open", label=STOR, self_ns=3, instance_calls=1, instance_ns=3),
                    call("m.never", label=STOR, calls=0, self_ns=7),
                    label=STOR,
                    calls=2,
                    self_ns=10,
                    instance_calls=1,
                    instance_ns=9,
                ),
                call(
                    "m.read",
                    call("m.write", label=STOR, calls=3, self_ns=4),
                    label=STOR,
                    calls=3,
                    self_ns=20,
                ),
                call("m.read", label=STOR_SLOW, instance_calls=1, instance_ns=1),
                label=IDLE,
                calls=0,
                open_calls=1,
                self_ns=1000,
            )
        )
    )


def graph_edges(sliced: Recording) -> dict[str, int]:
    return edges(build_graph(sliced, query(), decisions(sliced)))


def test_an_action_hangs_under_its_thread_where_it_enters() -> None:
    assert graph_edges(slice_action(server(), ["STOR"])) == {
        "MainThread > m.command": 2,
        "m.command > m.open": 1,
        "MainThread > m.stor": 2,
        "MainThread > m.read": 4,
        "m.read > m.write": 3,
    }


def test_the_contexts_of_a_slice_stand_in_preorder_again() -> None:
    tree = slice_action(server(), ["STOR"]).tree
    path: list[int] = []
    for context, parent in enumerate(tree.parent):
        while path and path[-1] != parent:
            path.pop()
        assert (parent == NO_PARENT) == (not path)
        path.append(context)


def test_time_of_other_actions_is_not_of_the_slice() -> None:
    graph = build_graph(sliced := slice_action(server(), ["STOR"]), query(), decisions(sliced))
    command = node(graph, "m.command")
    assert (command.self_ns, command.inclusive_ns) == (10, 13)
    assert node(graph, "MainThread").inclusive_ns == 13 + 5 + 24 + 1


def test_slices_of_all_actions_add_up_to_the_whole() -> None:
    program = server()
    slices = [slice_action(program, [action.name]) for action in program.actions]
    roots = sum(program.tree.calls[item.root] for item in program.threads)
    counted = sum(sum(part.tree.calls) - part.tree.calls[0] for part in slices)
    assert counted == sum(program.tree.calls) - roots


def test_a_context_that_counted_nothing_is_left_out_unless_one_below_it_did() -> None:
    program = labelled(
        main(
            call(
                "m.a", call("m.b", calls=0, label=STOR), call("m.c", label=STOR), calls=0, label=2
            ),
            call("m.open", calls=0, open_calls=1, label=STOR),
        )
    )
    assert graph_edges(slice_action(program, ["STOR"])) == {
        "MainThread > m.a": 0,
        "m.a > m.c": 1,
        "MainThread > m.open": 0,
    }


def test_threads_that_did_nothing_for_the_action_are_left_out() -> None:
    program = labelled(
        recording(
            thread("MainThread", call("m.loop", label=IDLE)),
            thread("worker", call("m.read", label=STOR)),
        )
    )
    sliced = slice_action(program, ["STOR"])
    assert [(item.name, item.root) for item in sliced.threads] == [("worker", 0)]
    assert len(slice_action(program, ["login"]).tree) == 0


@pytest.mark.parametrize(
    ("nth", "expected"),
    [
        ("slowest", {"MainThread > m.read": 1}),
        ("last", {"MainThread > m.read": 1}),
        ("first", {"MainThread > m.command": 1, "m.command > m.open": 1}),
    ],
)
def test_one_instance_alone(nth: str, expected: dict[str, int]) -> None:
    sliced = select_slice(server(), "STOR", nth)  # type: ignore[arg-type]
    assert graph_edges(sliced) == expected


def test_the_time_of_an_instance_is_its_own() -> None:
    sliced = select_slice(server(), "STOR", "first")
    command = node(build_graph(sliced, query(), decisions(sliced)), "m.command")
    assert (command.self_ns, command.inclusive_ns) == (6, 9)


def test_an_action_without_single_trees_says_so() -> None:
    with pytest.raises(UsageError, match="no single instance of idle"):
        select_slice(server(), "idle", "slowest")


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no action or mark 'PUT'") as told:
        select_slice(marked(server()), "PUT")
    assert "STOR, login, idle, before, after" in str(told.value.hint)
    with pytest.raises(UsageError) as told:
        select_slice(main(call("m.f")), "PUT")
    assert "native" in str(told.value.hint)


def test_a_title_is_the_name_as_the_recording_has_it() -> None:
    program = marked(server())
    titles = [slice_title(program, text) for text in ("STOR", "stor", "l*", "*", "AFTER")]
    assert titles == ["STOR", "STOR", "login", "*", "after"]


@pytest.mark.parametrize("text", ["STOR", "stor", "ST*"])
def test_a_name_is_found_whatever_its_case_and_by_a_glob(text: str) -> None:
    assert graph_edges(select_slice(server(), text)) == graph_edges(
        slice_action(server(), ["STOR"])
    )


def test_case_matters_where_names_differ_in_nothing_else() -> None:
    program = replace(server(), actions=tuple(map(RecordedAction, ("stor", "STOR", "idle"))))
    assert graph_edges(select_slice(program, "STOR")) == {"MainThread > m.login": 1}


def test_events_and_marks_follow_their_contexts() -> None:
    program = server()
    write = 8
    assert program.functions[program.tree.function[write]].name == "m.write"
    events = tuple(
        RecordedEvent(number, 1, "x", 5, action=action, context=context)
        for number, (action, context) in enumerate([(0, write), (2, 1), (None, 1)])
    )
    sliced = slice_action(marked(replace(program, events=events)), ["STOR"])
    first, other = sliced.events
    assert first.context is not None
    assert sliced.functions[sliced.tree.function[first.context]].name == "m.write"
    assert (other.serial, other.context) == (2, None)
    spanned = select_slice(sliced, "before")
    assert graph_edges(spanned) == {"MainThread > m.read": 2, "m.read > m.write": 2}


def marked(program: Recording) -> Recording:
    """Put two marks on a server: between them it wrote twice more, after the second once."""
    tree, functions = program.tree, program.functions

    def mark(name: str, moment_ns: int, left: int) -> RecordedMark:
        calls, self_ns = array("Q", tree.calls), array("Q", tree.self_ns)
        for context, function in enumerate(tree.function):
            if functions[function].name in ("m.read", "m.write") and calls[context] == 3:
                calls[context] -= left
                self_ns[context] -= left
        return RecordedMark(
            name, moment_ns, calls, array("Q", tree.resumes), array("Q", tree.inclusive_ns), self_ns
        )

    return replace(program, marks=(mark("before", 100, 3), mark("after", 200, 1)))


def test_a_mark_stands_for_what_ran_until_the_next() -> None:
    sliced = select_slice(marked(server()), "before")
    assert graph_edges(sliced) == {
        "MainThread > m.loop": 0,
        "m.loop > m.read": 2,
        "m.read > m.write": 2,
    }
    found = node(build_graph(sliced, query(), decisions(sliced)), "m.read")
    assert (found.self_ns, found.inclusive_ns) == (2, 4)
    assert node(build_graph(sliced, query(), decisions(sliced)), "m.loop").open_calls == 0


def test_the_last_mark_stands_for_what_ran_until_the_end() -> None:
    sliced = select_slice(marked(server()), "AFTER")
    assert graph_edges(sliced) == {
        "MainThread > m.loop": 0,
        "m.loop > m.read": 1,
        "m.read > m.write": 1,
    }
    assert node(build_graph(sliced, query(), decisions(sliced)), "m.loop").open_calls == 1


def test_marks_of_one_name_add_up_unless_one_is_chosen() -> None:
    program = marked(server())
    program = replace(program, marks=tuple(replace(mark, name="put") for mark in program.marks))
    assert slice_names(program) == ("STOR", "login", "idle", "put")
    both = graph_edges(select_slice(program, "put"))
    assert both["m.read > m.write"] == 3
    first, last = (graph_edges(select_slice(program, "put", nth)) for nth in ("first", "last"))  # type: ignore[arg-type]
    assert (first["m.read > m.write"], last["m.read > m.write"]) == (2, 1)
    # The run lasted 1,000 ns, so that the second mark's time is the longer one.
    assert graph_edges(select_slice(program, "put", "slowest")) == last


def test_between_any_two_marks_and_from_the_start() -> None:
    program = marked(server())
    before, after = program.marks
    whole = slice_marks(program, None, None)
    assert graph_edges(whole)["m.read > m.write"] == 3
    assert graph_edges(slice_marks(program, before, None))["m.read > m.write"] == 3
    assert graph_edges(slice_marks(program, before, after))["m.read > m.write"] == 2
    assert len(slice_marks(program, before, before).tree) == 0
