"""Go on with some work when ``cglab`` itself ends, as a target may that has become a daemon."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def go_on_in_background(
    work: Callable[[], None],
    *,
    mask: set[int | signal.Signals],
    let_go_of: Iterable[int],
    keep_stderr: bool,
) -> bool:
    """Do ``work`` in a process that is nobody's child. Return whether there is one.

    It is in a session of its own: no key and no terminal that is closed ends it. It holds no stream
    that somebody waits to see closed, but stderr where that is to be kept, and has the blocked
    signals ``mask``.
    """
    try:
        child = os.fork()
    except OSError:
        return False
    if child:
        return os.waitpid(child, 0)[1] == 0
    status = 1
    try:
        os.setsid()
        status = 0
        if os.fork() == 0:
            _let_go(let_go_of, keep_stderr=keep_stderr)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            work()
    finally:
        # Whatever happened: what is above us on the stack is the other process's to do.
        os._exit(status)


def _let_go(descriptors: Iterable[int], *, keep_stderr: bool) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1) if keep_stderr else (0, 1, 2):
        os.dup2(nothing, descriptor)
    for descriptor in {nothing, *descriptors}:
        with suppress(OSError):
            os.close(descriptor)
