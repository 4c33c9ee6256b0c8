"""What one process has recorded so far, as ``live_reader`` gives it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from callgraph_lab.recording import live_format as layout

if TYPE_CHECKING:
    from callgraph_lab.ending_model import Ending

_WORD = 2**64
_ENDINGS: dict[int, Ending] = {
    layout.ENDING_FINISHED: "stopped",
    layout.ENDING_EXITED: "exited",
    layout.ENDING_REPLACED: "replaced",
}


@dataclass(frozen=True, slots=True, eq=False)
class LiveFunction:
    """A function record as it stands in the file; compared as an object, which is quick.

    ``is_thread`` marks a thread's root, ``is_c`` a function written in C.
    """

    module: str
    qualname: str
    file: str
    class_name: str
    ancestors: str
    pycallgraph2_name: str
    line: int
    is_thread: bool
    is_c: bool = False


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that has not returned: its context (index into the columns) and when it began."""

    context: int
    is_inherited: bool
    start_ticks: int


@dataclass(frozen=True, slots=True)
class LiveThread:
    """A thread: the index of its root context, how many threads shared it, its open calls.

    ``latest_ticks`` is when it last entered a call, at a depth that its stack has room for.
    """

    root: int
    threads: int
    alive: bool
    open_calls: tuple[OpenCall, ...]
    latest_ticks: int = 0
    began_ticks: int = 0
    """When the first of them began."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How ticks of a live file become nanoseconds of CLOCK_MONOTONIC."""

    first_ticks: int
    first_ns: int
    realtime_ns: int
    latest_ns: int
    ns_per_tick: float | None
    """None where ticks are nanoseconds."""

    def duration_ns(self, ticks: int) -> int:
        """Return a difference of ticks in nanoseconds."""
        return ticks if self.ns_per_tick is None else int(ticks * self.ns_per_tick)

    def ticks_at(self, moment_ns: int) -> int:
        """Return what the clock showed at a moment of CLOCK_MONOTONIC."""
        elapsed_ns = moment_ns - self.first_ns
        return self.first_ticks + (
            elapsed_ns if self.ns_per_tick is None else int(elapsed_ns / self.ns_per_tick)
        )

    def monotonic_ns(self, ticks: int) -> int:
        """Return the moment ``ticks`` as CLOCK_MONOTONIC nanoseconds."""
        return self.first_ns + self.duration_ns(ticks - self.first_ticks)


@dataclass(frozen=True, slots=True)
class LiveAction:
    """A kind of action and its totals in this process.

    ``count`` are instances begun here (an inherited one was begun by the parent), ``sessions`` how
    many had one; ``busy_ticks`` and ``cpu_ns`` are those of the threads that served it.
    """

    name: str
    background: bool
    once: bool
    count: int
    ended: int
    sessions: int
    busy_ticks: int
    cpu_ns: int
    bytes: int
    dropped: int
    duration_ticks: int
    sessions_at_least: bool = False


@dataclass(frozen=True, slots=True)
class LiveLabel:
    """What contexts are labelled with: an action's id (from 1), its lane, an instance's serial.

    ``instance`` is that of the bases of the label's contexts; 0 where there is none.
    """

    action: int
    lane: int
    instance: int


@dataclass(frozen=True, slots=True)
class LiveInstance:
    """One action of one session; ``action`` and ``label`` are ids (from 1), times are ticks.

    ``end_ticks`` is 0 while it is open; ``phases`` are eight (begin, end), (0, 0) where none,
    and with an end of 0 where a call of it is open.
    """

    serial: int
    session: int
    action: int
    label: int
    begin_ticks: int
    end_ticks: int
    busy_ticks: int
    cpu_ns: int
    bytes: int
    entries: int
    passes: int
    outcome: int
    abandoned: bool
    late_work: bool
    inherited: bool
    thread: int
    detail: str
    phases: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """What a sensor saw. ``context`` is an index into the columns, None where it is not known.

    ``instance`` is a serial and ``action`` an id, 0 where there is none.
    """

    serial: int
    ticks: int
    duration_ticks: int
    session: int
    instance: int
    sensor: int
    context: int | None
    action: int
    fields: dict[str, str]


@dataclass(slots=True)
class LiveMemory:
    """What contexts have allocated and freed: columns beside those of their ``LivePart``.

    ``freed_bytes`` are those that were freed while a context ran, ``returned_bytes`` those of what
    it had allocated itself, whoever freed them. ``outside`` holds the same four figures for what
    no context has done.
    """

    allocated_bytes: array[int]
    blocks: array[int]
    freed_bytes: array[int]
    returned_bytes: array[int]
    outside: tuple[int, ...] = (0, 0, 0, 0)
    of_instances: tuple[array[int], ...] | None = None
    """The four of the instances that contexts count for now; None: as those of the contexts."""
    peak_bytes: int = 0
    """The most that the process held at once."""
    unlisted_blocks: int = 0
    """Blocks that there was no memory to keep in mind: they count as freed at once."""

    @property
    def columns(self) -> tuple[array[int], ...]:
        """The four, in the order of the file."""
        return self.allocated_bytes, self.blocks, self.freed_bytes, self.returned_bytes


