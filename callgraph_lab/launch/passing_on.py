"""Signals that ``cglab`` gets and the target is meant to have."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from callgraph_lab.launch.witness import Witness

if TYPE_CHECKING:
    import subprocess

_SENT_BY_KERNEL = 0x80
_KEYS = {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH}
"""Those that the kernel gives to a whole process group, and to nobody alone."""
_OURS = {
    signal.SIGKILL,
    signal.SIGSTOP,
    signal.SIGCHLD,
    # What a process brings on itself, by a fault, by a limit or by what it writes.
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS),
    *(signal.SIGPIPE, signal.SIGXFSZ, signal.SIGXCPU, signal.SIGTTIN, signal.SIGTTOU),
}


def signals_to_pass_on() -> set[int]:
    """Return the numbers of all signals that a user may send.

    One that our parent ignores (nohup, a shell's background job) stays ignored.
    """
    return {
        number
        for number in signal.valid_signals() - _OURS
        if signal.getsignal(number) is not signal.SIG_IGN
    }


class PassingOn:
    """Gives signals to a target that has been started, each once and as it was sent."""

    def __init__(self, process: subprocess.Popen[bytes], numbers: set[int]) -> None:
        self._process = process
        self._witness = None
        # Where there is no room for it, what the kernel says of a signal has to do.
        with suppress(OSError):
            self._witness = Witness(numbers)

    def pass_on(self, received: signal.struct_siginfo) -> None:
        """Send the target what we received, unless it has it already or has sent it itself."""
        number = received.si_signo
        is_key = received.si_code == _SENT_BY_KERNEL and number in _KEYS
        # Asked in any case, so that it is not remembered for the next one.
        has_it = self._witness is not None and self._witness.tells_of(number, at_once=is_key)
        if not (has_it or is_key or self._is_of_target(received.si_pid)):
            self._process.send_signal(number)

    def close(self) -> None:
        """Stop looking."""
        if self._witness is not None:
            self._witness.close()

    def _is_of_target(self, pid: int) -> bool:
        """Say whether a process is the target or descends from it: it means its parent, us."""
        while pid > 1 and pid != os.getpid():
            if pid == self._process.pid:
                return True
            try:
                pid = psutil.Process(pid).ppid()
            except psutil.Error:
                break
        return False


def is_key_press(received: signal.struct_siginfo) -> bool:
    """Say whether a signal came of a key at the terminal."""
    return received.si_code == _SENT_BY_KERNEL and received.si_signo in _KEYS


def is_stopped(pid: int) -> bool:
    """Say whether a process is stopped, so that nothing but SIGKILL and SIGCONT reaches it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


def wake(pid: int) -> None:
    """Have a process go on if it is stopped."""
    if is_stopped(pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
