from __future__ import annotations

import pytest

from callgraph_lab.ending_model import OpenCalls
from callgraph_lab.graph.lines import LineTable
from callgraph_lab.line_model import LineFigures
from callgraph_lab.model import Function
from callgraph_lab.render.line_text import LineUnits, rows, titles
from callgraph_lab.render.source_text import SourceText

TABLE = LineTable(
    "m.f",
    Function("m", "f"),
    2,
    0,
    (LineFigures(7, 2, 3_000, 1_000, OpenCalls(killed=1), 2048, -1024),),
)


@pytest.mark.parametrize(
    ("units", "time_text", "bytes_text"),
    [
        (LineUnits(), "1.50 ms", "-1.50 KiB"),
        (LineUnits(precision=0), "2 ms", "-2 KiB"),
        (LineUnits(precision=5), "1.50000 ms", "-1.50000 KiB"),
        (LineUnits("us", "B"), "1,500.000", "-1,536"),
        (LineUnits("s", "MiB", 4), "0.0015", "-0.0015"),
        (LineUnits("ns", "KiB", 1), "1,500,000.0", "-1.5"),
    ],
)
def test_units_and_digits(units: LineUnits, time_text: str, bytes_text: str) -> None:
    assert units.time_text(1_500_000) == time_text
    assert units.bytes_text(-1536) == bytes_text


def test_nothing_has_the_smallest_unit() -> None:
    assert LineUnits(precision=1).time_text(0) == "0.0 ns"
    assert LineUnits(precision=0).bytes_text(0) == "0 B"


def test_rows_of_all_lines_of_the_source() -> None:
    source = SourceText({6: "def f():", 7: "    return 1"})
    assert list(rows(TABLE, source, LineUnits())) == [
        ("6", "", "", "", "", "", "", "", "def f():"),
        (
            *("7", "2 (1 killed)", "3.00 µs", "1.50 µs", "1.00 µs", "100.0 %"),
            *("2.00 KiB", "-1.00 KiB", "    return 1"),
        ),
    ]
    assert len(titles(LineUnits(), has_memory=True)) == 9
    assert len(titles(LineUnits(), has_memory=False)) == 7


def test_rows_where_there_is_no_source() -> None:
    (row,) = rows(TABLE, SourceText({}, "gone"), LineUnits())
    assert row[0] == "7"
    assert row[-1] == ""
