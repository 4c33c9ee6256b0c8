"""New events of a live file, read again and again while it is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from unit.recording.builders import LiveFile, live_file

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_events import PartEvents

SENSORS = {3: "noticed"}
KEEP = 4
NAME = b"STOR"


class Events:
    """A live file with a ring of events that the tests write as an engine does."""

    def __init__(self, folder: Path) -> None:
        self.made: LiveFile = live_file(folder)
        self.path = Path(self.made.path)
        self._add(layout.BLOCK_ACTIONS, layout.ACTION.pack(4, 2, *[0] * 8, NAME), 1)
        self._add(layout.BLOCK_LABELS, layout.LABEL.pack(1, 0, 0), 1)
        self._blocks = [
            self._add(layout.BLOCK_EVENTS, b"", first, used=0) for first in (1, 1 + KEEP // 2)
        ]

    def _add(self, kind: int, data: bytes, first: int, *, used: int = 1) -> Any:
        block = self.made.writer._new_block(kind, layout.PAGE_BYTES, first=first)
        block.bytes[: len(data)] = data
        block.publish(used)
        self.made.writer.publish_block()
        return block

    def write(
        self, serial: int, *, context: int | None = None, action: int = 1, ticks: int = 50
    ) -> None:
        at = self.made.contexts["f"] if context is None else context
        text = f"number\0{serial}\0".encode()
        record = layout.EVENT.pack(serial, ticks, 6, 9 << 32 | 1, 1, 3, at, action, len(text), text)
        slot = (serial - 1) % KEEP
        block = self._blocks[slot // 2]
        offset = slot % 2 * layout.EVENT_BYTES
        block.bytes[offset : offset + layout.EVENT_BYTES] = record
        if serial <= KEEP:
            block.publish(slot % 2 + 1)

    def count(self, made: int) -> None:
        header = self.made.writer._header
        layout.EVENT_TOTALS.pack_into(header, layout.EVENT_TOTALS_OFFSET, made, 0)

    def put(self, *serials: int) -> None:
        for serial in serials:
            self.count(serial)
            self.write(serial)


@pytest.fixture
def events(tmp_path: Path) -> Events:
    return Events(tmp_path / "x.cglab.live")


def serials(part: PartEvents) -> list[int]:
    return [event.serial for event in part.read_new()]


def test_each_event_is_given_once_and_tells_the_way_to_it(events: Events) -> None:
    part = PartEvents(events.path, SENSORS, 0)
    assert part.read_new() == []
    events.put(1)
    (event,) = part.read_new()
    assert (event.sensor, event.action, event.once) == ("noticed", "STOR", True)
    assert (event.pid, event.session_name) == (os.getpid(), "9-1")
    assert event.fields == (("number", "1"),)
    assert [step.name.rpartition(".")[2] for step in event.path] == ["serve", "f"]
    assert part.read_new() == []
    events.put(2, 3)
    assert serials(part) == [2, 3]
    assert part.lost == 0


def test_a_ring_that_goes_round_is_followed(events: Events) -> None:
    part = PartEvents(events.path, SENSORS, 0)
    for first in range(1, 30, 3):
        events.put(first, first + 1, first + 2)
        assert serials(part) == [first, first + 1, first + 2]
    assert part.lost == 0


def test_what_was_overwritten_before_it_was_read_is_counted(events: Events) -> None:
    part = PartEvents(events.path, SENSORS, 0)
    events.put(*range(1, 7))
    assert serials(part) == [3, 4, 5, 6]
    assert part.lost == 2
    events.put(*range(7, 18))
    assert serials(part) == [14, 15, 16, 17]
    assert part.lost == 9


def test_an_event_that_is_counted_but_not_written_yet_comes_later(events: Events) -> None:
    part = PartEvents(events.path, SENSORS, 0)
    events.put(1)
    events.count(2)
    assert serials(part) == [1]
    assert serials(part) == []
    events.write(2)
    assert serials(part) == [2]
    assert part.lost == 0


def test_a_rate_that_is_known_better_later_leaves_the_order(events: Events) -> None:
    part = PartEvents(events.path, SENSORS, 0)
    header = events.made.writer._header
    magic, *identity, _ = layout.IDENTITY.unpack_from(header)
    layout.IDENTITY.pack_into(header, 0, magic, *identity, layout.CLOCK_TIME_STAMP_COUNTER)
    moments = []
    for serial, latest_ns in ((1, 1000), (2, 990), (3, 980)):
        layout.ANCHORS.pack_into(header, layout.ANCHORS_OFFSET, 0, 0, 0, 1000, latest_ns, 10**9)
        events.count(serial)
        events.write(serial, ticks=1_000_000 + (0, 100, 30_000)[serial - 1])
        moments += [event.moment_ns for event in part.read_new()]
    assert moments == [1_000_000, 1_000_000, 1_009_400]


def test_an_event_of_no_known_context_or_action(events: Events) -> None:
    events.count(1)
    events.write(1, context=layout.NO_CONTEXT, action=0)
    (event,) = PartEvents(events.path, {}, 0).read_new()
    assert (event.sensor, event.action, event.path) == ("sensor 3", "", ())


def test_damage_is_told(events: Events, tmp_path: Path) -> None:
    events.put(1)
    data = events.path.read_bytes()
    for size in (10, layout.HEADER_BYTES + 8):
        short = tmp_path / "short.part"
        short.write_bytes(data[:size])
        with pytest.raises(RecordingError, match="damaged"):
            PartEvents(short, SENSORS, 0).read_new()
    with pytest.raises(RecordingError, match="cannot read"):
        PartEvents(tmp_path / "missing.part", SENSORS, 0).read_new()
