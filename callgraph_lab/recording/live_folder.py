"""The folder of a run that has not become one file yet: what is in it, and whether it still runs.

``out/x.cglab.live`` holds ``run.json``, which ``cglab`` writes, and a part of each process.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.assemble import assemble
from callgraph_lab.recording.ended import (
    MOST_ENDED_PARTS,
    Ended,
    damage_of,
    merged_in_memory,
    read_index,
    remark_on,
    surplus_of,
)
from callgraph_lab.recording.ends import (
    end_is_unknown,
    last_program_of,
    note_end_of_target,
    note_ends_in_copy,
    until_ns,
)
from callgraph_lab.recording.guarded_file import read_guarded
from callgraph_lab.recording.heap_files import read_heap
from callgraph_lab.recording.live_reader import read_part, was_begun
from callgraph_lab.recording.locking import locked
from callgraph_lab.recording.marks import read_marks
from callgraph_lab.recording.merging import joined
from callgraph_lab.recording.resource_file import read_resources
from callgraph_lab.recording.run_file import RunFile, read_run_file
from callgraph_lab.recording.running import is_running
from callgraph_lab.recording.seen_alive import SeenAlive, read_seen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from callgraph_lab.model import Recording, RunInformation
    from callgraph_lab.recording.live_part import LivePart

_KILLED_UNSEEN = "it was killed while nobody looked: calls that were open end with what it did last"
_MOST_PIDS = 5
_MOST_NOTES = 20
_MOST_NOTE_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class LiveContents:
    """A run as its folder shows it now, and the files of parts that could not be read."""

    recording: Recording
    damaged_parts: tuple[Path, ...]


def read_live_folder(live_folder: Path) -> LiveContents:
    """Read what the processes of a run have recorded up to now.

    A part that is damaged costs what is in it and becomes a note of the recording. Raise
    ``RecordingError`` where there is nothing but damage.
    """
    with locked(live_folder, shared=True):
        return read_while_locked(live_folder)


def read_while_locked(live_folder: Path) -> LiveContents:
    """Do what ``read_live_folder`` does, for a caller who holds the folder's lock."""
    found = _Found.in_folder(live_folder, adds_up=True)
    parts = found.parts
    notes = tuple(
        f"left out: {str(error).replace(str(path), path.name)}"
        for path, error in found.damage.items()
    )
    run = _run_of(live_folder, parts)
    note_end_of_target(parts, run)
    running = any(part.is_running for part in parts)
    resources = read_resources(live_folder, run.started_monotonic_ns)
    if running or (run.ended_monotonic_ns is None and is_running(live_folder)):
        now_ns = time.monotonic_ns()
    else:
        # A process may go on after the first one has ended: a daemon.
        now_ns = max((until_ns(part, 0) for part in parts), default=0)
        if found.ended is not None:
            now_ns = max(now_ns, run.started_monotonic_ns + found.ended.run.duration_ns)
    if resources.moment_ns:
        now_ns = max(now_ns, run.started_monotonic_ns + resources.moment_ns[-1])
    information = replace(
        run.information(now_monotonic_ns=now_ns),
        complete=run.ended_monotonic_ns is not None and not running and _has_returned(parts),
        running=running,
    )
    recording = found.recording(run, information, now_ns=now_ns)
    marks, remarks = read_marks(
        live_folder, recording, lambda folder, moment_ns: _read_copy(folder, moment_ns, parts)
    )
    said = (*notes, *_remarks(parts, found.ended), *_notes_of_children(live_folder), *remarks)
    recording = replace(
        recording,
        run=replace(information, notes=(*run.notes, *said)),
        marks=marks,
        resources=resources,
        heap=read_heap(live_folder, run.started_monotonic_ns),
    )
    return LiveContents(
        recording, tuple(path for path in found.damage if path.suffix == layout.PART_SUFFIX)
    )


def _read_copy(folder: Path, moment_ns: int, parts: Sequence[LivePart]) -> Recording:
    """Read a copy of a live folder's files as they were at a moment of CLOCK_MONOTONIC."""
    found = _Found.in_folder(folder)
    note_ends_in_copy(found.parts, parts, moment_ns)
    run = _run_of(folder, found.parts)
    information = run.information(now_monotonic_ns=moment_ns)
    return found.recording(run, information, now_ns=moment_ns)


