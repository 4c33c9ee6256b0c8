"""What queries need of an event map, as JSON: in ``run.json`` and in a finished recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callgraph_lab.action_model import MOST_PHASES, RecordedEventMap, RecordedPhase, RecordedSensor

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAP = {"maps": list, "phases": list, "sensors": list, "stall_ns": int}
_PHASE = {"id": int, "name": str, "sentence": str, "functions": list, "prepared_by": list}
_SENSOR = {"id": int, "name": str, "functions": list}


def event_map_of_json(value: object) -> RecordedEventMap:
    """Return the map that ``dataclasses.asdict`` made ``value`` of; raise ``ValueError``."""
    fields = _checked(value, _MAP)
    if not all(0 <= _checked(item, _PHASE)["id"] < MOST_PHASES for item in fields["phases"]):
        raise ValueError("its event map has a phase that no instance has room for")
    return RecordedEventMap(
        maps=_strings(fields["maps"]),
        phases=tuple(
            RecordedPhase(**_with_texts(_checked(item, _PHASE))) for item in fields["phases"]
        ),
        sensors=tuple(
            RecordedSensor(**_with_texts(_checked(item, _SENSOR))) for item in fields["sensors"]
        ),
        stall_ns=fields["stall_ns"],
    )


def _checked(value: object, types: Mapping[str, type]) -> dict[str, Any]:
    if (
        not isinstance(value, dict)
        or value.keys() != types.keys()
        or not all(isinstance(value[name], kind) for name, kind in types.items())
    ):
        raise ValueError("the description of its event map is damaged")
    return value


def _with_texts(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields in which each list holds texts."""
    return {
        name: _strings(value) if isinstance(value, list) else value
        for name, value in fields.items()
    }


def _strings(items: list[object]) -> tuple[str, ...]:
    return tuple(map(str, items))
