"""What ``cglab`` does about limits while a target runs, and what it says of them."""

from __future__ import annotations

import resource
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from callgraph_lab.action_model import LIMIT_SENSOR
from callgraph_lab.recording.event_stream import EventStream
from callgraph_lab.recording.guarded_file import read_guarded
from callgraph_lab.recording.live_format import NOTE_SUFFIX
from callgraph_lab.resources.duty_cycle import DutyCycle
from callgraph_lab.resources.family import family_of
from callgraph_lab.resources.limit_signs import signs_of_limits
from callgraph_lab.resources.limits import ERROR_NAMES, FTP_NAMES
from callgraph_lab.resources.process_limits import process_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from callgraph_lab.recording.seen_events import SeenEvent
    from callgraph_lab.resources.limits import Limit, OnLimit

_LOOK_EVERY_S = 0.2
_NS_PER_S = 1_000_000_000
_LONGEST_WAIT_S = 3600.0
_CPU_CLOCK_OF_PROCESS = 2
_ENDED_BY_SIGNAL = 128
_ENDED_BY: dict[int, str] = {signal.SIGXCPU: "cpu-time", signal.SIGXFSZ: "file-size"}
_LONGEST_NOTE_BYTES = 4000
_MOST_TOLD = 50
"""Of a server with a process a connection each may reach its limits."""


class LimitWatch:
    """Checks limits and says what they mean; holds the CPU share; tells which are reached.

    Made before anything has been started: raises ``UsageError`` for what cannot be. ``python`` is
    the target's interpreter.
    """

    def __init__(
        self,
        limits: Mapping[str, Limit],
        on_limit: OnLimit | None,
        python: str,
        say: Callable[[str], None],
    ) -> None:
        self._limits = limits
        self._settings, lines = process_limits(limits, python, on_limit)
        for line in (*lines, *_sentences(limits, on_limit)):
            say(line)
        self._on_limit = on_limit
        self._say = say
        self._duty_cycle = DutyCycle(limits["cpu"].value) if "cpu" in limits else None
        self._cpu_time = limits.get("cpu-time")
        self._watches_cpu_time = self._cpu_time is not None and on_limit == "warn"
        self._has_notes = bool(limits.keys() & set(FTP_NAMES))
        self._has_errors = bool(limits.keys() & set(ERROR_NAMES))
        self._live_folder: Path | None = None
        self._events: EventStream | None = None
        self._told: set[str | tuple[int, str]] = set()
        self._next_at = 0.0
        self._notes: list[str] = []
        self.said_notes: set[str] = set()
        """What processes of the target have noted and the user has been told."""

    def begin(
        self, live_folder: Path, stop: Callable[[str], None], *, engine_sees_errors: bool
    ) -> None:
        """Get to know the run. ``stop`` gets a reason where the target is to be stopped.

        With ``engine_sees_errors`` an error that tells of a limit is an event of the recording.
        """
        self._live_folder = live_folder
        self._stop = stop
        if self._has_errors and engine_sees_errors:
            self._events = EventStream(live_folder)

    def apply_in_target(self) -> None:
        """Set what the kernel keeps in this process, which is about to become the target."""
        for number, pair in self._settings.items():
            resource.setrlimit(number, pair)

    def finish(self, status: int) -> list[str]:
        """Say what the exit status tells; return all that was said and is in no file of the run."""
        limit = self._limits.get(_ENDED_BY.get(status - _ENDED_BY_SIGNAL, ""))
        if limit is not None:
            name = signal.Signals(status - _ENDED_BY_SIGNAL).name
            note = f"the limit {limit.text} was reached, and {name} ended it"
            self._say(note)
            self._notes.append(note)
        return self._notes

    def attend(self, pid: int) -> float:
        """Do what is due for the target ``pid``; return in how many seconds to be called again."""
        patience_s = _LONGEST_WAIT_S
        if self._watches_cpu_time or self._has_notes or self._has_errors:
            now = time.monotonic()
            if now >= self._next_at:
                self._next_at = now + _LOOK_EVERY_S
                self._look(pid)
            patience_s = max(self._next_at - now, 0.0)
        if self._duty_cycle is not None:
            patience_s = min(patience_s, self._duty_cycle.attend(pid))
        return patience_s

    def close(self) -> None:
        """Leave nothing of the target stopped; tell what was seen last."""
        if self._duty_cycle is not None:
            self._duty_cycle.close()
        if self._has_notes:
            self._tell_notes()
        self._tell_events(to_the_end=True)

    def _look(self, pid: int) -> None:
        told = self._has_notes and self._tell_notes()
        told |= self._tell_events()
        if self._has_errors:
            for process, name, sentence in signs_of_limits(self._limits, family_of(pid)):
                told |= self._tell(process, name, sentence)
        if told and self._on_limit == "stop":
            self._stop("--on-limit")
        if self._cpu_time is not None and self._watches_cpu_time:
            with suppress(OSError):
                used_ns = time.clock_gettime_ns((~pid << 3) | _CPU_CLOCK_OF_PROCESS)
                if used_ns >= self._cpu_time.value * _NS_PER_S:
                    note = f"the limit {self._cpu_time.text} was reached; the target went on"
                    self._say(note)
                    self._notes.append(note)
                    self._watches_cpu_time = False

    def _tell_events(self, *, to_the_end: bool = False) -> bool:
        """Tell of the first error of each limit and process; return whether there was any."""
        told = False
        for event in () if self._events is None else self._events.poll(to_the_end=to_the_end):
            if event.sensor == LIMIT_SENSOR:
                name = dict(event.fields).get("limit", "").partition("=")[0]
                # It says more than what was seen from outside.
                told |= self._tell(event.pid, f"{name} by an error", _sentence_of(event))
                self._told.add((event.pid, name))
        return told

    def _tell(self, pid: int, name: str, sentence: str) -> bool:
        if (pid, name) in self._told or len(self._notes) >= _MOST_TOLD:
            return False
        self._told.add((pid, name))
        self._say(sentence)
        self._notes.append(sentence)
        return True

    def _tell_notes(self) -> bool:
        """Say what the target's processes have noted since; return whether there was anything."""
        if self._live_folder is None:
            return False
        new = sorted(
            path
            for path in self._live_folder.glob(f"limit-*{NOTE_SUFFIX}")
            if path.name not in self._told
        )
        for path in new:
            self._told.add(path.name)
            with suppress(OSError):
                text = read_guarded(path, _LONGEST_NOTE_BYTES).decode(errors="replace")
                self._say(text)
                self.said_notes.add(text)
        return bool(new)


