"""Calls that were open when a process ended last until that moment, and not until the run ends."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from support_engines import column_by_name, every_engine, record_program, write_script
from support_native import needs_native

import callgraph_lab
from callgraph_lab.ending_model import OpenCalls
from callgraph_lab.graph.build import build_graph
from callgraph_lab.model import Decision, GraphQuery
from callgraph_lab.recording import catalog

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = Decision(visible=True, rule="", reason="")
CHILD_OUTLIVED = """
import json, os, signal, sys, time

def child(how):
    wait()
    if how == "leaves":
        os._exit(0)
    if how == "runs another program":
        os.execv("/bin/true", ["/bin/true"])
    if how == "is killed":
        wait()
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit()

def wait():
    time.sleep(0.02)

began = time.monotonic()
pid = os.fork()
if pid == 0:
    child(sys.argv[1])
os.waitpid(pid, 0)
lasted = time.monotonic() - began
time.sleep(1.5)
with open(sys.argv[2], "w") as file:
    json.dump(lasted, file)
"""


@every_engine
@pytest.mark.parametrize(
    ("how", "ending"),
    [
        ("leaves", "exited"),
        ("returns", "exited"),
        ("runs another program", "replaced"),
        ("is killed", "killed"),
    ],
)
def test_a_child_ends_at_its_own_last_sign(
    engine: str, how: str, ending: str, tmp_path: Path
) -> None:
    script, told = write_script(tmp_path, CHILD_OUTLIVED), tmp_path / "told.json"
    recording = record_program(script, how, str(told), folder=tmp_path, engine=engine)
    lasted_ns = json.loads(told.read_text(encoding="ascii")) * 1e9
    assert 0.02e9 < column_by_name(recording, "inclusive_ns")["child"] < lasted_ns
    # No root has more than its thread has lived.
    parent, child = recording.processes
    (root,) = (thread.root for thread in recording.threads if thread.pid == child.pid)
    assert recording.tree.inclusive_ns[root] < lasted_ns
    assert (parent.ending, child.ending) == ("exited", ending)


@every_engine
def test_a_program_that_cannot_be_run_ends_nothing(engine: str, tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        """
        import os, time

        def tries():
            try:
                os.execv("/no/such/program", ["x"])
            except FileNotFoundError:
                pass
            try:
                os._exit("no number")
            except TypeError:
                pass
            time.sleep(0.05)
            os.abort()

        assert repr(os._exit) == "<built-in function _exit>"
        if os.fork() == 0:
            tries()
        os.wait()
        """.replace("\n        ", "\n"),
    )
    recording = record_program(script, folder=tmp_path, engine=engine)
    assert [process.ending for process in recording.processes] == ["exited", "killed"]


KILLED_ASLEEP = """
import json, os, signal, sys, time

def sleeps():
    time.sleep(600)

read, write = os.pipe()
began_ns = time.monotonic_ns()
pid = os.fork()
if pid == 0:
    os.write(write, b".")
    sleeps()
os.read(read, 1)
asleep_ns = time.monotonic_ns()
time.sleep(1.2)
killed_ns = time.monotonic_ns()
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
with open(sys.argv[1], "w") as file:
    json.dump([killed_ns - asleep_ns, time.monotonic_ns() - began_ns], file)
"""


@every_engine
def test_a_child_killed_asleep_ends_when_it_was_last_seen(engine: str, tmp_path: Path) -> None:
    script, told = write_script(tmp_path, KILLED_ASLEEP), tmp_path / "told.json"
    recording = record_program(script, str(told), folder=tmp_path, engine=engine)
    least_ns, most_ns = json.loads(told.read_text(encoding="ascii"))
    slept_ns = column_by_name(recording, "inclusive_ns")["sleeps"]
    # What is between two looks depends on the machine's load; samples are taken at the same time.
    longest_ns = max(later - earlier for earlier, later in pairwise(recording.resources.moment_ns))
    assert least_ns - 2 * longest_ns < slept_ns < most_ns
    assert recording.run.notes == ()


def test_where_nobody_looks_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = write_script(
        tmp_path,
        "import callgraph_lab\nwith callgraph_lab.trace('x.cglab'):\n"
        + textwrap.indent(KILLED_ASLEEP.replace("1.2", "0.1"), "    "),
    )
    subprocess.run([sys.executable, str(script), str(tmp_path / "told.json")], check=True)
    recording = callgraph_lab.open("x.cglab")
    (note,) = recording.run.notes
    assert "it was killed while nobody looked" in note


@needs_native
def test_a_thread_that_leaves_within_its_calls_has_exited_whatever_its_process_does(
    tmp_path: Path,
) -> None:
    script = write_script(
        tmp_path,
        textwrap.dedent("""
        import ctypes, os, signal, threading, time

        def leaves():
            ctypes.CDLL(None).pthread_exit(None)

        def dies():
            os.kill(os.getpid(), signal.SIGKILL)

        if os.fork() == 0:
            threading.Thread(target=leaves, name="gone", daemon=True).start()
            while len(os.listdir("/proc/self/task")) > 1:
                time.sleep(0.01)
            dies()
        os.wait()
        """),
    )
    recording = record_program(script, folder=tmp_path, engine="native")
    graph = build_graph(recording, GraphQuery(max_depth=None), [SHOWN] * len(recording.functions))
    calls = {node.function.qualname: node.unreturned for node in graph.nodes}
    assert calls["leaves"] == OpenCalls(exited=1)
    assert calls["dies"] == OpenCalls(killed=1)


@every_engine
def test_a_block_that_is_over_stops_in_the_children_that_go_on(engine: str, tmp_path: Path) -> None:
    script = write_script(
        tmp_path,
        textwrap.dedent("""
        import os, sys, time
        from callgraph_lab import trace

        def child():
            os.write(pipe[1], b"!")
            time.sleep(600)

        def serve():
            if os.fork() == 0:
                child()
            os.read(pipe[0], 1)

        pipe = os.pipe()
        with trace(sys.argv[1], engine=sys.argv[2]):
            serve()
        os.killpg(0, 9)
        """),
    )
    path = tmp_path / "block.cglab"
    subprocess.run(
        [sys.executable, script, path, engine], start_new_session=True, check=False, timeout=60
    )
    recording = catalog.load(catalog.find(str(path), tmp_path))
    left = Counter(process.ending for process in recording.processes)
    assert left == {"stopped": 2}
    assert not any(thread.alive for thread in recording.threads)
    assert (recording.run.running, recording.run.complete) == (False, True)
