"""Read the marks of a live folder, and lay their figures beside the tree of the recording.

A mark is a copy of what the live folder held at its moment. Contexts of the copy and of the
recording are matched by their path from the thread's root: an ended process may have been folded
into others meanwhile, with other numbers for its contexts.
"""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING

from callgraph_lab.errors import RecordingError
from callgraph_lab.model import NO_PARENT, RecordedMark
from callgraph_lab.recording import marking
from callgraph_lab.recording.guarded_file import read_guarded
from callgraph_lab.recording.tree_columns import pack_column, unpack_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from callgraph_lab.model import CallTree, Recording
    from callgraph_lab.recording.tree_columns import ColumnRow

MARK_COLUMNS = ("calls", "resumes", "inclusive_ns", "self_ns")
"""The fields of a ``RecordedMark`` that are columns."""
MOST_FIGURES = 16 * 1024 * 1024
"""How many contexts all marks of a recording have together, at most: 32 bytes of memory each."""
_FOLDER = re.compile(r"(\d{20})-(\d+)-(\d+)")
_MOST_NAMED = 3
_LabelKey = tuple[str | None, int]
"""An action and a lane. Each process has labels of its own for them, with numbers of their own."""
_Key = tuple[int, _LabelKey]
"""A function of the recording and what it serves: what tells the callees of a context apart."""


def read_marks(
    live_folder: Path, recording: Recording, read_copy: Callable[[Path, int], Recording]
) -> tuple[tuple[RecordedMark, ...], tuple[str, ...]]:
    """Return the marks on a recording, earliest first, and remarks on those that are damaged.

    ``read_copy`` reads the files of a mark as they stood at a moment of CLOCK_MONOTONIC.
    """
    marks, damaged = [], []
    folders = _folders(live_folder / marking.MARKS_FOLDER)
    most = MOST_FIGURES // max(len(recording.tree), 1)
    remarks = []
    if len(folders) > most:
        remarks.append(
            f"left out: {len(folders) - most} marks after the first {most}, for their size"
        )
    for folder in folders[:most]:
        try:
            name = _read_name(folder / marking.NAME_FILE)
            copy = read_copy(folder, int(folder.name.partition("-")[0]))
        except (RecordingError, OSError, ValueError) as error:
            damaged.append(f"{folder.name} ({str(error).replace(str(folder), folder.name)})")
        else:
            marks.append(lay_beside(copy, recording, name))
    if damaged:
        more = f" and {len(damaged) - _MOST_NAMED} more" if len(damaged) > _MOST_NAMED else ""
        remarks.append(f"left out: mark {', '.join(damaged[:_MOST_NAMED])}{more}")
    return tuple(marks), tuple(remarks)


def _folders(folder: Path) -> list[Path]:
    """Return the folders of complete marks in the order of their moments."""
    try:
        if folder.is_symlink():
            return []
        found = [item for item in folder.iterdir() if _FOLDER.fullmatch(item.name)]
    except OSError:  # none, or not for us to see
        return []
    return sorted(found)[: marking.MOST_MARKS]


def _read_name(path: Path) -> str:
    text = read_guarded(path, 4 * marking.LONGEST_NAME_CHARACTERS + 1).decode()
    if not text.isprintable() or not 0 < len(text) <= marking.LONGEST_NAME_CHARACTERS:
        raise ValueError("its name is damaged")
    return text


def lay_beside(copy: Recording, recording: Recording, name: str) -> RecordedMark:
    """Return a mark with the figures of ``copy``, in columns parallel to ``recording``'s tree.

    ``copy`` is the same run, not so far. What of it is not in the recording is left out.
    """
    columns = {column: array("Q", bytes(8 * len(recording.tree))) for column in MARK_COLUMNS}
    places = _Places(copy, recording)
    pairs = [(getattr(copy.tree, column), columns[column]) for column in MARK_COLUMNS]
    for context, place in enumerate(places.of_contexts()):
        if place != NO_PARENT:
            for values, column in pairs:
                column[place] += values[context]
    return RecordedMark(name=name, moment_ns=copy.run.duration_ns, **columns)


