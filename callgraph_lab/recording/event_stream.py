"""The events of a running recording, each once, from all of its processes, as they come."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.ended import Ended, read_index
from callgraph_lab.recording.live_events import PartEvents
from callgraph_lab.recording.locking import locked
from callgraph_lab.recording.run_file import read_run_file
from callgraph_lab.recording.running import is_written
from callgraph_lab.recording.seen_events import SeenEvent, seen_events

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.model import Recording

_SETTLED_AFTER_NS = 100_000_000
"""An event this old has no earlier ones that are not written yet."""
_HANDED_OVER_WITHIN_NS = 1_000_000_000
_MOST_SESSIONS = 10_000


@dataclass(slots=True)
class _Taken:
    """Up to where the events of a process's file have been taken."""

    began_ns: int
    serial: int
    last_ns: int


@dataclass(slots=True)
class EventStream:
    """Reads the live files of a run again and again; ``rest`` tells what its recording has beyond.

    Where a server hands a connection to a child process both close it: the child's event counts,
    and the other's is left to ``rest``, in case that the child never came to it.
    """

    live_folder: Path
    started: str = ""
    """When the run began, as its recording says it."""
    started_ns: int = 0
    """The same by CLOCK_MONOTONIC."""
    lost: int = 0
    """How many events were overwritten before they were seen."""
    _sensors: dict[int, str] = field(default_factory=dict)
    _parts: dict[str, PartEvents] = field(default_factory=dict)
    _read_to_the_end: set[str] = field(default_factory=set)
    _merged: int = 0
    _taken: dict[int, list[_Taken]] = field(default_factory=dict)
    _left: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    _done_once: OrderedDict[tuple[str, int], None] = field(default_factory=OrderedDict)
    _waiting: list[SeenEvent] = field(default_factory=list)
    _read_at_ns: int = 0
    """When the files were read last: of later moments there may be earlier events than we know."""

    def __post_init__(self) -> None:
        """Read what the run is. Raise ``RecordingError`` where that is not known."""
        run = read_run_file(self.live_folder)
        self.started, self.started_ns = run.started, run.started_monotonic_ns
        self._sensors = {sensor.id: sensor.name for sensor in run.event_map.sensors}

    def poll(self, *, to_the_end: bool = False) -> list[SeenEvent]:
        """Return events that have not been returned yet, in order of time.

        The newest wait for the next call, so that none comes after a later one, unless they are
        wanted ``to_the_end``. What cannot be read is left to ``rest``.
        """
        now_ns = time.monotonic_ns() - self.started_ns
        with locked(self.live_folder, shared=True, wait=to_the_end) as is_ours:
            if is_ours and self._read_files():
                self._read_at_ns = now_ns
        self._waiting.sort(key=lambda event: (event.moment_ns, event.pid, event.serial))
        ready = len(self._waiting)
        if not to_the_end:
            settled_ns = self._read_at_ns - _SETTLED_AFTER_NS
            while ready and self._waiting[ready - 1].moment_ns > settled_ns:
                ready -= 1
        events, self._waiting = self._waiting[:ready], self._waiting[ready:]
        return [event for event in events if self._is_to_be_told(event)]

    def rest(self, recording: Recording) -> list[SeenEvent]:
        """Return the events of the whole recording that no ``poll`` has returned."""
        waiting, self._waiting = self._waiting, []
        left = set(self._left.values())
        rest = waiting + [
            event
            for event in seen_events(recording)
            if (event.pid, event.serial) in left or self._take(event)
        ]
        rest.sort(key=lambda event: (event.moment_ns, event.pid, event.serial))
        return rest

    def _read_files(self) -> bool:
        """Take what is new; say whether that could be done."""
        try:
            index = read_index(self.live_folder)
        except RecordingError:
            return False
        if index.number != self._merged:
            self._read_merged(index)
        paths = {
            path.name: path
            for path in self.live_folder.glob(f"*{layout.PART_SUFFIX}")
            if path.name not in index.parts
        }
        self._parts = {name: part for name, part in self._parts.items() if name in paths}
        self._read_to_the_end &= paths.keys()
        for name, path in paths.items():
            if name not in self._read_to_the_end:
                self._read_part(name, path)
        return True

    def _read_part(self, name: str, path: Path) -> None:
        part = self._parts.get(name)
        if part is None:
            part = self._parts[name] = PartEvents(path, self._sensors, self.started_ns)
        has_ended = not is_written(path)
        lost_before = part.lost
        try:
            events = part.read_new()
        except RecordingError:
            # Its reader of the whole says what is wrong with it, in the recording.
            return
        self.lost += part.lost - lost_before
        if events or part.lost > lost_before:
            last_ns = events[-1].moment_ns if events else part.began_ns
            self._mark_taken(part.pid, _Taken(part.began_ns, part.last_serial, last_ns))
            self._waiting += events
        if has_ended:
            self._read_to_the_end.add(name)

    def _read_merged(self, index: Ended) -> None:
        """Take what processes had to tell that ended, and were merged, before we saw all of it."""
        is_next = index.number == self._merged + 1
        if not (is_next and index.parts <= self._read_to_the_end):
            merged = index.load()
            if merged is not None:
                self._waiting += (event for event in seen_events(merged) if self._take(event))
        self._merged = index.number

    def _mark_taken(self, pid: int, added: _Taken) -> None:
        files = self._taken.setdefault(pid, [])
        for taken in files:
            if taken.began_ns == added.began_ns:
                taken.serial = max(taken.serial, added.serial)
                taken.last_ns = max(taken.last_ns, added.last_ns)
                return
        files.append(added)
        files.sort(key=lambda taken: taken.began_ns)

    def _take(self, event: SeenEvent) -> bool:
        """Say whether an event of a whole recording is new, and count it as taken.

        They come in order of time, which is that of serials within a process; these begin again
        where that runs another program.
        """
        files = self._taken.setdefault(event.pid, [])
        earlier = [taken for taken in files if taken.began_ns <= event.moment_ns]
        if earlier and event.serial > earlier[-1].serial:
            earlier[-1].serial, earlier[-1].last_ns = event.serial, event.moment_ns
            return True
        # The rate of a clock is known better later on, which moves moments a little.
        if earlier and event.moment_ns <= earlier[-1].last_ns + _SETTLED_AFTER_NS:
            return False
        self._mark_taken(event.pid, _Taken(event.moment_ns, event.serial, event.moment_ns))
        return True

    def _is_to_be_told(self, event: SeenEvent) -> bool:
        """Say so of all but what was told by another process, or probably will be."""
        if not (event.once and event.session):
            return True
        key = event.sensor, event.session
        if key in self._done_once:
            return False
        if event.session_pid == event.pid and self._may_be_a_child_s(event):
            self._left[key] = event.pid, event.serial
            return False
        self._left.pop(key, None)
        self._done_once[key] = None
        if len(self._done_once) > _MOST_SESSIONS:
            self._done_once.popitem(last=False)
        return True

    def _may_be_a_child_s(self, event: SeenEvent) -> bool:
        earliest = event.moment_ns - _HANDED_OVER_WITHIN_NS
        latest = event.moment_ns + _SETTLED_AFTER_NS
        return any(
            part.parent_pid == event.pid and earliest <= part.began_ns <= latest
            for part in self._parts.values()
        )
