"""The engine that traces with pycallgraph2, everywhere that Python runs.

pycallgraph2's tracer drives ours: a subclass of its trace processor that keeps every context of
every thread instead of caller-callee pairs at one depth. This module runs inside the target.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from callgraph_lab.engines.protocol import Availability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import FrameType

    from callgraph_lab.engines.context_recorder import ContextRecorder


def availability() -> Availability:
    """Say whether pycallgraph2, and the distutils that it imports, can be had."""
    needed = ["pycallgraph2"] if sys.version_info < (3, 12) else ["pycallgraph2", "setuptools"]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        return Availability(
            available=False, reason=f"not available: {' and '.join(missing)} cannot be imported"
        )
    return Availability(available=True, reason="traces with sys.settrace on every Python")


def _import_tracer() -> Any:  # noqa: ANN401 - pycallgraph2 is not typed
    """Import pycallgraph2's tracer, undoing what the import does to the whole process."""
    import inspect  # noqa: PLC0415 - pycallgraph2 imports it, too

    if sys.version_info >= (3, 12):
        import setuptools  # noqa: F401, PLC0415 - provides distutils
    # The import replaces inspect.getmodule by a version that keeps its arguments alive for good.
    original = inspect.getmodule
    try:
        from pycallgraph2 import tracer  # noqa: PLC0415
    finally:
        inspect.getmodule = original
    return tracer


def _make_tracer(recorder: ContextRecorder, own_globals: set[int]) -> Any:  # noqa: ANN401
    pycallgraph2_tracer = _import_tracer()
    own_globals.update((id(vars(pycallgraph2_tracer)), id(globals())))

    class ContextProcessor(pycallgraph2_tracer.TraceProcessor):  # type: ignore[misc]
        """pycallgraph2's trace processor, keeping whole contexts."""

        def __init__(self) -> None:
            """Do not initialise the base class: it is a thread, and would use up a thread name."""

        def process(self, frame: FrameType, event: str, memory: int | None = None) -> None:
            del memory
            if event == "call":
                recorder.enter(frame)
            elif event == "return":
                recorder.leave(frame)

    class ContextTracer(pycallgraph2_tracer.SynchronousTracer):  # type: ignore[misc]
        """pycallgraph2's tracer for all threads, without the line events that nobody reads."""

        def __init__(self) -> None:
            self.processor = ContextProcessor()

        def tracer(self, frame: FrameType, event: str, arg: object) -> Callable[..., object] | None:
            del arg
            if id(frame.f_globals) in own_globals:
                return None
            self.processor.process(frame, event)
            if recorder.stopped:
                sys.settrace(None)
                return None
            frame.f_trace_lines = False
            return self.trace_function

        def start(self) -> None:
            # One bound method for all frames: ``f_trace`` then also tells a resumption.
            self.trace_function = self.tracer
            threading.settrace(self.trace_function)
            sys.settrace(self.trace_function)

        def stop(self) -> None:
            super().stop()
            threading.settrace(None)  # type: ignore[arg-type]

    return ContextTracer()


def start(
    folder: Path | str, *, information: Mapping[str, object], whole_program: bool = True
) -> Callable[[], None]:
    """Record this process into a new live file in ``folder``; return the function that stops it.

    With ``whole_program`` the main thread is recorded from the first frame that has no caller, as
    the interpreter runs the target; otherwise from the next call on.
    """
    from callgraph_lab.engines import context_recorder  # noqa: PLC0415

    recorder = context_recorder.ContextRecorder(os.fspath(folder), information, whole_program=whole_program)
    tracer = _make_tracer(recorder, context_recorder.OWN_GLOBALS)

    def stop() -> None:
        tracer.stop()
        recorder.stop()

    tracer.start()
    return stop
