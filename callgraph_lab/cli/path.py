"""``cglab path``: the call chains that lead to a function, or from one function to another."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import (
    action_options,
    draw_option,
    everything_unless_filtered,
    filter_options,
    folder_option,
    json_option,
    pictures_of,
    process_option,
    query_of,
    recording_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from callgraph_lab.cli.loaded import LoadedRecording
    from callgraph_lab.cli.path_answer import Answer
    from callgraph_lab.graph.call_chains import CallChain, ChainStep

_MOST_NAMES = 2


@click.command(
    epilog="""\b
Examples:
  cglab path handle_read --action STOR     the ways to it, during uploads
  cglab path Epoll.poll ftp_STOR           the ways from one function to another
  cglab path ftp_STOR --draw upload.svg

The exit status is 1 where no chain leads there."""
)
@click.argument("names", nargs=-1, required=True, metavar="[FROM] TO")
@recording_option
@action_options
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Show, and draw, only so many chains.",
)
@filter_options
@process_option
@folder_option
@json_option
@draw_option
def path(names: tuple[str, ...], recording: str | None, folder: Path, **arguments: Any) -> None:
    """Show the call chains from the root to TO, or only those through FROM, the shortest first.

    Each step has its calls and time on that chain; where an action enters is marked. FROM and TO
    are names of functions; a part of a name, or a glob, where no function is called so. Hidden
    functions are steps too, unless filters are given.
    """
    from callgraph_lab.cli.drawing import draw_text  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.loaded import load_recording  # noqa: PLC0415
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.cli.path_answer import (  # noqa: PLC0415
        answer_of,
        document_of,
        picture_of,
    )
    from callgraph_lab.cli.printing import print_json, print_line  # noqa: PLC0415

    if len(names) > _MOST_NAMES:
        raise click.UsageError("Give the name of one function, or of two: FROM and TO.")
    everything_unless_filtered(arguments)
    draw_path: Path | None = arguments["draw_path"]
    pictures = pictures_of(arguments)
    query = query_of(arguments)
    # The ways to an action count as well, so the recording is not cut down to it.
    loaded = load_recording(recording, folder, replace(query, action=None, nth=None))
    answer = answer_of(loaded, names, query.action, query.nth)
    shown = answer.chains[: arguments["limit"]]
    if arguments["output_format"] == "json":
        print_json(document_of(answer, shown, loaded))
    elif shown:
        _print_chains(answer, shown)
    else:
        for line in _not_reached(answer, loaded):
            print_line(line)
    if len(shown) < len(answer.chains):
        say(f"{len(answer.chains) - len(shown):,} longer chains are not shown; see --limit")
    if not shown:
        if draw_path is not None:
            say(f"nothing to draw: {draw_path} was not written")
        sys.exit(1)
    if draw_path is not None:
        draw_text(picture_of(answer, shown, loaded, pictures), draw_path, pictures)


def _print_chains(answer: Answer, shown: Sequence[CallChain]) -> None:
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415
    from callgraph_lab.render.text import count  # noqa: PLC0415 - not for --help

    for number, chain in enumerate(shown, 1):
        told = f"chain {number} of {len(answer.chains):,}: {_entered(chain.steps[-1])}"
        if chain.calls_below or chain.resumes_below:
            again = chain.calls_below + chain.resumes_below
            told += f", and {count(again, 'call')} of it below itself"
        print_line(told, bold=True)
        root, *steps = chain.steps
        # Threads that are alike have one name together.
        way = " -> ".join([root.name, *(step.function.short_name for step in steps)])
        print_line(f"  {way}")
        _print_steps(chain)
        if number < len(shown):
            print_line()


def _print_steps(chain: CallChain) -> None:
    from callgraph_lab.cli.functions import place_of  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415
    from callgraph_lab.render.text import duration  # noqa: PLC0415

    print_table(
        (
            TableColumn("depth", number=True),
            TableColumn("function"),
            TableColumn("calls", number=True),
            TableColumn("inclusive", number=True),
            TableColumn(""),
            TableColumn("where"),
        ),
        [
            (
                str(depth),
                step.name,
                _calls(step) if depth else "",
                duration(step.inclusive_ns),
                _remark(step),
                place_of(step.function),
            )
            for depth, step in enumerate(chain.steps)
        ],
    )


def _calls(step: ChainStep) -> str:
    return f"{step.calls:,}" + (f" +{step.resumes:,}" if step.resumes else "")


def _entered(step: ChainStep) -> str:
    from callgraph_lab.render.text import count, duration  # noqa: PLC0415 - not for --help

    entered = count(step.calls, "call")
    if step.resumes:
        entered += f", {count(step.resumes, 'resume')}"
    return f"{entered}, {duration(step.inclusive_ns)}"


def _remark(step: ChainStep) -> str:
    from callgraph_lab.render.ending_text import open_calls_text  # noqa: PLC0415
    from callgraph_lab.render.text import count  # noqa: PLC0415 - not for --help

    remarks = []
    if step.enters:
        remarks.append(f"{step.action} enters")
    if step.is_start:
        remarks.append("from here")
    if step.skipped_frames:
        remarks.append(f"after {count(step.skipped_frames, 'hidden frame')}")
    if step.unreturned.total:
        remarks.append(open_calls_text(step.unreturned))
    return ", ".join(remarks)


def _not_reached(answer: Answer, loaded: LoadedRecording) -> list[str]:
    """Return sentences that say what was not reached, and what came nearest."""
    from callgraph_lab.cli.path_answer import nearest_of  # noqa: PLC0415 - not for --help
    from callgraph_lab.graph.nearest import similar_names  # noqa: PLC0415
    from callgraph_lab.graph.reached import reached_contexts  # noqa: PLC0415
    from callgraph_lab.render.text import count  # noqa: PLC0415

    where = loaded.entry.path.name
    for name, found in zip(answer.names[::-1], (answer.targets, answer.starts), strict=False):
        if not found:
            similar = similar_names(answer.recording, name)
            lines = [f"not reached: no function called {name!r} ran in {where}"]
            lines += [f"the nearest by name: {', '.join(similar)}"] if similar else []
            return lines
    tree = loaded.recording.tree
    calls = sum(tree.calls[at] for at in reached_contexts(tree, answer.target_numbers))
    told = f"not reached: {', '.join(answer.targets)} ran ({count(calls, 'call')}), but never"
    if answer.starts is not None:
        told += f" below {', '.join(answer.starts)}"
    if answer.action is not None:
        told += f" for {answer.action}"
    lines = [told]
    nearest = nearest_of(answer, loaded)
    if nearest is not None:
        way = " -> ".join(function.short_name for function in nearest.way)
        how = "it ran" if nearest.is_inside else "it leads to both"
        away = count(len(nearest.way) - 1, "call")
        lines.append(f"the nearest reached: {nearest.name}, {away} away ({how}); elsewhere {way}")
    return lines
