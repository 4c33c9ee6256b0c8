"""What a recording from anywhere must be like, so that no question about it ends in a traceback.

A checksum tells of accidents only. Whoever writes a file by hand makes it right, and every value
fits its column; what is looked at here is whether the values fit each other, and the world.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from callgraph_lab.model import NO_PARENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.model import Recording, RunInformation

LONGEST_NAME_CHARACTERS = 100_000
"""Of a function, a file or a thread; the live file keeps 65,535 bytes of one."""
_YEARS = range(1970, 9000)
"""Any moment of a run that began then can be written as a date."""
_MOST_NS = 1 << 62
_EXIT_STATUSES = range(-(1 << 31), 1 << 32)


def check_run(run: RunInformation) -> None:
    """Raise ``ValueError`` where a run cannot have been like this."""
    started = datetime.fromisoformat(run.started)
    if started.tzinfo is None or started.year not in _YEARS:
        raise ValueError(f"no run began at {run.started!r}")
    if not 0 <= run.duration_ns < _MOST_NS:
        raise ValueError("no run can last so long")
    if run.exit_status is not None and run.exit_status not in _EXIT_STATUSES:
        raise ValueError(f"{run.exit_status} is no exit status")


def check_recording(recording: Recording) -> None:
    """Raise ``ValueError`` where parts of a recording do not fit each other."""
    check_run(recording.run)
    _check_threads(recording)
    _check_names(recording)
    for moments in (
        [mark.moment_ns for mark in recording.marks],
        [event.moment_ns for event in recording.events],
        [event.duration_ns for event in recording.events],
        [snapshot.moment_ns for snapshot in recording.heap],
        [snapshot.duration_ns for snapshot in recording.heap],
        [item.begin_ns for item in recording.instances],
        [item.end_ns or 0 for item in recording.instances],
        recording.resources.moment_ns,
    ):
        _check_moments(moments)
    for item in recording.instances:
        _check_moments([moment or 0 for span in item.phases if span for moment in span])


def _check_threads(recording: Recording) -> None:
    pids = {process.pid for process in recording.processes}
    tree, functions = recording.tree, recording.functions
    roots = [thread.root for thread in recording.threads]
    for thread in recording.threads:
        if thread.pid not in pids:
            raise ValueError(f"a thread is of the process {thread.pid}, which is not there")
        if functions[tree.function[thread.root]].kind != "thread":
            raise ValueError("a thread begins with a function")
    if len(set(roots)) != len(roots):
        raise ValueError("two threads have one root")
    if len(roots) != sum(parent == NO_PARENT for parent in tree.parent):
        raise ValueError("a root of its tree is no thread's")
    counts = [thread.threads for thread in recording.threads]
    counts += [process.processes for process in recording.processes]
    if min(counts, default=1) < 1:
        raise ValueError("it counts fewer threads or processes than it lists")


def _check_names(recording: Recording) -> None:
    for function in recording.functions:
        longest = max(
            len(function.module),
            len(function.qualname),
            len(function.file),
            len(function.class_name or ""),
            len(function.pycallgraph2_name),
        )
        if longest > LONGEST_NAME_CHARACTERS or not 0 <= function.line < 1 << 31:
            raise ValueError("a function is called what no function can be")


def _check_moments(moments: Sequence[int]) -> None:
    if moments and not -_MOST_NS < min(moments) <= max(moments) < _MOST_NS:
        raise ValueError("something happened at an impossible time")
