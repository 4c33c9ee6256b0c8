"""What recording costs: pyperformance's benchmarks under each tracer, beside the same untraced.

    python benchmarks/engines.py [--only richards,chaos] [--tracers native,cprofile] [--json FILE]

The benchmarks are the scripts in the ``pyperformance`` package (``pip install --no-deps
pyperformance``), run by a stand-in for its runner. Every measurement is a process of its own; the
tracers take turns, and the least CPU time of a few rounds counts, so that a noisy machine meets all
alike. Slowdown is traced over untraced. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import importlib
import importlib.util
import json
import math
import runpy
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REPOSITORY = Path(__file__).resolve().parent.parent
BENCHMARKS = [
    "async_generators",
    "async_tree",
    "chaos",
    "comprehensions",
    "coroutines",
    "deepcopy",
    "deltablue",
    "fannkuch",
    "float",
    "generators",
    "go",
    "hexiom",
    "json_dumps",
    "json_loads",
    "logging",
    "mdp",
    "meteor_contest",
    "nbody",
    "nqueens",
    "pickle",
    "pprint",
    "pyflate",
    "raytrace",
    "regex_compile",
    "richards",
    "richards_super",
    "scimark",
    "spectral_norm",
    "sqlite_synth",
    "telco",
    "typing_runtime_protocols",
    "unpack_sequence",
    "xml_etree",
]
ARGUMENTS = {"async_tree": ["none"], "pickle": ["--pure-python", "pickle"]}
TRACERS = ("native", "c_calls", "cprofile", "viztracer", "yappi")
"""``c_calls`` is the engine native with functions written in C, as after ``--c-calls``."""
MODULES = {"viztracer": "viztracer", "yappi": "yappi"}
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


def load(name: str) -> Callable[[int], object]:
    """Run a benchmark's script up to the point where it would measure."""
    package = importlib.util.find_spec("pyperformance")
    if package is None or package.origin is None:
        raise SystemExit("pip install --no-deps pyperformance")
    folder = Path(package.origin).parent / "data-files" / "benchmarks" / f"bm_{name}"
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


def start(tracer: str, folder: str) -> Callable[[], None]:
    """Start a tracer; return what stops it."""
    if tracer in {"native", "pycallgraph2"}:
        sys.path.insert(0, str(REPOSITORY))
        engine = importlib.import_module(f"callgraph_lab.engines.{tracer}")
        stop: Callable[[], None] = engine.start(folder, information={}, whole_program=False)
        return stop
    if tracer == "c_calls":
        sys.path.insert(0, str(REPOSITORY))
        native = importlib.import_module("callgraph_lab.engines.native")
        return native.start(  # type: ignore[no-any-return]
            folder, information={}, whole_program=False, c_calls=True
        )
    if tracer == "cprofile":
        profile = cProfile.Profile()
        profile.enable()
        return profile.disable
    if tracer == "viztracer":
        viztracer = importlib.import_module("viztracer")
        its = viztracer.VizTracer(ignore_c_function=True, verbose=0)
        its.start()
        return its.stop  # type: ignore[no-any-return]
    if tracer == "yappi":
        yappi = importlib.import_module("yappi")
        yappi.start()
        return yappi.stop  # type: ignore[no-any-return]
    return lambda: None


def measure(name: str, tracer: str, loops: int, rounds: int) -> dict[str, float]:
    """Run in a process of its own: the least CPU time of a few rounds, all of them traced."""
    run = load(name)
    if loops == 0:
        loops = 1
        while True:
            started = time.process_time()
            run(loops)
            if time.process_time() - started >= LEAST_SECONDS:
                break
            loops *= 2
    with tempfile.TemporaryDirectory() as folder:
        stop = start(tracer, folder)
        times = []
        for _ in range(rounds):
            started = time.process_time()
            run(loops)
            times.append(time.process_time() - started)
        stop()
    return {"seconds": min(times), "loops": loops}


def ask(name: str, tracer: str, loops: int, rounds: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", name, tracer, str(loops), str(rounds)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise RuntimeError(answer.stderr.strip().splitlines()[-1] if answer.stderr else "it failed")
    result: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return result


def compare(name: str, tracers: list[str], turns: int, rounds: int) -> dict[str, float]:
    """Return the slowdown of a benchmark under each tracer."""
    loops = int(ask(name, "none", 0, 1)["loops"])
    least = dict.fromkeys(["none", *tracers], math.inf)
    for _ in range(turns):
        for tracer in least:
            seconds = ask(name, tracer, loops, rounds)["seconds"]
            least[tracer] = min(least[tracer], seconds)
    return {tracer: least[tracer] / least["none"] for tracer in tracers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help="benchmarks, separated by commas")
    parser.add_argument("--tracers", default=",".join(TRACERS))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        name, tracer, loops, rounds = options.measure
        print(json.dumps(measure(name, tracer, int(loops), int(rounds))))
        return
    tracers = [
        tracer
        for tracer in options.tracers.split(",")
        if tracer not in MODULES or importlib.util.find_spec(MODULES[tracer])
    ]
    print(f"Python {sys.version.split()[0]}; slowdown, traced / untraced CPU time")
    print(f"{'':26}" + "".join(f"{tracer:>13}" for tracer in tracers))
    table: dict[str, dict[str, float]] = {}
    for name in options.only.split(",") if options.only else BENCHMARKS:
        try:
            table[name] = compare(name, tracers, options.turns, options.rounds)
        except RuntimeError as error:
            print(f"{name:26}  left out: {error}")
            continue
        print(
            f"{name:26}" + "".join(f"{table[name][tracer]:13.2f}" for tracer in tracers), flush=True
        )
    means = {
        tracer: math.exp(sum(math.log(row[tracer]) for row in table.values()) / len(table))
        for tracer in tracers
    }
    print(
        f"{'geometric mean of ' + str(len(table)):26}"
        + "".join(f"{means[tracer]:13.2f}" for tracer in tracers)
    )
    if options.json:
        result = {"python": sys.version, "benchmarks": table, "geometric_mean": means}
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
