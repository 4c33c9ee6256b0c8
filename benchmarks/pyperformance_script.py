"""One of pyperformance's benchmarks under one tracer, in this process.

    python -m benchmarks.pyperformance_script NAME TRACER LOOPS ROUNDS

The scripts are those in the ``pyperformance`` package, run by a stand-in for its runner. Prints
JSON: the least CPU seconds of the rounds, all of them traced, and how many loops each had (0 asks
for as many as take a while).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import runpy
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import tracers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ARGUMENTS = {"async_tree": ["none"], "pickle": ["--pure-python", "pickle"]}
LEAST_SECONDS = 0.15


class Found(Exception):  # noqa: N818 - not an error: the way out of the benchmark's script
    """The script has named what is to be measured."""

    def __init__(self, run: Callable[[int], object]) -> None:
        super().__init__()
        self.run = run


class Runner:
    """Stands in for pyperf's: takes the first benchmark of a script and leaves."""

    def __init__(self, **_: object) -> None:
        self.metadata: dict[str, str] = {}
        self.argparser = argparse.ArgumentParser()
        self.args = argparse.Namespace()

    def parse_args(self) -> argparse.Namespace:
        """Return the arguments that the script asks for."""
        self.args = self.argparser.parse_known_args()[0]
        return self.args

    def bench_func(
        self, _: str, function: Callable[..., object], *arguments: object, **__: object
    ) -> None:
        """Take a function that is called once a loop."""

        def repeat(loops: int) -> None:
            for _ in range(loops):
                function(*arguments)

        raise Found(repeat)

    def bench_time_func(
        self, _: str, function: Callable[..., float], *arguments: object, **__: object
    ) -> None:
        """Take a function that loops by itself."""
        raise Found(lambda loops: function(loops, *arguments))

    def bench_async_func(
        self, _: str, function: Callable[..., Awaitable[object]], *arguments: object, **__: object
    ) -> None:
        """Take a coroutine function that is awaited once a loop."""

        async def repeat(loops: int) -> None:
            for _ in range(loops):
                await function(*arguments)

        raise Found(lambda loops: asyncio.run(repeat(loops)))


def scripts_folder() -> Path:
    """Return the folder with a folder for each benchmark."""
    package = importlib.util.find_spec("pyperformance")
    if package is None or package.origin is None:
        raise SystemExit("pyperformance is not installed: pip install --no-deps pyperformance")
    return Path(package.origin).parent / "data-files" / "benchmarks"


def load(name: str) -> Callable[[int], object]:
    """Run a benchmark's script up to the point where it would measure."""
    folder = scripts_folder() / f"bm_{name}"
    pyperf = types.ModuleType("pyperf")
    pyperf.Runner = Runner  # type: ignore[attr-defined]
    pyperf.perf_counter = time.perf_counter  # type: ignore[attr-defined]
    pyperf.python_implementation = lambda: "cpython"  # type: ignore[attr-defined]
    pyperf.python_has_jit = lambda: False  # type: ignore[attr-defined]
    sys.modules["pyperf"] = pyperf
    script = folder / "run_benchmark.py"
    sys.argv = [str(script), *ARGUMENTS.get(name, [])]
    sys.path.insert(0, str(folder))
    try:
        runpy.run_path(str(script), run_name="__main__")
    except Found as found:
        return found.run
    raise SystemExit(f"{script} measures nothing")


def cpu_seconds(run: Callable[[int], object], loops: int) -> float:
    """Return the CPU time of one round."""
    started = time.process_time()
    run(loops)
    return time.process_time() - started


def main(name: str, tracer: str, loops: int, rounds: int) -> None:
    """Measure and print."""
    run = load(name)
    if loops == 0:
        loops = 1
        while cpu_seconds(run, loops) < LEAST_SECONDS:
            loops *= 2
    with tempfile.TemporaryDirectory() as folder:
        stop = tracers.start(tracer, folder)
        seconds = min(cpu_seconds(run, loops) for _ in range(rounds))
        stop()
    print(json.dumps({"seconds": seconds, "loops": loops}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
