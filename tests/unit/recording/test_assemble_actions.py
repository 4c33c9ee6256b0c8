from __future__ import annotations

from array import array
from dataclasses import replace

from unit.recording.builders import RUN

from callgraph_lab.action_model import RecordedEventMap, RecordedSensor
from callgraph_lab.model import NO_PARENT, Recording
from callgraph_lab.recording.assemble import assemble
from callgraph_lab.recording.live_format import PHASES, SENSOR_STALLED
from callgraph_lab.recording.live_part import (
    Clock,
    LiveAction,
    LiveEvent,
    LiveFunction,
    LiveInstance,
    LiveLabel,
    LivePart,
    LiveThread,
    OpenCall,
)

MAP = RecordedEventMap(maps=("x",), sensors=(RecordedSensor(0, "gone"),))
NO_PHASES = ((0, 0),) * PHASES


def action(name: str, **figures: int | bool) -> LiveAction:
    zero = dict.fromkeys(
        (
            "count",
            "ended",
            "sessions",
            "busy_ticks",
            "cpu_ns",
            "bytes",
            "dropped",
            "duration_ticks",
        ),
        0,
    )
    return LiveAction(**{"name": name, "background": False, "once": False, **zero, **figures})  # type: ignore[arg-type]


def instance(serial: int, session: int, **more: object) -> LiveInstance:
    fields: dict[str, object] = {
        "action": 2,
        "label": 2,
        "begin_ticks": 100,
        "end_ticks": 200,
        **dict.fromkeys(
            ("busy_ticks", "cpu_ns", "bytes", "entries", "passes", "outcome", "thread"), 0
        ),
        **dict.fromkeys(("abandoned", "late_work", "inherited"), False),
        "detail": "",
        "phases": NO_PHASES,
    }
    return LiveInstance(serial=serial, session=session, **{**fields, **more})  # type: ignore[arg-type]


def part(pid: int, start_time: int = 1) -> LivePart:
    """Return a process whose loop (idle) calls a handler (STOR), which writes twice."""
    names = ("MainThread", "loop", "handle", "write")
    return LivePart(
        pid=pid,
        start_time=start_time,
        parent_pid=1,
        information={},
        clock=Clock(first_ticks=0, first_ns=0, realtime_ns=0, latest_ns=0, ns_per_tick=2.0),
        finished=True,
        stop_reason="",
        functions=[
            LiveFunction("m", name, "", "", "", "", 1, name == "MainThread") for name in names
        ],
        threads=[LiveThread(root=0, threads=1, alive=False, open_calls=())],
        parent=array("i", [NO_PARENT, 0, 1, 2]),
        function=array("I", [0, 1, 2, 3]),
        calls=array("Q", [1, 1, 5, 10]),
        resumes=array("Q", [0, 0, 3, 0]),
        suspensions=array("Q", [0, 0, 0, 0]),
        ticks=array("Q", [0, 500, 300, 100]),
        label=array("I", [0, 1, 2, 2]),
        base_resumes=array("I", [0, 0, 2**32 - 1, 0]),
        base_calls=array("Q", [0, 0, 4, 8]),
        base_ticks=array("Q", [0, 0, 250, 80]),
        actions=[action("idle", background=True), action("STOR", count=2, ended=1, sessions=2)],
        labels=[LiveLabel(1, 0, 0), LiveLabel(2, 1, 7)],
        instances=[instance(7, pid << 32 | 1)],
    )


def joined(*parts: LivePart) -> Recording:
    return assemble(parts, RUN, now_ns=1000, started_ns=50, event_map=MAP)


def test_actions_of_one_name_are_one_and_background_comes_last() -> None:
    recording = joined(part(1), part(2))
    assert [(item.name, item.count, item.sessions) for item in recording.actions] == [
        ("STOR", 4, 4),
        ("idle", 0, 0),
    ]
    assert [item.pid for item in recording.instances] == [1, 2]
    assert {item.action for item in recording.instances} == {0}


