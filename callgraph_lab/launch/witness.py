"""Tell a signal that was sent to ``cglab`` alone from one that its process group got as well.

The target is in the group of ``cglab``: what the group gets it has already (the keys of a terminal,
``fg`` of a shell, ``timeout``, ``kill -- -PGID``), and must not get a second time. The kernel does
not say which it was, so a process of our own stands in the same group and tells what reaches it.
"""

from __future__ import annotations

import os
import select
import signal
import time
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

_TOLD_WITHIN_S = 0.02
"""Who sends a signal to one process after the other needs a moment."""
_STALE_AFTER_S = 1.0


class Witness:
    """A process that does nothing but note signals. It ends when ``cglab`` ends, however that is.

    Raise ``OSError`` where there is no room for a process, or for a descriptor.
    Made after the target, so that whoever looks for the children of ``cglab`` finds that one first.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._told: dict[int, float] = {}
        self._pid: int | None = None
        life, self._life = os.pipe()
        self._news, news = os.pipe()
        os.set_blocking(news, False)
        try:
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                # Python warns where we have threads: the process takes no lock that one could hold.
                self._pid = os.fork()
                if self._pid == 0:
                    _stand_by(life, news, numbers)
        finally:
            os.close(life)
            os.close(news)

    def tells_of(self, number: int, *, at_once: bool = False) -> bool:
        """Say whether the group has got a signal that we have just taken, and forget it."""
        until = time.monotonic() + (0.0 if at_once else _TOLD_WITHIN_S)
        while self._pid is not None:
            wait_s = max(until - time.monotonic(), 0.0)
            if not select.select([self._news], [], [], wait_s)[0]:
                break
            told = os.read(self._news, 4096)
            if not told:
                self._reap()
            self._told.update(dict.fromkeys(told, time.monotonic()))
            if number in self._told:
                break
        return time.monotonic() - self._told.pop(number, 0.0) < _STALE_AFTER_S

    def close(self) -> None:
        """End the process."""
        os.close(self._life)
        os.close(self._news)
        if self._pid is not None:
            self._reap()

    def _reap(self) -> None:
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)  # it may have been stopped
            os.waitpid(self._pid, 0)
            self._pid = None


def _stand_by(life: int, news: int, numbers: Iterable[int]) -> None:
    """Be the process: have Python write the number of each signal to ``news``, until we end."""
    try:
        first, second = sorted((life, news))
        for low, high in ((0, first), (first + 1, second), (second + 1, os.sysconf("SC_OPEN_MAX"))):
            os.closerange(low, high)
        for number in numbers:
            signal.signal(number, _note)
        signal.set_wakeup_fd(news, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.read(life, 1)
    finally:
        os._exit(0)


def _note(number: int, frame: FrameType | None) -> None:
    """Do nothing: what is to be told has been written when this runs."""
