"""What a target used at a moment, or over a span of time, from the samples of its recording."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from callgraph_lab.resource_model import ResourceReading

if TYPE_CHECKING:
    from callgraph_lab.resource_model import ResourceSeries

_NS_PER_S = 1_000_000_000


def resources_at(series: ResourceSeries, moment_ns: int) -> ResourceReading | None:
    """Return what the target used at a moment, counted from the start of the run.

    That is what the first sample from the moment on says, whose CPU percentage is that since the
    sample before; after the last one, what that says. None where there are no samples.
    """
    if not len(series):
        return None
    return reading(series, min(bisect_left(series.moment_ns, moment_ns), len(series) - 1))


def reading(series: ResourceSeries, index: int) -> ResourceReading:
    """Return one sample, with the CPU used since the one before (or the start) as a percentage."""
    before_ns = series.moment_ns[index - 1] if index else 0
    cpu_before_ns = series.cpu_ns[index - 1] if index else 0
    elapsed_ns = series.moment_ns[index] - before_ns
    used_ns = series.cpu_ns[index] - cpu_before_ns
    return ResourceReading(
        moment_ns=series.moment_ns[index],
        cpu_percent=100 * used_ns / elapsed_ns if elapsed_ns > 0 else 0.0,
        rss_bytes=series.rss_bytes[index],
        descriptors=series.descriptors[index],
        threads=series.threads[index],
        processes=series.processes[index],
    )


def resampled(series: ResourceSeries, parts: int, end_ns: int) -> list[ResourceReading]:
    """Return the series as so many readings of equal spans from the start to ``end_ns``.

    CPU is the mean of each span, the others are the most of its samples; a span without one says
    what the next sample does. ``parts`` is at least 1; without samples there are no readings.
    """
    readings: list[ResourceReading] = []
    first, last = 0, len(series) - 1
    for part in range(parts if len(series) else 0):
        span_start, span_end = end_ns * part // parts, end_ns * (part + 1) // parts
        until = last + 1 if part == parts - 1 else bisect_right(series.moment_ns, span_end)
        covering = slice(first, until) if until > first else slice(min(first, last), first + 1)
        used_ns = cpu_until(series, span_end) - cpu_until(series, span_start)
        readings.append(
            ResourceReading(
                moment_ns=span_start,
                cpu_percent=100 * used_ns / max(span_end - span_start, 1),
                rss_bytes=max(series.rss_bytes[covering]),
                descriptors=max(series.descriptors[covering]),
                threads=max(series.threads[covering]),
                processes=max(series.processes[covering]),
            )
        )
        first = until
    return readings


def cpu_until(series: ResourceSeries, moment_ns: int) -> float:
    """Return the nanoseconds of CPU used up to a moment, shared out evenly between samples."""
    index = bisect_left(series.moment_ns, moment_ns)
    if index == len(series):
        return series.cpu_ns[-1] if index else 0
    before_ns, cpu_before_ns = (
        (series.moment_ns[index - 1], series.cpu_ns[index - 1]) if index else (0, 0)
    )
    elapsed_ns = series.moment_ns[index] - before_ns
    share = (moment_ns - before_ns) / elapsed_ns if elapsed_ns else 1
    return cpu_before_ns + share * (series.cpu_ns[index] - cpu_before_ns)
