"""Recordings with a right checksum that are made to cost who reads them more than they are worth.

Each is a file of a few megabytes at most, which no run leaves: a hundred thousand of something, or
SQL that goes on without end.
"""

from __future__ import annotations

import os
import sqlite3
from array import array
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from unit.recording.builders import small_recording

from callgraph_lab.action_model import (
    ActionInstance,
    RecordedAction,
    RecordedEvent,
    RecordedEventMap,
    RecordedLabel,
    RecordedPhase,
    RecordedSensor,
)
from callgraph_lab.heap_model import HeapSnapshot, HeapTotal
from callgraph_lab.line_model import LineFigures, RecordedLine
from callgraph_lab.model import (
    NO_PARENT,
    TREE_COLUMNS,
    CallTree,
    Function,
    RecordedMark,
    RecordedProcess,
    RecordedThread,
    Recording,
)
from callgraph_lab.source_model import RecordedSources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

MANY = int(10_000 * float(os.environ.get("CGLAB_TEST_BOMBS", "1")))
"""Set CGLAB_TEST_BOMBS to 10 for files that are made to hurt."""
_DEEP = 999


def tree_of(parents: Iterable[int], functions: Iterable[int]) -> CallTree:
    """Return a tree in which every context was called once, for a nanosecond."""
    parent, function = array("i", parents), array("I", functions)
    columns = {
        column.name: array(column.typecode, [column.name in ("calls", "inclusive_ns", "self_ns")])
        * len(parent)
        for column in TREE_COLUMNS
    }
    return CallTree(**{**columns, "parent": parent, "function": function})


def functions_of(count: int) -> list[Function]:
    """Return a thread's function and ``count`` others."""
    return [
        Function(module="", qualname="MainThread", kind="thread"),
        *(
            Function(f"package.module_{number % 97}", f"function_{number}", f"/srv/{number}.py", 1)
            for number in range(count)
        ),
    ]


def _plain(functions: list[Function], tree: CallTree) -> Recording:
    return replace(
        small_recording(),
        functions=functions,
        tree=tree,
        actions=(),
        labels=(RecordedLabel(),),
        instances=(),
        events=(),
        threads=(RecordedThread(42, "MainThread", 0),),
    )


def _wide(count: int) -> Recording:
    return _plain(functions_of(count), tree_of([NO_PARENT] + [0] * count, range(count + 1)))


def _chain(count: int, functions: int) -> Recording:
    numbers = [0] + [1 + number % functions for number in range(count)]
    return _plain(functions_of(functions), tree_of(range(-1, count), numbers))


def deep_events() -> Recording:
    """A hundred thousand events, each at the end of a path of a thousand calls."""
    return replace(
        _chain(_DEEP, _DEEP),
        actions=(RecordedAction("STOR", count=1),),
        events=tuple(
            RecordedEvent(number, 42, "upload", number, context=_DEEP, action=0)
            for number in range(MANY)
        ),
    )


def many_functions() -> Recording:
    """A hundred thousand functions that the main thread calls."""
    return _wide(MANY)


def deep_functions() -> Recording:
    """A hundred thousand functions, each called by the one before."""
    return _chain(MANY, MANY)


def deep_recursion() -> Recording:
    """One function that called itself some ten thousand times, and a hundred others beneath it."""
    deep = MANY // 2
    parents = [NO_PARENT, *range(deep), *([deep] * (MANY - deep))]
    return _plain(functions_of(101), tree_of(parents, [0, *(1 + n % 2 for n in range(MANY))]))


def many_instances() -> Recording:
    """A hundred thousand instances of one action, with phases."""
    map_ = RecordedEventMap(
        phases=tuple(RecordedPhase(n, f"p{n}", "It is.", ("function_*",)) for n in range(8))
    )
    return replace(
        _wide(1_000),
        actions=(RecordedAction("STOR", count=MANY, ended=MANY),),
        instances=tuple(
            ActionInstance(
                number,
                42,
                42 << 32 | number,
                0,
                0,
                number,
                number + 9,
                detail=f"/srv/{number}",
                phases=((number, number + 1),) * 8,
            )
            for number in range(MANY)
        ),
        event_map=map_,
    )


def many_actions() -> Recording:
    """Ten thousand actions, each with an instance and a label of its own."""
    count = MANY // 10
    recording = _wide(count)
    tree = recording.tree
    tree.label = array("I", range(count + 1))
    return replace(
        recording,
        actions=tuple(RecordedAction(f"action {n}", count=1, ended=1) for n in range(count)),
        labels=(RecordedLabel(), *(RecordedLabel(n, 0, n) for n in range(count))),
        instances=tuple(
            ActionInstance(n, 42, 42 << 32 | n, n, n + 1, n, n + 1) for n in range(count)
        ),
    )


def many_labels() -> Recording:
    """A label for each of a hundred thousand contexts."""
    recording = _wide(MANY)
    recording.tree.label = array("I", range(MANY + 1))
    return replace(
        recording,
        actions=(RecordedAction("STOR", count=1),),
        labels=(RecordedLabel(), *(RecordedLabel(0, n) for n in range(MANY))),
    )


def many_threads() -> Recording:
    """A hundred thousand threads, of a thousand processes."""
    count = MANY
    return replace(
        _plain(functions_of(1), tree_of([NO_PARENT] * count, [0] * count)),
        threads=tuple(RecordedThread(42 + n % 1_000, f"thread {n}", n) for n in range(count)),
        processes=tuple(RecordedProcess(42 + n, 1, ("x.py",)) for n in range(1_000)),
    )