@dataclass(frozen=True, slots=True)
class LiveLine:
    """A source line of a function (an index) in one thread, in ticks and bytes.

    ``open_calls`` are at it now, the first of them since ``since_ticks``; ``running_calls`` of them
    run themselves. ``ticks`` and ``own_ticks`` are as the file has them, without and with what is
    open. Bytes are complete.
    """

    function: int
    line: int
    hits: int
    ticks: int
    since_ticks: int
    open_calls: int
    running_calls: int
    own_ticks: int
    allocated_bytes: int = 0
    freed_bytes: int = 0

    def spent_ticks(self, now_ticks: int) -> tuple[int, int]:
        """Return the time at the line up to a moment, with what it has called and without."""
        inclusive = self.ticks
        if self.open_calls:
            inclusive += max(now_ticks - self.since_ticks, 0)
        own = (self.own_ticks + self.running_calls * now_ticks) % _WORD
        # What was written at two moments may come out as less than nothing, or more than all.
        return inclusive, 0 if own >= _WORD // 2 else min(own, inclusive)


@dataclass(slots=True)
class LivePart:
    """What one process has recorded: columns of equal length in an order of callers first.

    ``parent`` holds indices into the columns (-1 for a root); ``ticks`` is the time inside calls
    that have ended; ``label`` holds ids, from 1, or 0 where calls serve no known action. An id of
    an action is 1 + its index in ``actions``, that of a label 1 + its index in ``labels``.
    """

    pid: int
    start_time: int
    parent_pid: int
    information: dict[str, Any]
    clock: Clock
    finished: bool
    stop_reason: str
    """Why recording stopped, or a remark on what it left out while it goes on."""
    ended_ns: int = 0
    """When its process ended, as it has said itself; 0 where it has not."""
    ended_by: int = layout.ENDING_UNKNOWN
    seen_ns: int = 0
    """When ``cglab`` last saw its process alive; 0 where it has not."""
    missed_ns: int = 0
    """When ``cglab`` looked, later, and its process was not there; 0 where it did not look."""
    looked_ns: int = 0
    """When its open calls were looked at, which was after all else."""
    is_running: bool = False
    """Whether its process was there, and wrote on, when the file was read."""
    folded_from: int = 0
    """How many contexts there were when their budget was used up; 0 if it never was."""
    functions_folded_from: int = 0
    """How many functions there were when their budget was used up; 0 if it never was."""
    lost_children: int = 0
    """How many forked children could not begin a file of their own."""
    lost_children_error: int = 0
    """The errno of the last of them."""
    other_pythons: int = 0
    """How many other Pythons it has started that are not recorded."""
    other_pythons_of_multiprocessing: int = 0
    went_on_as_python: bool = False
    """Whether the process went on as another Python, which is not recorded."""
    functions: list[LiveFunction] = field(default_factory=list)
    threads: list[LiveThread] = field(default_factory=list)
    parent: array[int] = field(default_factory=lambda: array("i"))
    function: array[int] = field(default_factory=lambda: array("I"))
    calls: array[int] = field(default_factory=lambda: array("Q"))
    resumes: array[int] = field(default_factory=lambda: array("Q"))
    suspensions: array[int] = field(default_factory=lambda: array("Q"))
    ticks: array[int] = field(default_factory=lambda: array("Q"))
    label: array[int] = field(default_factory=lambda: array("I"))
    base_resumes: array[int] = field(default_factory=lambda: array("I"))
    base_calls: array[int] = field(default_factory=lambda: array("Q"))
    base_ticks: array[int] = field(default_factory=lambda: array("Q"))
    actions: list[LiveAction] = field(default_factory=list)
    labels: list[LiveLabel] = field(default_factory=list)
    instances: list[LiveInstance] = field(default_factory=list)
    """In order of serials; those overwritten are counted by their action."""
    events: list[LiveEvent] = field(default_factory=list)
    """In order of serials."""
    events_made: int = 0
    events_dropped: int = 0
    memory: LiveMemory | None = None
    """None where it was not asked for."""
    lines: list[LiveLine] = field(default_factory=list)

    @property
    def ending(self) -> Ending:
        """How its process ended."""
        return "running" if self.is_running else _ENDINGS.get(self.ended_by, "killed")

    @property
    def began(self) -> tuple[int, int]:
        """What sorts parts by when they began: processes, then the programs that one has run."""
        return self.start_time, self.clock.first_ns
