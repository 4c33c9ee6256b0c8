"""Ranges of depths: whatever is written as one is read as what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgraph_lab.cli.parameters import MOST_DEPTHS, parse_depths

depths = st.integers(1, 60)
parts = st.one_of(
    depths.map(lambda depth: (depth, depth)),
    st.tuples(depths, depths).map(lambda p: tuple(sorted(p))),
)
spaces = st.sampled_from(["", " ", "  "])


@given(st.lists(parts, min_size=1, max_size=8), spaces)
def test_a_range_means_every_depth_in_it_once(written: list[tuple[int, int]], space: str) -> None:
    text = ",".join(
        space + (str(first) if first == last else f"{first}..{last}") for first, last in written
    )
    expected = {depth for first, last in written for depth in range(first, last + 1)}
    assert parse_depths(text) == tuple(sorted(expected))


@given(depths, st.integers(1, 60))
def test_backwards_is_refused_with_the_range_that_is_meant(first: int, more: int) -> None:
    with pytest.raises(ValueError, match=rf"write {first}\.\.{first + more}$"):
        parse_depths(f"{first + more}..{first}")


@given(st.text())
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        read = parse_depths(text)
    except ValueError as error:
        assert len(str(error).split()) > 3  # noqa: PT017 - either way is right
        assert "invalid literal" not in str(error)  # noqa: PT017
    else:
        assert read
        assert all(1 <= depth <= MOST_DEPTHS for depth in read)


@given(st.integers(MOST_DEPTHS + 1))
def test_no_more_depths_than_make_sense(depth: int) -> None:
    with pytest.raises(ValueError, match="is not drawn"):
        parse_depths(f"1..{depth}")
