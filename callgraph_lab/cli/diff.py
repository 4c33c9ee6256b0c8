"""``cglab diff``: what one action, mark or recording has that another has not, or less of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import (
    DEFAULT_MAX_DEPTH,
    complete_sides,
    draw_option,
    folder_option,
    json_option,
    pictures_of,
    process_option,
    query_of,
    query_options,
    recording_option,
)
from callgraph_lab.errors import UsageError
from callgraph_lab.graph.compare import MEASURES, MEASURES_OF_MEMORY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from callgraph_lab.cli.options import QueryOptions
    from callgraph_lab.graph.compare import (
        ComparedEdge,
        ComparedFunction,
        ComparedSide,
        GraphComparison,
        Measure,
    )
    from callgraph_lab.model import Recording


@click.command(
    epilog="""\b
Examples:
  cglab diff STOR idle                     what uploading is
  cglab diff STOR@slowest STOR@first       what made one upload slow
  cglab diff STOR RETR --by allocated      whose memory it takes (run --memory)
  cglab diff ftpServer-20261123-141502 ftpServer-20261124-090000
  cglab diff STOR RETR --draw transfer.svg --max-depth 6"""
)
@click.argument("a", shell_complete=complete_sides)
@click.argument("b", shell_complete=complete_sides)
@recording_option
@click.option(
    "--by",
    "measure",
    type=click.Choice(MEASURES),
    default="calls",
    show_default=True,
    help="What to sort, and to colour a picture, by; allocated and net are bytes (run --memory),"
    " and what differs in them shows, too.",
)
@click.option(
    "--max-depth",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Compare down to this depth.  [default: every depth; in a picture {DEFAULT_MAX_DEPTH}]",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Show only so many of each.")
@query_options
@process_option
@folder_option
@json_option
@draw_option
@click.option(
    "--draw-all", is_flag=True, help="Draw also what is the same and leads to no difference."
)
def diff(a: str, b: str, recording: str | None, folder: Path, **arguments: Any) -> None:
    """Compare A and B: what only one of them calls, and what one calls more often.

    A and B are actions or marks of one recording (the newest by default), or recordings. Where a
    name could be several things, write action:NAME, mark:NAME or recording:NAME. Functions are the
    same by name and class, wherever they stand.
    """
    from callgraph_lab.cli.drawing import draw_text  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.cli.sides import Sides  # noqa: PLC0415
    from callgraph_lab.graph.compare import are_different_programs  # noqa: PLC0415
    from callgraph_lab.render.diff_json import comparison_document  # noqa: PLC0415

    draw_path: Path | None = arguments["draw_path"]
    pictures, query = pictures_of(arguments), query_of(arguments)
    finder = Sides(folder, recording, query.process)
    side_a, recording_a = finder.find(a)
    side_b, recording_b = finder.find(b)
    depth, measure = arguments["max_depth"], arguments["measure"]
    comparison = _compare(recording_a, recording_b, query, depth)
    if measure in MEASURES_OF_MEMORY and not comparison.has_memory:
        raise UsageError(
            f"--by {measure}: no memory was counted in what is to be compared",
            hint="record with 'cglab run --memory'; of the time after a mark it is not known",
        )
    if are_different_programs(side_a.run, side_b.run):
        say(f"these are different programs: {side_a.run.target} and {side_b.run.target}")
    if arguments["output_format"] == "json":
        print_json(comparison_document(comparison, side_a, side_b))
    else:
        _print_comparison(comparison, side_a, side_b, measure, arguments["limit"])
        say(f"filter {', '.join(comparison.graph_a.query.filters) or 'none'}")
    if draw_path is not None:
        from callgraph_lab.render.diff_style import comparison_dot  # noqa: PLC0415 - Graphviz

        if depth is None:
            comparison = _compare(recording_a, recording_b, query, DEFAULT_MAX_DEPTH)
        dot = comparison_dot(
            comparison,
            side_a,
            side_b,
            measure=measure,
            max_nodes=pictures.max_nodes,
            links=pictures.links,
            with_same=arguments["draw_all"],
        )
        draw_text(dot, draw_path, pictures)


def _compare(
    recording_a: Recording, recording_b: Recording, options: QueryOptions, max_depth: int | None
) -> GraphComparison:
    from callgraph_lab.cli.loaded import filter_set_of, graph_query  # noqa: PLC0415
    from callgraph_lab.graph.build import build_graph  # noqa: PLC0415
    from callgraph_lab.graph.compare import compare_graphs  # noqa: PLC0415

    # One set of filters for both, chosen by what is in either.
    filter_set = filter_set_of(options, [*recording_a.functions, *recording_b.functions])
    query = graph_query(options, filter_set, max_depth)
    graphs = [
        build_graph(recording, query, filter_set.decide_all(recording.functions))
        for recording in (recording_a, recording_b)
    ]
    return compare_graphs(*graphs)


def _print_comparison(
    comparison: GraphComparison,
    side_a: ComparedSide,
    side_b: ComparedSide,
    measure: Measure,
    limit: int | None,
) -> None:
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415 - not for --help
    from callgraph_lab.render.diff_labels import side_names  # noqa: PLC0415
    from callgraph_lab.render.text import count  # noqa: PLC0415

    names = side_names(side_a.name, side_b.name)
    if names.are_letters:
        print_line(f"A is {side_a.name}, B is {side_b.name}")
    same = count(comparison.count("same", measure), "function")
    of_memory = measure in MEASURES_OF_MEMORY
    if comparison.is_alike(measure):
        bytes_too = ", with the same bytes" if of_memory else ""
        print_line(
            f"no difference: {same}, called as often in both, along the same edges{bytes_too}"
        )
        return
    functions = [item for item in comparison.functions if item.function.kind == "function"]
    shown = _sorted(functions, measure, limit)
    open_titles = (f"open {names.a}", f"open {names.b}") if any(map(_open_calls, shown)) else ()
    titles = {"a": f"only {names.a}", "b": f"only {names.b}", "both": "both"}
    figures = (
        TableColumn(f"calls {names.a}", number=True),
        TableColumn(f"calls {names.b}", number=True),
        TableColumn("change", number=True),
        TableColumn(f"time {names.a}", number=True),
        TableColumn(f"time {names.b}", number=True),
    )
    memory = (f"{measure} {names.a}", f"{measure} {names.b}", "change of bytes")
    print_table(
        (
            TableColumn("in"),
            TableColumn("function"),
            *figures,
            *(TableColumn(title, number=True) for title in memory if of_memory),
            *(TableColumn(title, number=True) for title in open_titles),
            TableColumn("where"),
        ),
        [
            (
                titles[item.side],
                item.name,
                *_figures(item, measure),
                *(_bytes(item, measure) if of_memory else ()),
                *((_open_calls(item) or ("", "")) if open_titles else ()),
                _place(item),
            )
            for item in shown
        ],
    )
    id_names = {item.id: item.name for item in comparison.functions}
    edges = _sorted(comparison.edges, measure, limit)
    if edges:
        print_line()
        print_table(
            (TableColumn("in"), TableColumn("caller"), TableColumn("callee"), *figures),
            [
                (
                    titles[edge.side],
                    id_names[edge.source],
                    id_names[edge.target],
                    *_figures(edge, measure),
                )
                for edge in edges
            ],
        )
    print_line()
    print_line(
        f"{count(comparison.count('a'), 'function')} only in {names.a},"
        f" {comparison.count('b'):,} only in {names.b},"
        f" {comparison.count('changed', measure):,} in both with other"
        f" {'counts or bytes' if of_memory else 'counts'};"
        f" {same} the same"
    )


def _sorted(items: Sequence[Any], measure: Measure, limit: int | None) -> list[Any]:
    """Return what is changed: of A only, of B only, of both, each with the largest change first."""
    shown = []
    for side in ("a", "b", "both"):
        of_side = [item for item in items if item.side == side and item.differs(measure)]
        of_side.sort(key=lambda item: -abs(item.values(measure)[1] - item.values(measure)[0]))
        shown += of_side[:limit]
    return shown


def _figures(item: ComparedFunction | ComparedEdge, measure: Measure) -> tuple[str, ...]:
    from callgraph_lab.render.text import duration  # noqa: PLC0415 - not for --help

    calls_a, calls_b = item.values("calls")
    time_a, time_b = item.values("self" if measure == "self" else "inclusive")
    has_a, has_b = item.a is not None, item.b is not None
    change = ""
    if has_a and has_b:
        change = f"{calls_b - calls_a:+,}"
        if calls_a and calls_b:
            change += f" ×{calls_b / calls_a:.3g}"  # noqa: RUF001 - a multiplication sign
    return (
        f"{calls_a:,}" if has_a else "",
        f"{calls_b:,}" if has_b else "",
        change,
        duration(time_a) if has_a else "",
        duration(time_b) if has_b else "",
    )


def _bytes(item: ComparedFunction, measure: Measure) -> tuple[str, str, str]:
    from callgraph_lab.render.text import size  # noqa: PLC0415 - not for --help

    value_a, value_b = item.values(measure)
    return (
        "" if item.a is None else size(value_a),
        "" if item.b is None else size(value_b),
        f"{'+' if value_b >= value_a else '-'}{size(abs(value_b - value_a))}",
    )


def _open_calls(item: ComparedFunction) -> tuple[str, ...]:
    """Return what became of the calls of each side that have not returned; none if all have."""
    from callgraph_lab.render.ending_text import open_calls_cell  # noqa: PLC0415 - not for --help

    cells = tuple(
        "" if node is None else open_calls_cell(node.unreturned) for node in (item.a, item.b)
    )
    return cells if any(cells) else ()


def _place(item: ComparedFunction) -> str:
    from callgraph_lab.cli.functions import place_of  # noqa: PLC0415 - not for --help

    return place_of(item.function)
