"""Frozen value types of what a client did: actions, their instances, events, and their map.

Moments are nanoseconds since the start of the run, by CLOCK_MONOTONIC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from callgraph_lab.ending_model import Ending

Nth = Literal["slowest", "first", "last"]
"""One instance of an action: that which lasted longest, or the first or last to begin."""
NTH_CHOICES: tuple[Nth, ...] = ("slowest", "first", "last")

MOST_PHASES = 8
"""How many phases an instance has room for, of all maps together."""
STALL_SENSOR = "loop-stalled"
LIMIT_SENSOR = "limit-reached"
"""The sensor that no function is given for: a pass of the event loop that took too long."""


@dataclass(frozen=True, slots=True)
class RecordedAction:
    """Something that clients did (``STOR``), with its totals over all processes.

    ``background`` marks work for no session: ``startup``, ``idle``, ``shutdown``. ``count`` is how
    often it began, ``ended`` how often it ended; of a ``once`` action both count sessions, and a
    session that several processes closed counts once. ``duration_ns`` adds up the time from begin
    to end of the ended ones, ``busy_ns`` and ``cpu_ns`` what threads spent working for it.
    ``dropped`` counts instances that are not among the recording's any more.
    """

    name: str
    background: bool = False
    once: bool = False
    count: int = 0
    ended: int = 0
    sessions: int = 0
    busy_ns: int = 0
    cpu_ns: int = 0
    bytes: int = 0
    dropped: int = 0
    duration_ns: int = 0
    sessions_at_least: bool = False
    """There may have been more: of an object where an earlier one stood it is not known whose."""


@dataclass(frozen=True, slots=True)
class RecordedLabel:
    """What a context's calls serve: an action, in a lane of its own per instance in flight.

    ``action`` is an index into the recording's actions, ``instance`` one into its instances: the
    one that the tree's columns ``instance_*`` are of. Both may be None. Label 0 is none at all.
    """

    action: int | None = None
    lane: int = 0
    instance: int | None = None


@dataclass(frozen=True, slots=True)
class ActionInstance:
    """One time that one session did an action; ``action`` and ``label`` are indices.

    ``end_ns`` is None while it lasts, and ``left_ns`` then when its process ended, if it has;
    ``ending`` says how, and is None where the action itself ended.
    ``entries`` counts how often a thread came to work for it, ``passes`` in how many passes of the
    event loop. ``outcome`` is the number that a reply began with, 0 if there was none.
    ``late_work`` says that calls came after its end. ``phases`` holds, by the map's phase id, when
    its first call began and its last one returned, None where one had not.
    """

    serial: int
    pid: int
    session: int
    action: int
    label: int
    begin_ns: int
    end_ns: int | None = None
    left_ns: int | None = None
    ending: Ending | None = None
    busy_ns: int = 0
    cpu_ns: int = 0
    bytes: int = 0
    entries: int = 0
    passes: int = 0
    outcome: int = 0
    abandoned: bool = False
    late_work: bool = False
    detail: str = ""
    phases: tuple[tuple[int, int | None] | None, ...] = (None,) * MOST_PHASES

    def duration_ns(self, now_ns: int) -> int:
        """Return how long it lasted, or has lasted at ``now_ns``."""
        return max(self.until_ns(now_ns) - self.begin_ns, 0)

    def until_ns(self, now_ns: int) -> int:
        """Return when it ended, or until when it has lasted at ``now_ns``."""
        for moment_ns in (self.end_ns, self.left_ns):
            if moment_ns is not None:
                return moment_ns
        return now_ns


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A call that a sensor noticed. ``fields`` are pairs of key and text.

    ``instance`` is the serial of the action's instance in that process, 0 if there was none,
    ``action`` an index into the recording's actions, ``context`` one into its tree.
    """

    serial: int
    pid: int
    sensor: str
    moment_ns: int
    duration_ns: int = 0
    session: int = 0
    instance: int = 0
    action: int | None = None
    context: int | None = None
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedPhase:
    """A phase of an action: its id, its name, a plain sentence, and the functions it is seen by.

    Actions of the names ``prepared_by`` may do its work ahead of the action that it is for.
    """

    id: int
    name: str
    sentence: str
    functions: tuple[str, ...] = ()
    prepared_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedSensor:
    """A sensor: its id, its name, and the functions it watches."""

    id: int
    name: str
    functions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedEventMap:
    """What queries need of the event maps that a run was recorded with."""

    maps: tuple[str, ...] = ()
    phases: tuple[RecordedPhase, ...] = ()
    sensors: tuple[RecordedSensor, ...] = ()
    stall_ns: int = 0
