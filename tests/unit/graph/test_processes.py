from __future__ import annotations

from dataclasses import replace

import pytest
from unit.graph.builders import call, decisions, edges, query, recording, thread

from callgraph_lab.action_model import RecordedEvent
from callgraph_lab.errors import UsageError
from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.processes import only_process
from callgraph_lab.model import RecordedMark, RecordedProcess, Recording


def two_processes() -> Recording:
    program = recording(
        thread("MainThread", call("m.serve", call("m.read", calls=2))),
        thread("MainThread", call("m.serve", call("m.write", call("m.send"), calls=3))),
        thread("worker", call("m.serve", calls=5)),
    )
    pids = (10, 11, 10)
    return replace(
        program,
        threads=tuple(
            replace(item, pid=pid) for item, pid in zip(program.threads, pids, strict=True)
        ),
        processes=(RecordedProcess(pid=10, parent_pid=1), RecordedProcess(pid=11, parent_pid=10)),
    )


@pytest.mark.parametrize(
    ("pid", "expected"),
    [
        (10, {"MainThread > m.serve": 1, "m.serve > m.read": 2, "worker > m.serve": 5}),
        (11, {"MainThread > m.serve": 1, "m.serve > m.write": 3, "m.write > m.send": 1}),
    ],
)
def test_a_process_alone(pid: int, expected: dict[str, int]) -> None:
    alone = only_process(two_processes(), pid)
    assert edges(build_graph(alone, query(), decisions(alone))) == expected
    assert {item.pid for item in alone.threads} == {pid}
    assert [process.pid for process in alone.processes] == [pid]


def test_the_processes_together_are_the_whole() -> None:
    program = two_processes()
    parts = [only_process(program, pid).tree for pid in (10, 11)]
    assert sum(len(part) for part in parts) == len(program.tree)
    assert sum(sum(part.calls) for part in parts) == sum(program.tree.calls)


def test_marks_and_events_of_a_process_are_those_of_its_contexts() -> None:
    program = two_processes()
    tree = program.tree
    send = [program.functions[number].name for number in tree.function].index("m.send")
    columns = (tree.calls, tree.resumes, tree.inclusive_ns, tree.self_ns)
    program = replace(
        program,
        marks=(RecordedMark("here", 5, *columns),),
        events=(
            RecordedEvent(1, 11, "sent", 3, context=send),
            RecordedEvent(1, 10, "read", 3, context=1),
        ),
    )
    alone = only_process(program, 11)
    assert alone.marks[0].calls == alone.tree.calls
    assert alone.marks[0].inclusive_ns == alone.tree.inclusive_ns
    (event,) = alone.events
    assert event.context is not None
    assert alone.functions[alone.tree.function[event.context]].name == "m.send"


def test_an_unknown_process_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no process 12") as told:
        only_process(two_processes(), 12)
    assert "10, 11" in str(told.value.hint)
