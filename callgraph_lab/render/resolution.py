"""How finely a PNG is drawn: as fine as its size allows, never coarser than can be read."""

from __future__ import annotations

import math

MOST_PIXELS_A_SIDE = 16_000
MOST_PIXELS = 120_000_000
"""Of a whole PNG: Graphviz needs 4 bytes for each while it draws."""
MOST_FINE_PIXELS = 2_500_000
"""A PNG drawn at ``FINE_DPI`` has at most so many."""
FINE_DPI, PLAIN_DPI, LOWEST_DPI = 144, 96, 64
"""At 64 dots an inch the small text of a box is 9 pixels high: the least that can be read."""

_POINTS_AN_INCH = 72


def png_resolution(width_points: float, height_points: float) -> int | None:
    """Return the dots an inch for a PNG of a picture of that size, or None if none is legible.

    Fine where that stays a small picture, else plain, else as coarse as the limits demand.
    """
    inches_wide, inches_high = width_points / _POINTS_AN_INCH, height_points / _POINTS_AN_INCH
    square_inches = inches_wide * inches_high
    wanted = FINE_DPI if square_inches * FINE_DPI**2 <= MOST_FINE_PIXELS else PLAIN_DPI
    # A pixel less than allowed: Graphviz rounds the size up.
    fitting = min(
        (MOST_PIXELS_A_SIDE - 1) / max(inches_wide, inches_high),
        math.sqrt(MOST_PIXELS / square_inches),
    )
    dots_per_inch = min(wanted, math.floor(fitting))
    return dots_per_inch if dots_per_inch >= LOWEST_DPI else None


def too_large(width_points: float, height_points: float) -> str:
    """Return why there is no PNG of a picture for which ``png_resolution`` found none."""
    width, height = (round(x * LOWEST_DPI / _POINTS_AN_INCH) for x in (width_points, height_points))
    return (
        f"a legible PNG would be {width:,} x {height:,} pixels, and the limits are"
        f" {MOST_PIXELS_A_SIDE:,} a side and {MOST_PIXELS:,} in all; the SVG shows everything"
    )
