"""Whether a process is there, where the kernel keeps no lock for it: by what ``/proc`` shows.

That holds on this machine and in this container only. It is asked of folders on file systems
without locks, and on those that do not keep a file open which is mapped (overlayfs).
"""

from __future__ import annotations

import os
from pathlib import Path

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_writer import process_start_time


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


def owner_of(part: Path) -> tuple[int, int] | None:
    """Return pid and start time of the process that a part's name gives, or None if it has none.

    A number follows where a process records more than once: that has run another program since.
    """
    pid, _, rest = part.name.removesuffix(layout.PART_SUFFIX).partition("-")
    start_time = rest.partition("-")[0]
    if pid.isdecimal() and start_time.isdecimal():
        return int(pid), int(start_time)
    return None


def is_mapped_by_another(live_folder: Path) -> bool:
    """Say whether a process has a file of the folder mapped: a forked child without a file yet."""
    # As the kernel writes it there.
    start = os.fsencode(live_folder.resolve()).replace(b"\n", rb"\012") + b"/"
    looked_at = {str(os.getpid())}
    # A process may fork and end while others are looked at: its child stands in the next list only.
    while pids := set(filter(str.isdecimal, _processes())) - looked_at:
        for pid in pids:
            try:
                if start in Path(f"/proc/{pid}/maps").read_bytes():
                    return True
            except OSError:  # it has ended, or is another user's
                continue
        looked_at |= pids
    return False


def _processes() -> list[str]:
    try:
        return os.listdir("/proc")  # noqa: PTH208 - this is looked at often
    except OSError:
        return []
