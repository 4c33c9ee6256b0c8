"""What tracers of memory take themselves for every block that is alive."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison import Comparison, Failed, take_turns
from benchmarks.tracers import KEEP_BLOCKS, UNTRACED, command

if TYPE_CHECKING:
    from argparse import Namespace

TITLE = "A million blocks alive: what the process grows by, bytes a block"
PROGRAM = Path(__file__).parent / "programs" / "blocks.py"
KINDS = ("small", "large", "mixed")


def bytes_a_block(tracer: str, kind: str, count: int, limit_s: float) -> float:
    """Return what a process that holds blocks grows by, for each of them."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            answer = subprocess.run(
                command(tracer, Path(folder), PROGRAM, kind, str(count)),
                capture_output=True,
                text=True,
                check=False,
                timeout=limit_s,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"took over {limit_s:.0f} s and was ended") from None
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines()
        raise Failed(lines[-1] if lines else f"exit status {answer.returncode}")
    figures = json.loads(answer.stdout.splitlines()[-1])
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
