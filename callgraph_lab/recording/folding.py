"""Turn the live folder of a run that is over into one file, once, and lose nothing on the way."""

from __future__ import annotations

import contextlib
import glob
import os
import time
from typing import TYPE_CHECKING

from callgraph_lab.errors import OutputError, RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import store
from callgraph_lab.recording.ended import merge_while_locked
from callgraph_lab.recording.live_folder import read_while_locked
from callgraph_lab.recording.locking import locked
from callgraph_lab.recording.maker import is_own_live_folder
from callgraph_lab.recording.plausible import check_recording
from callgraph_lab.recording.removing import remove_live_folder
from callgraph_lab.recording.run_file import read_run_file
from callgraph_lab.recording.running import has_running_process
from callgraph_lab.recording.source_files import with_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from callgraph_lab.model import Recording

_SAY_EVERY_S = 2.0
DAMAGED_SUFFIX = ".damaged"
"""A part that could not be read stays beside its recording: ``x.cglab.<part>.damaged``."""


def fold_live_folder(
    live_folder: Path, path: Path, say: Callable[[str], None] = lambda _line: None
) -> Path | None:
    """Save the run in ``live_folder`` as ``path``, and return where it is now.

    That is another name where ``path`` is another recording's by now. Return None, and do nothing,
    while a process still records. Raise ``RecordingError`` or ``OutputError``: nothing is removed
    then. ``say`` gets a line every few seconds where very many processes make it take long.
    """
    with locked(live_folder) as is_ours:
        if not is_ours:
            if path.exists():
                return path
            raise RecordingError(
                f"{live_folder} is gone", hint="'cglab list' shows the recordings there are"
            )
        if has_running_process(live_folder):
            return None
        if path.exists():
            if _is_saved_as(live_folder, path):
                _remove_saved(live_folder, path)
                return path
            path = _free_path(path)
        with contextlib.suppress(OutputError, RecordingError):
            # Only so that the recording of very many processes is no longer than it has to be.
            said_at = time.monotonic()
            while merge_while_locked(live_folder):
                if time.monotonic() - said_at >= _SAY_EVERY_S:
                    said_at = time.monotonic()
                    left = sum(1 for _ in live_folder.glob(f"*{layout.PART_SUFFIX}"))
                    say(f"finishing {path.name}: {left:,} processes are left to add up")
        contents = read_while_locked(live_folder)
        recording = contents.recording
        if is_own_live_folder(live_folder):
            recording = with_sources(recording)
        _check_can_be_read(recording, live_folder)
        store.save(recording, path, live_folder)
        _keep_damaged(contents.damaged_parts, path)
        with contextlib.suppress(OSError):
            remove_live_folder(live_folder)
        _remove_unfinished_files(path)
        return path


def _check_can_be_read(recording: Recording, live_folder: Path) -> None:
    """Raise ``RecordingError`` where nobody could read the file: all of it would be lost."""
    try:
        check_recording(recording)
    except (ValueError, LookupError, OverflowError) as error:
        raise RecordingError(
            f"{live_folder} holds what no run can have left: {error}",
            hint=f"remove the folder {live_folder} if it is not needed",
        ) from error


def remove_remains(live_folder: Path) -> bool:
    """Remove a live folder that nothing was ever recorded into, or that was folded already.

    Return whether it was one. Such are left by a ``cglab`` that was killed at the wrong moment.
    """
    with locked(live_folder) as is_ours:
        if not is_ours:
            return True
        path = live_folder.with_name(live_folder.name.removesuffix(layout.LIVE_SUFFIX))
        try:
            is_empty = all(item.name.startswith(".") for item in live_folder.iterdir())
        except OSError as error:
            raise OutputError(f"cannot list {live_folder}: {error.strerror}") from error
        if not is_empty and not (path.exists() and _is_saved_as(live_folder, path)):
            return False
        _remove_saved(live_folder, path)
        return True


def _keep_damaged(parts: Iterable[Path], path: Path) -> None:
    for part in parts:
        if part.is_file():
            with contextlib.suppress(OSError):
                part.rename(path.with_name(f"{path.name}.{part.name}{DAMAGED_SUFFIX}"))


def _remove_saved(live_folder: Path, path: Path) -> None:
    """Remove the live folder of a recording that is finished. What was damaged in it is kept."""
    with contextlib.suppress(RecordingError, OutputError, OSError):
        if any(live_folder.glob(f"*{layout.PART_SUFFIX}")):
            _keep_damaged(read_while_locked(live_folder).damaged_parts, path)
    with contextlib.suppress(OSError):
        remove_live_folder(live_folder)


def _is_saved_as(live_folder: Path, path: Path) -> bool:
    """Say whether a recording is that of the run in a live folder.

    A live folder has its run file before anything else. Where that is gone beside a finished
    recording the folder is what somebody has left who was removing it.
    """
    if not os.path.lexists(live_folder / layout.RUN_FILE):
        return True
    try:
        run, saved = read_run_file(live_folder), store.load_run(path)
    except RecordingError:
        return False
    return (run.name, run.started, run.argv) == (saved.name, saved.started, saved.argv)


def _free_path(path: Path) -> Path:
    for number in range(2, 1000):
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
        live_folder = candidate.with_name(candidate.name + layout.LIVE_SUFFIX)
        if not candidate.exists() and not live_folder.exists():
            return candidate
    raise OutputError(f"there are too many recordings named {path.stem} in {path.parent}")


def _remove_unfinished_files(path: Path) -> None:
    """Remove what a ``cglab`` has left that was killed while it saved this recording."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError):
            leftover.unlink()
