"""The engine in C: a frame evaluation hook that keeps the calling-context tree in the live file.

This module runs inside the target and imports as little as it can.
"""

from __future__ import annotations

import os
import sys

from callgraph_lab.engines import kinds_of_calls
from callgraph_lab.recording.live_format import DEFAULT_MAX_CONTEXTS, DEFAULT_MAX_FUNCTIONS
from callgraph_lab.recording.live_information import fitting_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Not even ``typing`` is imported for real: whatever is stays in the target.
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from callgraph_lab.engines.protocol import Availability


def availability() -> Availability:
    """Say whether the extension was built for this interpreter and records rightly under it."""
    from callgraph_lab.engines.protocol import Availability  # noqa: PLC0415 - not in the target

    if sys.implementation.name != "cpython" or sys.platform != "linux":
        return Availability(
            available=False,
            reason=f"for CPython on Linux, and this is {sys.implementation.name} on {sys.platform}",
        )
    try:
        from callgraph_lab import _native  # noqa: F401, PLC0415 - it may not be there
    except ImportError as error:
        return Availability(available=False, reason=f"not built for this Python ({error})")
    from callgraph_lab.engines import native_check  # noqa: PLC0415 - not needed in the target

    wrong = native_check.what_is_wrong()
    if wrong is not None:
        return Availability(available=False, reason=f"not exact under this Python: {wrong}")
    return Availability(
        available=True, reason="counts every call in C, through CPython's frame evaluation hook"
    )


def start(  # noqa: PLR0913 - what Engine.start takes
    folder: Path | str,
    *,
    information: Mapping[str, object],
    whole_program: bool = True,
    follow_forks: bool = True,
    max_contexts: int = DEFAULT_MAX_CONTEXTS,
    max_functions: int = DEFAULT_MAX_FUNCTIONS,
    c_calls: bool = False,
    event_map: Mapping[str, object] | None = None,
    memory: bool = False,
    lines: Sequence[str] = (),
) -> Callable[[], None]:
    """Record this process into a new live file in ``folder``; return the function that stops it.

    With ``whole_program`` the main thread is recorded from the first frame that has no caller, as
    the interpreter runs the target; otherwise from the next call on. Past ``max_contexts`` calls
    are counted by caller, callee and depth; past ``max_functions`` all others are one. With
    ``c_calls`` functions written in C are recorded,
    too. With an ``event_map`` (a dict as ``actions.compile`` makes it) every context says which
    action its calls serve. With ``memory`` what each context allocates and frees is counted. Of
    functions that one of the globs in ``lines`` finds, as a filter would, every source line is.
    Raise ``OSError`` where the file cannot be made, ``RuntimeError`` where ``c_calls`` or ``lines``
    cannot be had, ``ValueError`` for a map that is none.
    """
    from callgraph_lab import _native  # noqa: PLC0415 - its absence is for availability() to say

    _native.learn(kinds_of_calls.make_each)
    _native.start(
        os.path.abspath(folder),  # noqa: PTH100 - pathlib is a large import for a target
        fitting_json(information),
        whole_program=whole_program,
        max_contexts=max_contexts,
        max_functions=max_functions,
        follow_forks=follow_forks,
        c_calls=c_calls,
        event_map=None if event_map is None else dict(event_map),
        memory=memory,
        lines=tuple(lines),
    )
    return _native.stop
