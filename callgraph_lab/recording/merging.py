"""Put what several processes did into one tree: contexts with the same path become one context.

Counts and times are added up, so every total stays what it was. What is lost is which of the
processes did it, where they ran the same program.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from callgraph_lab.line_model import RecordedLine, added_up
from callgraph_lab.model import MEMORY_COLUMNS, NO_PARENT, TREE_COLUMNS, CallTree, Recording
from callgraph_lab.recording.merging_actions import ActionMerger, joined_actions
from callgraph_lab.recording.preorder import preorder_places, subtree_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callgraph_lab.ending_model import Ending
    from callgraph_lab.model import (
        Column,
        Function,
        RecordedProcess,
        RecordedThread,
        RunInformation,
    )

_LARGEST = {"Q": 2**63 - 1, "I": 2**32 - 1}
"""What a sum is cut off at: only damaged bytes add up to more."""
_KEYS = ("parent", "function", "label")
_ALL_COLUMNS = (*TREE_COLUMNS, *MEMORY_COLUMNS)
_OF_INSTANCES = tuple(column.name for column in _ALL_COLUMNS if column.name.startswith("instance_"))
_NOT_ADDED = (*_KEYS, *_OF_INSTANCES)
_MOST_GROUPS = 64

_Kind = tuple[tuple[str, ...], str, "Ending"]
"""What processes of one group have in common: command line, why recording stopped, how they ended.
"""


_OTHERS = (), ""
"""The command line and the reason of those that would make too many groups."""


@dataclass(slots=True)
class _Group:
    process: RecordedProcess
    threads: dict[int, RecordedThread] = field(default_factory=dict)
    """By the root's context, before contexts are put in order."""
    roots: dict[tuple[int, Ending], int] = field(default_factory=dict)
    """A thread's function, and how its process ended, to its root."""


class ProcessMerger:
    """Takes recordings of processes that have ended, and gives one with a few groups of them."""

    def __init__(self) -> None:
        self._functions: list[Function] = []
        self._numbers: dict[Function, int] = {}
        self._groups: dict[_Kind, _Group] = {}
        self._group_of_pid: dict[int, _Group] = {}
        self._children: dict[tuple[int, int, int], int] = {}
        self._tree = CallTree()
        self._has_memory = False
        self._actions = ActionMerger()
        self._lines: list[RecordedLine] = []

    def add(self, recording: Recording) -> None:
        """Add what the processes of a recording did. No two of them have one pid.

        Its contexts may stand in any order of callers before callees.
        """
        self._has_memory |= recording.tree.has_memory
        numbers = [self._number(function) for function in recording.functions]
        groups = {process.pid: self._group(process) for process in recording.processes}
        labels = self._actions.labels_of(recording)
        labels_of_contexts = array("I", (labels[label] for label in recording.tree.label))
        functions = array("I", map(numbers.__getitem__, recording.tree.function))
        roots = {
            thread.root: self._add_thread(
                groups[thread.pid], thread, functions[thread.root], labels_of_contexts[thread.root]
            )
            for thread in recording.threads
        }
        mine = self._add_contexts(recording.tree, roots, functions, labels_of_contexts)
        self._actions.add_events(recording, mine)
        self._lines.extend(
            RecordedLine(groups[item.pid].process.pid, numbers[item.function], item.figures)
            for item in recording.lines
        )

    def merged(self, run: RunInformation) -> Recording:
        """Return everything as a recording, a process for each group."""
        tree = self._tree
        places = preorder_places(tree.parent, subtree_sizes(tree.parent))
        order = array("i", bytes(4 * len(places)))
        for context, place in enumerate(places):
            order[place] = context
        ordered = CallTree()
        for column in _ALL_COLUMNS if self._has_memory else TREE_COLUMNS:
            values: array[int] = getattr(tree, column.name)
            getattr(ordered, column.name).extend(values[context] for context in order)
        for place, parent in enumerate(ordered.parent):
            ordered.parent[place] = parent if parent == NO_PARENT else places[parent]
        groups = [*self._groups.values()]
        threads = [
            replace(thread, root=places[root])
            for group in groups
            for root, thread in group.threads.items()
        ]
        actions = self._actions
        return Recording(
            run=run,
            functions=self._functions,
            tree=ordered,
            threads=tuple(threads),
            processes=tuple(group.process for group in groups),
            actions=tuple(actions.actions),
            labels=tuple(actions.labels),
            instances=tuple(actions.instances),
            events=tuple(
                event if event.context is None else replace(event, context=places[event.context])
                for event in actions.events
            ),
            events_dropped=actions.events_dropped,
            lines=added_up(self._lines),
        )

    def _number(self, function: Function) -> int:
        number = self._numbers.setdefault(function, len(self._functions))
        if number == len(self._functions):
            self._functions.append(function)
        return number

    def _group(self, process: RecordedProcess) -> _Group:
        """Return the group of a process, which then stands for one process more.

        A group goes by the pid of its first process. That is why a process that has run two
        programs is not the first of two groups.
        """
        kind: _Kind = process.argv, process.stop_reason, process.ending
        if kind not in self._groups and len(self._groups) >= _MOST_GROUPS:
            argv, stop_reason = _OTHERS
            process = replace(process, argv=argv, stop_reason=stop_reason)
            kind = argv, stop_reason, process.ending
        group = self._groups.get(kind) or self._group_of_pid.get(process.pid)
        if group is None:
            group = self._groups[kind] = self._group_of_pid[process.pid] = _Group(process)
        else:
            together = group.process.processes + process.processes
            group.process = replace(
                group.process, processes=together, peak_bytes=_larger(group.process, process)
            )
        return group

    def _add_thread(self, group: _Group, thread: RecordedThread, function: int, label: int) -> int:
        """Add a thread to the group's of its name, and return their root.

        What is open below a root has ended in one way: a process that has run two programs is in
        one group, and may have ended twice.
        """
        key = function, thread.ending
        root = group.roots.get(key)
        if root is None:
            # Threads of one name begin in different phases: their roots count for the first's.
            root = group.roots[key] = self._new_context(NO_PARENT, function, label)
            group.threads[root] = replace(thread, pid=group.process.pid)
            return root
        known = group.threads[root]
        group.threads[root] = replace(known, threads=known.threads + thread.threads)
        return root

    def _add_contexts(
        self,
        tree: CallTree,
        roots: dict[int, int],
        functions: array[int],
        labels: array[int],
    ) -> list[int]:
        """Add all contexts of a tree, whose ``roots`` are there already; return where each is."""
        mine: list[int] = []
        children = self._children
        rows = zip(tree.parent, functions, labels, strict=True)
        for context, (parent, function, label) in enumerate(rows):
            if parent == NO_PARENT:
                mine.append(roots[context])
                continue
            key = mine[parent], function, label
            number = children.get(key)
            if number is None:
                number = children[key] = self._new_context(*key)
            mine.append(number)
        for column in tree.columns:
            values: array[int] = getattr(tree, column.name)
            if column.name in _NOT_ADDED or not any(values):
                continue
            sums: array[int] = getattr(self._tree, column.name)
            most = _LARGEST[column.typecode]
            for number, value in zip(mine, values, strict=True):
                if value:
                    total = sums[number] + value
                    sums[number] = total if total <= most else most  # noqa: FURB136 - it is hot
        return mine

    def _new_context(self, parent: int, function: int, label: int) -> int:
        tree = self._tree
        number = len(tree)
        for column in _ALL_COLUMNS:
            getattr(tree, column.name).append(0)
        tree.parent[number], tree.function[number], tree.label[number] = parent, function, label
        return number


