"""Put what several processes did into one tree: contexts with the same path become one context.

Counts and times are added up, so every total stays what it was. What is lost is which of the
processes did it, where they ran the same program.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from callgraph_lab.model import NO_PARENT, TREE_COLUMNS, CallTree, Recording
from callgraph_lab.recording.preorder import preorder_places, subtree_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callgraph_lab.model import Function, RecordedProcess, RecordedThread, RunInformation

_LARGEST = {"Q": 2**63 - 1, "I": 2**32 - 1}
"""What a sum is cut off at: only damaged bytes add up to more."""
_SUMS = tuple(column for column in TREE_COLUMNS if column.name not in ("parent", "function"))
_MOST_GROUPS = 64

_Kind = tuple[tuple[str, ...], str]
"""What processes of one group have in common: command line, why recording stopped."""


_OTHERS: _Kind = ((), "")
"""The group of all that would make too many groups."""


@dataclass(slots=True)
class _Group:
    process: RecordedProcess
    threads: dict[int, RecordedThread] = field(default_factory=dict)
    """By the root's context, before contexts are put in order."""
    roots: dict[int, int] = field(default_factory=dict)
    """A thread's function to its root."""


class ProcessMerger:
    """Takes recordings of processes that have ended, and gives one with a few groups of them."""

    def __init__(self) -> None:
        self._functions: list[Function] = []
        self._numbers: dict[Function, int] = {}
        self._groups: dict[_Kind, _Group] = {}
        self._group_of_pid: dict[int, _Group] = {}
        self._children: dict[tuple[int, int], int] = {}
        self._tree = CallTree()

    def add(self, recording: Recording) -> None:
        """Add what the processes of a recording did. No two of them have one pid."""
        numbers = [self._number(function) for function in recording.functions]
        groups = {process.pid: self._group(process) for process in recording.processes}
        ends = _ends_of_roots(recording)
        for thread in recording.threads:
            group = groups[thread.pid]
            self._add_thread(group, thread, numbers[recording.tree.function[thread.root]])
            self._add_contexts(group, recording.tree, thread.root, ends[thread.root], numbers)

    def merged(self, run: RunInformation) -> Recording:
        """Return everything as a recording, a process for each group."""
        tree = self._tree
        places = preorder_places(tree.parent, subtree_sizes(tree.parent))
        order = array("i", bytes(4 * len(places)))
        for context, place in enumerate(places):
            order[place] = context
        ordered = CallTree()
        for column in TREE_COLUMNS:
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
        processes = tuple(group.process for group in groups)
        return Recording(run, self._functions, ordered, tuple(threads), processes)

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
        kind = process.argv, process.stop_reason
        if kind not in self._groups and len(self._groups) >= _MOST_GROUPS:
            process = replace(process, argv=(), stop_reason="")
            kind = _OTHERS
        group = self._groups.get(kind) or self._group_of_pid.get(process.pid)
        if group is None:
            group = self._groups[kind] = self._group_of_pid[process.pid] = _Group(process)
        else:
            together = group.process.processes + process.processes
            group.process = replace(group.process, processes=together)
        return group

    def _add_thread(self, group: _Group, thread: RecordedThread, function: int) -> None:
        root = group.roots.get(function)
        if root is None:
            root = group.roots[function] = self._new_context(NO_PARENT, function)
            group.threads[root] = replace(thread, pid=group.process.pid)
            return
        known = group.threads[root]
        group.threads[root] = replace(known, threads=known.threads + thread.threads)

    def _add_contexts(
        self, group: _Group, tree: CallTree, start: int, end: int, numbers: list[int]
    ) -> None:
        """Add the contexts from ``start``, a root, to ``end`` below the group's root."""
        mine = [group.roots[numbers[tree.function[start]]]]
        children = self._children
        for context in range(start + 1, end):
            key = mine[tree.parent[context] - start], numbers[tree.function[context]]
            number = children.get(key)
            if number is None:
                number = children[key] = self._new_context(*key)
            mine.append(number)
        for column in _SUMS:
            sums: array[int] = getattr(self._tree, column.name)
            most = _LARGEST[column.typecode]
            values: array[int] = getattr(tree, column.name)[start:end]
            for number, value in zip(mine, values, strict=True):
                if value:
                    sums[number] = min(sums[number] + value, most)

    def _new_context(self, parent: int, function: int) -> int:
        number = len(self._tree)
        self._tree.parent.append(parent)
        self._tree.function.append(function)
        for column in _SUMS:
            getattr(self._tree, column.name).append(0)
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
    for column in TREE_COLUMNS:
        own: array[int] = getattr(recording.tree, column.name)
        added: Iterable[int] = getattr(other.tree, column.name)
        if column.name == "parent":
            added = (parent if parent == NO_PARENT else parent + offset for parent in added)
        elif column.name == "function":
            added = (numbers[function] for function in added)
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
    )


def _ends_of_roots(recording: Recording) -> dict[int, int]:
    roots = sorted(thread.root for thread in recording.threads)
    return dict(zip(roots, [*roots[1:], len(recording.tree)], strict=True))
