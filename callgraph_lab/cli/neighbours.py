"""``cglab callers`` and ``callees``: who calls a function and what it calls, level by level."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import (
    action_options,
    everything_unless_filtered,
    filter_options,
    folder_option,
    json_option,
    process_option,
    query_of,
    recording_option,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from callgraph_lab.cli.loaded import LoadedRecording
    from callgraph_lab.graph.neighbours import Level

_DEFAULT_LEVELS = 3
_depth_option = click.option(
    "--depth",
    type=click.IntRange(min=1),
    default=_DEFAULT_LEVELS,
    show_default=True,
    metavar="N",
    help="How many levels away; 1 is direct calls only.",
)


@click.command(
    epilog="""\b
Examples:
  cglab callers handle_read
  cglab callers ftp_STOR --depth 5 --action STOR

The exit status is 1 where the function was not called."""
)
@click.argument("function")
@_depth_option
@recording_option
@action_options
@filter_options
@process_option
@folder_option
@json_option
def callers(function: str, recording: str | None, folder: Path, **arguments: Any) -> None:
    """Show who calls FUNCTION, who calls those, and so on, level by level.

    Figures are of the calls of FUNCTION that come that way. FUNCTION is a name; a part of one, or a
    glob, where no function is called so. Hidden functions count too, unless filters are given.
    """
    from callgraph_lab.graph.neighbours import callers_by_level  # noqa: PLC0415 - not for --help

    _show(function, recording, folder, arguments, callers_by_level, "callers", "leads to")


@click.command(
    epilog="""\b
Examples:
  cglab callees ftp_STOR --depth 2
  cglab callees Epoll.poll --action idle

The exit status is 1 where the function was not called."""
)
@click.argument("function")
@_depth_option
@recording_option
@action_options
@filter_options
@process_option
@folder_option
@json_option
def callees(function: str, recording: str | None, folder: Path, **arguments: Any) -> None:
    """Show what FUNCTION calls, what those call, and so on, level by level.

    Figures are of the calls below FUNCTION alone. FUNCTION is a name; a part of one, or a glob,
    where no function is called so. Hidden functions count too, unless filters are given.
    """
    from callgraph_lab.graph.neighbours import callees_by_level  # noqa: PLC0415 - not for --help

    _show(function, recording, folder, arguments, callees_by_level, "callees", "called by")


def _show(  # noqa: PLR0913, PLR0917 - what the two commands differ in, and what they were given
    pattern: str,
    reference: str | None,
    folder: Path,
    arguments: dict[str, Any],
    ask: Callable[..., tuple[Level, ...]],
    what: str,
    nearer_title: str,
) -> None:
    from callgraph_lab.cli.loaded import load_recording  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.printing import print_json, print_line  # noqa: PLC0415
    from callgraph_lab.graph.reached import reached_contexts  # noqa: PLC0415
    from callgraph_lab.graph.search import select_functions  # noqa: PLC0415
    from callgraph_lab.graph.within import look_within  # noqa: PLC0415
    from callgraph_lab.render.chains_json import level_document  # noqa: PLC0415
    from callgraph_lab.render.text import count  # noqa: PLC0415

    everything_unless_filtered(arguments)
    query = query_of(arguments)
    action = query.action
    # The ways to an action count as well, so the recording is not cut down to it.
    loaded = load_recording(reference, folder, replace(query, action=None, nth=None))
    recording, within = look_within(loaded.recording, action, query.nth)
    documents = []
    for node_id, numbers in select_functions(recording, pattern).items():
        contexts = reached_contexts(recording.tree, numbers, within)
        if not contexts:
            continue
        levels = ask(
            recording,
            numbers,
            depth=arguments["depth"],
            decisions=loaded.decisions,
            within=within,
        )
        calls = sum(recording.tree.calls[context] for context in contexts)
        resumes = sum(recording.tree.resumes[context] for context in contexts)
        documents.append(
            {
                "id": node_id,
                "calls": calls,
                "resumes": resumes,
                "levels": [level_document(level, nearer_key="nearer") for level in levels],
            }
        )
        if arguments["output_format"] == "table":
            if len(documents) > 1:
                print_line()
            head = f"{what} of {node_id}: {count(calls, 'call')}"
            head += f", {count(resumes, 'resume')}" if resumes else ""
            head += f" for {action}" if action else ""
            print_line(head, bold=True)
            _print_levels(levels, nearer_title)
    if arguments["output_format"] == "json":
        print_json(
            {
                "schema": 1,
                "recording": loaded.entry.path.name,
                "action": action,
                "direction": what,
                "functions": documents,
            }
        )
    if not documents:
        _say_not_called(pattern, loaded, action)
        sys.exit(1)


def _print_levels(levels: tuple[Level, ...], nearer_title: str) -> None:
    from callgraph_lab.cli.functions import place_of  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415
    from callgraph_lab.render.ending_text import open_calls_cell  # noqa: PLC0415
    from callgraph_lab.render.text import duration  # noqa: PLC0415

    has_open = any(item.unreturned.total for level in levels for item in level.neighbours)
    print_table(
        (
            TableColumn("level", number=True),
            TableColumn("function"),
            TableColumn("calls", number=True),
            *([TableColumn("open", number=True)] if has_open else []),
            TableColumn("inclusive", number=True),
            TableColumn(nearer_title),
            TableColumn("where"),
        ),
        [
            (
                str(level.number),
                item.name,
                f"{item.calls:,}" + (f" +{item.resumes:,}" if item.resumes else ""),
                *([open_calls_cell(item.unreturned)] if has_open else []),
                duration(item.inclusive_ns),
                ", ".join(f"{near.name} ({near.calls + near.resumes:,})" for near in item.nearer),
                place_of(item.function),
            )
            for level in levels
            for item in level.neighbours
        ],
    )


def _say_not_called(pattern: str, loaded: LoadedRecording, action: str | None) -> None:
    from callgraph_lab.cli.messages import say  # noqa: PLC0415 - not for --help
    from callgraph_lab.graph.nearest import similar_names  # noqa: PLC0415
    from callgraph_lab.graph.search import select_functions  # noqa: PLC0415

    where = loaded.entry.path.name
    found = select_functions(loaded.recording, pattern)
    if found:
        say(f"{', '.join(found)} ran in {where}, but never for {action}")
        return
    say(f"no function called {pattern!r} ran in {where}")
    similar = similar_names(loaded.recording, pattern)
    if similar:
        say(f"the nearest by name: {', '.join(similar)}")
