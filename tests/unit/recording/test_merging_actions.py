"""What processes did for their clients, put together: every total stays, every reference fits."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import RUN

from callgraph_lab.action_model import (
    ActionInstance,
    RecordedAction,
    RecordedEvent,
    RecordedLabel,
)
from callgraph_lab.model import (
    NO_PARENT,
    CallTree,
    Function,
    RecordedProcess,
    RecordedThread,
    Recording,
)
from callgraph_lab.recording import merging_actions, store
from callgraph_lab.recording.merging import ProcessMerger, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

PARENT, CHILD, OTHER = 100, 101, 102
THREAD = Function(module="", qualname="MainThread", kind="thread", pycallgraph2_name="MainThread")


def session_of(pid: int, serial: int) -> int:
    """Return the id of a session by the process that saw it first."""
    return pid << 32 | serial


def process_that_did(
    pid: int, done: Iterable[tuple[str, int]], *, dropped: int = 0, begin_ns: int = 0
) -> Recording:
    """Return a recording of a process: actions by name and session, in that order.

    Each has a lane of its own, a context of a function named as it is, called ten times, twice of
    them for the instance, an event in that context, and seven bytes. ``disconnect`` is a ``once``
    action, of which ``dropped`` more are not kept.
    """
    done = list(done)
    names = list(dict.fromkeys(name for name, _ in done))
    functions = [
        THREAD,
        *(Function(module="server", qualname=name, pycallgraph2_name=name) for name in names),
    ]
    lanes = range(1, 1 + len(done))
    numbers = [names.index(name) for name, _ in done]
    tree = CallTree(
        parent=array("i", [NO_PARENT, *(0 for _ in done)]),
        function=array("I", [0, *(1 + number for number in numbers)]),
        calls=array("Q", [1, *(10 for _ in done)]),
        resumes=array("Q", bytes(8 * (1 + len(done)))),
        suspensions=array("Q", bytes(8 * (1 + len(done)))),
        inclusive_ns=array("Q", [50 * len(done), *(50 for _ in done)]),
        self_ns=array("Q", [0, *(50 for _ in done)]),
        open_calls=array("I", bytes(4 * (1 + len(done)))),
        label=array("I", [0, *lanes]),
        instance_calls=array("Q", [0, *(2 for _ in done)]),
        instance_resumes=array("Q", bytes(8 * (1 + len(done)))),
        instance_ns=array("Q", bytes(8 * (1 + len(done)))),
    )
    counts = Counter(name for name, _ in done)
    extra = {"disconnect": dropped}
    return Recording(
        run=RUN,
        functions=functions,
        tree=tree,
        threads=(RecordedThread(pid=pid, name="MainThread", root=0),),
        processes=(RecordedProcess(pid, 1, ("x.py",)),),
        actions=tuple(
            RecordedAction(
                name,
                once=name == "disconnect",
                count=counts[name] + extra.get(name, 0),
                ended=counts[name] + extra.get(name, 0),
                sessions=counts[name] + extra.get(name, 0),
                busy_ns=50 * counts[name],
                bytes=7 * counts[name],
                dropped=extra.get(name, 0),
            )
            for name in names
        ),
        labels=(
            RecordedLabel(),
            *(RecordedLabel(number, lane, lane - 1) for lane, number in enumerate(numbers, 1)),
        ),
        instances=tuple(
            ActionInstance(
                serial=lane,
                pid=pid,
                session=session,
                action=number,
                label=lane,
                begin_ns=begin_ns + lane,
                end_ns=begin_ns + lane + 5,
                bytes=7,
            )
            for lane, number, (_, session) in zip(lanes, numbers, done, strict=True)
        ),
        events=tuple(
            RecordedEvent(
                serial=lane,
                pid=pid,
                sensor=f"{name}-finished",
                moment_ns=begin_ns + lane,
                session=session,
                instance=lane,
                action=number,
                context=lane,
            )
            for lane, number, (name, session) in zip(lanes, numbers, done, strict=True)
        ),
    )


def merged(*recordings: Recording) -> Recording:
    merger = ProcessMerger()
    for recording in recordings:
        merger.add(recording)
    return merger.merged(RUN)


def calls_by_action(recording: Recording) -> Counter[str]:
    found: Counter[str] = Counter()
    for label, calls in zip(recording.tree.label, recording.tree.calls, strict=True):
        action = recording.labels[label].action
        if action is not None:
            found[recording.actions[action].name] += calls
    return found


def actions_of(recording: Recording) -> dict[str, RecordedAction]:
    assert len({action.name for action in recording.actions}) == len(recording.actions)
    return {action.name: action for action in recording.actions}


def counts_of(recording: Recording) -> dict[str, tuple[int, int, int]]:
    return {
        name: (action.count, action.sessions, action.bytes)
        for name, action in actions_of(recording).items()
    }


def check_references(recording: Recording, tmp_path: Path) -> None:
    """Each instance and event is still of the action, label and function that it was of."""
    for instance in recording.instances:
        assert recording.labels[instance.label].action == instance.action
    for event in recording.events:
        assert event.action is not None
        assert event.context is not None
        name = recording.actions[event.action].name
        assert event.sensor == f"{name}-finished"
        assert recording.functions[recording.tree.function[event.context]].qualname == name
        label = recording.labels[recording.tree.label[event.context]]
        assert label.action == event.action
    path = tmp_path / "x.cglab"
    store.save(recording, path)
    assert store.load(path) == recording


FIRST = process_that_did(CHILD, [("STOR", 1), ("RETR", 1), ("STOR", 2)])
SECOND = process_that_did(OTHER, [("LIST", 3), ("RETR", 3), ("STOR", 3)], begin_ns=100)
BOTH_CALLS = {"STOR": 30, "RETR": 20, "LIST": 10}
BOTH_COUNTS = {"STOR": (3, 3, 21), "RETR": (2, 2, 14), "LIST": (1, 1, 7)}


def test_actions_are_one_by_name_whatever_their_numbers_were(tmp_path: Path) -> None:
    together = merged(FIRST, SECOND)
    assert calls_by_action(together) == BOTH_CALLS
    assert counts_of(together) == BOTH_COUNTS
    check_references(together, tmp_path)


def test_lanes_become_one_so_that_their_number_is_bounded() -> None:
    together = merged(FIRST, SECOND)
    assert [label.action for label in together.labels] == [None, 0, 1, 2]
    assert all(label.instance is None for label in together.labels)
    # So nothing is left that would be taken for the tree of one instance.
    assert not any(together.tree.instance_calls)
    assert len(together.tree) == 1 + len(together.actions)


def test_merging_again_changes_no_total(tmp_path: Path) -> None:
    """What was merged is merged with what ends after it."""
    third = process_that_did(PARENT, [("QUIT", 4), ("STOR", 4)], begin_ns=200)
    in_steps = merged(merged(FIRST, SECOND), third)
    at_once = merged(FIRST, SECOND, third)
    assert (
        calls_by_action(in_steps)
        == calls_by_action(at_once)
        == {**BOTH_CALLS, "STOR": 40, "QUIT": 10}
    )
    assert counts_of(in_steps) == counts_of(at_once)
    assert in_steps.instances == at_once.instances
    check_references(in_steps, tmp_path)


def test_joined_keeps_lanes_and_the_trees_of_single_instances(tmp_path: Path) -> None:
    together = joined(FIRST, SECOND)
    assert calls_by_action(together) == BOTH_CALLS
    assert counts_of(together) == BOTH_COUNTS
    check_references(together, tmp_path)
    assert sum(together.tree.instance_calls) == 2 * 6
    for label in together.labels[1:]:
        assert label.instance is not None
        instance = together.instances[label.instance]
        assert together.labels[instance.label] == label
    moments = [event.moment_ns for event in together.events]
    assert moments == sorted(moments)


def test_joined_with_what_was_merged(tmp_path: Path) -> None:
    running = process_that_did(PARENT, [("QUIT", 4), ("STOR", 4)], begin_ns=-50)
    together = joined(running, merged(FIRST, SECOND))
    assert calls_by_action(together) == {**BOTH_CALLS, "STOR": 40, "QUIT": 10}
    # In the order in which they first began.
    assert [action.name for action in together.actions] == ["QUIT", "STOR", "RETR", "LIST"]
    check_references(together, tmp_path)


def closed(pid: int, *sessions: int, dropped: int = 0, begin_ns: int = 0) -> Recording:
    done = [("disconnect", session) for session in sessions]
    return process_that_did(pid, done, dropped=dropped, begin_ns=begin_ns)


ONE, TWO, THREE = (session_of(PARENT, serial) for serial in (1, 2, 3))


@pytest.mark.parametrize("together", [merged, joined])
def test_a_session_that_two_processes_close_is_closed_once(
    together: Callable[[Recording, Recording], Recording],
) -> None:
    """The parent that accepted it, and the child that served it."""
    both = together(closed(PARENT, ONE, TWO, THREE), merged(closed(CHILD, ONE), closed(OTHER, TWO)))
    assert counts_of(both)["disconnect"][:2] == (3, 3)
    # What it cost is counted wherever it was done.
    assert actions_of(both)["disconnect"].busy_ns == 5 * 50
    assert calls_by_action(both) == {"disconnect": 50}


def test_the_last_to_close_a_session_says_when_it_was(tmp_path: Path) -> None:
    """The parent closes its copy as soon as the child has the connection."""
    parent = process_that_did(PARENT, [("connect", ONE), ("disconnect", ONE)])
    child = process_that_did(CHILD, [("QUIT", ONE), ("disconnect", ONE)], begin_ns=100)
    both = joined(parent, merged(child))
    assert [action.name for action in both.actions] == ["connect", "QUIT", "disconnect"]
    told = [(event.sensor, event.pid) for event in both.events]
    assert told == [
        ("connect-finished", PARENT),
        ("QUIT-finished", CHILD),
        ("disconnect-finished", CHILD),
    ]
    check_references(both, tmp_path)


def test_sessions_of_the_children_alone_are_all_counted() -> None:
    """Workers accept for themselves: their sessions have ids of their own."""
    one, two = (closed(pid, session_of(pid, 1)) for pid in (CHILD, OTHER))
    assert counts_of(merged(one, two))["disconnect"][:2] == (2, 2)


def test_what_the_parent_has_dropped_is_taken_to_be_closed_there_too() -> None:
    parent = closed(PARENT, THREE, dropped=2, begin_ns=100)
    both = joined(parent, merged(closed(CHILD, ONE), closed(OTHER, TWO)))
    assert counts_of(both)["disconnect"][:2] == (3, 3)


def test_instances_beyond_the_limit_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(merging_actions, "MOST_MERGED_INSTANCES", 2)
    together = merged(SECOND, FIRST)
    # The oldest go, in whatever order processes ended.
    kept = [(item.pid, item.serial) for item in together.instances]
    assert kept == [(OTHER, 2), (OTHER, 3)]
    dropped = {name: action.dropped for name, action in actions_of(together).items()}
    assert dropped == {"STOR": 2, "RETR": 1, "LIST": 1}
    assert counts_of(together) == BOTH_COUNTS
    check_references(together, tmp_path)


def test_dropping_what_children_closed_leaves_one_count_a_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merging_actions, "MOST_MERGED_INSTANCES", 1)
    children = merged(closed(CHILD, ONE), closed(OTHER, TWO, begin_ns=100))
    both = joined(closed(PARENT, ONE, TWO), children)
    assert counts_of(both)["disconnect"][:2] == (2, 2)


def test_events_beyond_the_limit_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(merging_actions, "MOST_MERGED_EVENTS", 4)
    together = merged(SECOND, replace(FIRST, events_dropped=5))
    assert together.events_dropped == 5 + 2
    assert [(event.pid, event.serial) for event in together.events] == [
        (CHILD, 3),
        *((OTHER, serial) for serial in (1, 2, 3)),
    ]
    check_references(together, tmp_path)
