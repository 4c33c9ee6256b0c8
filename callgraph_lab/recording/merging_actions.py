"""Put together what several processes recorded of actions: totals, instances, events.

What is known of an action by name stays exact. Of processes that are merged the lanes of an action
become one, so that their number stays bounded: single instances of them have no tree of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from callgraph_lab.action_model import RecordedLabel
from callgraph_lab.recording.assemble_actions import in_order_of_beginning, once_a_session

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from callgraph_lab.action_model import ActionInstance, RecordedAction, RecordedEvent
    from callgraph_lab.model import Recording

_Item = TypeVar("_Item", "RecordedLabel", "ActionInstance", "RecordedEvent")

MOST_MERGED_INSTANCES = 10_000
MOST_MERGED_EVENTS = 20_000
_TOTALS = ("count", "ended", "sessions", "busy_ns", "cpu_ns", "bytes", "dropped", "duration_ns")


@dataclass(slots=True)
class ActionMerger:
    """Takes what recordings of ended processes say of actions; contexts are the merged tree's."""

    actions: list[RecordedAction] = field(default_factory=list)
    labels: list[RecordedLabel] = field(default_factory=lambda: [RecordedLabel()])
    instances: list[ActionInstance] = field(default_factory=list)
    events: list[RecordedEvent] = field(default_factory=list)
    events_dropped: int = 0
    _label_of_action: dict[int, int] = field(default_factory=dict)

    def labels_of(self, recording: Recording) -> list[int]:
        """Add a recording's actions and instances; return what its labels are here."""
        closed_twice = _sessions_of_both(self.actions, self.instances, recording)
        action_of = _add_actions(self.actions, recording, closed_twice)
        labels = [
            0 if label.action is None else self._label(action_of[label.action])
            for label in recording.labels
        ]
        self.instances += (
            replace(item, action=action_of[item.action], label=labels[item.label])
            for item in recording.instances
        )
        self._drop_instances()
        return labels

    def add_events(self, recording: Recording, context_of: Sequence[int]) -> None:
        """Add a recording's events. Its actions have been added, and its contexts are here so."""
        numbers = {action.name: number for number, action in enumerate(self.actions)}
        self.events += (
            replace(
                event,
                action=None
                if event.action is None
                else numbers[recording.actions[event.action].name],
                context=None if event.context is None else context_of[event.context],
            )
            for event in recording.events
        )
        self.events_dropped += recording.events_dropped
        surplus = len(self.events) - MOST_MERGED_EVENTS
        if surplus > 0:
            self.events.sort(key=lambda event: event.moment_ns)
            del self.events[:surplus]
            self.events_dropped += surplus

    def _label(self, action: int) -> int:
        label = self._label_of_action.setdefault(action, len(self.labels))
        if label == len(self.labels):
            self.labels.append(RecordedLabel(action))
        return label

    def _drop_instances(self) -> None:
        surplus = len(self.instances) - MOST_MERGED_INSTANCES
        if surplus <= 0:
            return
        self.instances.sort(key=lambda instance: instance.begin_ns)
        for instance in self.instances[:surplus]:
            action = self.actions[instance.action]
            once_more = int(action.once and _is_of_another(instance))
            # Whoever saw the session first has closed it as well, as far as is known by now.
            self.actions[instance.action] = replace(
                action,
                dropped=action.dropped + 1,
                count=max(action.count - once_more, 0),
                ended=max(action.ended - once_more, 0),
                sessions=max(action.sessions - once_more, 0),
            )
        del self.instances[:surplus]