def _sentence_of(event: SeenEvent) -> str:
    fields = dict(event.fields)
    place = event.path[-1] if event.path else None
    where = "" if place is None else f" in {place.name} ({place.file}:{place.line})"
    whose = f" of session {event.session_name}" if event.session else ""
    serving = f", serving {event.action}{whose}" if event.instance else ""
    return (
        f"process {event.pid}: the limit {fields.get('limit', '')} was first reached{where}"
        f"{serving}: {fields.get('error', '')}"
    )


def _sentences(limits: Mapping[str, Limit], on_limit: OnLimit | None) -> list[str]:
    """Return what a user should know of each limit that the kernel does not keep."""
    lines = []
    for name, limit in limits.items():
        if name == "cpu":
            sentence = (
                "the target and its children are stopped (SIGSTOP) and go on (SIGCONT) in turns,"
                " and use this share of one core together"
            )
        elif name == "cpu-time" and on_limit == "warn":
            sentence = "told when the first process has used it; the target goes on"
        elif name == "connections":
            sentence = "in pyftpdlib servers, for each server process; a client too many gets 421"
        elif name in ("upload", "download"):
            whose = "all sessions of one process together" if limit.is_total else "each session"
            sentence = (
                f"{int(limit.value):,} bytes a second for {whose}, in pyftpdlib servers; where"
                " there is more, their data connections leave the event loop in between"
            )
        else:
            continue
        lines.append(f"limit {limit.text}: {sentence}")
    return lines