def joined(recording: Recording, other: Recording) -> Recording:
    """Return both in one, each process and thread as it is; the run is the first's."""
    functions = list(recording.functions)
    known = {function: number for number, function in enumerate(functions)}
    numbers = []
    for function in other.functions:
        number = known.setdefault(function, len(functions))
        if number == len(functions):
            functions.append(function)
        numbers.append(number)
    offset = len(recording.tree)
    tree = CallTree()
    has_memory = recording.tree.has_memory or other.tree.has_memory
    for column in _ALL_COLUMNS if has_memory else TREE_COLUMNS:
        own = _column_of(recording.tree, column)
        added: Iterable[int] = _column_of(other.tree, column)
        if column.name == "parent":
            added = (parent if parent == NO_PARENT else parent + offset for parent in added)
        elif column.name == "function":
            added = (numbers[function] for function in added)
        elif column.name == "label":
            first_label = len(recording.labels) - 1
            added = (label + first_label if label else 0 for label in added)
        values = own[:]
        values.extend(added)
        setattr(tree, column.name, values)
    threads = tuple(replace(thread, root=thread.root + offset) for thread in other.threads)
    return replace(
        recording,
        functions=functions,
        tree=tree,
        threads=(*recording.threads, *threads),
        processes=(*recording.processes, *other.processes),
        lines=(
            *recording.lines,
            *(replace(item, function=numbers[item.function]) for item in other.lines),
        ),
        **joined_actions(recording, other),
    )


def _column_of(tree: CallTree, column: Column) -> array[int]:
    """Return a column, of zeros where the tree has none: memory was not counted."""
    values: array[int] = getattr(tree, column.name)
    return values if len(values) else array(column.typecode, [0]) * len(tree)


def _larger(process: RecordedProcess, other: RecordedProcess) -> int | None:
    peaks = [peak for peak in (process.peak_bytes, other.peak_bytes) if peak is not None]
    return max(peaks, default=None)
