"""What tracers of memory take themselves for every block that is alive."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison import Comparison, figures_of, take_turns
from benchmarks.tracers import KEEP_BLOCKS, UNTRACED, command

if TYPE_CHECKING:
    from argparse import Namespace

TITLE = "A million blocks alive: what the process grows by, bytes a block"
PROGRAM = Path(__file__).parent / "programs" / "blocks.py"
KINDS = ("small", "large", "mixed")


def bytes_a_block(tracer: str, kind: str, count: int, limit_s: float) -> float:
    """Return what a process that holds blocks grows by, for each of them."""
    with tempfile.TemporaryDirectory() as folder:
        blocks = command(tracer, Path(folder), PROGRAM, kind, str(count))
        figures = figures_of(blocks, limit_s)
    return float(figures["grown_bytes"] / figures["blocks"])


def run(options: Namespace, tracers: list[str]) -> dict[str, object]:
    """Compare, print and return the figures."""
    shown = [tracer for tracer in tracers if tracer in (UNTRACED, *KEEP_BLOCKS)]
    comparison = Comparison(TITLE, "B", shown)

    def measure(tracer: str) -> dict[str, float]:
        return {
            kind: bytes_a_block(tracer, kind, options.blocks // 2, options.limit_s)
            for kind in KINDS
        }

    take_turns(comparison, measure, options.turns)
    beyond = {
        kind: {
            tracer: comparison.least(kind, tracer) - comparison.least(kind, UNTRACED)
            for tracer in shown[1:]
        }
        for kind in comparison.runs
    }
    print(TITLE)
    for kind, figures in beyond.items():
        more = "; ".join(f"{figure:.1f} {tracer}" for tracer, figure in figures.items())
        print(f"  {kind}: {comparison.least(kind, UNTRACED):.1f} {UNTRACED}, beyond that {more}")
    for note in comparison.notes:
        print(f"- {note}")
    return {**comparison.as_json(), "tracker_bytes_a_block": beyond}
