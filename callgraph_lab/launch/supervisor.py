"""Watch over the target's process: pass signals on, stop it in steps, wait for its end.

Signals are not handled but waited for, so that there is one place, one thread and one order in
which things happen; and ``si_code`` tells a Ctrl-C, which the terminal has already given to the
target as well, from a SIGINT that was sent to ``cglab`` alone.
"""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callgraph_lab.launch.drive import DriveState, terminate_family

if TYPE_CHECKING:
    from collections.abc import Callable

    from callgraph_lab.launch.drive import Drive

STOP_STEP_S = 5.0
"""Between SIGINT and SIGTERM, and between SIGTERM and SIGKILL."""
_LOOK_EVERY_S = 0.1
_LONGEST_WAIT_S = 3600.0
_SENT_BY_KERNEL = 0x80
_STEPS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class Outcome:
    """How the target ended. ``status`` is what a shell would report (128+n for signal n)."""

    status: int
    stopped_by: str = ""
    """What made ``cglab`` stop it, or empty where it ended by itself."""
    notes: list[str] = field(default_factory=list)


class Supervisor:
    """Runs one command until it ends, or until it is stopped."""

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str],
        *,
        say: Callable[[str], None],
        duration_s: float | None = None,
        drive: Drive | None = None,
    ) -> None:
        self._command = command
        self._environment = environment
        self._say = say
        self._duration_s = duration_s
        self._drive = drive
        self._step = 0
        self._next_step_at: float | None = None
        self._stopped_by = ""
        self._stop_asked_for = ""

    def request_stop(self, reason: str) -> None:
        """Have the target stopped, in steps. For ``attend`` to call."""
        self._stop_asked_for = reason

    def run(
        self,
        attend: Callable[[int], float] = lambda _: _LONGEST_WAIT_S,
        prepare: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Start the command and return how it ended. ``prepare`` runs in its process before.

        ``attend`` is called with its pid meanwhile; it says in how many seconds to be called again.
        """
        # A signal that our parent ignores (nohup, a shell's background job) stays ignored.
        wanted = {
            number for number in _REQUESTS if signal.getsignal(number) is not signal.SIG_IGN
        } | {signal.SIGCHLD}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
        try:
            process = subprocess.Popen(
                self._command,
                env=self._environment,
                preexec_fn=lambda: self._prepare_child(before, prepare),  # noqa: PLW1509 - one thread
            )
            return self._watch(process, wanted, attend)
        finally:
            if self._drive is not None:
                self._drive.end()
            # Requests that came too late are spent; they must not strike while we save.
            while signal.sigtimedwait(wanted, 0) is not None:
                pass
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _prepare_child(self, mask: set[int | signal.Signals], prepare: Callable[[], None]) -> None:
        prepare()
        if self._drive is not None or self._duration_s is not None:
            # We promised to end it as Ctrl-C would, also where a shell ignores Ctrl-C for us.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _watch(
        self,
        process: subprocess.Popen[bytes],
        wanted: set[signal.Signals],
        attend: Callable[[int], float],
    ) -> Outcome:
        end_at = None if self._duration_s is None else time.monotonic() + self._duration_s
        if self._drive is not None:
            self._drive.begin()
        while process.poll() is None:
            patience_s = min(self._patience_s(end_at), attend(process.pid))
            if self._stop_asked_for and not self._stopped_by:
                self._begin_stopping(process, self._stop_asked_for)
            received = signal.sigtimedwait(wanted, patience_s)
            if received is not None and received.si_signo != signal.SIGCHLD:
                self._on_request(process, received)
            now = time.monotonic()
            if end_at is not None and now >= end_at:
                end_at = None
                self._begin_stopping(process, f"--duration {self._duration_s:g}")
            if self._drive is not None and not self._stopped_by:
                self._follow_drive(process, self._drive)
            if self._next_step_at is not None and now >= self._next_step_at:
                self._take_step(process)
        returned = process.returncode
        outcome = Outcome(128 - returned if returned < 0 else returned, self._stopped_by)
        if returned < 0 and not self._stopped_by:
            outcome.notes.append(f"the target was ended by {_signal_name(-returned)}")
        return outcome

    def _patience_s(self, end_at: float | None) -> float:
        moments = [moment for moment in (end_at, self._next_step_at) if moment is not None]
        patience = min([_LONGEST_WAIT_S, *(moment - time.monotonic() for moment in moments)])
        if self._drive is not None and not self._stopped_by:
            patience = min(patience, _LOOK_EVERY_S)
        return max(patience, 0.0)

    def _on_request(
        self, process: subprocess.Popen[bytes], received: signal.struct_siginfo
    ) -> None:
        if received.si_signo != signal.SIGINT:
            self._begin_stopping(process, signal.Signals(received.si_signo).name)
        elif self._step == 0:
            self._stopped_by = "Ctrl-C"
            self._step = 1
            if received.si_code != _SENT_BY_KERNEL:
                process.send_signal(signal.SIGINT)
        else:
            # Whoever presses the keys decides how long to wait for the next, harder signal.
            was_planned = self._next_step_at is not None
            self._take_step(process)
            if not was_planned:
                self._next_step_at = None

    def _begin_stopping(self, process: subprocess.Popen[bytes], reason: str) -> None:
        if self._next_step_at is not None:
            return
        if self._step:
            # Ctrl-C has been given already: what it began gets its time, too.
            self._next_step_at = time.monotonic() + STOP_STEP_S
            return
        self._stopped_by = reason
        self._take_step(process)

    def _take_step(self, process: subprocess.Popen[bytes]) -> None:
        """Send the next, harder signal, and plan the one after it."""
        number = _STEPS[min(self._step, len(_STEPS) - 1)]
        if self._step:
            self._say(f"the target has not ended yet; sending {number.name}")
        if number is signal.SIGKILL:
            terminate_family(process.pid)
        else:
            process.send_signal(number)
        self._step += 1
        self._next_step_at = time.monotonic() + STOP_STEP_S

    def _follow_drive(self, process: subprocess.Popen[bytes], drive: Drive) -> None:
        state = drive.poll(process.pid)
        if state in (DriveState.DONE, DriveState.FAILED):
            self._begin_stopping(process, "the end of --drive")
        elif state is DriveState.NEVER_LISTENED:
            self._begin_stopping(process, "--drive-timeout")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # real-time signals have no names
