"""pyperformance's benchmarks under each tracer: every measurement is a process of its own."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from benchmarks.comparison import Comparison, Failed, figures_of, take_turns
from benchmarks.tracers import SLOW, UNTRACED

if TYPE_CHECKING:
    from argparse import Namespace

TITLE = "pyperformance, in process: slowdown in CPU time"
# What is hundreds of times slower is measured with so many times fewer loops.
PART_FOR_SLOW = 32
# Looked at apart: no frame evaluation hook is cheap where coroutines do nothing else.
COROUTINES = {"coroutines"}
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


def ask(name: str, tracer: str, loops: int, rounds: int, limit_s: float) -> dict[str, float]:
    """Measure in a new process; raise Failed where it does not succeed in time."""
    module = [sys.executable, "-m", "benchmarks.pyperformance_script"]
    return figures_of([*module, name, tracer, str(loops), str(rounds)], limit_s)


def summarize(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Return for each tracer the mean and the worst of its slowdowns."""
    works = list(comparison.runs)
    apart = [work for work in works if work not in COROUTINES]
    summaries: dict[str, dict[str, float]] = {}
    for tracer in comparison.tracers[1:]:
        slowdowns = [comparison.slowdown(work, tracer) for work in apart]
        known = [slowdown for slowdown in slowdowns if not math.isnan(slowdown)]
        for name, figure in (
            ("geometric mean of those measured", comparison.geometric_mean(tracer, works)),
            ("the same without coroutines", comparison.geometric_mean(tracer, apart)),
            ("worst, without coroutines", max(known, default=math.nan)),
            ("how many", len(known)),
        ):
            summaries.setdefault(name, {})[tracer] = figure
    return summaries


def run(options: Namespace, tracers: list[str]) -> dict[str, object]:
    """Compare, print and return the figures."""
    comparison = Comparison(TITLE, "s", tracers)
    for name in options.only.split(",") if options.only else BENCHMARKS:
        try:
            loops = int(ask(name, UNTRACED, 0, 1, options.limit_s)["loops"])
        except Failed as failure:
            comparison.notes.append(f"{name} is left out: {failure}")
            continue

        def measure(tracer: str, name: str = name, loops: int = loops) -> dict[str, float]:
            rounds, part = (1, min(loops, PART_FOR_SLOW)) if tracer in SLOW else (options.rounds, 1)
            answer = ask(name, tracer, loops // part, rounds, options.limit_s)
            return {name: answer["seconds"] * loops / (loops // part)}

        take_turns(comparison, measure, options.turns, what=name)
        print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    summaries = summarize(comparison)
    comparison.print_table(summaries)
    return {**comparison.as_json(), "summaries": summaries}
