"""The colours of a comparison: blue for A, orange for B, paler for what both have.

Blue and orange stay apart with any kind of colour blindness. What only A has is dark with white
text, what only B has light with dark text: so they stay apart in grey print, too.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from callgraph_lab.render.colours import EDGE, WHITE, colour

if TYPE_CHECKING:
    from callgraph_lab.graph.compare import ComparedEdge, ComparedFunction, Measure

_HUE_A, _HUE_B = 255.0, 65.0
ONLY_A, ONLY_B = colour(0.50, 0.13, _HUE_A), colour(0.82, 0.14, _HUE_B)
LINE_A, LINE_B = colour(0.50, 0.13, _HUE_A), colour(0.66, 0.15, 55.0)
SAME = WHITE
_STEPS = 16
# Lightness and chroma of a small difference, and of one by ten times and more.
_PALEST, _FULLEST = (0.975, 0.008), (0.85, 0.075)


def change(value_a: int, value_b: int) -> float:
    """Return how much two values differ: 0.0 not at all, -1.0 ten times as much in A, 1.0 in B."""
    if value_a == value_b:
        return 0.0
    if value_a <= 0 or value_b <= 0:
        return 1.0 if value_a < value_b else -1.0
    return max(-1.0, min(1.0, math.log10(value_b / value_a)))


def change_fill(place: float) -> str:
    """Return the fill of a function of both sides by its ``change``."""
    return _fill(round(place * _STEPS)) if place else SAME


@lru_cache(maxsize=2 * _STEPS + 1)
def _fill(step: int) -> str:
    part = abs(step) / _STEPS
    lightness, chroma = (
        low + (high - low) * part for low, high in zip(_PALEST, _FULLEST, strict=True)
    )
    return colour(lightness, chroma, _HUE_A if step < 0 else _HUE_B)


def fill_of(function: ComparedFunction, measure: Measure) -> str:
    """Return the fill of a function's box."""
    if function.side == "both":
        return change_fill(change(*function.values(measure)))
    return ONLY_A if function.side == "a" else ONLY_B


def line_of(edge: ComparedEdge, measure: Measure) -> str:
    """Return the colour of a line: that of the side that has more of it, grey where it is alike."""
    if edge.side != "both":
        return LINE_A if edge.side == "a" else LINE_B
    place = change(*edge.values(measure))
    if not place:
        return EDGE
    return colour(0.68, 0.09, _HUE_A) if place < 0 else colour(0.75, 0.11, _HUE_B)
