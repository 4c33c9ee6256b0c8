"""Tables that go into a pipe are whole, and readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.cli.tables import TableColumn, print_table

if TYPE_CHECKING:
    import pytest


def test_a_name_of_900_characters_leaves_the_other_rows_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = (TableColumn("function"), TableColumn("calls", number=True))
    print_table(columns, [("short", "1"), ("x" * 900, "2"), ("a.longer.name", "3")])
    title, short, long, longer = capsys.readouterr().out.splitlines()
    assert (title, short, longer) == (
        "function       calls",
        "short              1",
        "a.longer.name      3",
    )
    assert long == "x" * 900 + "      2"
