"""Whether the processes of a run are still there, as the kernel tells by the locks they hold."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.guarded_file import open_guarded
from callgraph_lab.recording.kernel_lock import is_locked, lock_byte
from callgraph_lab.recording.run_file import read_run_file
from callgraph_lab.recording.unlocked import is_alive, is_mapped_by_another, owner_of

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS_TO_WRITE_A_RUN_FILE = 10


def is_written(part: Path) -> bool:
    """Say whether the process that records into a part is still there.

    It is not, for this, where it has run another program since.
    """
    return _answer(part, count=1)[0]


def has_running_process(live_folder: Path) -> bool:
    """Say whether a process that records into the folder is still there, or will.

    A forked child begins a part of its own only when it first calls a function. Until then it
    shares a lock of its parent's, which may have ended by now.
    """
    all_have_locks = True
    for part in live_folder.glob(f"*{layout.PART_SUFFIX}"):
        is_there, has_locks = _answer(part, count=2)
        if is_there:
            return True
        all_have_locks &= has_locks
    return not all_have_locks and is_mapped_by_another(live_folder)


def _answer(part: Path, *, count: int) -> tuple[bool, bool]:
    """Say whether one of the part's first bytes is locked, and whether that could be asked."""
    header = b""
    try:
        with open_guarded(part) as file:
            if is_locked(file.fileno(), layout.LOCK_OF_OWNER, count):
                return True, True
            header = file.read(layout.IS_LOCKED_OFFSET + layout.IS_LOCKED.size)
    except FileNotFoundError:
        return False, True
    except OSError:
        pass
    if header.startswith(layout.MAGIC) and len(header) > layout.IS_LOCKED_OFFSET:
        (has_locks,) = layout.IS_LOCKED.unpack_from(header, layout.IS_LOCKED_OFFSET)
        if has_locks:
            return False, True
    owner = owner_of(part)
    # What is not begun yet belongs to a process, or to none, that may have locks.
    return owner is not None and is_alive(*owner), not header.startswith(layout.MAGIC)


def is_running(live_folder: Path) -> bool:
    """Say whether a process of the run, or the ``cglab`` that watches it, is still there."""
    return has_running_process(live_folder) or is_watched(live_folder)


def is_watched(live_folder: Path) -> bool:
    """Say whether the ``cglab`` that watches a run is still there."""
    lock_file = live_folder / layout.RUN_LOCK_FILE
    with contextlib.suppress(OSError), open_guarded(lock_file) as file:
        return is_locked(file.fileno(), 0)
    try:
        run = read_run_file(live_folder)
    except RecordingError:
        try:
            age_seconds = time.time() - live_folder.stat().st_mtime
        except OSError:
            return False
        # Just made, and nothing written into it yet: leave it a moment.
        return 0 <= age_seconds < _SECONDS_TO_WRITE_A_RUN_FILE
    return is_alive(run.supervisor_pid, run.supervisor_start_time)


class RunLock:
    """Tells others that this ``cglab`` is at work on a live folder, until it is let go of.

    Where the file system has no locks, its pid in the run file has to do.
    """

    def __init__(self, live_folder: Path) -> None:
        """Hold the lock of a folder. Raise ``OSError`` where nothing can be written there."""
        self._descriptor = -1
        path = live_folder / layout.RUN_LOCK_FILE
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, 0o600)
        if not lock_byte(self._descriptor, 0):
            path.unlink()
            self.let_go()

    def let_go(self) -> None:
        """Say that nothing more will be done."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.let_go()
