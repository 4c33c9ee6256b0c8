"""Events with what is said of them: the action by its name, and the calls that led there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.model import NO_PARENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callgraph_lab.model import Recording

LONGEST_PATH = 200
"""So many calls of a path are kept, the innermost ones."""
_SESSION_BITS = 32
_MOST_PATHS = 1_000
"""So many are kept in mind."""


@dataclass(frozen=True, slots=True)
class PathStep:
    """A function on the way to an event, and where it is."""

    name: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """A ``RecordedEvent`` that needs no recording to be understood.

    ``action`` is that of the event's instance, else the one that its call served; ``once`` says
    that a session has one at most. ``path`` begins at the outermost call and ends at the one that
    the event is about. ``moment_ns`` counts from the start of the run.
    """

    pid: int
    serial: int
    sensor: str
    moment_ns: int
    duration_ns: int = 0
    session: int = 0
    instance: int = 0
    action: str = ""
    once: bool = False
    fields: tuple[tuple[str, str], ...] = ()
    path: tuple[PathStep, ...] = ()

    @property
    def session_pid(self) -> int:
        """The process that saw the session first, 0 where there is no session."""
        return self.session >> _SESSION_BITS

    @property
    def session_name(self) -> str:
        """The session as a text, ``4711-3``: the third that process 4711 saw; or nothing."""
        return session_text(self.session)


def session_text(session: int) -> str:
    """Return a session's number as a text: the process that saw it first, and which one it was."""
    number = session & ((1 << _SESSION_BITS) - 1)
    return f"{session >> _SESSION_BITS}-{number}" if session else ""


def seen_events(recording: Recording) -> list[SeenEvent]:
    """Return the events of a recording in order of time."""
    return list(iterate_events(recording))


def iterate_events(recording: Recording, *, newest: int | None = None) -> Iterator[SeenEvent]:
    """Yield the events of a recording in order of time, or only the ``newest`` so many."""
    tree, actions = recording.tree, recording.actions
    paths = _Paths(recording)
    for event in recording.events if newest is None else recording.events[-newest:]:
        action = event.action
        if action is None and event.context is not None:
            action = recording.labels[tree.label[event.context]].action
        yield SeenEvent(
            pid=event.pid,
            serial=event.serial,
            sensor=event.sensor,
            moment_ns=event.moment_ns,
            duration_ns=event.duration_ns,
            session=event.session,
            instance=event.instance,
            action="" if action is None else actions[action].name,
            once=action is not None and actions[action].once,
            fields=event.fields,
            path=() if event.context is None else paths.to(event.context),
        )


class _Paths:
    """The calls that led to contexts. Events are many, and the places where they happen are few."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._steps: dict[int, PathStep] = {}
        self._latest: dict[int, tuple[PathStep, ...]] = {}

    def to(self, context: int) -> tuple[PathStep, ...]:
        """Return the way to a context from the outermost call, the last of it where it is long."""
        path = self._latest.get(context)
        if path is None:
            if len(self._latest) == _MOST_PATHS:
                self._latest.clear()
            path = self._latest[context] = self._found(context)
        return path

    def _found(self, context: int) -> tuple[PathStep, ...]:
        tree = self._recording.tree
        path: list[PathStep] = []
        while len(path) < LONGEST_PATH:
            caller = tree.parent[context]
            if caller == NO_PARENT:
                break
            path.append(self._step(tree.function[context]))
            context = caller
        return tuple(reversed(path))

    def _step(self, number: int) -> PathStep:
        step = self._steps.get(number)
        if step is None:
            function = self._recording.functions[number]
            step = self._steps[number] = PathStep(function.name, function.file, function.line)
        return step