@dataclass(slots=True)
class _Found:
    """The files of a live folder, read."""

    parts: list[LivePart] = field(default_factory=list)
    ended: Recording | None = None
    damage: dict[Path, RecordingError] = field(default_factory=dict)

    @classmethod
    def in_folder(cls, folder: Path, *, adds_up: bool = False) -> _Found:
        """Read a folder; raise ``RecordingError`` where there is nothing but damage.

        Where very many processes have ended and are not merged yet, that is done in memory: not
        all of their parts would have room there. In a copy nobody can tell which have ended.
        """
        found = cls()
        index = Ended()
        try:
            index = read_index(folder)
            found.ended = index.load()
        except RecordingError as error:
            found.damage[index.path or folder] = error
        paths = sorted(folder.glob(f"*{layout.PART_SUFFIX}"))
        paths = [path for path in paths if path.name not in index.parts]
        if adds_up and len(paths) > MOST_ENDED_PARTS:
            paths = found._add_up(folder, paths)
        seen = read_seen(folder)
        for path in paths:
            found._read(path, seen)
        if found.damage and not found.parts:
            raise next(iter(found.damage.values()))
        return found

    def _add_up(self, folder: Path, paths: Sequence[Path]) -> list[Path]:
        """Merge what there is too much of with what is merged; return the others."""
        try:
            run = read_run_file(folder)
        except RecordingError:
            return [*paths]
        surplus = surplus_of(paths)
        if surplus:
            self.ended = merged_in_memory(self.ended, surplus, run, self.damage)
        return sorted({*paths} - {*surplus})

    def _read(self, path: Path, seen: SeenAlive) -> None:
        try:
            # What was not begun was only being made when its process ended.
            if was_begun(path):
                part = read_part(path)
                seen.note_in(part, path.name)
                self.parts.append(part)
        except FileNotFoundError:
            return
        except (OSError, RecordingError) as error:
            self.damage[path] = damage_of(path, error)

    def recording(self, run: RunFile, information: RunInformation, *, now_ns: int) -> Recording:
        """Return all of it as one recording."""
        recording = assemble(
            self.parts,
            information,
            now_ns=now_ns,
            started_ns=run.started_monotonic_ns,
            event_map=run.event_map,
        )
        return recording if self.ended is None else joined(recording, self.ended)


def _remarks(parts: Sequence[LivePart], ended: Recording | None) -> list[str]:
    """Return what the engines say of their recording, each remark once, with its processes."""
    pids: dict[str, list[str]] = {}
    more: Counter[str] = Counter()
    for part in parts:
        unseen = _KILLED_UNSEEN if end_is_unknown(part) else ""
        for remark in filter(None, (remark_on(part), unseen)):
            pids.setdefault(remark, []).append(str(part.pid))
    for process in () if ended is None else ended.processes:
        if process.stop_reason:
            pids.setdefault(process.stop_reason, []).append(str(process.pid))
            more[process.stop_reason] += process.processes - 1
    remarks = []
    for remark, numbers in pids.items():
        unnamed = len(numbers[_MOST_PIDS:]) + more[remark]
        rest = f" and {unnamed:,} more" if unnamed else ""
        remarks.append(f"process {', '.join(numbers[:_MOST_PIDS])}{rest}: {remark}")
    return remarks


def _notes_of_children(live_folder: Path) -> list[str]:
    """Return what child interpreters have left to be said of them that could not be recorded."""
    notes = []
    for path in sorted(live_folder.glob(f"*{layout.NOTE_SUFFIX}"))[:_MOST_NOTES]:
        try:
            text = read_guarded(path, 4 * _MOST_NOTE_CHARACTERS).decode(errors="replace")
        except OSError:
            continue
        notes.append(text[:_MOST_NOTE_CHARACTERS])
    return notes


def _has_returned(parts: Sequence[LivePart]) -> bool:
    """Say whether the first process has left, or its main thread all its calls: it was not killed.

    Other threads, and processes made by ``multiprocessing``, may well end within a call.
    """
    first = min(parts, key=lambda part: part.began, default=None)
    if first is None:
        return True
    last = last_program_of(first, parts)
    if last.ending != "killed":
        return True
    if last.threads and last.threads[0].open_calls:
        return False
    # Before its first call, too, nothing is open.
    return last.finished or len(last.parent) > len(last.threads)


def _run_of(live_folder: Path, parts: Sequence[LivePart]) -> RunFile:
    """Return the run, put together from its parts where its own file cannot be read."""
    try:
        return read_run_file(live_folder)
    except RecordingError as error:
        if not parts:
            raise
        reason = str(error).replace(str(live_folder / layout.RUN_FILE), layout.RUN_FILE)
    first = min(parts, key=lambda part: part.began)
    argv = first.information.get("argv")
    words = tuple(map(str, argv)) if isinstance(argv, list) else ()
    try:
        started = datetime.fromtimestamp(first.clock.realtime_ns / 1e9, UTC).astimezone()
    except (OSError, OverflowError, ValueError):
        started = datetime.fromtimestamp(0, UTC)
    return RunFile(
        name=live_folder.name.partition(".")[0],
        target=words[0] if words else "unknown",
        argv=words,
        python=str(first.information.get("python", "")),
        engine=str(first.information.get("engine", "")),
        started=started.isoformat(timespec="milliseconds"),
        started_monotonic_ns=first.clock.first_ns,
        supervisor_pid=0,
        supervisor_start_time=0,
        notes=(reason,),
    )
