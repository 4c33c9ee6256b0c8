"""The recordings of a folder: finished files, running ones, and ones whose ``cglab`` was killed."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from callgraph_lab.errors import OutputError, RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import store
from callgraph_lab.recording.assemble import assemble
from callgraph_lab.recording.live_reader import LivePart, read_part
from callgraph_lab.recording.live_writer import process_start_time
from callgraph_lab.recording.run_file import read_run_file

if TYPE_CHECKING:
    from callgraph_lab.model import Recording, RunInformation

RECORDING_SUFFIX = ".cglab"
_UNFIT_FOR_A_NAME = re.compile(r"[^\w.+-]+")
_LONGEST_STEM = 80


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording in a folder. ``path`` is the file, whether it is there yet or still live."""

    path: Path
    live_folder: Path | None
    modified: float

    @property
    def running(self) -> bool:
        """Whether a process of the run, or the ``cglab`` that watches it, is still there."""
        return self.live_folder is not None and _is_running(self.live_folder)

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        if self.live_folder is None:
            return self.path.stat().st_size
        return sum(item.stat().st_size for item in self.live_folder.iterdir() if item.is_file())


def name_stem(target: str) -> str:
    """Return what recordings of ``target`` are named after: ``ftpServer`` of ``x/ftpServer.py``."""
    stem = _UNFIT_FOR_A_NAME.sub("_", Path(target).name.removesuffix(".py")).strip(".")
    return stem[:_LONGEST_STEM] or "recording"


def reserve_recording(folder: Path, stem: str) -> tuple[Path, Path]:
    """Make a live folder for a new recording and return the recording's path and that folder.

    The name carries the second, and a number where two begin in one; nothing is ever overwritten.
    Raise ``OutputError`` where the folder cannot be made.
    """
    base = f"{stem}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    for attempt in range(1, 1000):
        name = base if attempt == 1 else f"{base}-{attempt}"
        path = folder / f"{name}{RECORDING_SUFFIX}"
        if path.exists():
            continue
        live_folder = reserve_live_folder(path)
        if live_folder is not None:
            return path, live_folder
    raise OutputError(f"there are too many recordings named {base} in {folder}")


def reserve_live_folder(path: Path) -> Path | None:
    """Make the live folder of the recording ``path``, or return None where it exists already."""
    live_folder = path.with_name(path.name + layout.LIVE_SUFFIX)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        live_folder.mkdir(mode=0o700)
    except FileExistsError:
        if live_folder.is_dir():
            return None
        raise OutputError(
            f"{path.parent} is not a folder", hint="choose another folder with --out"
        ) from None
    except OSError as error:
        raise OutputError(
            f"cannot write to {path.parent}: {error.strerror}",
            hint="choose another folder with --out",
        ) from error
    return live_folder


def entries(folder: Path) -> list[Entry]:
    """Return the recordings of a folder, newest first."""
    found = []
    try:
        items = list(folder.iterdir())
    except OSError:
        return []
    for item in items:
        if item.name.startswith("."):
            continue
        if item.suffix == RECORDING_SUFFIX and item.is_file():
            found.append(Entry(item, None, item.stat().st_mtime))
        elif item.name.endswith(RECORDING_SUFFIX + layout.LIVE_SUFFIX) and item.is_dir():
            path = item.with_name(item.name.removesuffix(layout.LIVE_SUFFIX))
            if not path.exists():
                found.append(Entry(path, item, item.stat().st_mtime))
    return sorted(found, key=lambda entry: (entry.modified, entry.path.name), reverse=True)


def find(reference: str | None, folder: Path) -> Entry:
    """Return the recording that a user means: a path, a name in ``folder``, or the newest.

    Raise ``RecordingError`` where there is none.
    """
    known = entries(folder)
    if reference is None:
        if known:
            return known[0]
        raise RecordingError(
            f"there is no recording in {folder} yet",
            hint="make one: cglab run SCRIPT.py, or cglab demo",
        )
    for entry in known:
        if reference in (entry.path.name, entry.path.name.removesuffix(RECORDING_SUFFIX)):
            return entry
    path = Path(reference.rstrip("/").removesuffix(layout.LIVE_SUFFIX))
    live_folder = path.with_name(path.name + layout.LIVE_SUFFIX)
    if not path.exists() and live_folder.is_dir():
        return Entry(path, live_folder, live_folder.stat().st_mtime)
    if path.exists():
        return Entry(path, None, path.stat().st_mtime)
    raise RecordingError(
        f"there is no recording {reference}",
        hint=f"'cglab list' shows those in {folder}" if known else "make one: cglab run SCRIPT.py",
    )


