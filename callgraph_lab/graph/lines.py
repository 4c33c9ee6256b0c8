"""Tables of source lines: hits, time and bytes of each, of the functions that a name means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.graph.search import select_functions

if TYPE_CHECKING:
    from callgraph_lab.line_model import LineFigures
    from callgraph_lab.model import Function, Recording


@dataclass(frozen=True, slots=True)
class LineTable:
    """A function whose lines were counted, and those that it came to, in their order.

    ``id`` is that of its node in a graph; ``calls`` and ``resumes`` are those of every thread.
    """

    id: str
    function: Function
    calls: int
    resumes: int
    lines: tuple[LineFigures, ...]

    @property
    def has_memory(self) -> bool:
        """Whether bytes were counted."""
        return any(line.allocated_bytes is not None for line in self.lines)


def line_tables(recording: Recording, name: str) -> tuple[LineTable, ...]:
    """Return the tables of the functions that ``name`` means, as ``select_functions`` has it.

    Those whose lines were not counted have none.
    """
    tables = []
    for node_id, numbers in select_functions(recording, name).items():
        lines: dict[int, LineFigures] = {}
        for item in recording.lines:
            if item.function in numbers:
                known = lines.get(item.figures.line)
                lines[item.figures.line] = item.figures if known is None else known + item.figures
        if lines:
            tree = recording.tree
            contexts = [at for at, function in enumerate(tree.function) if function in numbers]
            tables.append(
                LineTable(
                    id=node_id,
                    function=recording.functions[min(numbers)],
                    calls=sum(tree.calls[at] for at in contexts),
                    resumes=sum(tree.resumes[at] for at in contexts),
                    lines=tuple(lines[line] for line in sorted(lines)),
                )
            )
    return tuple(tables)
