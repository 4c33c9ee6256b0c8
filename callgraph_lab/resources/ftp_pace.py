"""Inside the target: when a transfer may move its next bytes, so that a rate is kept."""

from __future__ import annotations

from _thread import allocate_lock
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WINDOW_S = 1.0
_MOMENT_S = 1 / 32
_CATCH_UP_S = 0.1
_PARTS_A_SECOND = 16
_LEAST_BYTES = 512
_TLS_RECORD_BYTES = 16384


class Pace:
    """Gives out turns, each for some bytes, so that no second has more than the rate.

    What fits into a second passes at once: the limit is not reached. What does not waits until the
    second is over, and goes on evenly. Bytes that a turn did not need are given back.
    """

    def __init__(self, rate: int, *, is_total: bool) -> None:
        self._rate = rate
        self._is_total = is_total
        self._lock = allocate_lock()
        self._seconds: dict[int, _Second] = {}
        self._turns: dict[int, _Turn] = {}

    def turn(self, handler: Any, usual_bytes: int) -> tuple[float, int]:  # noqa: ANN401
        """Return how long a transfer has to wait, 0 where it need not, and for how many bytes."""
        is_secure = hasattr(handler, "_ssl_established")
        # What is left of a TLS record makes no event.
        least = _TLS_RECORD_BYTES if is_secure else _LEAST_BYTES
        part_bytes = min(usual_bytes, max(self._rate // _PARTS_A_SECOND, least))
        key = self._key(handler.cmd_channel)
        now = monotonic()
        with self._lock:
            turn = self._turns.get(id(handler))
            if turn is None:
                second = self._seconds.setdefault(key, _Second(self._rate))
                turn = second.take(now, part_bytes, can_be_less=not is_secure)
                self._turns[id(handler)] = turn
        return max(turn.begins_at - now, 0.0), turn.bytes

    def moved(self, handler: Any, moved_bytes: int) -> bool:  # noqa: ANN401
        """End a turn; return whether its bytes were more than the second before had left."""
        key = self._key(handler.cmd_channel)
        with self._lock:
            turn = self._turns.pop(id(handler), None)
            if turn is None:
                return False
            second = self._seconds.get(key)
            if second is not None:
                second.give_back(turn, turn.bytes - moved_bytes)
            return moved_bytes > turn.room_bytes

    def forget(self, session: Any) -> None:  # noqa: ANN401
        """Let go of a session that is over."""
        transfer = getattr(session, "data_channel", None)
        with self._lock:
            self._turns.pop(id(transfer), None)
            if not self._is_total:
                self._seconds.pop(id(session), None)

    def _key(self, session: Any) -> int:  # noqa: ANN401
        return 0 if self._is_total else id(session)


class _Turn:
    """Bytes that may be moved from a moment on; ``room_bytes`` were left when it was asked for."""

    __slots__ = ("begins_at", "bytes", "is_held_back", "moment", "room_bytes")

    def __init__(self, begins_at: float, part_bytes: int, room_bytes: int) -> None:
        self.begins_at = begins_at
        self.bytes = part_bytes
        self.room_bytes = room_bytes
        self.is_held_back = False
        self.moment: _Moment | None = None


class _Moment:
    """What turns that begin at nearly the same time move together."""

    __slots__ = ("bytes", "first_at", "is_counted", "last_at")

    def __init__(self, at: float) -> None:
        self.first_at = self.last_at = at
        self.bytes = 0
        self.is_counted = True


class _Second:
    """What moved in the last second and what is to be moved, in order of time."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._moments: list[_Moment] = []
        self._used_bytes = 0
        self._next_at = 0.0
        """While it is held back: when the turn before will have had its share."""

    def take(self, now: float, part_bytes: int, *, can_be_less: bool) -> _Turn:
        """Return a turn, at once where there is room."""
        moments = self._moments
        while moments and moments[0].last_at <= now - _WINDOW_S:
            over = moments.pop(0)
            over.is_counted = False
            self._used_bytes -= over.bytes
        room_bytes = max(self._rate - self._used_bytes, 0)
        is_free = now > self._next_at + _CATCH_UP_S
        if is_free and (room_bytes > 0 or self._used_bytes == 0):
            # Where it cannot be less, a second may have a part too many, and waits for that longer.
            least_bytes = room_bytes if can_be_less and self._used_bytes else part_bytes
            turn = _Turn(now, min(part_bytes, least_bytes), room_bytes)
        else:
            begins_at = max(self._next_at, now - _CATCH_UP_S)
            left_bytes = room_bytes
            for earlier in moments:
                if left_bytes >= part_bytes:
                    break
                left_bytes += earlier.bytes
                begins_at = max(begins_at, earlier.last_at + _WINDOW_S)
            turn = _Turn(begins_at, part_bytes, room_bytes)
            turn.is_held_back = True
            self._next_at = begins_at + part_bytes / self._rate
        if not moments or turn.begins_at - moments[-1].first_at >= _MOMENT_S:
            moments.append(_Moment(turn.begins_at))
        turn.moment = moments[-1]
        turn.moment.last_at = max(turn.begins_at, turn.moment.last_at)
        turn.moment.bytes += turn.bytes
        self._used_bytes += turn.bytes
        return turn

    def give_back(self, turn: _Turn, left_bytes: int) -> None:
        """Take back what a turn had more than it needed."""
        if turn.is_held_back:
            self._next_at -= left_bytes / self._rate
        if turn.moment is not None:
            turn.moment.bytes -= left_bytes
            if turn.moment.is_counted:
                self._used_bytes -= left_bytes