def test_contexts_know_what_they_serve_and_what_came_with_the_instance() -> None:
    recording = joined(part(1), part(2))
    tree, labels = recording.tree, recording.labels
    names = [
        None if number is None else recording.actions[number].name
        for number in (labels[label].action for label in tree.label)
    ]
    assert names == [None, "idle", "STOR", "STOR"] * 2
    assert [labels[label].instance for label in tree.label] == [
        *(None, None, 0, 0),
        *(None, None, 1, 1),
    ]
    assert list(tree.instance_calls) == [0, 0, 1, 2] * 2
    # The base of resumes counts modulo 2**32.
    assert list(tree.instance_resumes) == [0, 0, 4, 0] * 2
    assert list(tree.instance_ns) == [0, 0, 100, 40] * 2


def test_time_of_open_calls_is_the_instance_s() -> None:
    one = part(1)
    one.threads = [
        LiveThread(0, 1, alive=True, open_calls=(OpenCall(2, is_inherited=False, start_ticks=400),))
    ]
    assert joined(one).tree.instance_ns[2] == 100 + (1000 - 2 * 400)


def test_an_instance_that_is_not_kept_any_more_has_no_tree() -> None:
    one = part(1)
    one.instances = [instance(8, 1)]
    recording = joined(one)
    assert not any(recording.tree.instance_calls)
    assert recording.labels[2].instance is None


def test_moments_count_from_the_start_of_the_run() -> None:
    one = part(1)
    phases = ((110, 150), *NO_PHASES[1:])
    one.instances = [instance(7, 1, end_ticks=0, busy_ticks=9, phases=phases, detail="a.txt")]
    (item,) = joined(one).instances
    assert (item.begin_ns, item.end_ns, item.busy_ns) == (150, None, 18)
    assert item.phases == ((170, 250), *(None,) * 7)
    assert item.detail == "a.txt"


def closed_by(pid: int, *sessions: int, dropped: int = 0) -> LivePart:
    """Return a process that closed sessions, of which it has dropped some instances."""
    closed = part(pid)
    count = len(sessions) + dropped
    closed.actions[1] = action(
        "disconnect", once=True, count=count, ended=count, sessions=count, dropped=dropped
    )
    closed.instances = [instance(number, session) for number, session in enumerate(sessions, 1)]
    return closed


def test_a_session_that_two_processes_closed_disconnected_once() -> None:
    seen_by_parent = [1 << 32 | number for number in (1, 2, 3)]
    children = [
        closed_by(pid, session) for pid, session in zip((2, 3, 4), seen_by_parent, strict=True)
    ]
    action, _ = joined(closed_by(1, *seen_by_parent), *children).actions
    assert (action.count, action.sessions, action.ended) == (3, 3, 3)
    # The parent does not know any more which the first two were.
    action, _ = joined(closed_by(1, seen_by_parent[2], dropped=2), *children).actions
    assert (action.count, action.sessions) == (3, 3)
    # More were dropped than children tell of.
    action, _ = joined(closed_by(1, seen_by_parent[2], dropped=5), *children).actions
    assert action.count == 6


def test_events_in_order_of_time_and_once_for_a_session() -> None:
    parent, child = closed_by(1, 1 << 32 | 1), closed_by(2, 1 << 32 | 1)

    def event(serial: int, ticks: int, sensor: int = 0, session: int = 1 << 32 | 1) -> LiveEvent:
        return LiveEvent(serial, ticks, 3, session, 1, sensor, 3, 2, {"user": "a"})

    parent.events = [event(1, 300), event(2, 600, SENSOR_STALLED, session=0)]
    child.events = [event(1, 500), event(2, 700, 5, session=9)]
    recording = joined(parent, replace(child, events_dropped=4))
    assert [(item.sensor, item.pid, item.moment_ns) for item in recording.events] == [
        ("gone", 2, 950),
        ("loop-stalled", 1, 1150),
        ("sensor 5", 2, 1350),
    ]
    first = recording.events[0]
    assert first.context is not None
    assert recording.functions[recording.tree.function[first.context]].qualname == "write"
    assert first.fields == (("user", "a"),)
    assert first.duration_ns == 6
    assert recording.events_dropped == 4
