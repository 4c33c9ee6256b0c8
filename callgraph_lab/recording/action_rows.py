"""Actions, labels, instances and events as rows of a recording's tables, and back with checks."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from callgraph_lab.action_model import (
    MOST_PHASES,
    ActionInstance,
    RecordedAction,
    RecordedEvent,
    RecordedLabel,
)
from callgraph_lab.ending_model import ENDINGS
from callgraph_lab.recording.event_map_json import event_map_of_json
from callgraph_lab.recording.schema import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from callgraph_lab.model import Recording

_Row = tuple[Any, ...]
ACTION_TABLES = ("action", "label", "instance", "event", "event_map")


def rows_of_actions(recording: Recording) -> dict[str, list[_Row]]:
    """Return the rows of ``ACTION_TABLES``."""
    return {
        "action": [
            (
                item.name,
                int(item.background),
                int(item.once),
                item.count,
                item.ended,
                item.sessions,
                item.busy_ns,
                item.cpu_ns,
                item.bytes,
                item.dropped,
                item.duration_ns,
                int(item.sessions_at_least),
            )
            for item in recording.actions
        ],
        "label": [(item.action, item.lane, item.instance) for item in recording.labels],
        "instance": [
            (
                item.serial,
                item.pid,
                item.session,
                item.action,
                item.label,
                item.begin_ns,
                item.end_ns,
                item.left_ns,
                item.ending,
                item.busy_ns,
                item.cpu_ns,
                item.bytes,
                item.entries,
                item.passes,
                item.outcome,
                int(item.abandoned),
                int(item.late_work),
                item.detail,
                json.dumps(item.phases),
            )
            for item in recording.instances
        ],
        "event": [
            (
                item.serial,
                item.pid,
                item.sensor,
                item.moment_ns,
                item.duration_ns,
                item.session,
                item.instance,
                item.action,
                item.context,
                json.dumps(item.fields),
            )
            for item in recording.events
        ],
        "event_map": [(json.dumps(asdict(recording.event_map)), recording.events_dropped)],
    }


def actions_of_rows(tables: Mapping[str, list[_Row]], *, contexts: int) -> dict[str, Any]:
    """Return the fields of a ``Recording`` that the rows make. Raise ``ValueError``, ``TypeError``.

    ``contexts`` is how many the tree has.
    """
    actions = tuple(_action(row) for row in tables["action"])
    labels = tuple(RecordedLabel(*row) for row in tables["label"])
    instances = tuple(_instance(row) for row in tables["instance"])
    events = tuple(_event(row) for row in tables["event"])
    _check(len(actions), labels, instances)
    for event in events:
        _check_index(event.action, len(actions), "event")
        _check_index(event.context, contexts, "event")
    ((description, events_dropped),) = tables["event_map"]
    return {
        "actions": actions,
        "labels": labels,
        "instances": instances,
        "events": events,
        "events_dropped": events_dropped,
        "event_map": event_map_of_json(json.loads(description)),
    }


def _action(row: _Row) -> RecordedAction:
    fields = dict(zip(COLUMNS["action"], row, strict=True))
    flags = ("background", "once", "sessions_at_least")
    return RecordedAction(**{**fields, **{name: bool(fields[name]) for name in flags}})


def _instance(row: _Row) -> ActionInstance:
    fields = dict(zip(COLUMNS["instance"], row, strict=True))
    fields.update({name: bool(fields[name]) for name in ("abandoned", "late_work")})
    if fields["ending"] not in {None, *ENDINGS}:
        raise ValueError("a process ended in no way that is known")
    return ActionInstance(**{**fields, "phases": _phases(fields["phases"])})


def _event(row: _Row) -> RecordedEvent:
    fields = dict(zip(COLUMNS["event"], row, strict=True))
    return RecordedEvent(**{**fields, "fields": _pairs(fields["fields"])})


def _check(
    actions: int, labels: Sequence[RecordedLabel], instances: Sequence[ActionInstance]
) -> None:
    if labels[:1] != (RecordedLabel(),):
        raise ValueError("its first label is not none")
    for label in labels:
        _check_index(label.action, actions, "label")
        _check_index(label.instance, len(instances), "label")
    for instance in instances:
        _check_index(instance.action, actions, "instance")
        _check_index(instance.label, len(labels), "instance")


def _check_index(index: int | None, length: int, kind: str) -> None:
    if index is not None and not 0 <= index < length:
        raise ValueError(f"an entry of its table {kind} names what is not there")


def _phases(text: str) -> tuple[tuple[int, int | None] | None, ...]:
    phases = json.loads(text)
    if not isinstance(phases, list) or len(phases) != MOST_PHASES:
        raise ValueError("the phases of an instance are damaged")
    return tuple(None if item is None else _span(*item) for item in phases)


def _span(first: int, last: int | None) -> tuple[int, int | None]:
    return int(first), None if last is None else int(last)


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(key), str(value)) for key, value in json.loads(text))
