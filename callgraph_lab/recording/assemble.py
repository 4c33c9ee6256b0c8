"""Join the parts that the processes of a run have written into one ``Recording``."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from operator import add
from typing import TYPE_CHECKING

from callgraph_lab.action_model import RecordedEventMap
from callgraph_lab.line_model import RecordedLine, added_up
from callgraph_lab.model import (
    NO_PARENT,
    CallTree,
    Function,
    RecordedProcess,
    RecordedThread,
    Recording,
    RunInformation,
)
from callgraph_lab.recording.assemble_actions import (
    JoinedActions,
    action_names,
    add_instance_columns,
)
from callgraph_lab.recording.assemble_lines import lines_of
from callgraph_lab.recording.assemble_memory import add_memory_columns, have_memory
from callgraph_lab.recording.ends import until_ns
from callgraph_lab.recording.preorder import preorder_places, subtree_sizes
from callgraph_lab.recording.refused import without_refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from callgraph_lab.ending_model import Ending
    from callgraph_lab.recording.live_part import LiveFunction, LivePart, LiveThread

_LONGEST_NS = 2**62
"""A century and a half. What is longer comes from damaged bytes, and would overflow in a sum."""
_MOST_ADDED = 2**50
"""Damaged bytes too. Thousands of these may be added up."""

_Shape = tuple[object, ...]
"""Command line and end of a process, its tree, and what functions and actions are in it."""


def assemble(  # noqa: PLR0913 - all by keyword but the parts and their run
    parts: Sequence[LivePart],
    run: RunInformation,
    *,
    now_ns: int,
    started_ns: int = 0,
    event_map: RecordedEventMap | None = None,
    in_preorder: bool = True,
) -> Recording:
    """Return the recording of a run, which began at ``started_ns`` (CLOCK_MONOTONIC, as all here).

    ``now_ns`` is until when open calls of those processes have run that are running. A merger,
    which puts contexts in order itself, does without ``in_preorder``: callers before callees.
    """
    parts = sorted(parts, key=lambda part: part.began)
    event_map = event_map or RecordedEventMap()
    joined = _Joined(
        JoinedActions(event_map, started_ns, action_names(parts)),
        has_memory=have_memory(parts),
        in_preorder=in_preorder,
    )
    processes = []
    for part in parts:
        joined.add(part, until_ns(part, now_ns))
        processes.append(
            RecordedProcess(
                pid=part.pid,
                parent_pid=part.parent_pid,
                argv=_strings(part.information.get("argv")),
                stop_reason=part.stop_reason,
                ending=part.ending,
                peak_bytes=None if part.memory is None else part.memory.peak_bytes,
            )
        )
    return Recording(
        run=run,
        functions=joined.functions,
        tree=joined.tree,
        threads=tuple(joined.threads),
        processes=tuple(processes),
        actions=joined.actions.actions(),
        labels=tuple(joined.actions.labels),
        instances=tuple(joined.actions.instances),
        events=joined.actions.events(),
        events_dropped=sum(part.events_dropped for part in parts),
        event_map=event_map,
        lines=added_up(joined.lines),
    )


def _strings(items: object) -> tuple[str, ...]:
    """Return a list from a process's information, which may hold anything if it was damaged."""
    return tuple(map(str, items)) if isinstance(items, list) else ()


def is_standard_library(file: str, folders: Iterable[str]) -> bool:
    """Say whether a code object's file belongs to the standard library in ``folders``.

    ``folders`` are ``sysconfig``'s stdlib and platstdlib of the base interpreter. Frozen modules
    belong to it; site-packages inside its folder do not.
    """
    if file.startswith("<frozen "):
        return True
    for folder in folders:
        if file.startswith(folder + "/"):
            inside = file[len(folder) + 1 :].partition("/")[0]
            return inside not in {"site-packages", "dist-packages"}
    return False


