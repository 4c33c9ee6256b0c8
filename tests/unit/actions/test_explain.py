"""Phases of actions, on recordings made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.graph.builders import call, decisions, main

from callgraph_lab.action_model import (
    ActionInstance,
    RecordedAction,
    RecordedEventMap,
    RecordedLabel,
    RecordedPhase,
)
from callgraph_lab.actions.explain import REST, Explanation, explain_action
from callgraph_lab.errors import UsageError
from callgraph_lab.model import RecordedMark, Recording

IDLE, STOR, PASV = 1, 2, 3
COMMAND, CONNECTION, BYTES = range(3)
PHASES = (
    RecordedPhase(COMMAND, "command", "Told.", ("m:command",)),
    RecordedPhase(CONNECTION, "connection", "Opened.", ("m:accept", "m:start"), ("PASV",)),
    RecordedPhase(BYTES, "bytes", "Moved.", ("m:read", "m:readable")),
)


def spans(**first: int) -> tuple[tuple[int, int] | None, ...]:
    moments = [first.get(name) for name in ("command", "connection", "bytes")]
    return (*(None if at is None else (at, at + 5) for at in moments), *(None,) * 5)


def instance(serial: int, action: int, begin: int, **first: int) -> ActionInstance:
    passes = 6 if action == 0 else 1
    return ActionInstance(
        serial, 1, 7, action, 0, begin, begin + 50, passes=passes, phases=spans(**first)
    )


def server(*more: ActionInstance) -> Recording:
    """Return an upload of five pieces; its data connection was accepted before its command."""
    program = main(
        call(
            "m.poll",
            call("m.command", call("m.listen", label=PASV), label=PASV),
            call("m.event", call("m.accept", label=PASV, self_ns=9), label=PASV),
            call(
                "m.command",
                call("m.open", call("m.log", label=STOR, self_ns=3), label=STOR),
                call("m.start", label=STOR),
                label=STOR,
                self_ns=10,
            ),
            call("m.readable", label=STOR, calls=5),
            call("m.event", call("m.read", label=STOR, calls=5, self_ns=50), label=STOR, calls=5),
            call("m.wake", label=STOR, calls=2),
            label=IDLE,
        )
    )
    return replace(
        program,
        actions=(
            RecordedAction("STOR", count=1, sessions=1, bytes=99),
            RecordedAction("PASV", count=1, sessions=1),
            RecordedAction("idle", background=True),
        ),
        labels=(
            RecordedLabel(),
            RecordedLabel(action=2),
            RecordedLabel(action=0),
            RecordedLabel(action=1),
        ),
        instances=(
            instance(1, 1, 10, command=10),
            instance(2, 0, 100, command=101, connection=105, bytes=110),
            *more,
        ),
        event_map=RecordedEventMap(maps=("m",), phases=PHASES),
    )


def explained(recording: Recording, text: str = "STOR", *hidden: str) -> Explanation:
    return explain_action(recording, text, None, decisions(recording, *hidden))


def functions(explanation: Explanation) -> dict[str, list[str]]:
    return {
        phase.name: [item.function.name for item in phase.work.functions]
        for phase in explanation.phases
    }


def test_a_context_belongs_to_the_nearest_phase_above_it_or_to_where_it_leads() -> None:
    assert functions(explained(server())) == {
        "command": ["m.command", "m.open", "m.log"],
        "connection": ["m.start"],
        "bytes": ["m.readable", "m.event", "m.read"],
        REST: ["m.wake"],
    }


def test_phases_come_in_the_order_of_time_whatever_that_of_the_map() -> None:
    recording = server()
    turned = replace(recording.event_map, phases=PHASES[::-1])
    recording = replace(recording, event_map=turned)
    assert list(functions(explained(recording))) == ["command", "connection", "bytes", REST]
    begins = [phase.begins_after_ns for phase in explained(recording).phases]
    assert begins == [1, 5, 10, None]
    assert [phase.lasts_ns for phase in explained(recording).phases[:3]] == [5, 5, 5]


def test_times_and_calls_add_up_to_those_of_the_action() -> None:
    recording = server()
    tree = recording.tree
    phases = explained(recording).phases
    at = [context for context in range(len(tree)) if tree.label[context] == STOR]
    assert sum(phase.work.calls for phase in phases) == sum(tree.calls[context] for context in at)
    assert sum(phase.work.time_ns for phase in phases) == sum(
        tree.self_ns[context] for context in at
    )


def test_a_pass_counts_once_however_it_enters() -> None:
    passes = {phase.name: phase.work.passes for phase in explained(server()).phases}
    # Asked whether it is readable, and read, in the same five.
    assert passes == {"command": 1, "connection": 1, "bytes": 5, REST: 2}


def test_passes_of_phases_are_no_more_than_those_of_the_action() -> None:
    recording = server()
    in_threads = tuple(replace(item, passes=0) for item in recording.instances)
    explanation = explained(replace(recording, instances=in_threads))
    assert {explanation.passes, *(item.work.passes for item in explanation.phases)} == {0}


def test_a_phase_that_goes_on_is_left_out_of_what_phases_last() -> None:
    recording = server()
    open_one = ((1, None), *(None,) * 7)
    instances = tuple(replace(item, phases=open_one) for item in recording.instances)
    (command, *_) = explained(replace(recording, instances=instances)).phases
    assert command.begins_after_ns is not None
    assert command.lasts_ns is None


def test_time_of_hidden_callees_is_that_of_the_caller_who_shows() -> None:
    command = explained(server(), "STOR", "m.log").phases[0].work
    assert [(item.function.name, item.time_ns) for item in command.functions] == [
        ("m.command", 10),
        ("m.open", 4),
    ]
    assert command.hidden_functions == 1


def test_what_was_prepared_is_told_with_who_did_it() -> None:
    (connection,) = (item for item in explained(server()).phases if item.name == "connection")
    (prepared,) = connection.prepared
    assert (prepared.action, prepared.times, prepared.for_this) == ("PASV", 1, 1)
    assert [item.function.name for item in prepared.work.functions] == ["m.event", "m.accept"]
    assert prepared.work.time_ns == 10


def test_preparations_for_others_are_counted_and_unused_ones_are_for_nobody() -> None:
    recording = server(
        # Not used: another took its place, and that one was for another action.
        instance(3, 1, 200, command=200),
        instance(4, 1, 300, command=300),
        instance(5, 2, 400, connection=401),
    )
    (connection,) = (item for item in explained(recording).phases if item.name == "connection")
    assert [(item.times, item.for_this) for item in connection.prepared] == [(3, 1)]
    unprepared = replace(recording, instances=recording.instances[1:2])
    (connection,) = (item for item in explained(unprepared).phases if item.name == "connection")
    assert connection.prepared == ()


def test_an_action_without_phases_is_one_piece() -> None:
    recording = replace(server(), event_map=RecordedEventMap(maps=("m",)))
    assert list(functions(explained(recording))) == [REST]
    assert list(functions(explained(server(), "idle"))) == [REST]


def test_what_cannot_be_explained() -> None:
    recording = server()
    with pytest.raises(UsageError, match="DELE") as raised:
        explained(recording, "DELE")
    assert "PASV" in (raised.value.hint or "")
    tree = recording.tree
    mark = RecordedMark("here", 5, tree.calls, tree.resumes, tree.inclusive_ns, tree.self_ns)
    with pytest.raises(UsageError, match="is a mark"):
        explained(replace(recording, marks=(mark,)), "here")
