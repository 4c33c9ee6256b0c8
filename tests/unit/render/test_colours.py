from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgraph_lab.render import colours


def test_equal_steps_on_the_scale_look_equal() -> None:
    steps = [colours.oklab(colours.fill(step / 16)) for step in range(17)]
    distances = [math.dist(one, other) for one, other in itertools.pairwise(steps)]
    assert max(distances) < 1.6 * min(distances)


def test_lightness_falls_evenly_so_that_it_reads_without_colour() -> None:
    lightness = [colours.oklab(colours.fill(step / 16))[0] for step in range(17)]
    falls = [one - other for one, other in itertools.pairwise(lightness)]
    assert min(falls) > 0
    assert max(falls) < 1.2 * min(falls)


@given(st.floats(0, 1))
def test_text_is_legible_on_every_colour_of_the_scale(place: float) -> None:
    background = colours.fill(place)
    for ink in (colours.ink_on(background), colours.muted_ink_on(background)):
        assert colours.contrast(ink, background) >= colours.LEGIBLE
    assert colours.contrast(colours.ink_on(background), background) >= colours.contrast(
        colours.muted_ink_on(background), background
    )


@pytest.mark.parametrize(
    ("ink", "background"),
    [
        (colours.MUTED_INK, colours.WHITE),
        (colours.MUTED_INK, colours.CLUSTER_FILL),
        (colours.WHITE, colours.THREAD_FILL),
    ],
)
def test_fixed_colours_are_legible(ink: str, background: str) -> None:
    assert colours.contrast(ink, background) >= colours.LEGIBLE


def test_heat_goes_by_decades() -> None:
    whole = 1_000_000
    places = [colours.heat(part, whole) for part in (0, 1, 100, 1_000, 10_000, 100_000, whole)]
    assert places == pytest.approx([0, 0, 0, 0.25, 0.5, 0.75, 1])
    assert colours.heat(5, 0) == 0
    assert colours.heat(2 * whole, whole) == 1
