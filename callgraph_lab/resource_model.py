"""Frozen value types of what a target used of the machine, as it was sampled from outside."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field


def _column() -> array[int]:
    column: array[int] = field(default_factory=lambda: array("Q"))
    return column


@dataclass(slots=True)
class ResourceSeries:
    """Samples in order of time: columns of equal length, one entry a sample.

    A sample speaks of all processes of the target together. ``moment_ns`` counts from the start of
    the run. ``cpu_ns`` is all the CPU time up to then, so that a difference of two entries is what
    was used in between. The others are the most that was seen since the sample before.
    """

    moment_ns: array[int] = _column()
    cpu_ns: array[int] = _column()
    rss_bytes: array[int] = _column()
    descriptors: array[int] = _column()
    threads: array[int] = _column()
    processes: array[int] = _column()

    def __len__(self) -> int:
        return len(self.moment_ns)


RESOURCE_COLUMNS = ("moment_ns", "cpu_ns", "rss_bytes", "descriptors", "threads", "processes")
"""The fields of a ``ResourceSeries``, in the order in which they stand in a sample's record."""


@dataclass(frozen=True, slots=True)
class ResourceReading:
    """What the target used at one moment. ``cpu_percent`` of one core may be more than 100."""

    moment_ns: int
    cpu_percent: float
    rss_bytes: int
    descriptors: int
    threads: int
    processes: int
