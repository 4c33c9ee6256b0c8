"""Start the target's process with what ``cglab`` itself was started with, and nothing of ours."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from callgraph_lab.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_FIRST_OF_USER = 3
_FOR_ONE_PROCESS = ("LISTEN_PID", "WATCHDOG_PID")
"""Variables of systemd that are meant for the process whose pid they hold."""
_NAMES_A_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
_INODE_OF_PROCESS = "LISTEN_PIDFDID"


def start(
    command: list[str],
    environment: dict[str, str],
    prepare: Callable[[], None],
    *,
    keep: frozenset[int] = frozenset(),
) -> subprocess.Popen[bytes]:
    """Start a command; ``prepare`` runs in its process before. Raise ``TargetError``.

    It gets the descriptors that we were started with (``3<file``, ``<(...)``, sockets of systemd).
    We close ours, but those to ``keep``: a pipe ends when the target closes its end.
    """
    inherited = inherited_descriptors()
    for_us = [name for name in _FOR_ONE_PROCESS if environment.get(name) == str(os.getpid())]

    def become_target() -> None:
        prepare()
        if for_us:
            _exec_with_own_pid(command, environment, for_us)

    try:
        process = subprocess.Popen(
            command,
            env=environment,
            # Python opens all of ours so that they do not outlive an exec.
            close_fds=False,
            preexec_fn=become_target,  # noqa: PLW1509 - this process has one thread
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TargetError(
            f"{command[0]} cannot be started: {reason}",
            hint="free some memory, or raise the limits of this shell (ulimit -a)",
        ) from error
    for descriptor in inherited - keep:
        with suppress(OSError):
            os.close(descriptor)
    return process


def inherited_descriptors() -> frozenset[int]:
    """Return the open descriptors above 2 that a program started by us gets as well."""
    found = set()
    for number in open_descriptors():
        with suppress(OSError):  # the one that listed the folder
            if os.get_inheritable(number):
                found.add(number)
    return frozenset(found)


def open_descriptors() -> frozenset[int]:
    """Return the open descriptors above 2, and the one by which they were listed."""
    names: list[str] = []
    with suppress(OSError):
        names = os.listdir("/proc/self/fd")  # noqa: PTH208 - names are wanted
    return frozenset(number for number in map(int, names) if number >= _FIRST_OF_USER)


def named_descriptors(paths: Iterable[Path | None]) -> frozenset[int]:
    """Return the descriptors that are meant where a user names a file ``/dev/fd/63``."""
    names = (_NAMES_A_DESCRIPTOR.fullmatch(str(path)) for path in paths)
    return frozenset(int(match[1]) for match in names if match is not None)


def _exec_with_own_pid(command: list[str], environment: dict[str, str], names: list[str]) -> None:
    """Run the command in this process, whose pid nobody could know before."""
    own = {**environment, **dict.fromkeys(names, str(os.getpid()))}
    own.pop(_INODE_OF_PROCESS, None)
    os.execvpe(command[0], command, own)  # noqa: S606 - what Popen would do next
