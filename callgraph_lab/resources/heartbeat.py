"""A line every few seconds that says what the target uses, on stderr or in a file."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from callgraph_lab.recording.resource_file import Sample

_MEBIBYTE = 1024 * 1024
_LOOK_AGAIN_S = 0.1


def in_mebibytes(size_bytes: int) -> str:
    """Return a size as ``23.4M``."""
    return f"{size_bytes / _MEBIBYTE:.1f}M"


class Heartbeat:
    """Writes a line every ``every_s`` seconds; its CPU is that since the line before."""

    def __init__(self, name: str, every_s: float, write: Callable[[str], None]) -> None:
        self._name = name
        self._every_s = every_s
        self._write = write
        self._began = time.monotonic()
        self._next_at = self._began + every_s
        self._before: Sample | None = None

    def poll(self, sample: Sample | None) -> float:
        """Write the line if it is due; return in how many seconds to look again."""
        now = time.monotonic()
        if sample is None:
            return _LOOK_AGAIN_S
        if self._before is None:
            self._before = sample
        if now >= self._next_at and sample[0] == self._before[0]:
            return _LOOK_AGAIN_S
        if now >= self._next_at:
            self._write(self._line(sample, self._before, now - self._began))
            self._before = sample
            self._next_at += self._every_s
            if self._next_at <= now:
                # What was missed is not made up for.
                self._next_at = now + self._every_s
        return max(self._next_at - now, 0.0)

    def _line(self, sample: Sample, before: Sample, age_s: float) -> str:
        moment_ns, cpu_ns, rss_bytes, descriptors, threads, processes = sample
        cpu_percent = 100 * (cpu_ns - before[1]) / max(moment_ns - before[0], 1)
        return (
            f"heartbeat {datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {self._name}"
            f" after {age_s:.0f} s: cpu={cpu_percent:.1f}% rss={in_mebibytes(rss_bytes)}"
            f" fds={descriptors} threads={threads} processes={processes}"
        )
