"""The engine that traces with pycallgraph2, everywhere that Python runs.

pycallgraph2's tracer drives ours: a subclass of its trace processor that keeps every context of
every thread instead of caller-callee pairs at one depth. This module runs inside the target.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Not even ``typing`` is imported for real: whatever is stays in the target.
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import FrameType, ModuleType
    from typing import Any

    from callgraph_lab.engines.context_recorder import ContextRecorder
    from callgraph_lab.engines.protocol import Availability


def availability() -> Availability:
    """Say whether pycallgraph2 can be had."""
    from callgraph_lab.engines.protocol import Availability  # noqa: PLC0415 - not in the target

    if PathFinder.find_spec("pycallgraph2") is None:
        return Availability(
            available=False, reason="not available: pycallgraph2 cannot be imported"
        )
    return Availability(available=True, reason="traces with sys.settrace on every Python")


def _stand_ins() -> dict[str, ModuleType]:
    """Return modules that hold what pycallgraph2's tracer imports and, as we use it, never calls.

    The real ones would bring setuptools and hundreds of others into the target, where there is a
    ``distutils`` at all; and the tracer replaces ``inspect.getmodule`` for the whole process.
    """
    names = ("inspect", "queue", "distutils", "distutils.sysconfig")
    modules = {name: type(sys)(name) for name in names}
    vars(modules["inspect"])["getmodule"] = None
    vars(modules["queue"]).update(Queue=None, Empty=None)
    vars(modules["distutils"])["sysconfig"] = modules["distutils.sysconfig"]
    # The package without its ``__init__``, which would import every kind of output.
    spec = PathFinder.find_spec("pycallgraph2")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("pycallgraph2 is not installed", name="pycallgraph2")
    package = modules["pycallgraph2"] = type(sys)("pycallgraph2")
    package.__path__ = list(spec.submodule_search_locations)
    return modules


def _import_tracer() -> Any:  # noqa: ANN401 - pycallgraph2 is not typed
    """Import pycallgraph2's tracer alone, and leave no trace of it in ``sys.modules``."""
    stand_ins = _stand_ins()
    concerned = [
        name for name in sys.modules if name in stand_ins or name.startswith("pycallgraph2.")
    ]
    before = {name: sys.modules.pop(name) for name in concerned}
    sys.modules.update(stand_ins)
    try:
        return importlib.import_module("pycallgraph2.tracer")
    finally:
        for name in [*stand_ins, *(name for name in sys.modules if name.startswith("pycallgraph2."))]:
            sys.modules.pop(name, None)
        sys.modules.update(before)


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