def joined_actions(recording: Recording, other: Recording) -> dict[str, Any]:
    """Return the fields of a ``Recording`` that tell of actions, for both in one.

    Labels of the other follow the first's, without its label 0; its contexts follow likewise.
    """
    actions = list(recording.actions)
    closed_twice = _sessions_of_both(actions, recording.instances, other)
    action_of = _add_actions(actions, other, closed_twice)
    first_label = len(recording.labels) - 1
    first_instance, first_context = len(recording.instances), len(recording.tree)
    labels = [
        RecordedLabel(
            None if label.action is None else action_of[label.action],
            label.lane,
            None if label.instance is None else label.instance + first_instance,
        )
        for label in other.labels[1:]
    ]
    instances = [
        replace(
            item,
            action=action_of[item.action],
            label=item.label + first_label if item.label else 0,
        )
        for item in other.instances
    ]
    events = [
        replace(
            event,
            action=None if event.action is None else action_of[event.action],
            context=None if event.context is None else event.context + first_context,
        )
        for event in other.events
    ]
    every_instance = (*recording.instances, *instances)
    order = in_order_of_beginning(
        {number: action.background for number, action in enumerate(actions)},
        ((item.action, item.session, item.begin_ns) for item in every_instance),
        once={number for number, action in enumerate(actions) if action.once},
    )
    place = {number: position for position, number in enumerate(order)}
    return {
        "actions": tuple(actions[number] for number in order),
        "labels": tuple(_at_place(item, place) for item in (*recording.labels, *labels)),
        "instances": tuple(_at_place(item, place) for item in every_instance),
        "events": once_a_session(
            (_at_place(item, place) for item in (*recording.events, *events)),
            [actions[number] for number in order],
        ),
        "events_dropped": recording.events_dropped + other.events_dropped,
    }


def _at_place(item: _Item, place: dict[int, int]) -> _Item:
    return item if item.action is None else replace(item, action=place[item.action])


def _add_actions(
    actions: list[RecordedAction], recording: Recording, closed_twice: dict[str, int]
) -> list[int]:
    """Add a recording's actions to those of a list; return the number there of each."""
    numbers = {action.name: number for number, action in enumerate(actions)}
    action_of = []
    for added in recording.actions:
        number = numbers.setdefault(added.name, len(actions))
        if number == len(actions):
            actions.append(added)
        else:
            known = actions[number]
            sums = {name: getattr(known, name) + getattr(added, name) for name in _TOTALS}
            for name in ("count", "ended", "sessions"):
                sums[name] = max(sums[name] - closed_twice.get(added.name, 0), 0)
            actions[number] = replace(
                known,
                background=known.background or added.background,
                once=known.once or added.once,
                sessions_at_least=known.sessions_at_least or added.sessions_at_least,
                **sums,
            )
        action_of.append(number)
    return action_of


def _sessions_of_both(
    actions: Sequence[RecordedAction],
    instances: Sequence[ActionInstance],
    other: Recording,
) -> dict[str, int]:
    """Return how many sessions both had of each ``once`` action, by its name.

    Where a server hands a connection to a child, both close it. A session that the process which
    saw it first has no instance of is taken to be among those it has dropped, while there are any.
    """
    found: dict[str, int] = {}
    for action, number, other_number in _once_actions(actions, other):
        mine = {item.session: item.pid for item in instances if item.action == number}
        theirs = {item.session: item.pid for item in other.instances if item.action == other_number}
        both = mine.keys() & theirs.keys()
        dropped = min(
            action.dropped,
            _only_elsewhere(theirs, both, of_pids=set(mine.values())),
        )
        dropped_there = min(
            other.actions[other_number].dropped,
            _only_elsewhere(mine, both, of_pids=set(theirs.values())),
        )
        found[action.name] = len(both) + dropped + dropped_there
    return found


def _once_actions(
    actions: Sequence[RecordedAction], other: Recording
) -> Iterable[tuple[RecordedAction, int, int]]:
    numbers = {action.name: number for number, action in enumerate(other.actions)}
    for number, action in enumerate(actions):
        if action.name in numbers and (action.once or other.actions[numbers[action.name]].once):
            yield action, number, numbers[action.name]


def _only_elsewhere(pid_of: dict[int, int], both: set[int], *, of_pids: set[int]) -> int:
    """Count sessions that one of ``of_pids`` saw first and another process has an instance of."""
    return sum(
        1
        for session, pid in pid_of.items()
        if session not in both and session >> 32 != pid and session >> 32 in of_pids
    )


def _is_of_another(instance: ActionInstance) -> bool:
    return instance.session >> 32 != instance.pid
