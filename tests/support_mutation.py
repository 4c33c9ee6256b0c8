"""Change bytes of a file at random and read it, many times, in a process that can be measured."""

from __future__ import annotations

import mmap
import random
import signal
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import ANY, patch

from unit.recording.validity import check_valid

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import store
from callgraph_lab.recording.live_reader import read_part

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_READ_S = 20.0
"""A read of a small file takes a millisecond; this is far more than a busy machine delays it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading mutated files: how many, how many of them were taken for valid."""

    files: int
    valid: int
    grown_bytes: int
    """By how much the process's memory was larger at its peak than before."""


class HungError(Exception):
    """A file was being read for too long."""


def read_mutated(kind: str, path: Path, *, seed: int, files: int) -> Reading:
    """Read a file ``files`` times, changed otherwise each time; let through what is no refusal.

    ``kind`` is ``part`` for a live file, ``recording`` for a finished one, ``unsealed recording``
    for a finished one whose checksum is not looked at, as if it had been made right again.
    """
    content = path.read_bytes()
    places = _interesting(content)
    chance = random.Random(seed)  # noqa: S311 - the same files for the same seed
    valid = 0
    _read_once(kind, path, is_used=True)
    before = _peak_bytes(forget=True)
    with (
        path.open("r+b") as file,
        mmap.mmap(file.fileno(), 0) as mapping,
        patch.object(store, "_checksum", return_value=ANY)
        if kind == "unsealed recording"
        else patch.object(store, "_checksum", store._checksum),
        _alarm(),
    ):
        for number in range(files):
            changed = _change(mapping, places, chance)
            signal.setitimer(signal.ITIMER_REAL, LONGEST_READ_S)
            valid += _read_once(kind, path, is_used=number % 10 == 0)
            for place in changed:
                mapping[place] = content[place]
    assert path.read_bytes() == content
    return Reading(files, valid, _peak_bytes() - before)


def _read_once(kind: str, path: Path, *, is_used: bool) -> bool:
    """Return whether a file was taken for valid; then go on with what it holds, if asked to."""
    try:
        if kind != "part":
            store.load(path)
            return True
        part = read_part(path)
    except RecordingError as error:
        assert error.hint  # noqa: PT017 - both ways are right
        return False
    if is_used:
        check_valid(part)
    return True


def _interesting(content: bytes) -> list[int]:
    """Return the places in a file that hold something, and those beside them."""
    places = {place for place, byte in enumerate(content) if byte}
    near = {beside for place in places for beside in range(place - 4, place + 5)}
    return sorted(place for place in near if 0 <= place < len(content))


def _change(mapping: mmap.mmap, places: list[int], chance: random.Random) -> list[int]:
    changed = chance.sample(places, k=chance.choice((1, 1, 1, 2, 4)))
    for place in changed:
        mapping[place] = chance.choice((0, 1, 255, 128, chance.randrange(256)))
    word = chance.choice(changed) & ~7
    if chance.random() < 0.3 and word + 8 <= len(mapping):
        changed.extend(range(word, word + 8))
        value = chance.choice((0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, len(mapping)))
        mapping[word : word + 8] = struct.pack("<Q", value)
    return changed


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise HungError(f"a file was read for more than {LONGEST_READ_S} s")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _peak_bytes(*, forget: bool = False) -> int:
    if forget:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
