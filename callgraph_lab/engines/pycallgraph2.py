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
from opcode import opmap

from callgraph_lab.recording.live_format import DEFAULT_MAX_CONTEXTS, DEFAULT_MAX_FUNCTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Not even ``typing`` is imported for real: whatever is stays in the target.
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import FrameType, ModuleType, TracebackType
    from typing import Any

    from callgraph_lab.engines.context_recorder import ContextRecorder
    from callgraph_lab.engines.protocol import Availability

_LIVE_ON = tuple(
    [
        f"callgraph_lab.resources.{name}"
        for name in ("log_lines", "after_import", "ftp_limits", "ftp_pace", "ftp_pause")
    ]
)
_CALL_OPCODES = frozenset(
    number for name, number in opmap.items() if "CALL" in name and "INTRINSIC" not in name
)


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
        for name in list(sys.modules):
            if name in stand_ins or name.startswith("pycallgraph2."):
                del sys.modules[name]
        sys.modules.update(before)


class Finally:
    """Calls a function when the last reference to it goes."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action

    def __del__(self) -> None:
        # contextlib is not for the target to load, and nobody could catch what is raised here.
        try:  # noqa: SIM105
            self._action()
        except RecursionError:
            pass

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        """Do nothing, where it stands as a frame's trace function."""


def hide_frames(traceback: TracebackType | None, own_globals: set[int]) -> None:
    """Take our own code out of a traceback of the target's."""
    while traceback is not None:
        following = traceback.tb_next
        while following is not None and id(following.tb_frame.f_globals) in own_globals:
            following = following.tb_next
        traceback.tb_next = following
        traceback = following


def _make_processor(base: Any, recorder: ContextRecorder) -> Any:  # noqa: ANN401
    class ContextProcessor(base):  # type: ignore[misc]
        """pycallgraph2's trace processor, keeping whole contexts."""

        def __init__(self) -> None:
            """Do not initialise the base class: it is a thread, and would use up a thread name."""

        def process(
            self, frame: FrameType, event: str, memory: int | None = None, value: object = None
        ) -> None:
            del memory
            if event == "call":
                recorder.enter(frame)
            elif event == "return":
                recorder.leave(frame, value)
            elif event == "exception":
                recorder.raised(frame)
            else:
                recorder.goes_on(frame)

    return ContextProcessor()


def _make_tracer(  # noqa: C901 - a class with methods of a few lines each
    recorder: ContextRecorder, own_globals: set[int]
) -> Any:  # noqa: ANN401
    pycallgraph2_tracer = _import_tracer()
    own_globals.update((id(vars(pycallgraph2_tracer)), id(globals())))
    base: Any = pycallgraph2_tracer.SynchronousTracer

    class ContextTracer(base):  # type: ignore[misc]
        """pycallgraph2's tracer for all threads, without the line events that nobody reads."""

        def __init__(self) -> None:
            self.processor = _make_processor(pycallgraph2_tracer.TraceProcessor, recorder)
            self.interrupted = False
            # One bound method for all frames: ``f_trace`` then also tells a resumption.
            self.trace_function: Any = self.tracer

        def tracer(self, frame: FrameType, event: str, arg: Any) -> object:  # noqa: ANN401
            if id(frame.f_globals) in own_globals:
                return None
            if event == "call":
                frame.f_trace_lines = False
                if not recorder.has_room(frame):
                    return self.pause()
            elif self.interrupted and event == "exception":
                self.interrupted = False
                hide_frames(arg[2], own_globals)
            self.processor.process(frame, event, value=arg)
            if recorder.stopped:
                sys.settrace(None)
                return None
            return self.trace_function

        def pause(self) -> Finally:
            """Stop tracing the thread until the frame goes that is given what this returns.

            Near the recursion limit our own calls would reach it before the target's do. Without
            us the target gets there as ever; when the frame goes, its trace function goes.
            """
            sys.settrace(None)
            return Finally(self.start_thread)

        def start_thread(self) -> None:
            if not recorder.stopped:
                sys.settrace(self.trace_function)

        def start(self) -> None:
            threading.settrace(self.trace_function)
            self.start_thread()

        def stop(self) -> None:
            super().stop()
            threading.settrace(None)

    return ContextTracer()


def start(  # noqa: PLR0913 - what Engine asks for, by keyword
    folder: Path | str,
    *,
    information: Mapping[str, object],
    whole_program: bool = True,
    follow_forks: bool = True,
    max_contexts: int = DEFAULT_MAX_CONTEXTS,
    max_functions: int = DEFAULT_MAX_FUNCTIONS,
    event_map: Mapping[str, object] | None = None,
) -> Callable[[], None]:
    """Record this process into a new live file in ``folder``; return the function that stops it.

    With ``whole_program`` the main thread is recorded from the first frame that has no caller, as
    the interpreter runs the target; otherwise from the next call on. Recording stops at
    ``max_contexts``; past ``max_functions`` all others are one.
    This engine attributes nothing to actions: given an ``event_map``, it says so.
    """
    from callgraph_lab.engines import context_recorder  # noqa: PLC0415

    recorder = context_recorder.ContextRecorder(
        os.fspath(folder),
        information,
        whole_program=whole_program,
        follow_forks=follow_forks,
        max_contexts=max_contexts,
        max_functions=max_functions,
        watch_end=_what_watches_the_end(),
    )
    if event_map is not None:
        recorder.remark("the engine pycallgraph2 knows no actions; the engine native does")
    for name in _LIVE_ON:
        module = sys.modules.get(name)
        if module is not None:
            # It lives on in what of the target it has wrapped, and so does its dictionary.
            context_recorder.OWN_GLOBALS.add(id(vars(module)))
    tracer = _make_tracer(recorder, context_recorder.OWN_GLOBALS)

    def stop() -> None:
        recorder.stop()
        tracer.stop()

    tracer.start()
    _watch_for_settrace(tracer, recorder, context_recorder.OWN_GLOBALS)
    return stop


def _what_watches_the_end() -> Callable[[memoryview], None] | None:
    """Return what sees how a process ends, which Python code cannot: the extension, if there is."""
    try:
        native = importlib.import_module("callgraph_lab._native")
    except ImportError:
        return None
    return native.watch_end  # type: ignore[no-any-return]


def _watch_for_settrace(
    tracer: Any,  # noqa: ANN401
    recorder: ContextRecorder,
    own_globals: set[int],
) -> None:
    """Notice when our trace function is taken away, by the target or by the interpreter.

    The audit hook is a method of a dictionary: no Python code runs, at whatever depth, but for the
    one event that has an entry. Taking it out ends its value, which looks at where it happened.
    """
    event = "sys.settrace"
    watched: dict[str, Finally] = {}

    def on_settrace() -> None:
        watched[event] = Finally(on_settrace)
        frame = sys._getframe(2)  # noqa: SLF001 - above are Finally.__del__ and whom it serves
        if recorder.stopped or id(frame.f_globals) in own_globals:
            return
        if frame.f_code.co_code[frame.f_lasti] not in _CALL_OPCODES:
            # A signal handler of the target has raised, Ctrl-C as a rule, and it so happened that
            # we were running. The interpreter ends the tracing for that, then lets go of the
            # frame's trace function: which starts it again.
            tracer.interrupted = True
            frame.f_trace = Finally(tracer.start_thread)
        elif frame.f_globals is not vars(threading) or (
            threading.gettrace() is not tracer.trace_function
        ):
            recorder.remark(
                "the target has called sys.settrace itself, which ends the recording of that"
                " thread unless it restores the trace function it found"
            )

    watched[event] = Finally(on_settrace)
    sys.addaudithook(watched.pop)
