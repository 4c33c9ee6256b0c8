"""Watch over the target's process: pass signals on, stop it in steps, wait for its end.

Signals are not handled but waited for, so that there is one place, one thread and one order in
which things happen.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callgraph_lab.launch.daemons import DaemonWatch
from callgraph_lab.launch.drive import DriveState, terminate_family
from callgraph_lab.launch.faults import Faults
from callgraph_lab.launch.passing_on import (
    PassingOn,
    is_key_press,
    is_stopped,
    signals_to_pass_on,
    wake,
)
from callgraph_lab.launch.start import start
from callgraph_lab.launch.stopping import AGAIN_WITHIN_S, DEFAULT_STOP_AFTER_S, STEPS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from callgraph_lab.launch.daemons import Daemons
    from callgraph_lab.launch.drive import Drive

_LOOK_EVERY_S = 0.1
LONGEST_WAIT_S = 3600.0
_SUSPENDS_WITHIN_S = 5.0
_SETTLES_WITHIN_S = 0.05
_JOB_CONTROL = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}


@dataclass(slots=True)
class Outcome:
    """How the target ended. ``status`` is what a shell would report (128+n for signal n)."""

    status: int
    stopped_by: str = ""
    """What made ``cglab`` stop it, or empty where it ended by itself."""
    notes: list[str] = field(default_factory=list)
    lasted_s: float = 0.0
    """From its start to its end, or that of what it had become."""
    faults: list[str] = field(default_factory=list)
    """What went wrong in ``cglab`` meanwhile, which has been said."""


class Supervisor:
    """Runs one command until it ends, or until it is stopped.

    ``mask`` are the blocked signals that the command is to have, where ours are others by now.
    Where something is to stop it, that stops the ``daemons`` as well that it may have become.
    """

    def __init__(  # noqa: PLR0913 - by keyword
        self,
        command: list[str],
        environment: dict[str, str],
        *,
        say: Callable[[str], None],
        mask: set[int | signal.Signals] | None = None,
        duration_s: float | None = None,
        drive: Drive | None = None,
        daemons: Daemons | None = None,
        stop_after_s: float = DEFAULT_STOP_AFTER_S,
        kept_descriptors: frozenset[int] = frozenset(),
    ) -> None:
        self._command = command
        self._environment = environment
        self._say = say
        self._mask = mask
        self._duration_s = duration_s
        self._drive = drive
        self._daemons = daemons
        self._stop_after_s = stop_after_s
        self._kept_descriptors = kept_descriptors
        self._faults = Faults(say)
        self.pid = 0
        """That of the command, once it is started."""
        self._end_at: float | None = None
        self._began_at = 0.0
        self._step = 0
        self._next_step_at: float | None = None
        self._stopped_by = ""
        self._stop_asked_for = ""
        self._passed_on: set[int] = set()
        self._interrupted_at = -AGAIN_WITHIN_S
        self._interrupted_by = ""
        self._suspended_at = -_SUSPENDS_WITHIN_S

    def request_stop(self, reason: str) -> None:
        """Have the target stopped, in steps. For ``attend`` to call."""
        self._stop_asked_for = reason

    def run(
        self,
        attend: Callable[[int], float] = lambda _: LONGEST_WAIT_S,
        prepare: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Start the command and return how it ended. ``prepare`` runs in its process before.

        ``attend`` is called with its pid meanwhile; it says in how many seconds to be called again.
        What it raises is said, and it is not called again. Raise ``TargetError`` where the command
        cannot be started.
        """
        wanted = signals_to_pass_on()
        blocked = wanted | {signal.SIGCHLD}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
        if self._mask is not None:
            before = self._mask
        try:
            # No group can have given these to a target that is not there yet.
            early = signal.sigpending() & wanted
            while early and signal.sigtimedwait(early, 0) is not None:
                pass
            process = start(
                self._command,
                self._environment,
                lambda: self._prepare_child(before, prepare),
                keep=self._kept_descriptors,
            )
            self.pid = process.pid
            passing_on = PassingOn(process, wanted)
            try:
                for number in early:
                    self._passed_on.add(number)
                    process.send_signal(number)
                return self._watch(process, passing_on, blocked, attend)
            finally:
                passing_on.close()
        finally:
            if self._drive is not None:
                self._faults.guard("ending the client", self._drive.end, None)
            # Requests that came too late are spent; they must not strike while we save.
            while signal.sigtimedwait(blocked, 0) is not None:
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
        passing_on: PassingOn,
        blocked: set[int],
        attend: Callable[[int], float],
    ) -> Outcome:
        self._began_at = time.monotonic()
        if self._duration_s is not None:
            self._end_at = time.monotonic() + self._duration_s
        if self._drive is not None:
            self._drive.begin()
        while process.poll() is None:
            try:
                self._take_turn(process, passing_on, blocked, attend)
            except Exception as error:  # noqa: BLE001 - the target is not to be left alone
                self._faults.tell("watching the target", error)
                time.sleep(_LOOK_EVERY_S)
        is_to_be_stopped = self._drive is not None or self._end_at is not None
        if is_to_be_stopped and not self._stopped_by and not process.returncode:
            self._faults.guard(
                "watching a daemon", lambda: self._watch_daemons(process.pid, blocked, attend), None
            )
        return self._outcome(process.returncode)

    def _watch_daemons(self, pid: int, blocked: set[int], attend: Callable[[int], float]) -> None:
        """Wait for a server that went on as a daemon when the first process, ``pid``, ended."""
        if self._daemons is not None:
            watch = DaemonWatch(
                self._daemons,
                say=self._say,
                attend=lambda: self._attended(pid, attend),
                reason=lambda: self._reason_to_stop(pid),
                stop_after_s=self._stop_after_s,
            )
            self._stopped_by = watch.wait(blocked)

    def _attended(self, pid: int, attend: Callable[[int], float]) -> float:
        return self._faults.guard(
            "what cglab does beside the target", lambda: attend(pid), LONGEST_WAIT_S
        )

    def _take_turn(
        self,
        process: subprocess.Popen[bytes],
        passing_on: PassingOn,
        blocked: set[int],
        attend: Callable[[int], float],
    ) -> None:
        patience_s = self._attended(process.pid, attend)
        if reason := self._reason_to_stop(process.pid):
            self._begin_stopping(process, reason)
        received = signal.sigtimedwait(blocked, min(patience_s, self._patience_s()))
        if received is not None:
            self._on_signal(process, passing_on, received)
        if self._next_step_at is not None and time.monotonic() >= self._next_step_at:
            self._take_step(process)

    def _reason_to_stop(self, pid: int) -> str:
        """Return what is to stop the target ``pid`` now, or nothing. Move the client on."""
        if self._end_at is not None and time.monotonic() >= self._end_at:
            self._end_at = None
            return f"--duration {self._duration_s:g}"
        if self._stopped_by or self._stop_asked_for:
            return "" if self._stopped_by else self._stop_asked_for
        drive = self._drive
        if drive is not None:
            state = self._faults.guard(
                "driving the target", lambda: drive.poll(pid), DriveState.FAILED
            )
            if state in (DriveState.DONE, DriveState.FAILED):
                return "the end of --drive"
            if state is DriveState.NEVER_LISTENED:
                return "--drive-timeout"
        return ""

    def _outcome(self, returned: int) -> Outcome:
        stopped_by = self._stopped_by
        if not stopped_by and time.monotonic() - self._interrupted_at < self._stop_after_s:
            stopped_by = self._interrupted_by
        if not stopped_by and -returned in self._passed_on:
            stopped_by = _signal_name(-returned)
        outcome = Outcome(
            128 - returned if returned < 0 else returned,
            stopped_by,
            lasted_s=time.monotonic() - self._began_at,
        )
        if returned < 0 and not stopped_by:
            outcome.notes.append(f"the target was ended by {_signal_name(-returned)}")
        outcome.faults += self._faults.notes
        return outcome

    def _patience_s(self) -> float:
        moments = [moment for moment in (self._end_at, self._next_step_at) if moment is not None]
        patience = min([LONGEST_WAIT_S, *(moment - time.monotonic() for moment in moments)])
        if self._drive is not None and not self._stopped_by:
            patience = min(patience, _LOOK_EVERY_S)
        return max(patience, 0.0)

    def _on_signal(
        self,
        process: subprocess.Popen[bytes],
        passing_on: PassingOn,
        received: signal.struct_siginfo,
    ) -> None:
        number = received.si_signo
        if number == signal.SIGCHLD:
            self._stop_with(process)
            return
        passing_on.pass_on(received)
        self._passed_on.add(number)
        if number == signal.SIGTSTP:
            self._suspended_at = time.monotonic()
        elif number == signal.SIGINT:
            wake(process.pid)
            self._interrupted_by = "Ctrl-C" if is_key_press(received) else "SIGINT"
            self._on_interrupt(process)
        elif number == signal.SIGTERM:
            wake(process.pid)
            self._stopped_by = self._stopped_by or "SIGTERM"
            if self._step <= STEPS.index(signal.SIGTERM):
                self._plan_step_after(signal.SIGTERM)

    def _on_interrupt(self, process: subprocess.Popen[bytes]) -> None:
        before, self._interrupted_at = self._interrupted_at, time.monotonic()
        if self._interrupted_at - before >= AGAIN_WITHIN_S:
            if self._next_step_at is None:
                self._step = 1
            return
        # Whoever presses the keys decides how long to wait for the next, harder signal.
        was_planned = self._next_step_at is not None
        self._stopped_by = self._stopped_by or self._interrupted_by
        self._take_step(process)
        if not was_planned:
            self._next_step_at = None

    def _stop_with(self, process: subprocess.Popen[bytes]) -> None:
        """Stop where the target has stopped as a shell's job does: the shell looks at us."""
        stopped = None
        with suppress(ChildProcessError):  # it has ended
            stopped = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG)
        if stopped is None:
            return
        was_asked = time.monotonic() - self._suspended_at < _SUSPENDS_WITHIN_S
        if stopped.si_status in _JOB_CONTROL or was_asked:
            # What has us go on has the target go on, a moment before or after.
            time.sleep(_SETTLES_WITHIN_S)
            if is_stopped(process.pid):
                self._suspended_at = -_SUSPENDS_WITHIN_S
                os.kill(os.getpid(), signal.SIGSTOP)

    def _begin_stopping(self, process: subprocess.Popen[bytes], reason: str) -> None:
        if self._next_step_at is not None:
            return
        self._stopped_by = reason
        self._step = 0
        self._take_step(process)

    def _take_step(self, process: subprocess.Popen[bytes]) -> None:
        """Send the next, harder signal, and plan the one after it."""
        number = STEPS[min(self._step, len(STEPS) - 1)]
        if self._step:
            self._say(f"the target has not ended yet; sending {number.name}")
        if number is signal.SIGKILL:
            terminate_family(process.pid)
        else:
            process.send_signal(number)
            wake(process.pid)
        self._plan_step_after(number)

    def _plan_step_after(self, number: signal.Signals) -> None:
        self._step = STEPS.index(number) + 1
        self._next_step_at = time.monotonic() + self._stop_after_s


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # real-time signals have no names
