"""Which processes of the target are there: looked at as often as costs little."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from callgraph_lab.recording.seen_alive import AliveLooker

if TYPE_CHECKING:
    from pathlib import Path

LOOK_EVERY_S = 0.2
_TIMES_ITS_COST = 50
"""With thousands of processes a look is dear: a fiftieth of a processor goes into it at most."""


class LivingProcesses:
    """Notes now and then which are there: one that is killed cannot say when that was."""

    def __init__(self, live_folder: Path) -> None:
        self._looker = AliveLooker(live_folder)
        self._next_at = 0.0

    def attend(self) -> float:
        """Look if that is due; return in how many seconds to be called again."""
        now = time.monotonic()
        if now >= self._next_at:
            used_s = time.thread_time()
            self.look()
            cost_s = time.thread_time() - used_s
            self._next_at = now + max(LOOK_EVERY_S, _TIMES_ITS_COST * cost_s)
        return max(self._next_at - time.monotonic(), 0.0)

    def look(self) -> None:
        """Look now. Raise ``OSError`` where what is seen cannot be kept."""
        self._looker.look()

    def owners(self) -> list[tuple[int, int]]:
        """Return pid and start time of those that were there at the last look."""
        return self._looker.owners
