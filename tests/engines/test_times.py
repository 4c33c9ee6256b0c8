"""Recorded times are those that the target reads off its own clock, in the same run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support_engines import (
    CLOCKS_DIFFER_BY,
    assert_between,
    every_engine,
    record_program,
    write_script,
)

from callgraph_lab.graph.build import build_graph
from callgraph_lab.model import Decision, GraphQuery

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

# Each function reads the clock first and last: what it measures lies within the call. Its caller
# reads it before and after: the call lies within what that measures. A busy machine stretches both.
CLOCKED = """
import json, threading, time
now = time.perf_counter_ns
inside = dict.fromkeys(("caller", "spins", "sleeps", "recurses", "generates", "in_thread"), 0)
around = dict(inside)

def spins():
    begun = now()
    while now() < begun + 20_000_000:
        pass
    inside["spins"] += now() - begun

def sleeps():
    begun = now()
    time.sleep(0.03)
    inside["sleeps"] += now() - begun

def recurses(depth):
    begun = now()
    time.sleep(0.01)
    if depth:
        recurses(depth - 1)
    if depth == 4:
        inside["recurses"] += now() - begun

def generates():
    for _ in range(4):
        begun = now()
        time.sleep(0.01)
        inside["generates"] += now() - begun
        yield

def caller():
    begun = now()
    for _ in range(3):
        before = now()
        spins()
        between = now()
        sleeps()
        after = now()
        around["spins"] += between - before
        around["sleeps"] += after - between
    before = now()
    recurses(4)
    around["recurses"] += now() - before
    running = generates()
    for _ in range(5):
        before = now()
        next(running, None)
        around["generates"] += now() - before
        time.sleep(0.01)
    inside["caller"] += now() - begun

def in_thread():
    begun = now()
    time.sleep(0.05)
    inside["in_thread"] += now() - begun

before = now()
caller()
around["caller"] += now() - before
thread = threading.Thread(target=in_thread)
before = now()
thread.start()
thread.join()
around["in_thread"] += now() - before
print(json.dumps([inside, around]))
"""
LEAVES = ("spins", "sleeps", "recurses", "generates", "in_thread")
"""What calls nothing but itself: all its time is its own."""
CALLEES = LEAVES[:4]
"""What ``caller`` calls."""


@every_engine
def test_times_lie_between_those_that_the_target_measures(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recording = record_program(write_script(tmp_path, CLOCKED), folder=tmp_path, engine=engine)
    inside, around = json.loads(capfd.readouterr().out)
    shown = [Decision(visible=True, rule="", reason="")] * len(recording.functions)
    graph = build_graph(recording, GraphQuery(max_depth=None), shown)
    nodes = {node.function.qualname: node for node in graph.nodes}
    for name in (*LEAVES, "caller"):
        assert_between(inside[name], nodes[name].inclusive_ns, around[name], name)
    for name in LEAVES:
        assert nodes[name].self_ns == nodes[name].inclusive_ns
    assert_between(
        inside["caller"] - sum(around[name] for name in CALLEES),
        nodes["caller"].self_ns,
        around["caller"] - sum(inside[name] for name in CALLEES),
        "caller itself",
        clock_ran_ns=around["caller"],
    )
    # The sleeps and spins are in there: the target's own figures are no less.
    asked_ms = {"spins": 60, "sleeps": 90, "recurses": 50, "generates": 40, "in_thread": 50}
    for name, milliseconds in asked_ms.items():
        assert nodes[name].inclusive_ns > milliseconds * 1_000_000 * (1 - CLOCKS_DIFFER_BY)
