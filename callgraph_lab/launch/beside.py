"""All that ``cglab`` does beside a target that runs: samples, heartbeats, events, merging."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.launch.ended_processes import EndedProcesses
from callgraph_lab.launch.event_log import EventLog
from callgraph_lab.launch.faults import Faults
from callgraph_lab.launch.living import LivingProcesses
from callgraph_lab.render.text import visible_text
from callgraph_lab.resources.heartbeat import Heartbeat
from callgraph_lab.resources.watch import ResourceWatch, line_writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from callgraph_lab.model import Recording


_LONGEST_WAIT_S = 3600.0
_SAMPLING = "sampling CPU and memory"
_LOGGING = "logging events"
_LOOKING = "noting which processes are there"
_MERGING = "merging what ended processes recorded"
_WAITING = "waiting for the target's children"


class Beside:
    """Opens the files that a user wants lines in; then does, at ``attend``, what is due.

    Making it raises ``OutputError`` where a file cannot be written. ``say`` gets heartbeats where
    there is no ``log_file`` for them, and what a user should know.
    """

    def __init__(
        self, *, say: Callable[[str], None], log_file: Path | None, log_events: Path | None
    ) -> None:
        self._say = say
        self._faults = Faults(say)
        self._write_line = say if log_file is None else line_writer(log_file, "--log-file")
        self._write_event = None if log_events is None else line_writer(log_events, "--log-events")

    def begin(self, live_folder: Path, name: str, heartbeat_s: float | None) -> None:
        """Begin with the run called ``name``, whose run file is in its live folder."""
        heartbeat = None
        self._heartbeat_is_said = heartbeat_s is not None and self._write_line is self._say
        if heartbeat_s is not None:
            heartbeat = Heartbeat(visible_text(name), heartbeat_s, self._write_line)
        self._living = LivingProcesses(live_folder)
        self._resources = ResourceWatch(
            live_folder, say=self._say, heartbeat=heartbeat, others=self._living.owners
        )
        self._events = None
        if self._write_event is not None:
            self._events = EventLog(live_folder, self._write_event, say=self._say)
        self._ended = EndedProcesses(live_folder, say=self._say)

    @property
    def speaks_on(self) -> bool:
        """Whether heartbeats go where everything else goes that we say."""
        return self._heartbeat_is_said

    @property
    def faults(self) -> list[str]:
        """What went wrong; the rest of it went on, and the target anyway."""
        return self._faults.notes

    def attend(self, pid: int) -> float:
        """Do what is due for the target ``pid``; return in how many seconds to be called again."""
        guard = self._faults.guard
        patience_s = guard(_LOOKING, self._living.attend, _LONGEST_WAIT_S)
        patience_s = min(
            patience_s, guard(_SAMPLING, lambda: self._resources.attend(pid), _LONGEST_WAIT_S)
        )
        # Before what has ended is merged: its events are cheaper to read until then.
        if self._events is not None:
            patience_s = min(patience_s, guard(_LOGGING, self._events.attend, _LONGEST_WAIT_S))
        return min(patience_s, guard(_MERGING, self._ended.attend, _LONGEST_WAIT_S))

    def target_has_ended(self) -> None:
        """Wait a moment for its children, and write what they had to tell."""
        self._faults.guard(_WAITING, self._ended.wait_for_the_last, None)
        self._faults.guard(_LOOKING, self._living.look, None)
        events = self._events
        if events is not None:
            self._faults.guard(_LOGGING, lambda: events.attend(to_the_end=True), 0.0)

    def close(self) -> None:
        """Finish the samples."""
        self._faults.guard(_SAMPLING, self._resources.close, None)

    def finish(self, load: Callable[[], Recording]) -> None:
        """Write what only the finished recording tells, which ``load`` returns."""
        events = self._events
        if events is not None:
            self._faults.guard(_LOGGING, lambda: events.finish(load()), None)
