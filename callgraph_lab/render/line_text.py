"""A table of source lines as text: times and bytes in the units and digits that are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from callgraph_lab.render.ending_text import open_calls_cell
from callgraph_lab.render.text import duration, percent, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from callgraph_lab.graph.lines import LineTable
    from callgraph_lab.line_model import LineFigures
    from callgraph_lab.render.source_text import SourceText

AUTO = "auto"
TIME_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
BYTE_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_DEFAULT_DIGITS = 3


@dataclass(frozen=True, slots=True)
class LineUnits:
    """The units of a table, ``auto`` for what suits a figure, and the digits behind the point.

    ``precision`` None means three digits in all where the unit is chosen by the figure.
    """

    time: str = AUTO
    bytes: str = AUTO
    precision: int | None = None

    def time_text(self, duration_ns: float) -> str:
        """Return a time, with its unit where that is not the column's."""
        if self.time != AUTO:
            return self._figure(duration_ns / TIME_UNITS[self.time])
        if self.precision is None:
            return duration(round(duration_ns))
        unit = _suiting(duration_ns, TIME_UNITS)
        return f"{self._figure(duration_ns / TIME_UNITS[unit])} {unit}"

    def bytes_text(self, number: int) -> str:
        """Return a number of bytes, with its unit where that is not the column's."""
        if self.bytes != AUTO:
            unit = BYTE_UNITS[self.bytes]
            return f"{number:,}" if unit == 1 else self._figure(number / unit)
        if self.precision is None:
            return f"-{size(-number)}" if number < 0 else size(number)
        unit_name = _suiting(abs(number), BYTE_UNITS)
        return f"{self._figure(number / BYTE_UNITS[unit_name])} {unit_name}"

    def title(self, name: str, unit: str) -> str:
        """Return the title of a column whose figures are all in one unit."""
        return name if unit == AUTO else f"{name} ({unit})"

    def _figure(self, value: float) -> str:
        digits = _DEFAULT_DIGITS if self.precision is None else self.precision
        return f"{value:,.{digits}f}"


def _suiting(figure: float, units: dict[str, int]) -> str:
    names = [name for name, unit in units.items() if figure >= unit]
    return names[-1] if names else next(iter(units))


def titles(units: LineUnits, *, has_memory: bool) -> tuple[str, ...]:
    """Return the titles of the columns, the last of which is text."""
    return (
        "line",
        "hits",
        units.title("time", units.time),
        units.title("per hit", units.time),
        units.title("self", units.time),
        "% time",
        *(
            (units.title("allocated", units.bytes), units.title("net", units.bytes))
            if has_memory
            else ()
        ),
        "source",
    )


def rows(table: LineTable, source: SourceText, units: LineUnits) -> Iterator[Sequence[str]]:
    """Yield the cells of each line of the source, or of those that ran where there is no source."""
    figures = {line.line: line for line in table.lines}
    whole_ns = sum(line.inclusive_ns for line in table.lines)
    for number in sorted({*figures, *source.lines}):
        text = source.lines.get(number, "")
        line = figures.get(number)
        if line is None:
            yield str(number), *[""] * (7 if table.has_memory else 5), text
        else:
            yield (*_cells(line, whole_ns, units, has_memory=table.has_memory), text)


def _cells(
    line: LineFigures, whole_ns: int, units: LineUnits, *, has_memory: bool
) -> Iterator[str]:
    yield str(line.line)
    yield f"{line.hits:,}" + (f" ({open_calls_cell(line.unreturned)})" if line.open_calls else "")
    yield units.time_text(line.inclusive_ns)
    yield units.time_text(line.inclusive_ns / line.hits) if line.hits else ""
    yield units.time_text(line.self_ns)
    yield percent(line.inclusive_ns, whole_ns)
    if has_memory:
        yield units.bytes_text(line.allocated_bytes or 0)
        yield units.bytes_text(line.net_bytes or 0)


def table_document(table: LineTable, source: SourceText) -> dict[str, Any]:
    """Return a table as one JSON-ready dictionary: the lines that ran, in nanoseconds and bytes."""
    return {
        "id": table.id,
        "name": table.function.name,
        "file": table.function.file,
        "line": table.function.line,
        "calls": table.calls,
        "resumes": table.resumes,
        "source_problem": source.problem or None,
        "lines": [
            {
                "line": line.line,
                "hits": line.hits,
                "inclusive_ns": line.inclusive_ns,
                "self_ns": line.self_ns,
                "open_calls": line.open_calls,
                "open_calls_by_ending": line.unreturned.by_ending,
                "allocated_bytes": line.allocated_bytes,
                "net_bytes": line.net_bytes,
                "source": source.lines.get(line.line),
            }
            for line in table.lines
        ],
    }
