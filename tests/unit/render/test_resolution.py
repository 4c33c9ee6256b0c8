from __future__ import annotations

import pytest

from callgraph_lab.render.resolution import (
    LOWEST_DPI,
    MOST_PIXELS,
    MOST_PIXELS_A_SIDE,
    png_resolution,
    too_large,
)


@pytest.mark.parametrize(
    ("points", "dots_per_inch"),
    [((720, 720), 144), ((3_000, 3_000), 96), ((14_000, 100), 82), ((18_000, 100), None)],
)
def test_resolution_falls_with_size_down_to_what_can_be_read(
    points: tuple[int, int], dots_per_inch: int | None
) -> None:
    assert png_resolution(*points) == dots_per_inch


@pytest.mark.parametrize("width", [1, 100, 5_000, 11_000, 17_999])
@pytest.mark.parametrize("height", [1, 100, 5_000, 11_000, 17_999])
def test_no_resolution_breaks_a_limit(width: int, height: int) -> None:
    dots_per_inch = png_resolution(width, height)
    if dots_per_inch is None:
        assert max(width, height) / 72 * LOWEST_DPI > MOST_PIXELS_A_SIDE - 2 or (
            width * height * (LOWEST_DPI / 72) ** 2 > MOST_PIXELS * 0.95
        )
    else:
        assert max(width, height) / 72 * dots_per_inch <= MOST_PIXELS_A_SIDE
        assert width * height * (dots_per_inch / 72) ** 2 <= MOST_PIXELS


def test_the_reason_names_size_and_limit() -> None:
    assert too_large(72_000, 720).startswith("a legible PNG would be 64,000 x 640 pixels")
