from __future__ import annotations

from array import array
from dataclasses import replace

import pytest
from unit.graph.builders import call, main

from callgraph_lab.action_model import ActionInstance, RecordedAction, RecordedLabel
from callgraph_lab.actions.table import percentile, summarize_actions
from callgraph_lab.memory_model import ActionMemory


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, 0),
        ([7], 50, 7),
        ([7], 95, 7),
        ([3, 1, 2], 50, 2),
        ([4, 3, 1, 2], 50, 2),
        (range(1, 101), 95, 95),
        (range(1, 21), 95, 19),
        (range(1, 22), 95, 20),
    ],
)
def test_percentiles_are_values_that_were_there(
    values: list[int], percent: int, expected: int
) -> None:
    assert percentile(values, percent) == expected


def test_what_actions_add_up_to() -> None:
    program = main(
        call(
            "m.loop",
            call("m.stor", call("m.write", label=2, calls=4), label=2, calls=2),
            call("m.read", call("m.write", label=3, calls=5), label=3, calls=5),
            label=1,
        )
    )
    instances = (
        ActionInstance(1, pid=1, session=1, action=0, label=2, begin_ns=5, end_ns=25),
        ActionInstance(2, pid=1, session=2, action=0, label=3, begin_ns=5, end_ns=15),
        ActionInstance(3, pid=1, session=2, action=0, label=3, begin_ns=9),
    )
    program = replace(
        program,
        actions=(
            RecordedAction("STOR", count=3, ended=2),
            RecordedAction("disconnect", count=1),
            RecordedAction("idle", background=True),
            RecordedAction("shutdown", background=True),
        ),
        labels=(
            RecordedLabel(),
            RecordedLabel(2),
            RecordedLabel(0),
            RecordedLabel(0, lane=1, instance=1),
        ),
        instances=instances,
    )
    stor, disconnect, idle = summarize_actions(program)
    assert (stor.calls, stor.functions, stor.instances) == (16, 3, 2)
    assert (stor.p50_ns, stor.p95_ns, stor.max_ns) == (10, 20, 20)
    assert stor.wall_ns == 4
    assert (disconnect.calls, disconnect.max_ns) == (0, 0)
    assert (idle.action.name, idle.calls, idle.functions) == ("idle", 1, 1)


def test_memory_goes_by_action() -> None:
    program = main(call("m.loop", call("m.stor", call("m.write", label=2), label=2), label=1))
    program = replace(
        program,
        actions=(RecordedAction("STOR", count=1), RecordedAction("idle", background=True)),
        labels=(RecordedLabel(), RecordedLabel(1), RecordedLabel(0)),
    )
    assert [item.memory for item in summarize_actions(program)] == [None, None]
    tree = replace(
        program.tree,
        allocated_bytes=array("Q", [1000, 100, 20, 30]),
        blocks=array("Q", [9, 1, 2, 3]),
        freed_bytes=array("Q", [9, 0, 5, 6]),
        net_bytes=array("Q", [9, 10, 2, 3]),
    )
    stor, idle = summarize_actions(replace(program, tree=tree))
    assert stor.memory == ActionMemory(50, 11, 5, 5)
    assert idle.memory == ActionMemory(100, 0, 10, 1)
