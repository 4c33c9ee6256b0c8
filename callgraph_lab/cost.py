"""What a command that reads a recording may cost: so much memory, and so much computing.

A recording is made by whoever made it, and a file of a few megabytes can hold a hundred thousand of
anything. What a command does with it is made to be quick; this is for what nobody has thought of.
The kernel keeps both limits: an allocation fails, or a signal comes.
"""

from __future__ import annotations

import os
import resource
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from callgraph_lab.errors import TooCostlyError

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "CGLAB_NO_LIMITS"
"""Set, and not empty, it lifts the limits."""
MOST_CPU_S = 5.0
MOST_MEGABYTES = 300
# What the interpreter has taken before, with the files that it has mapped.
_TAKEN_BYTES = 35_000_000
_AGAIN_AFTER_S = 1.0
_HINT = f"to have it go on for as long as it takes, set {VARIABLE}=1; 'cglab rm' removes it"

_memory_before: tuple[int, int] | None = None
_is_watched = False


def watch() -> None:
    """Hold this process to the limits from now on. For a main thread that is only ours."""
    global _memory_before, _is_watched  # noqa: PLW0603 - limits are of a process
    if os.environ.get(VARIABLE):
        return
    most = _data_bytes() + MOST_MEGABYTES * 1_000_000 - _TAKEN_BYTES
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    _memory_before = soft, hard
    if soft == resource.RLIM_INFINITY or soft > most:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    signal.signal(signal.SIGPROF, _stop)
    _is_watched = True
    renew()


def _data_bytes() -> int:
    """Return how much memory counts for the limit so far."""
    try:
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return int(fields[5]) * resource.getpagesize()


def renew() -> None:
    """Begin to count time anew, if it is counted: what was asked for is done, and goes on."""
    if _is_watched:
        # Again and again: something may take the first for an error of its own.
        signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S, _AGAIN_AFTER_S)


def lift() -> None:
    """Watch no more."""
    global _is_watched  # noqa: PLW0603
    if _is_watched:
        _is_watched = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
    lift_memory()


def lift_memory() -> None:
    """Watch over memory no more: other programs that we start would have the same limit."""
    global _memory_before  # noqa: PLW0603
    if _memory_before is not None:
        resource.setrlimit(resource.RLIMIT_DATA, _memory_before)
        _memory_before = None


@contextmanager
def lifted() -> Iterator[None]:
    """Do without limits for something that this user has made."""
    was_watched = _is_watched
    lift()
    try:
        yield
    finally:
        if was_watched:
            watch()


def too_large() -> TooCostlyError:
    """Return the error for what there was no memory for."""
    if _memory_before is None:
        return TooCostlyError(
            "there is not enough memory for this",
            hint="ask for less of the recording, or ask on a larger machine",
        )
    return TooCostlyError(
        f"this recording takes more than {MOST_MEGABYTES} MB of memory to be answered from",
        hint=_HINT,
    )


def _stop(*_: object) -> NoReturn:
    raise TooCostlyError(
        f"this recording takes more than {MOST_CPU_S:g} s of computing to be answered from",
        hint=_HINT,
    )
