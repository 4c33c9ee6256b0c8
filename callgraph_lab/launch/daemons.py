"""What goes on of a run when its first process has ended: a server that became a daemon.

It is nobody's descendant, but it has a part of the recording, and the kernel's lock on that.
"""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from callgraph_lab.launch.stopping import STEPS
from callgraph_lab.recording.live_format import PART_SUFFIX
from callgraph_lab.recording.running import has_running_process, is_written
from callgraph_lab.recording.unlocked import is_alive, owner_of
from callgraph_lab.resources.family import family_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LOOK_EVERY_S = 0.1


class Daemons:
    """The processes of one run that record."""

    def __init__(self, live_folder: Path) -> None:
        self._live_folder = live_folder

    def are_there(self) -> bool:
        """Say whether any process of the run goes on, also one that has no part of its own yet."""
        return has_running_process(self._live_folder)

    def processes(self) -> list[psutil.Process]:
        """Return those that record, and their descendants."""
        parts = self._live_folder.glob(f"*{PART_SUFFIX}")
        owners = {owner_of(part) for part in parts if is_written(part)}
        # In a container of its own a process has another pid there than here.
        pids = [owner[0] for owner in owners if owner is not None and is_alive(*owner)]
        found = []
        for pid in dict.fromkeys(member for first in pids for member in family_of(first)):
            with suppress(psutil.Error):
                found.append(psutil.Process(pid))
        return found

    def send(self, number: int) -> None:
        """Send all of them a signal."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.send_signal(number)


class DaemonWatch:
    """Waits for daemons that are to be stopped some time, and stops them in steps.

    ``reason`` returns what is to stop them now, or nothing. ``attend`` says in how many seconds it
    is to be called again.
    """

    def __init__(
        self,
        daemons: Daemons,
        *,
        say: Callable[[str], None],
        attend: Callable[[], float],
        reason: Callable[[], str],
        stop_after_s: float,
    ) -> None:
        self._daemons = daemons
        self._say = say
        self._attend = attend
        self._reason = reason
        self._stop_after_s = stop_after_s
        self._stopped_by = ""
        self._step = 0
        self._next_step_at: float | None = None

    def wait(self, signals: set[int]) -> str:
        """Return what stopped them; nothing where they have ended by themselves.

        ``signals`` are blocked; who sends one to us means the daemons.
        """
        while self._daemons.are_there():
            received = signal.sigtimedwait(signals, min(max(self._attend(), 0.0), _LOOK_EVERY_S))
            if received is not None and received.si_signo != signal.SIGCHLD:
                self._on_signal(received.si_signo)
            if not self._stopped_by and (reason := self._reason()):
                self._stopped_by = reason
                self._take_step()
            if self._next_step_at is not None and time.monotonic() >= self._next_step_at:
                if self._step == len(STEPS):
                    break
                self._take_step()
        return self._stopped_by

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGINT and self._next_step_at is not None:
            # Whoever presses the keys decides how long to wait for the next, harder signal.
            self._next_step_at = 0.0
            return
        self._daemons.send(number)
        if number in STEPS:
            self._stopped_by = self._stopped_by or signal.Signals(number).name
            self._plan_step_after(number)

    def _take_step(self) -> None:
        number = STEPS[self._step]
        if self._step:
            self._say(f"the target has not ended yet; sending {number.name}")
        self._daemons.send(number)
        self._plan_step_after(number)

    def _plan_step_after(self, number: int) -> None:
        self._step = max(self._step, STEPS.index(signal.Signals(number)) + 1)
        self._next_step_at = time.monotonic() + self._stop_after_s