def many_processes() -> Recording:
    """A hundred thousand processes, with a command line each."""
    return replace(
        _wide(10), processes=tuple(RecordedProcess(42 + n, 1, ("x", str(n))) for n in range(MANY))
    )


def many_marks() -> Recording:
    """A mark in each of four hundred moments, of twenty thousand contexts."""
    recording = _wide(MANY // 5)
    zeros = array("Q", bytes(8 * len(recording.tree)))
    return replace(
        recording,
        marks=tuple(RecordedMark(f"m{n}", n, zeros, zeros, zeros, zeros) for n in range(800)),
    )


def many_marks_of_little() -> Recording:
    """A hundred thousand marks."""
    recording = _wide(1)
    ones = recording.tree.calls
    return replace(
        recording,
        marks=tuple(RecordedMark(f"m{n}", n, ones, ones, ones, ones) for n in range(MANY // 5)),
    )


def many_heap_types() -> Recording:
    """A hundred thousand types in the heap, and a thousand snapshots."""
    types = {f"m.C{n}": HeapTotal(1, n) for n in range(MANY)}
    return replace(
        _wide(10),
        heap=(
            *(HeapSnapshot(n, 42, "every", 1, {"m.C": HeapTotal(n, 1)}) for n in range(1_000)),
            HeapSnapshot(1_000, 42, "exit", 1, types),
        ),
    )


def many_lines() -> Recording:
    """Two hundred thousand lines."""
    return replace(
        _wide(100),
        lines=tuple(RecordedLine(42, 1 + n % 100, LineFigures(n, hits=1)) for n in range(2 * MANY)),
    )


def many_sources() -> Recording:
    """A hundred thousand files of source."""
    files = tuple((f"/srv/{n}.py", "0" * 64) for n in range(MANY))
    return replace(_wide(10), sources=RecordedSources(files, ""))


def many_notes() -> Recording:
    """A million notes."""
    recording = _wide(10)
    return replace(recording, run=replace(recording.run, notes=("note",) * 10 * MANY))


def many_ancestors() -> Recording:
    """A function of a class with a million ancestors."""
    functions = functions_of(10)
    functions[1] = replace(
        functions[1], class_name="m:C", ancestors=tuple(f"m:{n}" for n in range(10 * MANY))
    )
    return replace(_wide(10), functions=functions)


def many_fields() -> Recording:
    """Events with ten thousand fields each."""
    fields = tuple((f"k{n}", "v") for n in range(MANY // 10))
    return replace(
        _wide(10), events=tuple(RecordedEvent(n, 42, "x", n, fields=fields) for n in range(50))
    )


def many_sensors() -> Recording:
    """An event map with a hundred thousand sensors and as many functions of a phase."""
    names = tuple(f"C{n}.f" for n in range(MANY))
    return replace(
        _wide(1_000),
        actions=(RecordedAction("STOR", count=1),),
        labels=(RecordedLabel(), RecordedLabel(0)),
        event_map=RecordedEventMap(
            maps=names,
            phases=tuple(
                RecordedPhase(n % 8, "p", "s", names if n == 8 else names[:10]) for n in range(9)
            ),
            sensors=tuple(RecordedSensor(n, f"s{n}") for n in range(MANY)),
        ),
    )


def long_names() -> Recording:
    """Functions with names of ninety thousand characters."""
    count = MANY // 1_000
    functions = functions_of(count)
    for number in range(1, count + 1):
        functions[number] = replace(
            functions[number],
            qualname=f"{'<&x.' * 22_000}{number}",
            pycallgraph2_name="y" * 90_000,
        )
    return replace(_wide(count), functions=functions)


def many_contexts() -> Recording:
    """A million contexts, of which most are alike."""
    count = 3 * MANY
    return _plain(functions_of(200), tree_of([NO_PARENT] + [0] * count, [0] + [1] * count))


def empty_contexts() -> Recording:
    """As many contexts of zeros as a small file may claim."""
    recording = _wide(10)
    return replace(recording, tree=tree_of([NO_PARENT] + [0] * MANY, [0] + [1] * MANY))


RECORDINGS: tuple[Callable[[], Recording], ...] = (
    deep_events,
    many_functions,
    deep_functions,
    deep_recursion,
    many_instances,
    many_actions,
    many_labels,
    many_threads,
    many_processes,
    many_marks,
    many_marks_of_little,
    many_heap_types,
    many_lines,
    many_sources,
    many_notes,
    many_ancestors,
    many_fields,
    many_sensors,
    long_names,
    many_contexts,
    empty_contexts,
)


def _with_sql(*statements: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()

    return spoil


ENDLESS_ROWS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT 'C' AS name, 1 AS moment_ns FROM n"
)
SPOILED_FILES: tuple[Callable[[Path], None], ...] = (
    _with_sql("DROP TABLE mark", f"CREATE VIEW mark AS {ENDLESS_ROWS}"),
    _with_sql("ALTER TABLE mark RENAME TO marks", "CREATE VIEW mark AS SELECT * FROM marks"),
    _with_sql("DROP TABLE mark", "CREATE VIRTUAL TABLE mark USING fts5(name, moment_ns)"),
    _with_sql("CREATE TABLE more(x)"),
    _with_sql("CREATE INDEX more ON mark(name)"),
    _with_sql("CREATE TRIGGER more AFTER INSERT ON mark BEGIN SELECT 1; END"),
    _with_sql("DROP TABLE mark", "CREATE TABLE mark (name TEXT NOT NULL, moment_ns AS (1))"),
    _with_sql("DROP TABLE mark"),
    _with_sql("ALTER TABLE mark ADD COLUMN more TEXT"),
)
"""What makes a file one whose tables are not ours, or not only ours."""
