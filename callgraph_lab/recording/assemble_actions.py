"""Join the actions, labels, instances and events of a run's processes.

Actions of one name are one action, whichever process did them.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from callgraph_lab.action_model import (
    ActionInstance,
    RecordedAction,
    RecordedEvent,
    RecordedLabel,
)
from callgraph_lab.model import NO_PARENT
from callgraph_lab.recording.live_actions import ENGINE_SENSORS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from callgraph_lab.action_model import RecordedEventMap
    from callgraph_lab.model import CallTree
    from callgraph_lab.recording.live_part import LiveAction, LivePart

_LARGEST = 2**62
_Action = TypeVar("_Action", str, int)
"""An action, by its name or its number."""


@dataclass(slots=True)
class JoinedActions:
    """What the parts added so far did. ``started_ns`` is when the run began (CLOCK_MONOTONIC)."""

    event_map: RecordedEventMap
    started_ns: int
    names: list[str]
    labels: list[RecordedLabel] = field(default_factory=lambda: [RecordedLabel()])
    instances: list[ActionInstance] = field(default_factory=list)
    _events: list[RecordedEvent] = field(default_factory=list)
    _parts_of: defaultdict[str, list[tuple[int, LiveAction]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _durations_ns: Counter[str] = field(default_factory=Counter)
    _busy_ns: Counter[str] = field(default_factory=Counter)

    def add(self, part: LivePart, contexts: Sequence[int], until_ns: int) -> None:
        """Add what a process did up to a moment.

        ``contexts`` says where its contexts stand in the tree.
        """
        left_ns = None if part.is_running else self._since_start(until_ns)
        clock = part.clock
        action_of = {}
        for number, live in enumerate(part.actions, 1):
            action_of[number] = self.names.index(live.name)
            self._parts_of[live.name].append((part.pid, live))
            self._durations_ns[live.name] += clock.duration_ns(live.duration_ticks)
            self._busy_ns[live.name] += clock.duration_ns(live.busy_ticks)
        first_label = len(self.labels) - 1
        number_of = {
            item.serial: len(self.instances) + position
            for position, item in enumerate(part.instances)
        }
        self.labels += (
            RecordedLabel(action_of[item.action], item.lane, number_of.get(item.instance))
            for item in part.labels
        )
        for item in part.instances:
            self.instances.append(
                ActionInstance(
                    serial=item.serial,
                    pid=part.pid,
                    session=item.session,
                    action=action_of[item.action],
                    label=first_label + item.label if item.label else 0,
                    begin_ns=self._moment(part, item.begin_ticks),
                    end_ns=self._moment(part, item.end_ticks) if item.end_ticks else None,
                    left_ns=None if item.end_ticks else left_ns,
                    ending=None if item.end_ticks else part.ending,
                    busy_ns=clock.duration_ns(item.busy_ticks),
                    cpu_ns=item.cpu_ns,
                    bytes=item.bytes,
                    entries=item.entries,
                    passes=item.passes,
                    outcome=item.outcome,
                    abandoned=item.abandoned,
                    late_work=item.late_work,
                    detail=item.detail,
                    phases=tuple(
                        (self._moment(part, first), self._moment(part, last) if last else None)
                        if first
                        else None
                        for first, last in item.phases
                    ),
                )
            )
        sensor_of = {sensor.id: sensor.name for sensor in self.event_map.sensors}
        sensor_of |= ENGINE_SENSORS
        self._events += (
            RecordedEvent(
                serial=item.serial,
                pid=part.pid,
                sensor=sensor_of.get(item.sensor, f"sensor {item.sensor}"),
                moment_ns=self._moment(part, item.ticks),
                duration_ns=clock.duration_ns(item.duration_ticks),
                session=item.session,
                instance=item.instance,
                action=action_of.get(item.action),
                context=None if item.context is None else contexts[item.context],
                fields=tuple(item.fields.items()),
            )
            for item in part.events
        )

    def _moment(self, part: LivePart, ticks: int) -> int:
        return self._since_start(part.clock.monotonic_ns(ticks))

    def _since_start(self, moment_ns: int) -> int:
        return min(max(moment_ns - self.started_ns, -_LARGEST), _LARGEST)

    def actions(self) -> tuple[RecordedAction, ...]:
        """Return the actions with their totals over all parts."""
        return tuple(self._action(number, name) for number, name in enumerate(self.names))

    def _action(self, number: int, name: str) -> RecordedAction:
        parts = self._parts_of[name]
        total: Counter[str] = Counter()
        for _, live in parts:
            for key in ("count", "ended", "sessions", "cpu_ns", "bytes", "dropped"):
                total[key] += getattr(live, key)
        once = any(live.once for _, live in parts)
        if once:
            # Where a server hands a connection to a child, both close it.
            twice = sum(live.count for _, live in parts) - self._distinct_sessions(number, parts)
            total["count"] -= twice
            total["sessions"] -= twice
            total["ended"] = max(min(total["ended"], total["count"]), 0)
        return RecordedAction(
            name=name,
            background=any(live.background for _, live in parts),
            once=once,
            count=_bounded(total["count"]),
            ended=_bounded(total["ended"]),
            sessions=_bounded(total["sessions"]),
            busy_ns=_bounded(self._busy_ns[name]),
            cpu_ns=_bounded(total["cpu_ns"]),
            bytes=_bounded(total["bytes"]),
            dropped=_bounded(total["dropped"]),
            duration_ns=_bounded(self._durations_ns[name]),
            sessions_at_least=any(live.sessions_at_least for _, live in parts),
        )

    def _distinct_sessions(self, number: int, parts: list[tuple[int, LiveAction]]) -> int:
        """Return how many sessions a ``once`` action had, over all processes.

        A session's number begins with the pid that saw it first. One of a process that has dropped
        instances, and none of this session, is taken to be among those dropped.
        """
        pids_of: defaultdict[int, set[int]] = defaultdict(set)
        for instance in self.instances:
            if instance.action == number:
                pids_of[instance.session].add(instance.pid)
        only_elsewhere = Counter(
            session >> 32 for session, pids in pids_of.items() if session >> 32 not in pids
        )
        dropped = sum(max(live.dropped - only_elsewhere[pid], 0) for pid, live in parts)
        return len(pids_of) + dropped

    def events(self) -> tuple[RecordedEvent, ...]:
        """Return the events in order of time; of a ``once`` action's a session has one a sensor."""
        return once_a_session(self._events, self.actions())


