"""What the tests of engines share: recording a program, and the graphs to compare."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import callgraph_lab
from callgraph_lab.engines.choice import ENGINE_NAMES, availability
from callgraph_lab.graph.build import build_graph
from callgraph_lab.launch.record import Recorded, RecordOptions, record
from callgraph_lab.launch.target import Target
from callgraph_lab.model import TREE_COLUMNS, CallTree, Decision, GraphQuery, Recording
from callgraph_lab.recording import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

TESTS = Path(__file__).parent
TARGETS = TESTS / "targets"
PACKAGES = str(Path(callgraph_lab.__file__).parent.parent)
ROOT_NAME = "__main__"
CLOCKS_DIFFER_BY = 0.002
"""By what part of itself a time may differ between the target's clock and the engine's."""


def engine_parameters() -> list[Any]:
    """Return every engine as a parameter of a test, skipped with the reason where it cannot run."""
    parameters = []
    for name in ENGINE_NAMES:
        found = availability(name)
        marks = [] if found.available else [pytest.mark.skip(reason=f"{name}: {found.reason}")]
        parameters.append(pytest.param(name, id=name, marks=marks))
    return parameters


every_engine = pytest.mark.parametrize("engine", engine_parameters())
_native = availability("native")
needs_native_engine = pytest.mark.skipif(not _native.available, reason=f"native: {_native.reason}")


def write_script(folder: Path, text: str, name: str = "target.py") -> Path:
    """Write a program into a folder and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def run_recorded(
    script: Path | str,
    *arguments: str,
    folder: Path,
    engine: str,
    is_module: bool = False,
    **options: Any,
) -> Recorded:
    """Record a program in a process of its own, with this process's standard streams."""
    target = Target(str(script), arguments, is_module=is_module)
    settings = RecordOptions(folder / "out", engine=engine, **options)
    said: list[str] = []
    return record(target, settings, say=said.append)


def record_program(script: Path | str, *arguments: str, folder: Path, engine: str) -> Recording:
    """Record a program, which must succeed, and return the recording."""
    recorded = run_recorded(script, *arguments, folder=folder, engine=engine)
    assert recorded.outcome.status == 0
    return catalog.load(recorded.entry)


