"""The tracers that are compared: how each is started in the process that is to be traced.

This is also the program that runs a script under one of them::

    python -m benchmarks.tracers TRACER FOLDER SCRIPT [ARGUMENTS]
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import os
import runpy
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parent.parent
UNTRACED = "untraced"
# Each with what must be importable for it.
TRACERS = {
    "native": "callgraph_lab._native",
    "native --event-map none": "callgraph_lab._native",
    "native --c-calls": "callgraph_lab._native",
    "native --memory": "callgraph_lab._native",
    "evaluation hook": "empty_hooks",
    "profile hook": "empty_hooks",
    "viztracer": "viztracer",
    "cProfile": "cProfile",
    "tracemalloc": "tracemalloc",
    "memray": "memray",
    "memory_profiler": "memory_profiler",
    "yappi": "yappi",
    "pycallgraph2": "pycallgraph2",
}
DESCRIPTIONS = {
    "native": "cglab's engine, full depth, all threads",
    "native --event-map none": "the same; servers without the maps of FTP and HTTP",
    "native --c-calls": "the same with functions written in C",
    "native --memory": "the same as native, with memory",
    "evaluation hook": "in C, does nothing",
    "profile hook": "in C, does nothing",
    "viztracer": "without C functions",
    "cProfile": "as it comes",
    "tracemalloc": "one frame a block",
    "memray": "with Python's allocators",
    "memory_profiler": "every function of the script",
    "yappi": "as it comes",
    "pycallgraph2": "stock, with the standard library",
}
_OPTIONS_OF_NATIVE = {
    name: name.split()[1:] for name in TRACERS if TRACERS[name] == "callgraph_lab._native"
}
# So slow that one measurement of it is enough.
SLOW = {"pycallgraph2", "memory_profiler"}
KEEP_BLOCKS = ("native --memory", "tracemalloc", "memray")

_SETUP = """
from setuptools import Extension, setup
setup(name="empty_hooks", ext_modules=[Extension("empty_hooks", [{source!r}])])
"""


def build_empty_hooks(folder: Path) -> None:
    """Build the extension with the empty hooks in a folder, and let children import it.

    Where that fails the two hooks are left out of the comparison.
    """
    source = str(Path(__file__).parent / "empty_hooks.c")
    built = subprocess.run(
        [sys.executable, "-c", _SETUP.format(source=source), "-q", "build_ext", "--inplace"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        print("the empty hooks could not be built:", built.stderr.strip().splitlines()[-1:])
    sys.path.insert(0, str(folder))
    paths = [str(folder), os.environ.get("PYTHONPATH", ""), str(REPOSITORY)]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


def is_available(tracer: str) -> bool:
    """Say whether a tracer is installed here."""
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.util.find_spec(TRACERS[tracer]) is not None
    return False


def _start_pycallgraph2() -> Callable[[], None]:
    pycallgraph2 = importlib.import_module("pycallgraph2")
    output = importlib.import_module("pycallgraph2.output")

    class NoPicture(output.Output):  # type: ignore[misc, name-defined]
        """Tracing alone is measured."""

        def sanity_check(self) -> None:
            """Need no Graphviz."""

        def done(self) -> None:
            """Draw nothing."""

    config = pycallgraph2.Config(include_stdlib=True)
    tracer = pycallgraph2.PyCallGraph(output=NoPicture(), config=config)
    tracer.start()
    stop: Callable[[], None] = tracer.stop
    return stop


def _start_memory_profiler() -> Callable[[], None]:
    """Profile each function of the script that runs, as if all had its decorator."""
    memory_profiler = importlib.import_module("memory_profiler")
    profiler = memory_profiler.LineProfiler()
    folder = str(Path(sys.argv[0]).resolve().parent)
    for item in gc.get_objects():
        if isinstance(item, types.FunctionType) and item.__code__.co_filename.startswith(folder):
            profiler.add_function(item)
    profiler.enable()
    stop: Callable[[], None] = profiler.disable
    return stop


def start(tracer: str, folder: str) -> Callable[[], None]:
    """Start a tracer in this process; return what stops it. ``folder`` is for its files."""
    if tracer == UNTRACED:
        return lambda: None
    if tracer == "pycallgraph2":
        return _start_pycallgraph2()
    if tracer == "memory_profiler":
        return _start_memory_profiler()
    module = importlib.import_module(TRACERS[tracer])
    stop: Callable[[], None]
    if tracer in _OPTIONS_OF_NATIVE:
        engine = importlib.import_module("callgraph_lab.engines.native")
        asked = _OPTIONS_OF_NATIVE[tracer]
        options = {"c_calls": "--c-calls" in asked, "memory": "--memory" in asked}
        stop = engine.start(folder, information={}, whole_program=False, **options)
    elif tracer in {"evaluation hook", "profile hook"}:
        module.start_evaluation() if tracer == "evaluation hook" else module.start_profile()
        stop = module.stop
    elif tracer == "viztracer":
        viztracer = module.VizTracer(ignore_c_function=True, verbose=0)
        viztracer.start()
        stop = viztracer.stop
    elif tracer == "memray":
        memray = module.Tracker(f"{folder}/memray-{os.getpid()}.bin", trace_python_allocators=True)
        memray.__enter__()

        def stop() -> None:
            memray.__exit__(None, None, None)
    elif tracer == "cProfile":
        profile = module.Profile()
        profile.enable()
        stop = profile.disable
    else:
        module.start()
        stop = module.stop
    return stop


def command(tracer: str, folder: Path, script: Path, *arguments: str) -> list[str]:
    """Return the command that runs a script under a tracer, ours as a user would: ``cglab run``."""
    target = [str(script), *arguments]
    if tracer == UNTRACED:
        return [sys.executable, *target]
    if tracer in _OPTIONS_OF_NATIVE:
        options = _OPTIONS_OF_NATIVE[tracer]
        run = ["run", "--engine", "native", *options, "--no-render", "--out", str(folder)]
        return [sys.executable, "-m", "callgraph_lab", *run, *target]
    return [sys.executable, "-m", "benchmarks.tracers", tracer, str(folder), *target]


if __name__ == "__main__":
    name, its_folder, *sys.argv = sys.argv[1:]
    start(name, its_folder)
    runpy.run_path(sys.argv[0], run_name="__main__")