@dataclass(slots=True)
class _Joined:
    """What the parts read so far have in common."""

    actions: JoinedActions
    has_memory: bool
    in_preorder: bool
    functions: list[Function] = field(default_factory=list)
    tree: CallTree = field(default_factory=CallTree)
    threads: list[RecordedThread] = field(default_factory=list)
    lines: list[RecordedLine] = field(default_factory=list)
    _numbers: dict[Function, int] = field(default_factory=dict)
    _numbers_of_live: dict[tuple[str, ...], dict[LiveFunction, int]] = field(default_factory=dict)
    """By the folders of the standard library, which processes of other Pythons have others of."""
    _offsets: dict[_Shape, int] = field(default_factory=dict)
    """Where a part's contexts stand, to which those of another of its shape are added."""

    def add(self, part: LivePart, until_ns: int) -> None:
        part = without_refused(part)
        folders = _strings(part.information.get("stdlib"))
        known = self._numbers_of_live.setdefault(folders, {})
        for live in part.functions:
            if live not in known:
                known[live] = self._number(live, folders)
        renumbered = array("I", map(known.__getitem__, part.functions))
        self.lines.extend(lines_of(part, renumbered, until_ns))
        inclusive, open_calls = _times(part, until_ns)
        offset = len(self.tree)
        shape = None if self.in_preorder else _shape(part, renumbered, inclusive)
        twin = None if shape is None else self._offsets.setdefault(shape, offset)
        place: Sequence[int] = range(len(part.parent))
        if self.in_preorder:
            place = preorder_places(part.parent, subtree_sizes(part.parent))
        if twin is not None and twin != offset:
            offset = twin
            self._add_up(part, inclusive, open_calls, offset)
        self.actions.add(part, [offset + position for position in place], until_ns)
        if offset == len(self.tree):
            self._append(part, renumbered, inclusive, open_calls, place)
        self.threads.extend(
            RecordedThread(
                pid=part.pid,
                name=part.functions[part.function[thread.root]].qualname,
                root=offset + place[thread.root],
                threads=thread.threads,
                alive=thread.alive and part.is_running,
                ending=_ending_of(thread, part),
            )
            for thread in part.threads
        )

    def _number(self, live: LiveFunction, stdlib_folders: Sequence[str]) -> int:
        function = Function(
            module=live.module,
            qualname=live.qualname,
            file=live.file,
            line=live.line,
            class_name=live.class_name or None,
            ancestors=tuple(live.ancestors.split("\n")) if live.ancestors else (),
            pycallgraph2_name=live.pycallgraph2_name,
            stdlib=is_standard_library(live.file, stdlib_folders),
            kind="thread" if live.is_thread else "c_function" if live.is_c else "function",
        )
        number = self._numbers.setdefault(function, len(self.functions))
        if number == len(self.functions):
            self.functions.append(function)
        return number

    def _append(
        self,
        part: LivePart,
        renumbered: array[int],
        inclusive: array[int],
        open_calls: array[int],
        place: Sequence[int],
    ) -> None:
        """Append the part's contexts to the tree, each at its place."""
        tree, offset = self.tree, len(self.tree)
        order = place
        if self.in_preorder:
            order = array("i", bytes(4 * len(place)))
            for context, position in enumerate(place):
                order[position] = context
        tree.parent.extend(
            NO_PARENT if parent == NO_PARENT else offset + place[parent]
            for parent in map(part.parent.__getitem__, order)
        )
        functions = map(part.function.__getitem__, order)
        tree.function.extend(map(renumbered.__getitem__, functions))
        for column, values in self._added_columns(part, inclusive, open_calls):
            column.extend(map(values.__getitem__, order) if self.in_preorder else values)
        tree.self_ns.extend(map(_self_times(part.parent, inclusive).__getitem__, order))
        add_instance_columns(tree, part, inclusive, order, self.actions.labels)
        if self.has_memory:
            add_memory_columns(tree, part, order, self.actions.labels)

    def _add_up(
        self, part: LivePart, inclusive: array[int], open_calls: array[int], offset: int
    ) -> None:
        """Add a part to the contexts of its shape that stand at ``offset``."""
        tree, end = self.tree, offset + len(part.parent)
        for column, values in (
            *self._added_columns(part, inclusive, open_calls),
            (tree.self_ns, _self_times(part.parent, inclusive)),
        ):
            if any(values):
                column[offset:end] = array(column.typecode, map(add, column[offset:end], values))

    def _added_columns(
        self, part: LivePart, inclusive: array[int], open_calls: array[int]
    ) -> tuple[tuple[array[int], Sequence[int]], ...]:
        """Return the tree's columns whose figures add up, each with what the part has of it."""
        tree = self.tree
        return (
            (tree.calls, part.calls),
            (tree.resumes, part.resumes),
            (tree.suspensions, part.suspensions),
            (tree.inclusive_ns, inclusive),
            (tree.open_calls, open_calls),
        )