class DrivenRecording:
    """A recording made by a process of its own, whose streams and environment can be chosen."""

    def __init__(  # noqa: PLR0913 - how to start a process
        self,
        target: Path | str,
        *arguments: str,
        folder: Path,
        engine: str,
        is_module: bool = False,
        working_folder: Path | None = None,
        environment: dict[str, str] | None = None,
        prepare: Callable[[], None] | None = None,
        **options: Any,
    ) -> None:
        self._result = folder / "result.json"
        settings = {
            "packages": PACKAGES,
            "engine": engine,
            "folder": str(folder / "out"),
            "target": str(target),
            "arguments": list(arguments),
            "is_module": is_module,
            "result": str(self._result),
            "options": options,
        }
        self.process = subprocess.Popen(
            # Isolated: what the environment says is meant for the target alone.
            [sys.executable, "-I", str(TESTS / "record_driver.py"), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=working_folder,
            env=environment,
            text=True,
            preexec_fn=prepare,  # noqa: PLW1509 - it sets a limit
        )

    def recording(self) -> Recording:
        """Return the recording, once the process has ended."""
        result = json.loads(self._result.read_text(encoding="utf-8"))
        live_folder = result["live_folder"]
        return catalog.load(
            catalog.Entry(
                Path(result["path"]), None if live_folder is None else Path(live_folder), 0.0
            )
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """A graph as pycallgraph2 counts: nodes and edges with calls and resumes added up."""

    nodes: dict[str, int] = field(default_factory=dict)
    edges: dict[tuple[str, str], int] = field(default_factory=dict)


def graph_counts(recording: Recording, max_depth: int | None) -> Counts:
    """Return the graph of a recording at a depth, as pycallgraph2 names and counts."""
    shown = [Decision(visible=True, rule="", reason="")] * len(recording.functions)
    query = GraphQuery(max_depth=max_depth, depth_by="stack", naming="pycallgraph2")
    graph = build_graph(recording, query, shown)
    names = {node.id: node.name for node in graph.nodes}
    assert len(set(names.values())) == len(names)
    return Counts(
        {node.name: node.calls + node.resumes for node in graph.nodes},
        {
            (names[edge.source], names[edge.target]): edge.calls + edge.resumes
            for edge in graph.edges
        },
    )


CLOSES_SILENTLY = sys.version_info >= (3, 13, 1)
"""Whether a generator that is dropped at a ``yield``, with nothing to clean up, runs no more.

Under ``sys.settrace`` it is run all the same: stock pycallgraph2 counts a resume that an engine
which does not trace cannot see, since it does not happen.
"""


def closed_silently(engine: str, recording: Recording) -> dict[str, int]:
    """Return how many generators of each pycallgraph2 name were left at a ``yield``, if it counts.

    Empty where an engine sees what stock pycallgraph2 sees.
    """
    left: Counter[str] = Counter()
    if engine == "native" and CLOSES_SILENTLY:
        tree = recording.tree
        for number, suspensions, resumes in zip(
            tree.function, tree.suspensions, tree.resumes, strict=True
        ):
            left[recording.functions[number].pycallgraph2_name] += suspensions - resumes
    return dict(+left)


def assert_counted_alike(
    found: Counts, expected: Counts, left: Mapping[str, int], where: str
) -> None:
    """Compare to the unit; but stock may have one resume more for each generator in ``left``."""
    unseen: Counter[str] = Counter()
    edges = dict(found.edges)
    for edge, count in expected.edges.items():
        more = count - edges.get(edge, 0)
        if edge[1] in left and more > 0:
            unseen[edge[1]] += more
            edges[edge] = count
    assert edges == expected.edges, where
    assert all(more <= left[name] for name, more in unseen.items()), where
    assert Counter(found.nodes) + unseen == Counter(expected.nodes), where


def without_calls_at_exit(recording: Recording) -> Recording:
    """Return a recording of one thread without what the interpreter called after the program."""
    tree = recording.tree
    assert recording.functions[tree.function[1]].qualname == "<module>"
    end = next((place for place in range(2, len(tree)) if tree.parent[place] < 1), len(tree))
    columns = {column.name: getattr(tree, column.name)[:end] for column in TREE_COLUMNS}
    return replace(recording, tree=CallTree(**columns))


def calls_by_name(recording: Recording) -> dict[str, int]:
    """Return how often each function was called at any depth, by our own full name."""
    calls: dict[str, int] = {}
    tree = recording.tree
    for function_number, count in zip(tree.function, tree.calls, strict=True):
        function = recording.functions[function_number]
        if function.kind == "function":
            calls[function.name] = calls.get(function.name, 0) + count
    return calls


def column_by_name(recording: Recording, column: str) -> dict[str, int]:
    """Return the sum of a column of the tree for each function, by its qualified name."""
    sums: dict[str, int] = {}
    values = getattr(recording.tree, column)
    for function_number, value in zip(recording.tree.function, values, strict=True):
        function = recording.functions[function_number]
        if function.kind == "function":
            sums[function.qualname] = sums.get(function.qualname, 0) + value
    return sums


def assert_between(
    least_ns: float, recorded_ns: int, most_ns: float, what: str, clock_ran_ns: float | None = None
) -> None:
    """Check a recorded time against two that the target measured: within it, and around it.

    :param clock_ran_ns: how long the clocks ran, where the times are differences.
    """
    # The engine may count ticks of the processor, whose rate it has measured.
    slack_ns = CLOCKS_DIFFER_BY * (most_ns if clock_ran_ns is None else clock_ran_ns)
    assert least_ns - slack_ns <= recorded_ns <= most_ns + slack_ns, what


def callers_of(recording: Recording, qualname: str) -> dict[str, int]:
    """Return who called a function how often, by qualified names (a thread's root by its name)."""
    callers: dict[str, int] = {}
    tree = recording.tree
    for context, function_number in enumerate(tree.function):
        if recording.functions[function_number].qualname == qualname and tree.parent[context] >= 0:
            caller = recording.functions[tree.function[tree.parent[context]]].qualname
            callers[caller] = callers.get(caller, 0) + tree.calls[context]
    return callers


class StockTracer:
    """A process that runs programs under stock pycallgraph2."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(TESTS / "stock_tracer.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def graphs(
        self, path: Path, depths: Sequence[int], modules: Sequence[str] = ()
    ) -> list[Counts]:
        """Return the graph at each depth."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"path": str(path), "depths": list(depths), "modules": list(modules)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answers = json.loads(self._process.stdout.readline())
        assert [answer["error"] for answer in answers] == [None] * len(depths)
        return [
            Counts(
                answer["nodes"],
                {(caller, callee): count for caller, callee, count in answer["edges"]},
            )
            for answer in answers
        ]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextmanager
def stock_tracer() -> Iterator[StockTracer]:
    """Give a stock tracer that ends with the block."""
    tracer = StockTracer()
    try:
        yield tracer
    finally:
        tracer.close()


def preimporting_folder(folder: Path, modules: Sequence[str]) -> Path:
    """Return a folder whose ``sitecustomize`` imports modules before anything is recorded."""
    lines = "".join(f"import {name}\n" for name in modules)
    return write_script(folder / "preimport", lines, "sitecustomize.py").parent


def module_of(engine: str) -> Any:
    """Return an engine's module."""
    return importlib.import_module(f"callgraph_lab.engines.{engine}")


def clean_environment(**changes: str) -> dict[str, str]:
    """Return this process's environment without what the tests' own runner put there."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "PYTHON", "CGLAB", "COV_"))
    }
    environment.update(changes)
    return environment
