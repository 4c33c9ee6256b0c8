"""The colours of a picture: a perceptually even scale for shares, and the text on it.

The scale is a path in OKLab (Ottosson 2020, https://bottosson.github.io/posts/oklab/), from a
light cream to a dark wine red. Lightness falls evenly, so it reads the same in grey print and with
any kind of colour blindness.
"""

from __future__ import annotations

import math
from functools import lru_cache

INK = "#1f2328"
MUTED_INK = "#59636e"
EDGE = "#818b98"
CLUSTER_FILL = "#f6f8fa"
CLUSTER_BORDER = "#d1d9e0"
NODE_BORDER = "#afb8c1"
FOLD_FILL = "#ffffff"
THREAD_FILL = "#24415e"
OPEN_CALL = "#0969da"
BLACK = "#000000"
WHITE = "#ffffff"
VEIL = "#ffffffc0"

DECADES = 4
"""How many powers of ten the scale spans: from 0.01 % of all to 100 %."""

LEGIBLE = 4.5
"""The least contrast ratio that WCAG 2 (level AA) asks for between text and its background."""

_LIGHTEST, _DARKEST = 0.985, 0.44
_HUE_LIGHT, _HUE_DARK = 95.0, 18.0
_MOST_CHROMA = 0.155
_STEPS = 256


def heat(own: int, total: int) -> float:
    """Place a self time, or bytes, on the scale: 0.0 for 0.01 % and less, 1.0 for all of it.

    The place goes by the logarithm: one function that waits for input takes nearly all the time
    of a server, and all others would look alike on a linear scale.
    """
    if own <= 0 or total <= 0:
        return 0.0
    return min(1.0, max(0.0, 1.0 + math.log10(own / total) / DECADES))


def fill(place: float) -> str:
    """Return the scale's colour at ``place`` (0.0 light to 1.0 dark) as ``#rrggbb``."""
    return _ramp()[round(min(1.0, max(0.0, place)) * (_STEPS - 1))]


def ink_on(background: str) -> str:
    """Return the text colour, dark or white, that contrasts more with ``background``.

    Between dark and light there are backgrounds on which neither is legible, and black always is.
    """
    ink = max((INK, WHITE), key=lambda ink: contrast(ink, background))
    return ink if contrast(ink, background) >= LEGIBLE else BLACK


def muted_ink_on(background: str) -> str:
    """Return a quieter text colour for ``background``, where it leaves text legible there."""
    return MUTED_INK if contrast(MUTED_INK, background) >= LEGIBLE else ink_on(background)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours as WCAG 2 defines it (1.0 to 21.0)."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def oklab(colour: str) -> tuple[float, float, float]:
    """Return a colour's lightness, a and b in OKLab."""
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


@lru_cache(maxsize=1)
def _ramp() -> tuple[str, ...]:
    return tuple(_colour_at(step / (_STEPS - 1)) for step in range(_STEPS))


def _colour_at(place: float) -> str:
    lightness = _LIGHTEST + (_DARKEST - _LIGHTEST) * place
    hue = _HUE_LIGHT + (_HUE_DARK - _HUE_LIGHT) * place
    # Chroma grows from nearly none: the lightest functions are a quiet cream, not a loud yellow.
    return colour(lightness, _MOST_CHROMA * math.sin(math.radians(10 + 80 * place)), hue)


def colour(lightness: float, chroma: float, hue_degrees: float) -> str:
    """Return a colour of OKLab by its polar coordinates, as ``#rrggbb``.

    Where a screen does not show it, it has as much less chroma as needed, and the same lightness.
    """
    hue = math.radians(hue_degrees)
    while True:
        red, green, blue = _to_linear(lightness, chroma * math.cos(hue), chroma * math.sin(hue))
        if min(red, green, blue) >= 0 and max(red, green, blue) <= 1:
            break
        chroma *= 0.99
    return "#" + "".join(f"{round(255 * _gamma(value)):02x}" for value in (red, green, blue))


def _to_linear(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


# The transfer function of sRGB (IEC 61966-2-1) and its inverse: a power, but linear near black.
_LINEAR_UP_TO, _LINEAR_SLOPE, _OFFSET, _POWER = 0.0031308, 12.92, 0.055, 2.4


def _linear(value: float) -> float:
    if value <= _LINEAR_UP_TO * _LINEAR_SLOPE:
        return value / _LINEAR_SLOPE
    return float(((value + _OFFSET) / (1 + _OFFSET)) ** _POWER)


def _gamma(value: float) -> float:
    if value <= _LINEAR_UP_TO:
        return _LINEAR_SLOPE * value
    return float((1 + _OFFSET) * value ** (1 / _POWER) - _OFFSET)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
