"""Ctrl-C after the target's end: it may cut short what takes long, and never the exit status."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTERRUPTS = (signal.SIGINT,)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let nothing within be interrupted; what was pressed meanwhile is spent."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    try:
        yield
    finally:
        while signal.sigtimedwait(_INTERRUPTS, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let what is within be interrupted, by ``KeyboardInterrupt``."""
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
