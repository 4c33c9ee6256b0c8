"""Whether the processes of a run are still there."""

from __future__ import annotations

import os
import time
from pathlib import Path

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_writer import process_start_time
from callgraph_lab.recording.run_file import read_run_file

_SECONDS_TO_WRITE_A_RUN_FILE = 10


def is_alive(pid: int, start_time: int) -> bool:
    """Say whether a process that started then is still there (its pid may be another's by now)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        # The first thread of a process may end before the others.
        threads = len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - this is looked at often
    except (OSError, IndexError):
        return False
    has_ended = state == b"X" or (state == b"Z" and threads <= 1)
    return not has_ended and process_start_time(pid) == start_time


def has_running_process(live_folder: Path) -> bool:
    """Say whether a process that records into the folder is still there, or will.

    A forked child begins a part of its own only when it first calls a function. Until then it has
    its parent's mapped, which may have ended by now.
    """
    for part in live_folder.glob(f"*{layout.PART_SUFFIX}"):
        owner = owner_of(part)
        if owner is not None and is_alive(*owner):
            return True
    return _is_mapped_by_another(live_folder)


def _is_mapped_by_another(live_folder: Path) -> bool:
    # As the kernel writes it there.
    start = os.fsencode(live_folder.resolve()).replace(b"\n", rb"\012") + b"/"
    looked_at = {str(os.getpid())}
    # A process may fork and end while others are looked at: its child stands in the next list only.
    while pids := set(filter(str.isdecimal, os.listdir("/proc"))) - looked_at:  # noqa: PTH208 - often
        for pid in pids:
            try:
                if start in Path(f"/proc/{pid}/maps").read_bytes():
                    return True
            except OSError:  # it has ended, or is another user's
                continue
        looked_at |= pids
    return False


def owner_of(part: Path) -> tuple[int, int] | None:
    """Return pid and start time of the process that a part's name gives, or None if it has none.

    A number follows where a process records more than once: that has run another program since.
    """
    pid, _, rest = part.name.removesuffix(layout.PART_SUFFIX).partition("-")
    start_time = rest.partition("-")[0]
    if pid.isdecimal() and start_time.isdecimal():
        return int(pid), int(start_time)
    return None


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
