"""What can be seen from outside of processes that are at a limit: descriptors and address space.

A program that catches the error where it is raised leaves no other sign.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from callgraph_lab.resources.process_limits import OURS_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from callgraph_lab.resources.limits import Limit

_NEARLY_BYTES = 1024 * 1024
_MEBIBYTE = 1024 * 1024
_PEAK = re.compile(r"^VmPeak:\s*(\d+) kB", re.MULTILINE)


def signs_of_limits(
    limits: Mapping[str, Limit], pids: Collection[int]
) -> Iterator[tuple[int, str, str]]:
    """Yield a process, the name of a limit and a sentence for each limit that one is at."""
    for name, find in (("memory", _used_up_memory), ("files", _used_up_files)):
        if name in limits:
            for pid in pids:
                with suppress(OSError):
                    sentence = find(pid, limits[name])
                    if sentence:
                        yield pid, name, f"process {pid} {sentence}"


def _used_up_memory(pid: int, limit: Limit) -> str:
    """Say so of a process that came so close to its limit that a large object had no room."""
    match = _PEAK.search(Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace"))
    peak_bytes = int(match[1]) * 1024 if match else 0
    if peak_bytes + _NEARLY_BYTES < limit.value + OURS_BYTES:
        return ""
    return (
        f"has used {peak_bytes / _MEBIBYTE:.0f}M of address space at its peak, as much as the"
        f" limit {limit.text} allows"
    )


def _used_up_files(pid: int, limit: Limit) -> str:
    used = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - Path.iterdir() makes a path of each
    if used < limit.value:
        return ""
    return f"has {used} descriptors open, as many as the limit {limit.text} allows"
