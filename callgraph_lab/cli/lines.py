"""``cglab lines``: hits, time and bytes of each source line of a function."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import (
    folder_option,
    json_option,
    process_option,
    recording_argument,
    sources_option,
)
from callgraph_lab.render.line_text import AUTO, BYTE_UNITS, TIME_UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from callgraph_lab.graph.lines import LineTable
    from callgraph_lab.model import Recording
    from callgraph_lab.recording.catalog import Entry
    from callgraph_lab.render.line_text import LineUnits
    from callgraph_lab.render.source_text import SourceText

_MOST_DIGITS = 9


@click.command(
    epilog="""\b
Examples:
  cglab run --lines 'Epoll.poll' --memory ftpServer.py
  cglab lines poll
  cglab lines poll --unit ms --bytes KiB --precision 1

The exit status is 1 where no lines of such a function were counted."""
)
@click.argument("function")
@recording_argument
@click.option(
    "--precision",
    type=click.IntRange(0, _MOST_DIGITS),
    metavar="N",
    help="Digits behind the decimal point.",
)
@click.option(
    "--unit",
    "time_unit",
    type=click.Choice([AUTO, *TIME_UNITS]),
    default=AUTO,
    show_default=True,
    help="The unit of times; auto is the one that suits each.",
)
@click.option(
    "--bytes",
    "byte_unit",
    type=click.Choice([AUTO, *BYTE_UNITS]),
    default=AUTO,
    show_default=True,
    help="The unit of memory.",
)
@sources_option
@process_option
@folder_option
@json_option
def lines(
    function: str, recording: str | None, folder: Path, output_format: str, **options: Any
) -> None:
    """Show the source of FUNCTION with what each line did, in a RECORDING (the newest by default).

    That are the functions that 'cglab run --lines' was asked for, also while the target runs.
    FUNCTION is a name; a part of one, or a glob, where no function is called so. Time is with what
    a line calls; self is without the functions it calls.
    """
    from callgraph_lab.cli.loaded import find_recording  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.graph.lines import line_tables  # noqa: PLC0415
    from callgraph_lab.graph.processes import only_process  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415
    from callgraph_lab.recording.source_files import source_files  # noqa: PLC0415
    from callgraph_lab.render.line_text import LineUnits, table_document  # noqa: PLC0415
    from callgraph_lab.render.source_text import source_of  # noqa: PLC0415

    entry = find_recording(recording, folder)
    recorded = catalog.load(entry)
    if options["process"] is not None:
        recorded = only_process(recorded, options["process"])
    tables = line_tables(recorded, function)
    files = source_files(recorded, entry.path, entry.live_folder, options["sources_folder"])
    sources = [source_of(table.function, table.lines[-1].line, files) for table in tables]
    if output_format == "json":
        print_json(
            {
                "schema": 1,
                "recording": entry.path.name,
                "functions": [
                    table_document(table, source)
                    for table, source in zip(tables, sources, strict=True)
                ],
            }
        )
    else:
        units = LineUnits(options["time_unit"], options["byte_unit"], options["precision"])
        _print(tables, sources, units)
    for problem in dict.fromkeys(source.problem for source in sources if source.problem):
        say(problem)
    if not tables:
        for line in _why_not(function, entry, recorded):
            say(line)
        sys.exit(1)


def _print(tables: Sequence[LineTable], sources: Sequence[SourceText], units: LineUnits) -> None:
    from callgraph_lab.cli.functions import place_of  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415
    from callgraph_lab.render.line_text import rows, titles  # noqa: PLC0415
    from callgraph_lab.render.text import count  # noqa: PLC0415

    for number, (table, source) in enumerate(zip(tables, sources, strict=True)):
        if number:
            print_line()
        entered = count(table.calls, "call")
        entered += f", {count(table.resumes, 'resume')}" if table.resumes else ""
        head = f"{table.id} ({place_of(table.function)}): {entered}"
        print_line(head, bold=True)
        *figures, text = titles(units, has_memory=table.has_memory)
        print_table(
            [*(TableColumn(title, number=True) for title in figures), TableColumn(text)],
            rows(table, source, units),
        )


def _why_not(function: str, entry: Entry, recording: Recording) -> list[str]:
    from callgraph_lab.graph.nearest import similar_names  # noqa: PLC0415 - not for --help
    from callgraph_lab.graph.search import select_functions  # noqa: PLC0415

    where = entry.path.name
    found = select_functions(recording, function)
    if found:
        name = recording.functions[min(next(iter(found.values())))].name
        return [
            f"{', '.join(found)} ran in {where}, but its lines were not counted",
            f"record again with: cglab run --lines '{name}'",
        ]
    lines = [f"no function called {function!r} ran in {where}"]
    similar = similar_names(recording, function)
    if similar:
        lines.append(f"the nearest by name: {', '.join(similar)}")
    return lines


def tell_unmatched(patterns: Sequence[str], entry: Entry) -> None:
    """Say of each glob of ``cglab run --lines`` that no function which ran is like it."""
    from callgraph_lab.cli.messages import say  # noqa: PLC0415 - not for --help
    from callgraph_lab.filtering.globs import (  # noqa: PLC0415
        compiled_globs,
        search_names,
        with_own_names,
    )
    from callgraph_lab.graph.nearest import similar_names  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415

    recording = catalog.load(entry)
    names = [search_names(item) for item in recording.functions if item.kind == "function"]
    for pattern in patterns:
        if any(compiled_globs(with_own_names((pattern,))).find(name) for name in names):
            continue
        say(f"--lines {pattern}: no function like this ran")
        similar = similar_names(recording, pattern.strip("*.?"))
        if similar:
            say(f"the nearest by name: {', '.join(similar)}")
