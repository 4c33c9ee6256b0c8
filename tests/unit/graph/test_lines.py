from __future__ import annotations

from dataclasses import replace

from unit.graph.builders import call, main

from callgraph_lab.ending_model import OpenCalls
from callgraph_lab.graph.lines import line_tables
from callgraph_lab.line_model import LineFigures, RecordedLine


def test_a_table_for_each_function_that_has_lines() -> None:
    recording = main(
        call("m.main", call("m.work", call("m.other")), call("n.work", calls=3, resumes=2))
    )
    numbers = {function.name: number for number, function in enumerate(recording.functions)}
    recording = replace(
        recording,
        lines=(
            RecordedLine(1, numbers["n.work"], LineFigures(8, 1, 10, 5)),
            RecordedLine(1, numbers["n.work"], LineFigures(7, 2, 20, 6, OpenCalls(killed=1))),
            RecordedLine(
                2, numbers["n.work"], LineFigures(7, 3, 30, 7, OpenCalls(running=2), 100, -1)
            ),
            RecordedLine(1, numbers["m.other"], LineFigures(1, 9)),
        ),
    )
    (table,) = line_tables(recording, "work")
    assert (table.function.name, table.calls, table.resumes) == ("n.work", 3, 2)
    assert table.lines == (
        LineFigures(7, 5, 50, 13, OpenCalls(running=2, killed=1), 100, -1),
        LineFigures(8, 1, 10, 5),
    )
    assert table.has_memory
    (table,) = line_tables(recording, "m.oth*")
    assert not table.has_memory
    assert line_tables(recording, "m.work") == ()
    assert line_tables(recording, "nobody") == ()
