"""The folder of a run that has not become one file yet: what is in it, and whether it still runs.

``out/x.cglab.live`` holds ``run.json``, which ``cglab`` writes, and a part of each process.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.assemble import assemble, last_sign_ns
from callgraph_lab.recording.live_reader import read_part, was_begun
from callgraph_lab.recording.live_writer import process_start_time
from callgraph_lab.recording.marks import read_marks
from callgraph_lab.recording.resource_file import read_resources
from callgraph_lab.recording.run_file import RunFile, read_run_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.model import Recording
    from callgraph_lab.recording.live_part import LivePart

_SECONDS_TO_WRITE_A_RUN_FILE = 10


_MOST_PIDS = 5


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
    parts, damage = _read_parts(live_folder)
    notes = tuple(
        f"left out: {str(error).replace(str(path), path.name)}" for path, error in damage.items()
    )
    run = _run_of(live_folder, parts)
    running = frozenset(part.pid for part in parts if is_alive(part.pid, part.start_time))
    now_ns = run.ended_monotonic_ns
    if running or now_ns is None:
        now_ns = time.monotonic_ns() if is_running(live_folder) else last_sign_ns(parts)
    information = replace(
        run.information(now_monotonic_ns=now_ns),
        complete=run.ended_monotonic_ns is not None and not running and _has_returned(parts),
        notes=(*run.notes, *notes, *_remarks(parts)),
    )
    recording = assemble(
        parts,
        information,
        now_ns=now_ns,
        running_pids=running,
        started_ns=run.started_monotonic_ns,
        event_map=run.event_map,
    )
    marks, remarks = read_marks(live_folder, recording, _read_copy)
    information = replace(information, notes=(*information.notes, *remarks))
    resources = read_resources(live_folder, run.started_monotonic_ns)
    recording = replace(recording, run=information, marks=marks, resources=resources)
    return LiveContents(recording, tuple(damage))


def _read_copy(folder: Path, moment_ns: int) -> Recording:
    """Read a copy of a live folder's files as they were at a moment of CLOCK_MONOTONIC."""
    parts, _ = _read_parts(folder)
    run = _run_of(folder, parts)
    return assemble(
        parts,
        run.information(now_monotonic_ns=moment_ns),
        now_ns=moment_ns,
        running_pids=frozenset(),
        started_ns=run.started_monotonic_ns,
        event_map=run.event_map,
    )


def _read_parts(folder: Path) -> tuple[list[LivePart], dict[Path, RecordingError]]:
    """Read the parts in a folder; raise ``RecordingError`` where there is nothing but damage."""
    parts: list[LivePart] = []
    damage: dict[Path, RecordingError] = {}
    for path in sorted(folder.glob(f"*{layout.PART_SUFFIX}")):
        try:
            # What was not begun was only being made when its process ended.
            if was_begun(path):
                parts.append(read_part(path))
        except FileNotFoundError:
            continue
        except OSError as error:
            damage[path] = RecordingError(f"{path} cannot be read: {error.strerror}")
        except RecordingError as error:
            damage[path] = error
    if damage and not parts:
        raise next(iter(damage.values()))
    return parts, damage


def _remarks(parts: Sequence[LivePart]) -> list[str]:
    """Return what the engines say of their recording, each remark once, with its processes."""
    pids: dict[str, list[str]] = {}
    for part in parts:
        remarks = [part.stop_reason] if part.stop_reason else []
        if part.folded_from:
            remarks.append(
                f"past {part.folded_from:,} contexts calls are counted by caller, callee and depth"
            )
        for remark in remarks:
            pids.setdefault(remark, []).append(str(part.pid))
    return [
        f"process {', '.join(numbers[:_MOST_PIDS])}: {remark}" for remark, numbers in pids.items()
    ]


def _has_returned(parts: Sequence[LivePart]) -> bool:
    """Say whether the main thread of the first process has left all its calls: it was not killed.

    Other threads, and processes made by ``multiprocessing``, may well end within a call.
    """
    first = min(parts, key=lambda part: part.start_time, default=None)
    return first is None or not first.threads or not first.threads[0].open_calls


def _run_of(live_folder: Path, parts: Sequence[LivePart]) -> RunFile:
    """Return the run, put together from its parts where its own file cannot be read."""
    try:
        return read_run_file(live_folder)
    except RecordingError as error:
        if not parts:
            raise
        reason = str(error).replace(str(live_folder / layout.RUN_FILE), layout.RUN_FILE)
    first = min(parts, key=lambda part: part.start_time)
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


def is_alive(pid: int, start_time: int) -> bool:
    """Say whether a process that started then is still there (its pid may be another's by now)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in (b"Z", b"X") and process_start_time(pid) == start_time


def has_running_process(live_folder: Path) -> bool:
    """Say whether a process that records into the folder is still there."""
    for part in live_folder.glob(f"*{layout.PART_SUFFIX}"):
        pid, _, start_time = part.name.removesuffix(layout.PART_SUFFIX).partition("-")
        if pid.isdecimal() and start_time.isdecimal() and is_alive(int(pid), int(start_time)):
            return True
    return False


def is_running(live_folder: Path) -> bool:
    """Say whether a process of the run, or the ``cglab`` that watches it, is still there."""
    if has_running_process(live_folder):
        return True
    try:
        run = read_run_file(live_folder)
    except RecordingError:
        try:
            age_seconds = time.time() - live_folder.stat().st_mtime
        except OSError:
            return False
        # Just made, and its run file not yet written: leave it a moment.
        return 0 <= age_seconds < _SECONDS_TO_WRITE_A_RUN_FILE
    return is_alive(run.supervisor_pid, run.supervisor_start_time)