def load(entry: Entry) -> Recording:
    """Return a recording, finished or live. Raise ``RecordingError`` if it cannot be read."""
    if entry.live_folder is None:
        return store.load(entry.path)
    return read_live(entry.live_folder)


def load_run(entry: Entry) -> RunInformation:
    """Return what was run, without reading what it did."""
    if entry.live_folder is None:
        return store.load_run(entry.path)
    return read_run_file(entry.live_folder).information(now_monotonic_ns=time.monotonic_ns())


def read_live(live_folder: Path) -> Recording:
    """Return what the processes of a run have recorded up to now."""
    run = read_run_file(live_folder)
    parts = _read_parts(live_folder)
    running = frozenset(part.pid for part in parts if is_alive(part.pid, part.start_time))
    now_ns = run.ended_monotonic_ns
    if running or now_ns is None:
        now_ns = time.monotonic_ns() if _is_running(live_folder) else _last_sign_ns(parts)
    return assemble(
        parts, run.information(now_monotonic_ns=now_ns), now_ns=now_ns, running_pids=running
    )


def fold(entry: Entry) -> Entry:
    """Turn the live files of a run that is over into its recording; return the finished entry.

    A recording with processes that are still running is left as it is.
    """
    live_folder = entry.live_folder
    if live_folder is None or has_running_process(live_folder):
        return entry
    store.save(read_live(live_folder), entry.path)
    shutil.rmtree(live_folder, ignore_errors=True)
    return Entry(entry.path, None, entry.path.stat().st_mtime)


def fold_abandoned(folder: Path) -> list[tuple[Entry, RecordingError | OutputError | None]]:
    """Fold every run in ``folder`` of which nothing runs any more; say what could not be folded."""
    folded: list[tuple[Entry, RecordingError | OutputError | None]] = []
    for entry in entries(folder):
        if entry.live_folder is None or _is_running(entry.live_folder):
            continue
        try:
            folded.append((fold(entry), None))
        except (RecordingError, OutputError) as error:
            folded.append((entry, error))
    return folded


def remove(entry: Entry) -> None:
    """Delete a recording that is not running. Raise ``RecordingError`` if it is."""
    if entry.running:
        raise RecordingError(
            f"{entry.path.name} is still running", hint="stop its target first, then remove it"
        )
    try:
        if entry.live_folder is not None:
            shutil.rmtree(entry.live_folder)
        entry.path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot remove {entry.path}: {error.strerror}") from error


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


def _is_running(live_folder: Path) -> bool:
    if has_running_process(live_folder):
        return True
    try:
        run = read_run_file(live_folder)
    except RecordingError:
        # Just made, and its run file not yet written: leave it a moment.
        return time.time() - live_folder.stat().st_mtime < 10  # noqa: PLR2004
    return is_alive(run.supervisor_pid, run.supervisor_start_time)


def _read_parts(live_folder: Path) -> list[LivePart]:
    parts = []
    for path in sorted(live_folder.glob(f"*{layout.PART_SUFFIX}")):
        with path.open("rb") as file:
            # A writer puts the first bytes in last: without them it was only being made.
            was_begun = file.read(len(layout.MAGIC)).strip(b"\0") != b""
        if was_begun:
            parts.append(read_part(path))
    return parts


def _last_sign_ns(parts: list[LivePart]) -> int:
    """Return the latest moment that the parts of a run nobody saw ending bear witness of."""
    moments = [
        part.clock.monotonic_ns(call.start_ticks)
        for part in parts
        for thread in part.threads
        for call in thread.open_calls
    ]
    return max(moments, default=max((part.clock.first_ns for part in parts), default=0))
