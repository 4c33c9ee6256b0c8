"""Actions, labels, instances and events of a live file: read as written, refused where damaged."""

from __future__ import annotations

import mmap
import os
import random
import struct
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import live_file

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import live_reader
from callgraph_lab.recording.live_part import LiveAction, LiveLabel
from callgraph_lab.recording.live_reader import read_part

if TYPE_CHECKING:
    from pathlib import Path

    from unit.recording.builders import LiveFile

    from callgraph_lab.recording.live_part import LivePart

MUTATIONS = int(os.environ.get("CGLAB_TEST_MUTATIONS", "20000")) // 4
NAMES = ("startup", "idle", "shutdown", "STOR", "d\u00e9connect\u00e9")
TEXT = b"file\0/srv/a\0user\0lab\0"


def add_records(made: LiveFile, kind: int, records: list[bytes]) -> None:
    """Write records of a kind into two blocks, as an engine does that got more to write."""
    for first in (0, len(records) // 2):
        part = records[first : len(records) // 2 if first == 0 else None]
        block = made.writer._new_block(kind, layout.PAGE_BYTES, first=first + 1)
        data = b"".join(part)
        block.bytes[: len(data)] = data
        block.publish(len(part))
        made.writer.publish_block()


def action(name: str, number: int) -> bytes:
    encoded = name.encode()
    flags = layout.ACTION_IS_BACKGROUND if number < 3 else layout.ACTION_IS_ONCE
    return layout.ACTION.pack(len(encoded), flags, *range(number, number + 8), encoded)


def instance(serial: int, *, label: int = 5, detail: bytes = b"/f") -> bytes:
    times = [serial * 10, serial * 10 + 5, 3, 2, 1000]
    flags = layout.INSTANCE_IS_ABANDONED | layout.INSTANCE_HAS_LATE_WORK
    phases = [0, 0, 7, 8, *[0] * 12]
    return layout.INSTANCE.pack(
        serial, 9 << 32 | 1, 4, label, *times, 4, 3, 226, flags, len(detail), 0, *phases, detail
    )


def event(serial: int, context: int) -> bytes:
    return layout.EVENT.pack(serial, 50, 6, 9 << 32 | 1, 1, 3, context, 4, len(TEXT), TEXT)


@pytest.fixture
def part_path(tmp_path: Path) -> Path:
    made = live_file(tmp_path, calls_open=True)
    add_records(made, layout.BLOCK_ACTIONS, [action(name, at) for at, name in enumerate(NAMES)])
    labels = [(number, 0, 0) for number in range(1, 6)] + [(4, 1, 2)]
    add_records(made, layout.BLOCK_LABELS, [layout.LABEL.pack(*label) for label in labels])
    # The ring has gone round: the oldest record is the latest, and one is being overwritten.
    add_records(made, layout.BLOCK_INSTANCES, [instance(at, label=6) for at in (4, 0, 2, 3)])
    context = made.contexts["f"]
    add_records(made, layout.BLOCK_EVENTS, [event(1, context), event(2, layout.NO_CONTEXT)])
    header = made.writer._header
    layout.EVENT_TOTALS.pack_into(header, layout.EVENT_TOTALS_OFFSET, 7, 5)
    words = made.thread._contexts_block
    assert words is not None
    position = made.contexts["f"] * layout.CONTEXT_BYTES
    struct.pack_into("<IIQQ", words.bytes, position + 40, 6, 11, 1, 2_000)
    return tmp_path / os.path.basename(made.path)  # noqa: PTH119


def test_what_was_written_is_read(part_path: Path) -> None:
    part = read_part(part_path)
    assert tuple(item.name for item in part.actions) == NAMES
    assert part.actions[3] == LiveAction(
        name="STOR",
        background=False,
        once=True,
        count=3,
        ended=4,
        sessions=5,
        busy_ticks=6,
        cpu_ns=7,
        bytes=8,
        dropped=9,
        duration_ticks=10,
    )
    assert part.actions[0].background
    assert part.labels[5] == LiveLabel(action=4, lane=1, instance=2)
    assert [item.serial for item in part.instances] == [2, 3, 4]
    one = part.instances[0]
    assert (one.session, one.action, one.label, one.detail) == (9 << 32 | 1, 4, 6, "/f")
    assert (one.begin_ticks, one.end_ticks, one.busy_ticks, one.cpu_ns, one.bytes) == (
        20,
        25,
        3,
        2,
        1000,
    )
    assert (one.entries, one.passes, one.outcome, one.thread) == (4, 3, 226, 0)
    assert (one.abandoned, one.late_work, one.inherited) == (True, True, False)
    assert one.phases[:3] == ((0, 0), (7, 8), (0, 0))
    first, second = part.events
    assert first.fields == {"file": "/srv/a", "user": "lab"}
    assert (first.context, second.context) == (2, None)
    assert (part.events_made, part.events_dropped) == (7, 5)
    assert (list(part.label), list(part.base_resumes)) == ([0, 0, 6], [0, 0, 11])
    assert (list(part.base_calls), list(part.base_ticks)) == ([0, 0, 1], [0, 0, 2_000])


def test_a_record_overwritten_while_the_file_is_read_is_left_out(
    part_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = live_reader.read_published
    reads: list[bytes] = []

    def read_and_change(path: Path) -> bytes:
        data = read(path)
        reads.append(data)
        if len(reads) > 1:
            return data.replace(instance(3, label=6), instance(5, label=6)).replace(
                layout.LABEL.pack(4, 1, 2), layout.LABEL.pack(4, 1, 5)
            )
        return data

    monkeypatch.setattr(live_reader, "read_published", read_and_change)
    part = read_part(part_path)
    assert len(reads) == 2
    assert [item.serial for item in part.instances] == [2, 4]
    assert part.labels[5] == LiveLabel(action=4, lane=1, instance=0)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (layout.LABEL.pack(4, 1, 2), layout.LABEL.pack(9, 1, 2), "action that is not there"),
        (instance(2, label=6), instance(2, label=7), "names what is not there"),
        (struct.pack("<IIQQ", 6, 11, 1, 2_000), struct.pack("<IIQQ", 7, 11, 1, 2_000), "label"),
        (len(NAMES[3]).to_bytes(4, "little") + b"\2", b"\x39\0\0\0\2", "longer than"),
    ],
)
def test_damage(part_path: Path, before: bytes, after: bytes, reason: str) -> None:
    content = part_path.read_bytes()
    assert content.count(before) == 1
    part_path.write_bytes(content.replace(before, after))
    with pytest.raises(RecordingError, match=reason):
        read_part(part_path)


def check_valid(part: LivePart) -> None:
    assert max(part.label, default=0) <= len(part.labels)
    for label in part.labels:
        assert 1 <= label.action <= len(part.actions)
    for item in part.instances:
        assert 1 <= item.action <= len(part.actions)
        assert item.label <= len(part.labels)
        assert max(item.session, item.begin_ticks, item.end_ticks, item.bytes) < 2**63
    for happened in part.events:
        assert happened.context is None or happened.context < len(part.parent)
        assert happened.action <= len(part.actions)
    for kept in (part.instances, part.events):
        serials = [item.serial for item in kept]
        assert serials == sorted(set(serials))


def test_mutated(part_path: Path) -> None:
    """Only a ``RecordingError`` or something valid; set CGLAB_TEST_MUTATIONS for a long run."""
    content = part_path.read_bytes()
    content = content[
        : int.from_bytes(content[layout.END_OFFSET : layout.END_OFFSET + 8], "little")
    ]
    part_path.unlink()
    part_path.write_bytes(content)
    used = {place for place, byte in enumerate(content) if byte}
    near = {place + step for place in used for step in range(-4, 5)}
    places = sorted(near & set(range(len(content))))
    chance = random.Random()  # noqa: S311 - no secret
    valid = 0
    with part_path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        for _ in range(MUTATIONS):
            changed = chance.sample(places, k=chance.choice((1, 1, 2, 4)))
            for place in changed:
                mapping[place] = chance.choice((0, 1, 255, 128, chance.randrange(256)))
            if chance.random() < 0.3:
                word = chance.choice(changed) & ~7
                changed.extend(range(word, word + 8))
                value = chance.choice((0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1))
                mapping[word : word + 8] = struct.pack("<Q", value)
            try:
                part = read_part(part_path)
            except RecordingError:
                pass
            else:
                valid += 1
                check_valid(part)
            for place in changed:
                mapping[place] = content[place]
    assert part_path.read_bytes() == content
    assert valid
