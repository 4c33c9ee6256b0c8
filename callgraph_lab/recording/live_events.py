"""The new events of one process's live file, without reading the rest of it.

A file of many contexts is large, and events are asked for several times a second: only its header,
the headers of blocks that were added, and the records of new events are read.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from callgraph_lab.errors import RecordingError
from callgraph_lab.model import Function
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.guarded_file import open_guarded
from callgraph_lab.recording.live_actions import (
    ENGINE_SENSORS,
    action_of_record,
    event_of_record,
)
from callgraph_lab.recording.live_blocks import DamagedError
from callgraph_lab.recording.live_reader import read_clock, read_functions_block
from callgraph_lab.recording.seen_events import LONGEST_PATH, PathStep, SeenEvent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from struct import Struct

    from callgraph_lab.recording.live_part import Clock, LiveAction, LiveEvent, LiveFunction

_CONTEXT_LABEL = 6
"""The field of a context's record that is its label."""


class _Block(NamedTuple):
    first: int
    """Number of its first record."""
    start: int
    """Offset of it in the file."""
    room: int
    """Bytes for records."""


class PartEvents:
    """Gives each event of a live file once. ``sensors`` are names by id.

    ``pid``, ``parent_pid`` and ``began_ns`` (from the start of the run) are those of its process.
    """

    def __init__(self, path: Path, sensors: Mapping[int, str], started_ns: int) -> None:
        self._path = path
        self._sensors = {**sensors, **ENGINE_SENSORS}
        self._started_ns = started_ns
        self._end = layout.HEADER_BYTES
        self._blocks: dict[int, list[_Block]] = {}
        self._functions: list[LiveFunction] = []
        self.pid = self.parent_pid = 0
        self.began_ns = 0
        self._latest_ns = 0
        self.last_serial = 0
        """All events up to this one have been given, or are lost."""
        self.lost = 0
        """How many were overwritten before they were read."""

    def read_new(self) -> list[SeenEvent]:
        """Return the events since the last call, in order of serials.

        Raise ``RecordingError`` where the file cannot be read.
        """
        try:
            with open_guarded(self._path) as file:
                return self._read_new(file.fileno())
        except OSError as error:
            raise RecordingError(f"cannot read {self._path}: {error.strerror}") from error
        except DamagedError as damage:
            raise RecordingError(f"{self._path} is damaged: {damage}") from damage

    def _read_new(self, descriptor: int) -> list[SeenEvent]:
        header = os.pread(descriptor, layout.HEADER_BYTES, 0)
        if len(header) < layout.HEADER_BYTES or sys.byteorder != "little":
            raise DamagedError("it is too short")
        if not header.startswith(layout.MAGIC):
            # It is only being made.
            return []
        _, _, _, self.pid, _, self.parent_pid, kind = layout.IDENTITY.unpack_from(header)
        clock = read_clock(header, kind)
        self.began_ns = clock.first_ns - self._started_ns
        made, _ = layout.EVENT_TOTALS.unpack_from(header, layout.EVENT_TOTALS_OFFSET)
        if made <= self.last_serial:
            return []
        self._walk(descriptor, int.from_bytes(header[layout.END_OFFSET :][:8], "little"))
        records = self._new_records(descriptor, made)
        actions = self._actions(descriptor)
        events = []
        for serial in sorted(records):
            live = event_of_record(records[serial], lambda context: context)
            events.append(self._seen(descriptor, live, actions, clock))
        # What was counted already, and not yet written, comes the next time.
        missing_last = made not in records
        last = max(records, default=self.last_serial) if missing_last else made
        self.lost += last - self.last_serial - len(records)
        self.last_serial = last
        return events

    def _walk(self, descriptor: int, end: int) -> None:
        """Note the blocks that were added."""
        while self._end + layout.BLOCK_HEADER_BYTES <= end:
            magic, kind, size, _, first, _ = layout.BLOCK_HEADER.unpack(
                _read(descriptor, layout.BLOCK_HEADER.size, self._end)
            )
            if magic != layout.BLOCK_MAGIC:
                raise DamagedError(f"there is no block at offset {self._end}")
            if size < layout.BLOCK_HEADER_BYTES or size % layout.PAGE_BYTES:
                raise DamagedError(f"the block at offset {self._end} has a wrong size")
            self._blocks.setdefault(kind, []).append(
                _Block(
                    first,
                    self._end + layout.BLOCK_HEADER_BYTES,
                    size - layout.BLOCK_HEADER_BYTES,
                )
            )
            self._end += size

    def _used(self, descriptor: int, block: _Block) -> int:
        at = block.start - layout.BLOCK_HEADER_BYTES + layout.BLOCK_USED_OFFSET
        return int.from_bytes(_read(descriptor, 8, at), "little")

    def _new_records(self, descriptor: int, made: int) -> dict[int, tuple[int, ...]]:
        """Return the records of events with serials up to ``made`` that are new, by serial."""
        blocks = [
            (block, min(self._used(descriptor, block), block.room // layout.EVENT.size))
            for block in self._blocks.get(layout.BLOCK_EVENTS, ())
        ]
        total = sum(count for _, count in blocks)
        wanted = range(self.last_serial + 1, made + 1)
        if not total:
            return {}
        # The ring goes round in the order of the records, unless some could not be made.
        first, last = (wanted[0] - 1) % total, (made - 1) % total
        is_whole = len(wanted) >= total
        records: dict[int, tuple[int, ...]] = {}
        for expected in (False,) if is_whole else (True, False):
            at = 0
            for block, count in blocks:
                begins, ends = at <= last, at + count > first
                at += count
                if expected and not (begins and ends if first <= last else begins or ends):
                    continue
                self._read_records(descriptor, block, count, wanted, records)
            if len(records) == len(wanted):
                break
        return records

    def _read_records(
        self,
        descriptor: int,
        block: _Block,
        count: int,
        wanted: range,
        records: dict[int, tuple[int, ...]],
    ) -> None:
        data = _read(descriptor, count * layout.EVENT.size, block.start)
        # A record that was overwritten meanwhile may be of two minds: its serial has changed.
        again = _read(descriptor, count * layout.EVENT.size, block.start)
        for fields, later in zip(
            layout.EVENT.iter_unpack(data), layout.EVENT.iter_unpack(again), strict=True
        ):
            if fields[0] in wanted and fields[0] == later[0]:
                records[fields[0]] = fields

    def _actions(self, descriptor: int) -> list[LiveAction]:
        actions = []
        for block in self._blocks.get(layout.BLOCK_ACTIONS, ()):
            size = layout.ACTION.size
            count = min(self._used(descriptor, block), block.room // size)
            data = _read(descriptor, count * size, block.start)
            actions += [action_of_record(*fields) for fields in layout.ACTION.iter_unpack(data)]
        return actions

    def _seen(
        self, descriptor: int, live: LiveEvent, actions: list[LiveAction], clock: Clock
    ) -> SeenEvent:
        path, label = self._path_to(descriptor, live.context)
        number = live.action
        if not number and label:
            record = self._record(descriptor, layout.BLOCK_LABELS, layout.LABEL, label)
            number = 0 if record is None else record[0]
        action = actions[number - 1] if 0 < number <= len(actions) else None
        # The rate of the clock is known better later on: that must not turn the order round.
        self._latest_ns = max(clock.monotonic_ns(live.ticks), self._latest_ns)
        return SeenEvent(
            pid=self.pid,
            serial=live.serial,
            sensor=self._sensors.get(live.sensor, f"sensor {live.sensor}"),
            moment_ns=self._latest_ns - self._started_ns,
            duration_ns=clock.duration_ns(live.duration_ticks),
            session=live.session,
            instance=live.instance,
            action="" if action is None else action.name,
            once=action is not None and action.once,
            fields=tuple(live.fields.items()),
            path=path,
        )

    def _path_to(self, descriptor: int, context: int | None) -> tuple[tuple[PathStep, ...], int]:
        """Return the way to a context, and the label of it."""
        path: list[PathStep] = []
        label, number = 0, layout.NO_CONTEXT if context is None else context
        while len(path) < LONGEST_PATH:
            record = self._record(descriptor, layout.BLOCK_CONTEXTS, layout.CONTEXT, number)
            if record is None or record[0] == layout.NO_CONTEXT:
                break
            label = label or record[_CONTEXT_LABEL]
            path.append(self._step(descriptor, record[1]))
            number = record[0]
        return tuple(reversed(path)), label

    def _record(
        self, descriptor: int, kind: int, record: Struct, number: int
    ) -> tuple[int, ...] | None:
        """Return a record by its number, or None where there is none."""
        blocks = self._blocks.get(kind, [])
        place = bisect_right(blocks, number, key=lambda block: block.first) - 1
        if place < 0:
            return None
        block = blocks[place]
        offset = (number - block.first) * record.size
        if offset + record.size > block.room:
            return None
        return record.unpack(_read(descriptor, record.size, block.start + offset))

    def _step(self, descriptor: int, number: int) -> PathStep:
        if number >= len(self._functions):
            functions: list[LiveFunction] = []
            for block in self._blocks.get(layout.BLOCK_FUNCTIONS, ()):
                used = min(self._used(descriptor, block), block.room)
                read_functions_block(_read(descriptor, used, block.start), 0, used, functions)
            self._functions = functions
        if number >= len(self._functions):
            raise DamagedError("a context names a function that is not there")
        live = self._functions[number]
        function = Function(live.module, live.qualname, class_name=live.class_name or None)
        return PathStep(function.name, live.file, live.line)


def _read(descriptor: int, size: int, offset: int) -> bytes:
    data = os.pread(descriptor, size, offset)
    if len(data) < size:
        raise DamagedError("it is truncated")
    return data
