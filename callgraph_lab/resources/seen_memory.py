"""What of a target's memory Python's allocators have seen, beside what was resident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callgraph_lab.model import Recording


@dataclass(frozen=True, slots=True)
class SeenMemory:
    """What the functions of a recording hold, the most they held, and the most that was resident.

    ``net_bytes`` adds up all processes. ``peak_bytes`` is that of the process that held the most.
    ``rss_bytes`` was sampled from outside, all processes together; None where it was not.
    """

    net_bytes: int
    peak_bytes: int
    rss_bytes: int | None
    is_of_one_process: bool

    @property
    def unseen_bytes(self) -> int | None:
        """What was resident beyond the peak; None where that cannot be told.

        The peaks of several processes are of several moments. What was allocated, but never
        touched, is not resident.
        """
        if self.rss_bytes is None or not self.is_of_one_process:
            return None
        return max(self.rss_bytes - self.peak_bytes, 0)


def seen_memory(recording: Recording) -> SeenMemory | None:
    """Return what a recording says of memory, None where that was not counted."""
    peaks = [item.peak_bytes for item in recording.processes if item.peak_bytes is not None]
    if not recording.tree.has_memory or not peaks:
        return None
    series = recording.resources
    return SeenMemory(
        net_bytes=sum(recording.tree.net_bytes),
        peak_bytes=max(peaks),
        rss_bytes=max(series.rss_bytes) if len(series) else None,
        is_of_one_process=sum(item.processes for item in recording.processes) == 1,
    )
