"""Read the actions, labels, instances and events of a live file (see ``live_format``)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from callgraph_lab.action_model import LIMIT_SENSOR, STALL_SENSOR
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_blocks import DamagedError, blocks
from callgraph_lab.recording.live_part import LiveAction, LiveEvent, LiveInstance, LiveLabel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENGINE_SENSORS = {layout.SENSOR_STALLED: STALL_SENSOR, layout.SENSOR_LIMIT: LIMIT_SENSOR}
"""Names of those that no event map has."""
_LARGEST = 2**63 - 1
_SERIAL = struct.Struct("<Q")


class ActionRecords(NamedTuple):
    """What the blocks hold, each in order of ids or serials."""

    actions: list[LiveAction]
    labels: list[LiveLabel]
    instances: list[LiveInstance]
    events: list[LiveEvent]


def read_actions(data: bytes, later: bytes, position: Callable[[int], int | None]) -> ActionRecords:
    """Read all four kinds from a file's bytes; ``position`` turns a context's id into an index.

    ``later`` are the bytes of the same file, read once more: what ``data`` refers to is there even
    if it was added while ``data`` was being read, and a record of a ring that was overwritten
    meanwhile, which may be of two minds, is left out. Raise ``DamagedError``.
    """
    records = ActionRecords(
        [
            action_of_record(*fields)
            for _, fields in _records(later, layout.BLOCK_ACTIONS, layout.ACTION)
        ],
        [
            _label(data, at, *fields)
            for at, fields in _records(later, layout.BLOCK_LABELS, layout.LABEL)
        ],
        [
            _instance(fields)
            for fields in _unchanged(data, later, layout.BLOCK_INSTANCES, layout.INSTANCE)
        ],
        [
            event_of_record(fields, position)
            for fields in _unchanged(data, later, layout.BLOCK_EVENTS, layout.EVENT)
        ],
    )
    _check(records)
    return records


def _records(
    data: bytes, kind: int, record: struct.Struct
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield offset and fields of each record in the blocks of a kind."""
    count = 0
    for block_kind, start, end, used, first, _ in blocks(data):
        if block_kind != kind:
            continue
        if first != count + 1:
            raise DamagedError(f"the records at offset {start} have wrong ids")
        shown = min(used, (end - start) // record.size)
        for at in range(start, start + shown * record.size, record.size):
            yield at, record.unpack_from(data, at)
        count += shown


def _unchanged(
    data: bytes, later: bytes, kind: int, record: struct.Struct
) -> list[tuple[int, ...]]:
    """Return the records of a ring that were not being overwritten, in order of their serials."""
    kept = {
        fields[0]: fields
        for at, fields in _records(data, kind, record)
        if fields[0] != 0 and _SERIAL.unpack_from(later, at)[0] == fields[0]
    }
    return [fields for _, fields in sorted(kept.items())]


def _label(data: bytes, at: int, action: int, lane: int, instance: int) -> LiveLabel:
    """Return a label; no instance is its where another one began while the file was read."""
    end = at + layout.LABEL_BYTES
    before = layout.LABEL.unpack_from(data, at)[2] if end <= len(data) else 0
    return LiveLabel(action, lane, instance if instance == before else 0)


def _cut(text: object, length: object) -> bytes:
    if not isinstance(text, bytes) or not isinstance(length, int) or length > len(text):
        raise DamagedError("a text of an action is longer than its record")
    return text[:length]


def action_of_record(length: int, flags: int, *rest: int) -> LiveAction:
    """Return an action of its record's fields. Raise ``DamagedError``."""
    *numbers, text = rest
    count, ended, sessions, busy_ticks, cpu_ns, moved, dropped, duration_ticks = numbers
    if max(numbers) > _LARGEST:
        raise DamagedError("the totals of an action are damaged")
    return LiveAction(
        name=_cut(text, length).decode("utf-8", "replace"),
        background=bool(flags & layout.ACTION_IS_BACKGROUND),
        once=bool(flags & layout.ACTION_IS_ONCE),
        count=count,
        ended=ended,
        sessions=sessions,
        busy_ticks=busy_ticks,
        cpu_ns=cpu_ns,
        bytes=moved,
        dropped=dropped,
        duration_ticks=duration_ticks,
        sessions_at_least=bool(flags & layout.ACTION_SESSIONS_AT_LEAST),
    )


def _instance(fields: tuple[int, ...]) -> LiveInstance:
    serial, session, action, label, begin, end, busy, cpu, moved = fields[:9]
    entries, passes, outcome, flags, length, thread = fields[9:15]
    phases = fields[15:-1]
    if max(serial, session, begin, end, busy, cpu, moved, *phases) > _LARGEST:
        raise DamagedError(f"the instance {serial} of an action is damaged")
    return LiveInstance(
        serial=serial,
        session=session,
        action=action,
        label=label,
        begin_ticks=begin,
        end_ticks=end,
        busy_ticks=busy,
        cpu_ns=cpu,
        bytes=moved,
        entries=entries,
        passes=passes,
        outcome=outcome,
        abandoned=bool(flags & layout.INSTANCE_IS_ABANDONED),
        late_work=bool(flags & layout.INSTANCE_HAS_LATE_WORK),
        inherited=bool(flags & layout.INSTANCE_IS_INHERITED),
        thread=thread,
        detail=_cut(fields[-1], length).decode("utf-8", "replace"),
        phases=tuple(zip(phases[::2], phases[1::2], strict=True)),
    )


def event_of_record(fields: tuple[int, ...], position: Callable[[int], int | None]) -> LiveEvent:
    """Return an event of its record's fields; ``position`` is of a context's id.

    Raise ``DamagedError``.
    """
    serial, ticks, duration, session, instance, sensor, context, action, length, text = fields
    if max(serial, ticks, duration, session, instance) > _LARGEST:
        raise DamagedError(f"the event {serial} is damaged")
    parts = _cut(text, length).decode("utf-8", "replace").split("\0")
    return LiveEvent(
        serial=serial,
        ticks=ticks,
        duration_ticks=duration,
        session=session,
        instance=instance,
        sensor=sensor,
        context=position(context),
        action=action,
        fields=dict(zip(parts[::2], parts[1::2], strict=False)),
    )


def _check(records: ActionRecords) -> None:
    actions, labels = len(records.actions), len(records.labels)
    for label in records.labels:
        if not 1 <= label.action <= actions:
            raise DamagedError("a label names an action that is not there")
    for instance in records.instances:
        if not 1 <= instance.action <= actions or not instance.label <= labels:
            raise DamagedError(f"the instance {instance.serial} names what is not there")
    for event in records.events:
        if event.action > actions:
            raise DamagedError(f"the event {event.serial} names an action that is not there")
