"""The memory of one instance of an action is its own, also where others had its lane before."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from support_actions import SERVER, event_map, instances_of
from support_native import needs_native, run

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.recording.live_part import LiveInstance, LivePart

pytestmark = needs_native
_MORE_BYTES = sys.getsizeof(bytearray(1000)) - 1000
UPLOADS = """
import os
size, twice, kept = 0, 0, {}
def work():
    if size:
        bytearray(twice)
        kept[size] = bytearray(size)
def drop(size):
    kept[size] = None
def jobs():
    global size, twice
    handler = Handler()
    yield handler.process, "NOOP"
    for number in range(60):
        yield handler.process, "STOR", f"/{number}"
        channel = handler.channel
        size = 1000 + number
        twice = 2 * size
        kept[size] = None
        yield channel.read, 1
        last, size = size, 0
        yield channel.close,
        # One in three stays for good, one goes at once, one much later.
        if number % 3 == 1:
            drop(last)
        if number > 30 and number % 3 == 2:
            drop(last - 30)
loop(jobs())
os._exit(0)
"""


def memory_of_instance(part: LivePart, instance: LiveInstance, name: str) -> tuple[int, ...]:
    """Return bytes, blocks, freed and given back of a function in an instance's contexts."""
    assert part.memory is not None
    sums = [0, 0, 0, 0]
    for context, function in enumerate(part.function):
        if part.label[context] == instance.label and part.functions[function].qualname == name:
            for place, column in enumerate(part.memory.of_instances or part.memory.columns):
                sums[place] += column[context]
    return tuple(sums)


def test_each_upload_has_its_own(tmp_path: Path) -> None:
    part = run(SERVER + UPLOADS, tmp_path, memory=True, event_map=event_map()).part
    uploads = instances_of(part, "STOR")
    assert len(uploads) == 60
    apart = [item for item in uploads if part.labels[item.label - 1].instance == item.serial]
    numbers = {int(item.detail.removeprefix("/")) for item in apart}
    # Its lane has been another's before: there are fewer lanes than uploads.
    assert {0, 59} <= numbers
    assert len(numbers) < 10
    for item in apart:
        number = int(item.detail.removeprefix("/"))
        own, passing = (size + _MORE_BYTES for size in (1000 + number, 2 * (1000 + number)))
        is_dropped = number % 3 == 1 or (number % 3 == 2 and number + 30 < 60)
        expected = (own + passing, 4, passing, passing + (own if is_dropped else 0))
        assert memory_of_instance(part, item, "work") == expected, number


def test_together_they_are_the_actions(tmp_path: Path) -> None:
    part = run(SERVER + UPLOADS, tmp_path, memory=True, event_map=event_map()).part
    assert part.memory is not None
    of_work = [
        context
        for context, function in enumerate(part.function)
        if part.functions[function].qualname == "work" and part.label[context]
    ]
    allocated, blocks, freed, returned = (
        sum(column[context] for context in of_work) for column in part.memory.columns
    )
    sizes = [1000 + number for number in range(60)]
    dropped = [1000 + number for number in range(60) if number % 3 == 1]
    dropped += [1000 + number - 30 for number in range(31, 60) if number % 3 == 2]
    passing = sum(2 * size + _MORE_BYTES for size in sizes)
    assert allocated == passing + sum(size + _MORE_BYTES for size in sizes)
    assert blocks == 4 * 60
    assert freed == passing
    assert returned == passing + sum(size + _MORE_BYTES for size in dropped)


def test_what_is_freed_in_the_end_leaves_room_for_others(tmp_path: Path) -> None:
    script = """
    import os
    size, kept = 1000, []
    def work():
        kept.append(bytearray(size))
    def jobs():
        handler = Handler()
        for number in range(3000):
            yield handler.process, "STOR", f"/{number}"
            yield handler.channel.read, 1
            yield handler.channel.close,
            # What one leaves is freed while the one after the next runs.
            del kept[:-20]
        kept.clear()
    loop(jobs())
    os._exit(0)
    """
    few, many = (
        run(SERVER + script.replace("3000", count), folder, memory=True, event_map=event_map())
        for count, folder in (("100", tmp_path / "few"), ("3000", tmp_path / "many"))
        if folder.mkdir() is None
    )
    sizes = [
        sum(path.stat().st_size for path in (tmp_path / name).rglob("*.part"))
        for name in ("few", "many")
    ]
    assert few.status == many.status == 0
    assert sizes[1] < sizes[0] + 200_000
