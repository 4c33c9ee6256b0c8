"""Inside the target: every line that it logs ends with what the process uses at that moment.

``logging.Handler.format`` is where every configuration of logging meets, whoever made it and when.
It is wrapped once ``logging`` has been imported by whoever does it first. There is no thread, and
nothing is imported for it. The engines pass over these functions: what they call hangs on their
caller, as it would without them.
"""

from __future__ import annotations

from posix import close, getpid, listdir, open, read, sysconf  # noqa: A004 - as bytes, unbuffered
from time import clock_gettime_ns, monotonic_ns, process_time_ns

from callgraph_lab.resources.after_import import after_import

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Not even ``typing`` is imported for real: whatever is stays in the target.
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

FIELDS = ("cpu", "rss", "fds", "threads", "pid")
DEFAULT_FORMAT = "[cpu={cpu} rss={rss} fds={fds} threads={threads}]"
_STAT_BYTES = 4096
_THREADS_AFTER_NAME = 17
_RSS_PAGES_AFTER_NAME = 21
_START_AFTER_NAME = 19
_CLOCK_BOOTTIME = 7
_WINDOW_NS = 100_000_000
_NS_PER_S = 1_000_000_000
_PAGE_BYTES = sysconf("SC_PAGE_SIZE")
_TICKS_A_SECOND = sysconf("SC_CLK_TCK")
_MEBIBYTE = 1024 * 1024

_Reading = tuple[int, int]
"""CLOCK_MONOTONIC and CPU time of the process, in nanoseconds."""


def install(line_format: str, loggers: Sequence[str]) -> None:
    """Have the lines of loggers, and of those below them, end with ``line_format`` filled in.

    With no ``loggers`` those of all do. The fields of the format are ``FIELDS``.
    """
    usage = ProcessUsage()
    # As ``logging`` compares them: a name, or one that goes on with a dot.
    names = tuple(loggers)
    prefixes = tuple([f"{name}." for name in names])

    def wrap(module: ModuleType) -> None:
        _wrap_format(vars(module)["Handler"], usage, line_format, (names, prefixes))

    after_import("logging", wrap)


def _wrap_format(
    handler_class: Any,  # noqa: ANN401
    usage: ProcessUsage,
    line_format: str,
    chosen: tuple[tuple[str, ...], tuple[str, ...]],
) -> None:
    original = handler_class.format
    names, prefixes = chosen

    # The name and arguments that it stands for, so that it is found where that one would be.
    def format(self: Any, record: Any) -> Any:  # noqa: A001, ANN401
        try:
            text = original(self, record)
        except BaseException as error:
            # Our line is none of the target's, which may print the traceback.
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            raise
        # A handler with a queue formats for another one, which formats again.
        if not isinstance(text, str) or hasattr(type(self), "enqueue"):
            return text
        if names and record.name not in names and not str(record.name).startswith(prefixes):
            return text
        first, newline, rest = text.partition("\n")
        try:
            reading = usage.filled_in(line_format)
        except (OSError, ValueError, IndexError):  # no /proc, as after a chroot
            return text
        return f"{first} {reading}{newline}{rest}"

    format.__qualname__ = original.__qualname__
    format.__module__ = original.__module__
    format.__doc__ = original.__doc__
    handler_class.format = format


class ProcessUsage:
    """What this process uses, read at no more cost than a line of log has anyway."""

    def __init__(self) -> None:
        self._pid = getpid()
        self._earlier: _Reading = (monotonic_ns() - _age_ns(), 0)
        self._later = self._earlier

    def filled_in(self, line_format: str) -> str:
        """Return a format with its fields filled in."""
        cpu_percent = self.cpu_percent()
        after_name = _stat_after_name()
        rss_bytes = int(after_name[_RSS_PAGES_AFTER_NAME]) * _PAGE_BYTES
        return line_format.format(
            cpu=f"{cpu_percent:.1f}%",
            rss=f"{rss_bytes / _MEBIBYTE:.1f}M",
            # One is open for the listing itself.
            fds=len(listdir("/proc/self/fd")) - 1,
            threads=int(after_name[_THREADS_AFTER_NAME]),
            pid=self._pid,
        )

    def cpu_percent(self) -> float:
        """Return how busy the process was since the line before, or for a tenth of a second."""
        now: _Reading = (monotonic_ns(), process_time_ns())
        if getpid() != self._pid:
            # A forked child, whose CPU time has begun anew.
            self._pid = getpid()
            self._earlier = self._later = (now[0] - _age_ns(), 0)
        if now[0] - self._later[0] >= _WINDOW_NS:
            self._earlier, self._later = self._later, now
        elapsed_ns = now[0] - self._earlier[0]
        return 100 * (now[1] - self._earlier[1]) / max(elapsed_ns, 1)


def _stat_after_name() -> list[bytes]:
    descriptor = open("/proc/self/stat", 0)
    try:
        text = read(descriptor, _STAT_BYTES)
    finally:
        close(descriptor)
    return text.rpartition(b")")[2].split()


def _age_ns() -> int:
    """Return how long this process has been there, as exactly as the kernel tells."""
    started_ns = int(_stat_after_name()[_START_AFTER_NAME]) * (_NS_PER_S // _TICKS_A_SECOND)
    return max(clock_gettime_ns(_CLOCK_BOOTTIME) - started_ns, 1)
