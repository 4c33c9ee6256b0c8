"""The exception tree of the project, each kind with the exit status the command line gives it.

Library code raises these; only ``callgraph_lab.cli`` prints them. A message says what failed, on
what, and (in ``hint``) what to do next.
"""

from __future__ import annotations


class CallgraphLabError(Exception):
    """Base of everything this package raises on purpose.

    ``str(error)`` is one sentence for a person; ``hint``, where there is one, says what to do next.
    """

    exit_status = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(CallgraphLabError):
    """The user asked for something that cannot be done as asked (a wrong name, range, path)."""

    exit_status = 2


class RecordingError(UsageError):
    """A file is not a recording, is damaged, or comes from a newer version."""


class NotYoursError(RecordingError):
    """A recording belongs to a user who lets nobody else read it."""


def not_yours(path: object) -> NotYoursError:
    """Return the error for a recording at ``path`` that this user may not read."""
    return NotYoursError(
        f"{path} is not yours to read", hint="ask its owner, or run this command as its owner"
    )


class TooCostlyError(CallgraphLabError):
    """A recording is so large, or so made, that a question about it takes more than is allowed.

    It is no ``RecordingError``: what could not be read for that reason is not damaged.
    """

    exit_status = 2


class FilterError(UsageError):
    """A filter does not exist, or its file is not a valid filter."""


class EventMapError(UsageError):
    """An event map does not exist, or its file is not a valid one."""


class TargetError(UsageError):
    """The target cannot be started (no such script, a directory, a missing module)."""


class EngineError(UsageError):
    """The chosen engine is unknown or not available here."""


class DriveError(CallgraphLabError):
    """The client given with ``--drive`` failed, or there was nothing for it to talk to."""

    exit_status = 2


class LayoutError(CallgraphLabError):
    """Graphviz could not lay a graph out (it failed, crashed, or took too long)."""


class OutputError(UsageError):
    """A result could not be written (permissions, a full disk)."""
