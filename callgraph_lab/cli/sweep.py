"""``cglab sweep``: one picture a depth, from one recording."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import (
    action_options,
    folder_option,
    picture_options,
    pictures_of,
    process_option,
    query_of,
    query_options,
)
from callgraph_lab.cli.parameters import DepthsType, TargetCommand
from callgraph_lab.cli.run import (
    check_color_of_run,
    draw_and_exit,
    record_options,
    record_target,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from callgraph_lab.cli.drawing import DrawnGraph
    from callgraph_lab.cli.loaded import LoadedRecording
    from callgraph_lab.cli.options import PictureOptions
    from callgraph_lab.graph.sweep import SweepStep
    from callgraph_lab.model import CallGraph, GraphNode

_NEWCOMERS_NAMED = 3


class SweepCommand(TargetCommand):
    """A target command with the depths before the target."""

    words_before_target = 1


@click.command(
    cls=SweepCommand,
    epilog="""\b
Examples:
  cglab sweep 1..8                   every depth of the newest recording
  cglab sweep 1..8 ftpServer.py      record once, then sweep
  cglab sweep 1,2,4..6 --recording ftpServer-20261123-141502""",
)
@click.argument("depths", type=DepthsType())
@click.option("--recording", metavar="RECORDING", help="Sweep this one, not the newest.")
@query_options
@process_option
@action_options
@folder_option
@picture_options
@record_options
def sweep(depths: tuple[int, ...], recording: str | None, **arguments: Any) -> None:
    """Draw one picture for each of DEPTHS: 1..8, 3, or 1,2,4..6.

    Without a target the newest recording is used; with one it is recorded first, once.
    """
    query, pictures = query_of(arguments), pictures_of(arguments)
    folder = arguments.pop("folder")
    if query.process is not None and (arguments["target"] or arguments["module"]):
        raise click.UsageError("--process is for a recording: its pid is not known before the run.")
    if recording is not None and (arguments["target"] or arguments["module"]):
        raise click.UsageError("Give a target to record, or --recording; not both.")
    from callgraph_lab.cli.loaded import (  # noqa: PLC0415 - not for --help
        apply_filters,
        check_filters,
        find_recording,
    )

    check_filters(query)
    if arguments["target"] or arguments["module"]:
        check_color_of_run(pictures, memory=arguments["memory"])
    recorded = record_target(arguments, folder)
    entry = recorded.entry if recorded else find_recording(recording, folder)

    def draw() -> None:
        sweep_depths(apply_filters(entry, query), depths, folder, pictures)

    if recorded is None:
        draw()
    else:
        draw_and_exit(recorded, draw)


def sweep_depths(
    loaded: LoadedRecording, depths: Sequence[int], folder: Path, pictures: PictureOptions
) -> None:
    """Draw the depths that differ, and print the table of what each shows."""
    from callgraph_lab.cli import drawing  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.graph.sweep import sweep as sweep_graphs  # noqa: PLC0415
    from callgraph_lab.render.text import count  # noqa: PLC0415

    steps = sweep_graphs(loaded.recording, loaded.query(None), loaded.decisions, depths)
    # All depths from the deepest call on have one and the same picture: the first of them is drawn.
    complete = [step for step in steps if step.depth >= step.graph.deepest]
    left_out = [step.depth for step in complete[1:]]
    drawable = [step for step in steps if step.depth not in left_out]
    graphs = [step.graph for step in drawable]
    say(f"{loaded.entry.path}: {count(len(graphs), 'picture')} from one recording")
    drawing.tell_what_shows(loaded, graphs[-1])
    drawn = _draw(loaded, graphs, folder, pictures)
    _print_table(drawn, drawable)
    for remark in (f"depth {item.depth}: {text}" for item in drawn for text in item.remarks):
        say(remark)
    if left_out:
        last = graphs[-1]
        shown = f"{left_out[0]}" if len(left_out) == 1 else f"{left_out[0]} to {left_out[-1]}"
        say(
            f"not drawn again: depth {shown}; the deepest call is at depth {last.deepest},"
            f" and depth {last.query.max_depth} shows it all"
        )


def _draw(
    loaded: LoadedRecording, graphs: list[CallGraph], folder: Path, pictures: PictureOptions
) -> list[DrawnGraph]:
    from callgraph_lab.cli import drawing  # noqa: PLC0415 - not for --help

    if not sys.stderr.isatty():
        return drawing.draw_depths(loaded, graphs, folder, pictures)
    with click.progressbar(length=len(graphs), label="drawing", file=sys.stderr) as bar:
        return drawing.draw_depths(loaded, graphs, folder, pictures, on_done=lambda: bar.update(1))


def _print_table(drawn: Sequence[DrawnGraph], steps: Sequence[SweepStep]) -> None:
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415

    rows = []
    for item, step in zip(drawn, steps, strict=True):
        functions = sum(node.function.kind != "thread" for node in item.graph.nodes)
        rows.append(
            (
                str(item.depth),
                str(functions),
                str(len(item.graph.edges)),
                _name_newcomers(step.newcomers),
                _name_files(item.files),
            )
        )
    print_table(
        (
            TableColumn("depth", number=True),
            TableColumn("functions", number=True),
            TableColumn("edges", number=True),
            TableColumn("new at this depth"),
            TableColumn("files"),
        ),
        rows,
    )


def _name_files(files: Sequence[Path]) -> str:
    """Return ``out/x.depth-4.{dot,svg}`` for files that differ in their endings only."""
    if len(files) < 2:  # noqa: PLR2004 - nothing to join
        return str(files[0]) if files else "-"
    endings = ",".join(path.suffix.removeprefix(".") for path in files)
    return f"{files[0].with_suffix('')}.{{{endings}}}"


def _name_newcomers(new: Sequence[GraphNode]) -> str:
    heaviest = new[:_NEWCOMERS_NAMED]
    names = ", ".join(node.function.short_name for node in heaviest)
    rest = len(new) - len(heaviest)
    return f"{names} and {rest} more" if rest else names or "-"
