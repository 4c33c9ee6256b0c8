"""Turn event maps into the rules that the engine takes, and into what a recording keeps of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from callgraph_lab.action_model import (
    MOST_PHASES,
    RecordedEventMap,
    RecordedPhase,
    RecordedSensor,
)
from callgraph_lab.errors import EventMapError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from callgraph_lab.actions.event_map import ActionRule, EventMap
    from callgraph_lab.actions.patterns import Pattern, Source

KEPT_EVENTS = 20_000
DEFAULT_KEPT_INSTANCES = 10_000
LARGEST_BYTES = 60_000
"""The rules travel in an environment variable, of which the system allows 128 KiB."""


def recorded_event_map(
    maps: Sequence[EventMap], *, stall_ns: int | None = None
) -> RecordedEventMap:
    """Return what queries need of the maps: phases and sensors with their ids.

    ``stall_ns`` replaces what the maps say of stalls; 0 is never.
    """
    phases = [phase for item in maps for phase in item.phases]
    if len(phases) > MOST_PHASES:
        raise EventMapError(
            f"the event maps have {len(phases)} phases together, and there is room for"
            f" {MOST_PHASES}",
            hint="name fewer maps with --event-map",
        )
    sensors = [sensor for item in maps for sensor in item.sensors]
    return RecordedEventMap(
        maps=tuple(item.name for item in maps),
        phases=tuple(
            RecordedPhase(
                number, phase.name, phase.sentence, _texts(phase.functions), phase.prepared_by
            )
            for number, phase in enumerate(phases)
        ),
        sensors=tuple(
            RecordedSensor(number, sensor.name, _texts(sensor.functions))
            for number, sensor in enumerate(sensors)
        ),
        stall_ns=_stall_ns(maps) if stall_ns is None else stall_ns,
    )


def compile_maps(
    maps: Sequence[EventMap],
    *,
    keep_instances: int = DEFAULT_KEPT_INSTANCES,
    stall_ns: int | None = None,
) -> dict[str, Any]:
    """Return the rules of the maps for the engine, ready for JSON. Raise ``EventMapError``.

    ``stall_ns`` is as of ``recorded_event_map``.
    """
    families = _families(maps)
    rules = [rule for item in maps for rule in _rules(item, families)]
    phases = [phase for item in maps for phase in item.phases]
    for number, phase in enumerate(phases):
        rules += _each("phase", phase.functions, id=number)
    sensors = [sensor for item in maps for sensor in item.sensors]
    for number, sensor in enumerate(sensors):
        rules += _each(
            "sensor",
            sensor.functions,
            id=number,
            when=sensor.when,
            actions=list(sensor.actions),
            fields=[[key, list(source)] for key, source in sensor.fields],
        )
    compiled = {
        "rules": rules,
        "keep_instances": keep_instances,
        "keep_events": KEPT_EVENTS,
        "stall_ns": _stall_ns(maps) if stall_ns is None else stall_ns,
    }
    if len(json.dumps(compiled)) > LARGEST_BYTES:
        raise EventMapError(
            "the event maps are too large together",
            hint="write fewer patterns, with stars, or name fewer maps with --event-map",
        )
    return compiled


def _families(maps: Iterable[EventMap]) -> dict[ActionRule, int]:
    """Return a number for each rule, which it shares with those of its family."""
    numbers: dict[object, int] = {}
    return {
        action: numbers.setdefault((item.source, action.family or action), len(numbers) + 1)
        for item in maps
        for action in item.actions
    }


def _rules(event_map: EventMap, families: Mapping[ActionRule, int]) -> list[dict[str, Any]]:
    rules = _each("loop", event_map.loops) + _each("pass", event_map.passes)
    for action in event_map.actions:
        rules += _each("start", action.start, id=families[action], **_start(action))
    for owner in event_map.owners:
        rules += _each("link", owner.functions, to=list(owner.belongs_to))
    for later in event_map.later:
        rules += _each("continue", later.functions, session=_or_none(later.session))
    for reply in event_map.replies:
        rules += _each("reply", reply.functions, text=list(reply.text))
    for end in event_map.ends:
        rules += _each(
            "end",
            end.functions,
            session=list(end.session),
            bytes=[list(source) for source in end.bytes],
        )
    return rules


def _start(action: ActionRule) -> dict[str, Any]:
    until = action.until
    return {
        "name": [list(source) for source in action.name],
        "upper": action.upper_case,
        "path": action.cut_query,
        "session": list(action.session),
        "once": action.once,
        "nested": action.nested,
        "detail": _or_none(action.detail),
        "detail_actions": list(action.detail_of),
        "until": None
        if until is None
        else {"class": until.class_name, "module": until.module, "function": until.function},
    }


def _each(kind: str, patterns: Iterable[Pattern], **more: object) -> list[dict[str, Any]]:
    """Return a rule for each of the patterns."""
    return [
        {
            "kind": kind,
            "class": pattern.class_name,
            "module": pattern.module,
            "function": pattern.function,
            **more,
        }
        for pattern in patterns
    ]


def _or_none(source: Source | None) -> list[str | int] | None:
    return None if source is None else list(source)


def _texts(patterns: Iterable[Pattern]) -> tuple[str, ...]:
    return tuple(map(str, patterns))


def _stall_ns(maps: Iterable[EventMap]) -> int:
    """Return the shortest of the maps' thresholds, 0 where none has one."""
    return min((item.stalled_after_ms for item in maps if item.stalled_after_ms), default=0) * 10**6
