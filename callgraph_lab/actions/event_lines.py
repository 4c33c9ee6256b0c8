"""Events as lines of JSON, with what the target used at that moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from callgraph_lab.recording.event_stream import EventStream
from callgraph_lab.recording.resource_file import read_resources
from callgraph_lab.recording.seen_events import SeenEvent, iterate_events
from callgraph_lab.resources.at_moment import resources_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from callgraph_lab.model import Recording
    from callgraph_lab.resource_model import ResourceReading, ResourceSeries

_SAMPLED_WITHIN_NS = 1_000_000_000
"""So long an event waits for the sample that says what was used at its moment."""


def event_line(event: SeenEvent, started: str, reading: ResourceReading | None) -> dict[str, Any]:
    """Return what a line says of an event of a run that began at ``started`` (ISO 8601)."""
    place = event.path[-1] if event.path else None
    return {
        "time": moment_of(event, started).isoformat(timespec="microseconds"),
        "moment_ns": event.moment_ns,
        "sensor": event.sensor,
        "session": event.session_name or None,
        "action": event.action or None,
        "instance": event.instance or None,
        "process": event.pid,
        "duration_ns": event.duration_ns,
        "fields": dict(event.fields),
        "rss_bytes": None if reading is None else reading.rss_bytes,
        "cpu_percent": None if reading is None else round(reading.cpu_percent, 1),
        "path": [step.name for step in event.path],
        "file": None if place is None else place.file,
        "line": None if place is None else place.line,
    }


def moment_of(event: SeenEvent, started: str) -> datetime:
    """Return when an event was, in the zone of the start of its run."""
    return datetime.fromisoformat(started) + timedelta(microseconds=event.moment_ns / 1000)


def lines_of(recording: Recording, *, newest: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield the lines of all events of a recording, or only of the ``newest`` so many."""
    events = iterate_events(recording, newest=newest)
    return _with_readings(events, recording.run.started, recording.resources)


class LiveEventLines:
    """Gives each event of a running recording once, a moment after it was."""

    def __init__(self, live_folder: Path) -> None:
        """Begin with the first event. Raise ``RecordingError`` where there is no run."""
        self._live_folder = live_folder
        self._stream = EventStream(live_folder)
        self._waiting: list[SeenEvent] = []

    @property
    def lost(self) -> int:
        """How many events were overwritten before they were read."""
        return self._stream.lost

    def poll(self, now_ns: int, *, to_the_end: bool = False) -> list[dict[str, Any]]:
        """Return the lines that are due at ``now_ns`` (CLOCK_MONOTONIC), or all there are."""
        self._waiting += self._stream.poll(to_the_end=to_the_end)
        if not self._waiting:
            return []
        series = read_resources(self._live_folder, self._stream.started_ns)
        until_ns = now_ns - self._stream.started_ns - _SAMPLED_WITHIN_NS
        if len(series):
            until_ns = max(until_ns, series.moment_ns[-1])
        ready = len(self._waiting)
        if not to_the_end:
            ready = sum(1 for event in self._waiting if event.moment_ns <= until_ns)
        events, self._waiting = self._waiting[:ready], self._waiting[ready:]
        return list(_with_readings(events, self._stream.started, series))

    def rest(self, recording: Recording) -> list[dict[str, Any]]:
        """Return the lines of what the finished recording has beyond those returned so far."""
        events, self._waiting = self._waiting, []
        events += self._stream.rest(recording)
        return list(_with_readings(events, self._stream.started, recording.resources))


def _with_readings(
    events: Iterable[SeenEvent], started: str, series: ResourceSeries
) -> Iterator[dict[str, Any]]:
    return (event_line(event, started, resources_at(series, event.moment_ns)) for event in events)
