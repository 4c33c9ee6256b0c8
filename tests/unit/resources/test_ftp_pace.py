"""When transfers may move bytes, on a clock of the test's own."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import pytest

from callgraph_lab.resources import ftp_pace
from callgraph_lab.resources.ftp_pace import Pace

RATE = 64 * 1024
USUAL_BYTES = 65536


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(ftp_pace, "monotonic", made)
    return made


def handler(session: object) -> SimpleNamespace:
    return SimpleNamespace(cmd_channel=session)


def transfer(
    pace: Pace, clock: Clock, size: int, session: object = None
) -> tuple[list[tuple[float, int]], int]:
    """Move so many bytes and see their end; return the moments, and how often it was too much."""
    channel = handler(session)
    moved, left, too_much = [], size, 0
    while True:
        wait_s, part_bytes = pace.turn(channel, USUAL_BYTES)
        if wait_s > 0:
            clock.now += wait_s
            continue
        part_bytes = min(part_bytes, left)
        moved.append((clock.now, part_bytes))
        left -= part_bytes
        too_much += pace.moved(channel, part_bytes)
        clock.now += 0.0001
        if part_bytes == 0:
            return moved, too_much


@pytest.mark.parametrize("size", [0, 1, 38, 4096, 60_001, RATE - 1, RATE])
def test_what_fits_into_a_second_neither_waits_nor_reaches_the_limit(
    size: int, clock: Clock
) -> None:
    moved, too_much = transfer(Pace(RATE, is_total=False), clock, size)
    assert too_much == 0
    full = [at for at, part_bytes in moved if part_bytes]
    assert not full or full[-1] - full[0] < 0.01


@pytest.mark.parametrize("size", [RATE + 1, 3 * RATE, 10 * RATE + 77])
def test_one_byte_more_reaches_it(size: int, clock: Clock) -> None:
    began = clock.now
    moved, too_much = transfer(Pace(RATE, is_total=False), clock, size)
    assert too_much > 0
    assert sum(part_bytes for _, part_bytes in moved) == size
    assert clock.now - began == pytest.approx(max(size / RATE, 1), rel=0.1)
    # In no second more than the rate, and after the first it goes on evenly.
    for at, _ in moved:
        within = sum(part_bytes for then, part_bytes in moved if at - 0.999 < then <= at)
        assert within <= RATE
    later = [at for at, part_bytes in moved if part_bytes and at > began + 1.01]
    assert all(0.03 < b - a < 0.1 for a, b in pairwise(later[:-1]))


def test_a_second_later_there_is_room_again(clock: Clock) -> None:
    pace = Pace(RATE, is_total=True)
    for _ in range(5):
        _, too_much = transfer(pace, clock, RATE - 10)
        assert too_much == 0
        clock.now += 1.0


def test_transfers_in_total_share_a_second(clock: Clock) -> None:
    pace = Pace(RATE, is_total=True)
    assert transfer(pace, clock, RATE // 2 - 100)[1] == 0
    assert transfer(pace, clock, RATE // 2 - 100)[1] == 0
    assert transfer(pace, clock, 201)[1] == 1


def test_sessions_have_a_second_each(clock: Clock) -> None:
    pace = Pace(RATE, is_total=False)
    sessions = [object() for _ in range(3)]
    assert [transfer(pace, clock, RATE, one)[1] for one in sessions] == [0, 0, 0]


@pytest.mark.usefixtures("clock")
def test_tls_records_are_moved_whole() -> None:
    pace = Pace(8192, is_total=False)
    secure = SimpleNamespace(cmd_channel=object(), _ssl_established=True)
    assert pace.turn(secure, USUAL_BYTES) == (0, 16384)
    assert pace.moved(secure, 16384)
    wait_s, part_bytes = pace.turn(secure, USUAL_BYTES)
    assert part_bytes == 16384
    assert wait_s >= 1