def _shape(part: LivePart, functions: array[int], inclusive: array[int]) -> _Shape | None:
    """Return what parts have in common that can be added up, or None: this one stands for itself.

    Where a server forks for each connection most children have run the same code.
    """
    has_remark = (
        part.stop_reason
        or part.folded_from
        or part.functions_folded_from
        or part.lost_children
        or part.other_pythons
        or part.went_on_as_python
    )
    columns = (part.calls, part.resumes, part.suspensions, inclusive)
    largest = max(max(column, default=0) for column in columns)
    if has_remark or part.memory is not None or largest > _MOST_ADDED:
        return None
    return (
        _strings(part.information.get("argv")),
        part.ending,
        tuple(_ending_of(thread, part) for thread in part.threads),
        tuple(action.name for action in part.actions),
        # Whichever instance: those of processes that are merged have no tree of their own.
        tuple(label.action for label in part.labels),
        *(column.tobytes() for column in (part.parent, functions, part.label)),
    )


def _self_times(parents: array[int], inclusive: array[int]) -> list[int]:
    # A list, since what is damaged may add up to more than an array's item holds.
    self_ns = inclusive.tolist()
    for parent, duration_ns in zip(parents, inclusive, strict=True):
        if duration_ns and parent != NO_PARENT:
            self_ns[parent] -= duration_ns
    # Clocks of several cores, and a call in flight at the end, can make it a little negative.
    return [own_ns if own_ns > 0 else 0 for own_ns in self_ns]  # noqa: FURB136 - it is hot


def _ending_of(thread: LiveThread, part: LivePart) -> Ending:
    """Return how its process ended, unless the thread left before, in the midst of its calls.

    That is what ``pthread_exit`` does, and the end of the interpreter to other threads.
    """
    return "exited" if thread.open_calls and not thread.alive else part.ending


def _times(part: LivePart, until_ns: int) -> tuple[array[int], array[int]]:
    """Return inclusive nanoseconds and open calls of each context of a part."""
    clock, parents = part.clock, part.parent
    inclusive = part.ticks.tolist()
    if clock.ns_per_tick is not None:
        ns_per_tick = clock.ns_per_tick
        inclusive = [int(ticks * ns_per_tick) for ticks in inclusive]
    open_calls = array("I", bytes(4 * len(inclusive)))
    for thread in part.threads:
        for call in thread.open_calls:
            open_calls[call.context] += 1
            inclusive[call.context] += max(until_ns - clock.monotonic_ns(call.start_ticks), 0)
    if part.ending in ("running", "killed"):
        _mend_what_was_cut(part, inclusive, until_ns)
    # A root has no call of its own: it lasts as long as what it called.
    of_root = {thread.root: 0 for thread in part.threads}
    for parent, duration_ns in zip(parents, inclusive, strict=True):
        if parent in of_root:
            of_root[parent] += duration_ns
    for root, duration_ns in of_root.items():
        inclusive[root] = duration_ns
    if max(inclusive, default=0) > _LONGEST_NS:
        inclusive = [min(duration_ns, _LONGEST_NS) for duration_ns in inclusive]
    return array("Q", inclusive), open_calls


def _mend_what_was_cut(part: LivePart, inclusive: list[int], until_ns: int) -> None:
    """Let no call last shorter than what it called, where counters are of different moments.

    The writer counts a call's time, and then takes the call off its stack. Who reads in between, or
    is what remains of a writer that was killed there, finds the innermost call twice. Who reads on
    while the writer goes on finds calls to have ended whose callers had not yet when these were
    read, and neither open nor ended later: there the least is known that it can have been.
    """
    innermost = {}
    for thread in part.threads:
        if thread.open_calls:
            call = thread.open_calls[-1]
            since_ns = part.clock.monotonic_ns(call.start_ticks)
            innermost[part.parent[call.context]] = call.context, max(until_ns - since_ns, 0)
    below = [0] * len(inclusive)
    # Callers have the smaller numbers.
    for context in range(len(inclusive) - 1, -1, -1):
        parent = part.parent[context]
        if parent == NO_PARENT:
            continue
        too_much = below[context] - inclusive[context]
        if too_much > 0 and context in innermost:
            callee, open_ns = innermost[context]
            cut = min(too_much, open_ns, inclusive[callee] - below[callee])
            inclusive[callee] -= cut
            below[context] -= cut
        inclusive[context] = max(inclusive[context], below[context])
        below[parent] += inclusive[context]
