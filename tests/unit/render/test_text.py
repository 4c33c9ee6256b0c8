from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgraph_lab.render.text import (
    ELLIPSIS,
    columns,
    count,
    duration,
    percent,
    shorten,
    size,
    visible_text,
    wrap,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name", "plain name"),
        ("中文 кириллица é", "中文 кириллица é"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("nul\x00 esc\x1b del\x7f", r"nul\x00 esc\x1b del\x7f"),
        ("right\u202eleft", r"right\u202eleft"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("undecodable \udcff", r"undecodable \udcff"),
        ("\ufffe private \ue000", r"\ufffe private \ue000"),
        ("tag \U000e0001", r"tag \U000e0001"),
    ],
)
def test_what_does_not_print_is_written_as_its_escape(text: str, shown: str) -> None:
    assert visible_text(text) == shown


@given(st.text(st.characters()))
def test_visible_text_prints_and_encodes(text: str) -> None:
    shown = visible_text(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(3, 60))
def test_shortened_text_fits_and_keeps_both_ends(text: str, most: int) -> None:
    short = shorten(text, most)
    assert columns(short) <= most
    if short != text:
        start, end = short.split(ELLIPSIS, 1) if text.count(ELLIPSIS) == 0 else ("", "")
        assert text.startswith(start)
        assert text.endswith(end)


def test_wide_characters_count_twice() -> None:
    assert columns("ab中文") == 6
    assert shorten("名" * 100, 11) == "名名名…名名"


@given(st.text("ab ", max_size=200), st.integers(1, 30))
def test_wrapped_lines_fit_and_lose_only_breaks(text: str, most: int) -> None:
    lines = wrap(text, most)
    assert all(len(line) <= most for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_word_wider_than_the_line_is_broken() -> None:
    assert wrap("ab " + "x" * 7, 3) == ["ab", "xxx", "xxx", "x"]


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (12_340, "12.3 µs"),
        (999_499, "999 µs"),
        (999_600, "1.00 ms"),
        (1_570_000_000, "1.57 s"),
        (119_400_000_000, "119 s"),
        (150_000_000_000, "2 min 30 s"),
        (7_260_000_000_000, "2 h 01 min"),
    ],
)
def test_durations_have_three_digits_and_a_unit(nanoseconds: int, shown: str) -> None:
    assert duration(nanoseconds) == shown


def test_counts_and_shares() -> None:
    assert count(1, "call") == "1 call"
    assert count(12_345, "call") == "12,345 calls"
    assert count(2, "class", "classes") == "2 classes"
    assert percent(1, 3) == "33.3 %"
    assert percent(1, 100_000) == "<0.1 %"
    assert percent(0, 7) == "0.0 %"
    assert percent(0, 0) == "0 %"


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (10_240, "10.0 KiB"),
        (1023 * 1024, "1.00 MiB"),
        (3_000_000, "2.86 MiB"),
        (5 * 2**40, "5.00 TiB"),
    ],
)
def test_sizes_have_three_digits_and_a_unit(size_bytes: int, shown: str) -> None:
    assert size(size_bytes) == shown