class _Places:
    """Finds the contexts of a copy in the recording."""

    def __init__(self, copy: Recording, recording: Recording) -> None:
        self._copy = copy
        self._recording = recording
        numbers = {function: number for number, function in enumerate(recording.functions)}
        self._functions = [numbers.get(function, NO_PARENT) for function in copy.functions]
        self._labels = _label_keys(recording)
        self._labels_of_copy = _label_keys(copy)
        self._ends = _subtree_ends(recording.tree)

    def of_contexts(self) -> list[int]:
        """Return for each context of the copy its index in the recording, or ``NO_PARENT``."""
        tree = self._copy.tree
        places = _places_of_roots(self._copy, self._recording)
        found = [NO_PARENT] * len(tree)
        # The callers of a context, each with its callees in the recording that are still to match.
        callers: list[tuple[int, dict[_Key, list[int]]]] = []
        for context, parent in enumerate(tree.parent):
            if parent == NO_PARENT:
                callers.clear()
                place = places.get(context, NO_PARENT)
            else:
                while callers[-1][0] != parent:
                    callers.pop()
                label = self._labels_of_copy[tree.label[context]]
                function = self._functions[tree.function[context]]
                place = _take(callers[-1][1], function, label)
            found[context] = place
            callers.append((context, {} if place == NO_PARENT else self._callees(place)))
        return found

    def _callees(self, place: int) -> dict[_Key, list[int]]:
        tree = self._recording.tree
        callees: dict[_Key, list[int]] = {}
        callee = place + 1
        while callee < self._ends[place]:
            key = (tree.function[callee], self._labels[tree.label[callee]])
            callees.setdefault(key, []).append(callee)
            callee = self._ends[callee]
        return callees


def _take(callees: dict[_Key, list[int]], function: int, label: _LabelKey) -> int:
    """Return the place of a callee. The last of its kind stays: others may be merged into it."""
    # Of merged processes the lanes of an action are one.
    candidates = callees.get((function, label)) or callees.get((function, (label[0], 0)))
    if not candidates:
        return NO_PARENT
    return candidates.pop(0) if len(candidates) > 1 else candidates[0]


def _label_keys(recording: Recording) -> list[_LabelKey]:
    return [
        (None if label.action is None else recording.actions[label.action].name, label.lane)
        for label in recording.labels
    ]


def _subtree_ends(tree: CallTree) -> array[int]:
    """Return for each context the index behind its last descendant."""
    ends = array("i", range(1, len(tree) + 1))
    for context in range(len(tree) - 1, -1, -1):
        parent = tree.parent[context]
        if parent != NO_PARENT:
            ends[parent] = max(ends[parent], ends[context])
    return ends


def _places_of_roots(copy: Recording, recording: Recording) -> dict[int, int]:
    """Return where the roots of a copy are in the recording.

    A process that has been folded into others meanwhile is in one with the same command line, and
    by the name of the thread there its figures add up.
    """
    left: dict[tuple[int, str], list[int]] = {}
    for thread in recording.threads:
        left.setdefault((thread.pid, thread.name), []).append(thread.root)
    places, missing = {}, []
    for thread in copy.threads:
        roots = left.get((thread.pid, thread.name))
        if roots:
            places[thread.root] = roots.pop(0)
        else:
            missing.append(thread)
    if missing:
        argv_then, argv_now = _command_lines(copy), _command_lines(recording)
        roots_now = {
            (argv_now.get(thread.pid), thread.name): thread.root for thread in recording.threads
        }
        for thread in missing:
            place = roots_now.get((argv_then.get(thread.pid), thread.name))
            if place is not None:
                places[thread.root] = place
    return places


def _command_lines(recording: Recording) -> dict[int, tuple[str, ...]]:
    return {process.pid: process.argv for process in recording.processes}


def pack_mark(mark: RecordedMark) -> list[ColumnRow]:
    """Return the columns of a mark, compressed."""
    return [pack_column(name, getattr(mark, name)) for name in MARK_COLUMNS]


def unpack_marks(
    rows: Iterable[tuple[str, int]], column_rows: Sequence[ColumnRow], contexts: int
) -> tuple[RecordedMark, ...]:
    """Return marks from their names and moments, and their packed columns, mark by mark.

    Raise ``ValueError`` where they do not fit each other, or a tree of so many contexts.
    """
    left = list(reversed(column_rows))
    marks: list[RecordedMark] = []
    for name, moment_ns in rows:
        if (len(marks) + 1) * contexts > MOST_FIGURES:
            raise ValueError("it claims more marks than a recording has")
        columns = {}
        for wanted in MARK_COLUMNS:
            row = left.pop() if left else ("", 0, 0, b"")
            if row[0] != wanted or row[2] != contexts:
                raise ValueError("the columns of its marks are not those of its tree")
            columns[wanted] = unpack_column(row, "Q")
        marks.append(RecordedMark(name=name, moment_ns=moment_ns, **columns))
    if left:
        raise ValueError("it has columns of marks that are not there")
    return tuple(marks)
