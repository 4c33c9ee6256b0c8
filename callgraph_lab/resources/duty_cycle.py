"""Hold the CPU that a target uses to a share, from outside: it is stopped and goes on in turns."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from callgraph_lab.recording.live_writer import process_start_time
from callgraph_lab.resources.family import family_of

_NS_PER_S = 1_000_000_000
_LOOK_EVERY_S = 0.005
_LEAST_TURN_S = 0.02
_MOST_SAVED_S = 0.05
_MOST_OWED_S = 0.4
_LOOK_FOR_CHILDREN_EVERY_S = 0.02
_CPU_CLOCK_OF_PROCESS = 2


class DutyCycle:
    """Stops a target and its children (SIGSTOP) when they have used their share of one core.

    They go on (SIGCONT) when the time has come. What they use is read from their CPU clocks, so
    that one late turn makes the next one shorter. ``close`` lets all go on.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._credit_s = 0.0
        self._looked_at = 0.0
        self._used_ns: dict[int, int] = {}
        self._stopped: dict[int, int] = {}
        self._family: list[int] = []
        self._look_for_children_at = 0.0

    def attend(self, pid: int) -> float:
        """Stop the target ``pid`` or let it go on; return in how many seconds to be called."""
        now = time.monotonic()
        if not self._looked_at:
            self._looked_at = now
        if not self._stopped and now >= self._look_for_children_at:
            self._family = family_of(pid)
            self._look_for_children_at = now + _LOOK_FOR_CHILDREN_EVERY_S
        self._credit_s += self._share * (now - self._looked_at) - self._used_s()
        # Who waits for the CPU, or for us, is owed it; who sleeps saves little for later.
        most_s = _MOST_OWED_S if self._stopped or self._wants_cpu() else _MOST_SAVED_S
        self._credit_s = min(self._credit_s, most_s * self._share)
        self._looked_at = now
        if self._stopped:
            if self._credit_s >= self._turn_s():
                self._go_on()
                return _LOOK_EVERY_S
            return (self._turn_s() - self._credit_s) / self._share
        if self._credit_s < 0:
            self._stop(pid)
            return (self._turn_s() - self._credit_s) / self._share
        return _LOOK_EVERY_S

    def close(self) -> None:
        """Let go on whatever is stopped."""
        self._go_on()

    def _turn_s(self) -> float:
        return _LEAST_TURN_S * self._share

    def _wants_cpu(self) -> bool:
        for pid in self._family:
            with suppress(OSError):
                stat = Path(f"/proc/{pid}/stat").read_bytes()
                if stat.rpartition(b")")[2].split()[0] == b"R":
                    return True
        return False

    def _used_s(self) -> float:
        used_ns = 0
        for pid in self._family:
            try:
                total_ns = time.clock_gettime_ns((~pid << 3) | _CPU_CLOCK_OF_PROCESS)
            except OSError:
                # It has ended.
                self._used_ns.pop(pid, None)
                continue
            used_ns += max(total_ns - self._used_ns.get(pid, 0), 0)
            self._used_ns[pid] = total_ns
        return used_ns / _NS_PER_S

    def _stop(self, first: int) -> None:
        # Whoever is stopped starts no more: so until there is nobody new, parents first.
        while new := [pid for pid in family_of(first) if pid not in self._stopped]:
            for pid in new:
                self._stopped[pid] = process_start_time(pid)
                with suppress(OSError):
                    os.kill(pid, signal.SIGSTOP)
        self._family = list(self._stopped)

    def _go_on(self) -> None:
        for pid, started in reversed(self._stopped.items()):
            if started and process_start_time(pid) == started:
                with suppress(OSError):
                    os.kill(pid, signal.SIGCONT)
        self._stopped.clear()