def once_a_session(
    events: Iterable[RecordedEvent], actions: Sequence[RecordedAction]
) -> tuple[RecordedEvent, ...]:
    """Return events in order of time; of those of a ``once`` action one a session and sensor.

    Where several processes closed a session, the last one did; closing it again is nothing new.
    """
    events = sorted(events, key=lambda event: (event.moment_ns, event.pid, event.serial))
    chosen: dict[tuple[str, int], RecordedEvent] = {}

    def is_once(event: RecordedEvent) -> bool:
        return event.action is not None and actions[event.action].once and event.session != 0

    for event in filter(is_once, events):
        key = event.sensor, event.session
        if key not in chosen or chosen[key].pid != event.pid:
            chosen[key] = event
    return tuple(
        event
        for event in events
        if not is_once(event) or chosen[event.sensor, event.session] is event
    )


def action_names(parts: Iterable[LivePart]) -> list[str]:
    """Return the actions of all parts as ``in_order_of_beginning`` has them."""
    parts = list(parts)
    is_background: dict[str, bool] = {}
    for action in (action for part in parts for action in part.actions):
        is_background[action.name] = is_background.get(action.name, False) or action.background
    return in_order_of_beginning(
        is_background,
        (
            (
                part.actions[instance.action - 1].name,
                instance.session,
                part.clock.monotonic_ns(instance.begin_ticks),
            )
            for part in parts
            for instance in part.instances
        ),
        once={action.name for part in parts for action in part.actions if action.once},
    )


def in_order_of_beginning(
    is_background: Mapping[_Action, bool],
    begins: Iterable[tuple[_Action, int, int]],
    *,
    once: Collection[_Action],
) -> list[_Action]:
    """Return actions in the order in which they first began, background last.

    ``begins`` are triples of action, session and moment. Where several processes closed a session,
    which an action in ``once`` does, the last one did.
    """
    began_ns: dict[tuple[_Action, int], int] = {}
    for action, session, moment_ns in begins:
        choose = max if action in once else min
        key = action, session
        began_ns[key] = choose(began_ns.get(key, moment_ns), moment_ns)
    first_ns: dict[_Action, int] = {}
    for (action, _), moment_ns in began_ns.items():
        first_ns[action] = min(first_ns.get(action, moment_ns), moment_ns)
    return sorted(
        is_background, key=lambda action: (is_background[action], first_ns.get(action, _LARGEST))
    )


def add_instance_columns(
    tree: CallTree,
    part: LivePart,
    inclusive_ns: array[int],
    order: Sequence[int],
    labels: Sequence[RecordedLabel],
) -> None:
    """Append the columns of a part that tell which instance its contexts counted for.

    ``order`` are the part's contexts as they stand in the tree; ``labels`` those of all parts so
    far, this one's last.
    """
    first_label = len(labels) - len(part.labels) - 1
    tree.label.extend(
        first_label + label if label else 0 for label in map(part.label.__getitem__, order)
    )
    calls, resumes, duration_ns = (array("Q", bytes(8 * len(order))) for _ in range(3))
    has_instance = [label.instance is not None for label in labels[first_label:]]
    if any(has_instance):
        clock = part.clock
        for place, context in enumerate(order):
            label = part.label[context]
            if label and has_instance[label] and part.parent[context] != NO_PARENT:
                before_ns = clock.duration_ns(part.base_ticks[context])
                calls[place] = max(part.calls[context] - part.base_calls[context], 0)
                resumes[place] = (part.resumes[context] - part.base_resumes[context]) % 2**32
                duration_ns[place] = max(inclusive_ns[context] - before_ns, 0)
    tree.instance_calls.extend(calls)
    tree.instance_resumes.extend(resumes)
    tree.instance_ns.extend(duration_ns)


def _bounded(number: int) -> int:
    return min(max(number, 0), _LARGEST)
