"""Taking turns, so that a noisy machine meets all tracers alike, and what came of it."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks.tracers import SLOW, UNTRACED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Failed(Exception):  # noqa: N818 - it is told in the table, never raised to the user
    """A measurement could not be made: the sentence says why."""


def figures_of(command: list[str], limit_s: float) -> dict[str, float]:
    """Return the figures that a process prints, as JSON, in its last line.

    Raise ``Failed`` where it does not succeed in time.
    """
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"took over {limit_s:.0f} s and was ended") from None
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines()
        raise Failed(lines[-1] if lines else f"exit status {answer.returncode}")
    figures: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return figures


@dataclass
class Comparison:
    """Some works under some tracers: every measurement of each, in one unit."""

    title: str
    unit: str
    tracers: list[str]
    # work -> tracer -> measurements
    runs: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, tracer: str, figures: dict[str, float]) -> None:
        """Add one measurement of several works."""
        for work, figure in figures.items():
            self.runs.setdefault(work, {}).setdefault(tracer, []).append(figure)

    def least(self, work: str, tracer: str) -> float:
        """Return the least that was measured; NaN where nothing was."""
        return min(self.runs.get(work, {}).get(tracer, [math.nan]))

    def slowdown(self, work: str, tracer: str) -> float:
        """Return traced over untraced; NaN where one is missing."""
        return self.least(work, tracer) / self.least(work, UNTRACED)

    def geometric_mean(self, tracer: str, works: Iterable[str]) -> float:
        """Return the mean slowdown over those of the works that the tracer has."""
        logarithms = [math.log(self.slowdown(work, tracer)) for work in works]
        known = [logarithm for logarithm in logarithms if not math.isnan(logarithm)]
        return math.exp(sum(known) / len(known)) if known else math.nan

    def as_json(self) -> dict[str, object]:
        """Return everything that was measured, and the slowdowns that follow from it."""
        traced = [tracer for tracer in self.tracers if tracer != UNTRACED]
        return {
            "title": self.title,
            "unit": self.unit,
            "runs": self.runs,
            "slowdowns": {
                work: {
                    tracer: round(self.slowdown(work, tracer), 4)
                    for tracer in traced
                    if tracer in self.runs[work] and UNTRACED in self.runs[work]
                }
                for work in self.runs
            },
            "notes": self.notes,
        }

    def print_table(self, summaries: dict[str, dict[str, float]] | None = None) -> None:
        """Print the slowdowns, and below them what a suite makes of them."""
        table = Table(title=self.title, title_justify="left")
        table.add_column("work")
        table.add_column(f"{UNTRACED}, {self.unit}", justify="right")
        traced = [tracer for tracer in self.tracers if tracer != UNTRACED]
        for tracer in traced:
            table.add_column(tracer, justify="right")
        for work in self.runs:
            slowdowns = [_text(self.slowdown(work, tracer)) for tracer in traced]
            table.add_row(work, f"{self.least(work, UNTRACED):.4g}", *slowdowns)
        table.add_section()
        for name, figures in (summaries or {}).items():
            table.add_row(name, "", *[_text(figures.get(tracer, math.nan)) for tracer in traced])
        Console(width=None if sys.stdout.isatty() else 140).print(table)
        for note in self.notes:
            print(f"- {note}")


def _text(slowdown: float) -> str:
    return "-" if math.isnan(slowdown) else f"{slowdown:.3f}"


def take_turns(
    comparison: Comparison,
    measure: Callable[[str], dict[str, float]],
    turns: int,
    what: str = "",
) -> None:
    """Measure under each tracer in turn, forth and back. A tracer that fails is left out."""
    tracers = list(comparison.tracers)
    for turn in range(turns):
        for tracer in list(tracers) if turn % 2 == 0 else list(reversed(tracers)):
            if tracer in SLOW and turn > 0:
                continue
            try:
                comparison.add(tracer, measure(tracer))
            except Failed as failure:
                comparison.notes.append(f"{what or comparison.title}, {tracer}: {failure}")
                tracers.remove(tracer)
                if tracer == UNTRACED:
                    return


def _commit() -> str:
    """Return what is measured, as git names it; empty where there is no git."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git there is
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return said.stdout.strip()


def describe_machine() -> dict[str, object]:
    """Return what the figures depend on."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "python": sys.version,
        "machine": platform.machine(),
        "processor": names[0] if names else "",
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "load_average": os.getloadavg(),
        "commit": _commit(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
