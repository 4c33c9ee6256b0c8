"""How long a recording of a million contexts takes to read and to ask, and in how much memory.

    python benchmarks/large_recording.py [--contexts 1000000] [--functions 5000] [--json FILE]

The recording is made up: functions in modules, each with a few callees of its own, and a tree that
follows these calls. Reading and asking runs in a process of its own, so that making it up does not
count. Times are CPU seconds, which other programs on the machine disturb little.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from array import array
from pathlib import Path

from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.search import find_functions
from callgraph_lab.graph.sweep import sweep
from callgraph_lab.model import (
    NO_PARENT,
    TREE_COLUMNS,
    CallTree,
    Decision,
    Function,
    GraphQuery,
    RecordedProcess,
    RecordedThread,
    Recording,
    RunInformation,
)
from callgraph_lab.recording import store

GOAL_SECONDS = 2.5
GOAL_MEGABYTES = 300
MODULES = 80
CALLEES = 8


def make_functions(count: int) -> list[Function]:
    functions = [Function(module="", qualname="MainThread", kind="thread")]
    for number in range(1, count):
        module = f"package.module_{number % MODULES}"
        functions.append(
            Function(
                module=module,
                qualname=f"Base_{number % 7}.function_{number}",
                file=f"/srv/package/module_{number % MODULES}.py",
                line=number,
                class_name=f"{module}:Class_{number % 11}",
                ancestors=(f"{module}:Class_{number % 11}", f"{module}:Base_{number % 7}"),
                pycallgraph2_name=f"{module}.Class_{number % 11}.function_{number}",
                stdlib=number % MODULES < MODULES // 2,
            )
        )
    return functions


def make_tree(contexts: int, functions: int, chance: random.Random) -> CallTree:
    """Share out the contexts: each function's callees get random parts of what is left for it."""
    callees = [
        chance.sample(range(1, functions), k=chance.randint(1, CALLEES)) for _ in range(functions)
    ]
    parent, function = array("i"), array("I")
    to_do = [(NO_PARENT, 0, contexts)]
    while to_do:
        caller, number, room = to_do.pop()
        context = len(parent)
        parent.append(caller)
        function.append(number)
        left = room - 1
        for callee in callees[number]:
            if left <= 0:
                break
            is_last = callee == callees[number][-1]
            part = left if is_last else chance.randint(0, left)
            if part:
                to_do.append((context, callee, part))
                left -= part
    tree = CallTree(parent=parent, function=function)
    for column in TREE_COLUMNS:
        values = getattr(tree, column.name)
        if not values:
            values.frombytes(bytes(values.itemsize * len(parent)))
    for context in range(len(parent) - 1, -1, -1):
        tree.calls[context] = chance.randint(1, 10_000)
        tree.self_ns[context] = chance.randint(100, 1_000_000)
        tree.inclusive_ns[context] += tree.self_ns[context]
        if context:
            tree.inclusive_ns[parent[context]] += tree.inclusive_ns[context]
    return tree


def make_recording(contexts: int, functions: int) -> Recording:
    made = make_functions(functions)
    tree = make_tree(contexts, functions, random.Random(20261123))  # noqa: S311 - no secret
    run = RunInformation(
        name="large",
        target="made-up.py",
        argv=("made-up.py",),
        python="3",
        engine="none",
        started="2026-11-23T14:15:02.000+01:00",
        duration_ns=tree.inclusive_ns[0],
        complete=True,
    )
    threads = (RecordedThread(pid=1, name="MainThread", root=0),)
    return Recording(run, made, tree, threads, (RecordedProcess(pid=1, parent_pid=0),))


def peak_megabytes() -> float:
    """Return the most memory that this program has had (getrusage would count its parent's)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measure(path: Path) -> dict[str, float]:
    """Read and ask the recording in this process."""
    figures: dict[str, float] = {"megabytes_before": peak_megabytes()}

    def note(name: str, since: float) -> float:
        now = time.process_time()
        figures[f"{name}_seconds"] = now - since
        figures[f"{name}_peak_megabytes"] = peak_megabytes()
        return time.process_time()

    started = time.process_time()
    recording = store.load(path)
    started = note("load", started)
    everything = [Decision(visible=True, rule="", reason="")] * len(recording.functions)
    graph = build_graph(recording, GraphQuery(max_depth=4), everything)
    figures["depth_4_nodes"], figures["depth_4_edges"] = len(graph.nodes), len(graph.edges)
    figures["deepest"] = graph.deepest
    started = note("depth_4", started)
    no_library = [
        Decision(visible=not function.stdlib, rule="stdlib", reason="")
        for function in recording.functions
    ]
    graph = build_graph(recording, GraphQuery(max_depth=4), no_library)
    figures["filtered_nodes"], figures["filtered_edges"] = len(graph.nodes), len(graph.edges)
    started = note("depth_4_half_hidden", started)
    sweep(recording, GraphQuery(), everything, range(1, 9))
    started = note("sweep_1_to_8", started)
    graph = build_graph(recording, GraphQuery(max_depth=None), everything)
    figures["all_nodes"], figures["all_edges"] = len(graph.nodes), len(graph.edges)
    started = note("every_depth", started)
    find_functions(recording, "function_49", everything)
    note("find", started)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--contexts", type=int, default=1_000_000)
    parser.add_argument("--functions", type=int, default=5_000)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.cglab"
        recording = make_recording(arguments.contexts, arguments.functions)
        started = time.process_time()
        store.save(recording, path)
        saved = time.process_time() - started
        command = [sys.executable, __file__, "--measure", str(path)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        figures = json.loads(output)
        figures["save_seconds"] = saved
        figures["file_megabytes"] = path.stat().st_size / 1e6
        figures["contexts"] = len(recording.tree)
        figures["functions"] = arguments.functions
    seconds = figures["load_seconds"] + figures["depth_4_seconds"]
    figures["load_and_depth_4_to_goal_ratio"] = seconds / GOAL_SECONDS
    figures["memory_to_goal_ratio"] = figures["depth_4_peak_megabytes"] / GOAL_MEGABYTES
    for name, figure in figures.items():
        print(f"{name:40} {figure:12.3f}")
    print(
        f"read and drawn at depth 4 in {seconds:.2f} CPU seconds"
        f" (goal {GOAL_SECONDS}), {figures['depth_4_peak_megabytes']:.0f} MB"
        f" (goal {GOAL_MEGABYTES})"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
