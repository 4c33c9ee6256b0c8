"""What ``cglab`` itself knows of a run, in ``run.json`` beside the live files of its processes."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from callgraph_lab.action_model import RecordedEventMap
from callgraph_lab.errors import OutputError, RecordingError, not_yours
from callgraph_lab.model import RunInformation
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.event_map_json import event_map_of_json
from callgraph_lab.recording.guarded_file import read_guarded, write_guarded
from callgraph_lab.recording.plausible import check_run

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_FILE_BYTES = 16 * 1024 * 1024

_TYPES: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "target": str,
    "argv": list,
    "python": str,
    "engine": str,
    "started": str,
    "started_monotonic_ns": int,
    "supervisor_pid": int,
    "supervisor_start_time": int,
    "ended_monotonic_ns": (int, type(None)),
    "exit_status": (int, type(None)),
    "notes": list,
    "event_map": dict,
}


@dataclass(frozen=True, slots=True)
class RunFile:
    """The run as far as it has come. ``*_monotonic_ns`` are readings of CLOCK_MONOTONIC."""

    name: str
    target: str
    argv: tuple[str, ...]
    python: str
    engine: str
    started: str
    started_monotonic_ns: int
    supervisor_pid: int
    supervisor_start_time: int
    ended_monotonic_ns: int | None = None
    exit_status: int | None = None
    notes: tuple[str, ...] = ()
    event_map: RecordedEventMap = field(default_factory=RecordedEventMap)

    def information(self, *, now_monotonic_ns: int) -> RunInformation:
        """Return what a recording says of the run up to now, or to the end of its last process.

        That may be later than the end of the first one: a server that has become a daemon.
        """
        ended = self.ended_monotonic_ns
        until = max(now_monotonic_ns, ended or 0)
        return RunInformation(
            name=self.name,
            target=self.target,
            argv=self.argv,
            python=self.python,
            engine=self.engine,
            started=self.started,
            duration_ns=max(until - self.started_monotonic_ns, 0),
            complete=ended is not None,
            exit_status=self.exit_status,
            notes=self.notes,
        )


def started_now(**fields: object) -> RunFile:
    """Return a ``RunFile`` of a run that begins at this moment in this process."""
    from callgraph_lab.recording.live_writer import process_start_time  # noqa: PLC0415

    pid = os.getpid()
    return RunFile(
        started=datetime.now(UTC).astimezone().isoformat(timespec="milliseconds"),
        started_monotonic_ns=time.monotonic_ns(),
        supervisor_pid=pid,
        supervisor_start_time=process_start_time(pid),
        **fields,  # type: ignore[arg-type]
    )


def ended_now(run: RunFile, *, exit_status: int | None, notes: tuple[str, ...] = ()) -> RunFile:
    """Return ``run`` as one that ends at this moment."""
    return replace(
        run,
        ended_monotonic_ns=time.monotonic_ns(),
        exit_status=exit_status,
        notes=(*run.notes, *notes),
    )


def write_run_file(folder: Path, run: RunFile) -> None:
    """Write ``run`` into a live folder, whole or not at all. Raise ``OutputError``."""
    try:
        write_guarded(folder / layout.RUN_FILE, json.dumps(asdict(run)).encode())
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror}",
            hint="make room or choose another folder with --out; what was recorded is still there",
        ) from error


def read_run_file(folder: Path) -> RunFile:
    """Read the run of a live folder. Raise ``RecordingError`` if there is none to be read."""
    path = folder / layout.RUN_FILE
    try:
        return _run_from_json(read_guarded(path, _LONGEST_FILE_BYTES))
    except PermissionError as error:
        raise not_yours(folder) from error
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise RecordingError(
            f"{path} cannot be read: {reason}",
            hint=f"remove the folder {folder} if it is not needed",
        ) from error


def _run_from_json(text: bytes) -> RunFile:
    fields = json.loads(text)
    if not isinstance(fields, dict) or fields.keys() != _TYPES.keys():
        raise ValueError("it is not the description of a run")
    for name, kind in _TYPES.items():
        if not isinstance(fields[name], kind):
            raise TypeError(f"{name} has a wrong type")
    for name in ("argv", "notes"):
        fields[name] = tuple(map(str, fields[name]))
    fields["event_map"] = event_map_of_json(fields["event_map"])
    run = RunFile(**fields)
    # What is made of it is read again as a recording, which has to be one of a run that can be.
    check_run(run.information(now_monotonic_ns=run.started_monotonic_ns))
    return run
