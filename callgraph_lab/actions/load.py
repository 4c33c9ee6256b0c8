"""Reading event maps: those shipped with the filters, and the user's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callgraph_lab.actions.event_map import (
    ActionRule,
    EndRule,
    EventMap,
    LaterRule,
    OwnerRule,
    PhaseRule,
    ReplyRule,
    SensorRule,
)
from callgraph_lab.actions.values import MAP_KEYS, TABLE_KEYS
from callgraph_lab.errors import EventMapError, FilterError
from callgraph_lab.filtering.definition import FOREIGN_KEYS, did_you_mean, filter_from_table
from callgraph_lab.filtering.presets import is_path, read_table
from callgraph_lab.shipped import shipped_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from callgraph_lab.actions.values import Key

AUTO, NONE = "auto", "none"
_RULES = {
    "action": ("actions", ActionRule),
    "owner": ("owners", OwnerRule),
    "later": ("later", LaterRule),
    "reply": ("replies", ReplyRule),
    "end": ("ends", EndRule),
    "phase": ("phases", PhaseRule),
    "sensor": ("sensors", SensorRule),
}
_MAP, _SENSOR = FOREIGN_KEYS


def shipped_map_names() -> tuple[str, ...]:
    """Return the names of the event maps that come with the package, sorted."""
    return tuple(item.name for item in _shipped_maps())


def load_event_maps(choices: Iterable[str] = (AUTO,)) -> tuple[EventMap, ...]:
    """Return the maps that a user means: ``auto`` (all shipped), ``none``, names and files.

    Raise ``EventMapError`` for what does not exist or is not a valid map.
    """
    chosen: dict[str, EventMap] = {}
    for choice in choices:
        if choice == AUTO:
            chosen.update((item.source, item) for item in _shipped_maps())
        elif choice != NONE:
            item = _load(choice)
            chosen[item.source] = item
    return tuple(chosen.values())


def _shipped_maps() -> list[EventMap]:
    maps = []
    for path in sorted(shipped_folder("filters").glob("*.toml")):
        table, text = read_table(path)
        if table.keys() & set(FOREIGN_KEYS):
            maps.append(event_map_from_table(table, name=path.stem, text=text, source=str(path)))
    return maps


def _load(choice: str) -> EventMap:
    if not is_path(choice):
        shipped = {item.name: item for item in _shipped_maps()}
        if choice not in shipped:
            known = (AUTO, NONE, *shipped)
            raise EventMapError(
                f"no such event map {choice!r}{did_you_mean(choice, known)}",
                hint=f"there are {', '.join(known)}; a file is written with its ending, .toml",
            )
        return shipped[choice]
    path = Path(choice)
    try:
        path = path.expanduser()
        if not path.exists():
            raise EventMapError(
                f"no such event map file {choice!r}",
                hint=f"the maps that need no file are {', '.join(shipped_map_names())}",
            )
        table, text = read_table(path)
        own = {key: value for key, value in table.items() if key not in FOREIGN_KEYS}
        filter_from_table(own, name=path.stem, text=text, source=str(path))
    except (FilterError, RuntimeError) as error:
        raise EventMapError(str(error), hint=getattr(error, "hint", None)) from error
    if not table.keys() & set(FOREIGN_KEYS):
        raise EventMapError(
            f"{path} has no event map",
            hint="write an [event_map] table or [[sensor]] tables; docs/actions.md says how",
        )
    return event_map_from_table(
        table, name=str(table.get("name", path.stem)), text=text, source=str(path)
    )


def event_map_from_table(
    table: Mapping[str, Any], *, name: str, text: str, source: str
) -> EventMap:
    """Make an event map of a parsed TOML file; only its tables of the map are looked at.

    Raise ``EventMapError`` that names file, line, table and key, and says what is allowed.
    """
    reader = _Reader(text, source)
    own = reader.table(table.get(_MAP, {}), _MAP)
    rules: dict[str, Any] = {}
    for kind, (field, rule) in _RULES.items():
        holder, header = (table, kind) if kind == _SENSOR else (own, f"{_MAP}.{kind}")
        items = reader.tables(holder.get(kind, []), header)
        rules[field] = tuple(
            rule(**reader.fields(item, TABLE_KEYS[kind], header, number))
            for number, item in enumerate(items, 1)
        )
    plain = {key: value for key, value in own.items() if key not in _RULES or key == _SENSOR}
    tables = tuple(kind for kind in _RULES if kind != _SENSOR)
    fields = reader.fields(plain, MAP_KEYS, _MAP, 1, also=tables)
    event_map = EventMap(name=name, source=source, **fields, **rules)
    reader.check(event_map)
    return event_map


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads tables of a file, and says where in it an error is."""

    text: str
    source: str

    def table(self, value: object, header: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.error(header, 1, None, "must be a table", f"write it as [{header}]")
        return value

    def tables(self, value: object, header: str) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            hint = f"write each as [[{header}]]"
            raise self.error(header, 1, None, "must be a list of tables", hint)
        return value

    def fields(
        self,
        item: dict[str, Any],
        keys: Mapping[str, Key],
        header: str,
        number: int,
        *,
        also: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Return a table's values as fields; ``also`` are further keys that it may have."""
        fields: dict[str, Any] = {}
        for name, value in item.items():
            if name not in keys:
                known = (*keys, *also)
                raise self.error(
                    header,
                    number,
                    name,
                    f"unknown key {name!r}{did_you_mean(name, known)}",
                    f"the keys of {header} are {', '.join(known)}",
                )
            key = keys[name]
            try:
                fields[key.field] = key.read(value)
            except ValueError as error:
                message = f"{name!r} must be {key.expected}; {error}"
                raise self.error(header, number, name, message, f"{name}: {key.meaning}") from error
        for name, key in keys.items():
            if key.required and key.field not in fields:
                raise self.error(
                    header, number, None, f"the key {name!r} is missing", f"{name}: {key.meaning}"
                )
        return fields

    def check(self, event_map: EventMap) -> None:
        """Check what no key shows alone."""
        names: set[str] = set()
        for number, sensor in enumerate(event_map.sensors, 1):
            if sensor.name in names:
                message = f"there are two sensors {sensor.name!r}"
                raise self.error(_SENSOR, number, "name", message, "give each its own name")
            names.add(sensor.name)
        for number, action in enumerate(event_map.actions, 1):
            if action.detail_of and action.detail is None:
                message, hint = "'detail_of' needs 'detail'", "say what the detail is"
                raise self.error(f"{_MAP}.action", number, "detail_of", message, hint)

    def error(
        self, header: str, number: int, key: str | None, message: str, hint: str
    ) -> EventMapError:
        """Return the error of the ``number``-th table called ``header``."""
        where = f"{self.source}:{self._line(header, number, key)}"
        return EventMapError(f"{where}: {header}: {message}", hint=hint)

    def _line(self, header: str, number: int, key: str | None) -> int:
        """Return the line of a key, of its table's header, or 1 where neither is found."""
        lines = self.text.splitlines()
        first, seen = 0, 0
        wanted = re.compile(rf"\s*\[\[?\s*{re.escape(header)}\s*\]")
        for index, line in enumerate(lines):
            if wanted.match(line):
                seen += 1
                if seen == number:
                    first = index
                    break
        if key is not None:
            pattern = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
            for index, line in enumerate(lines[first:], first):
                if pattern.match(line):
                    return index + 1
        return first + 1
