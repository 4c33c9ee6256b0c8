"""``cglab view``: a recording as one HTML file to move in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import (
    action_options,
    depth_by_option,
    filter_options,
    max_depth_option,
    max_nodes_option,
    output_option,
    process_option,
    query_of,
    recording_argument,
    recordings_option,
    sources_option,
)
from callgraph_lab.render.links import LINK_CHOICES

if TYPE_CHECKING:
    from callgraph_lab.cli.options import QueryOptions
    from callgraph_lab.model import Recording
    from callgraph_lab.recording import catalog
    from callgraph_lab.render.viewer_data import Told

_STDOUT = "-"
_MOST_CONTEXTS_READ = 20_000_000
"""So many contexts are looked at to tell the phases of actions: each action looks at them all."""


@click.command(
    epilog="""\b
Examples:
  cglab view --open
  cglab view ftpServer-20261123-141502 --action STOR -o upload.html
  cglab view --no-sources -o - | ssh host 'cat > page.html'"""
)
@recording_argument
@max_depth_option
@filter_options
@depth_by_option
@process_option
@action_options
@max_nodes_option
@click.option(
    "--links",
    type=click.Choice(LINK_CHOICES),
    default="vscode",
    show_default=True,
    help="Where a link to a function's source leads.",
)
@sources_option
@click.option("--no-sources", is_flag=True, help="Leave the source of functions out.")
@click.option("--open", "opens", is_flag=True, help="Start a browser with it.")
@output_option
@recordings_option
def view(
    recording: str | None, folder: Path, output: str | None, *, opens: bool, **arguments: Any
) -> None:
    """Make a page of a RECORDING (the newest one by default): one HTML file to move in.

    It holds all of the recording and needs no network. Depth, filters, action and process are what
    it shows at first; every one of them can be changed there. Of a recording that runs still it
    shows what was there when it was made.
    """
    from callgraph_lab.cli.loaded import find_recording  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415

    if opens and output == _STDOUT:
        raise click.UsageError("--open needs a file: give another -o than -.")
    query = query_of(arguments)
    entry = find_recording(recording, folder)
    if not arguments.pop("no_sources"):
        arguments["has_sources"] = True
    elif arguments["sources_folder"] is not None:
        raise click.UsageError("Give --sources or --no-sources, not both.")
    content = page_of(entry, query, **arguments)
    if output == _STDOUT:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    path = folder if output is None else Path(output)
    if output is None or path.is_dir():
        path = page_path(entry, path)
    write_page(path, content, entry.mode)
    if entry.running:
        say(f"{entry.path.name} is still running: the page shows what it was until now")
    if opens:
        _open(path)


def page_of(
    entry: catalog.Entry,
    query: QueryOptions,
    *,
    has_sources: bool = False,
    sources_folder: Path | None = None,
    **more: Any,
) -> bytes:
    """Return the page of a recording; ``more`` are further fields of a ``ViewQuery``."""
    from callgraph_lab.cli.loaded import filter_set_of  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.graph.processes import only_process  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415
    from callgraph_lab.recording.source_files import source_files  # noqa: PLC0415
    from callgraph_lab.render.viewer_data import ViewQuery, viewer_document  # noqa: PLC0415
    from callgraph_lab.render.viewer_page import viewer_page  # noqa: PLC0415
    from callgraph_lab.render.viewer_slices import asked_choice  # noqa: PLC0415

    is_running = entry.running
    recording = catalog.load(entry)
    if query.process is not None:
        only_process(recording, query.process)  # It has one of that pid, or says which it has.
    filter_set = filter_set_of(query, recording.functions)
    told = _told(recording, filter_set.decide_all(recording.functions))
    files = source_files(recording, entry.path, entry.live_folder, sources_folder)
    document = viewer_document(
        recording,
        ViewQuery(
            filters=query.filters,
            include=query.include,
            exclude=query.exclude,
            stdlib=query.stdlib,
            depth_by=query.depth_by,
            chosen=asked_choice(recording, query.action, query.nth),
            process=query.process,
            sources=files if has_sources else None,
            **more,
        ),
        told,
        is_running=is_running,
    )
    if files.problem:
        say(files.problem)
    return viewer_page(document)


def write_page(path: Path, content: bytes, mode: int) -> None:
    """Write a page and say so."""
    from callgraph_lab.cli.messages import say  # noqa: PLC0415 - not for --help
    from callgraph_lab.render.files import write_atomically  # noqa: PLC0415

    write_atomically(path, content, mode)
    say(f"wrote {path} ({len(content) / 1e6:.1f} MB): open it in a browser")


def _told(recording: Recording, decisions: list[Any]) -> Told:
    from callgraph_lab.actions.event_lines import lines_of  # noqa: PLC0415 - not for --help
    from callgraph_lab.actions.explain import explain_action  # noqa: PLC0415
    from callgraph_lab.actions.table import summarize_actions  # noqa: PLC0415
    from callgraph_lab.cli.actions import action_document  # noqa: PLC0415
    from callgraph_lab.cli.explain import phase_document  # noqa: PLC0415
    from callgraph_lab.graph.c_functions import hide_with_callers  # noqa: PLC0415
    from callgraph_lab.render.viewer_data import MOST_EVENTS, Told  # noqa: PLC0415

    summaries = summarize_actions(recording)
    shown, decided = hide_with_callers(recording, decisions)
    most = _MOST_CONTEXTS_READ // max(len(recording.tree), 1)
    names = [item.action.name for item in summaries if not item.action.background][:most]
    explained = {name: explain_action(shown, name, None, decided).phases for name in names}
    return Told(
        actions=[action_document(item) for item in summaries],
        phases={
            name: [phase_document(phase) for phase in phases] for name, phases in explained.items()
        },
        events=list(lines_of(recording, newest=MOST_EVENTS)),
    )


def page_path(entry: catalog.Entry, folder: Path) -> Path:
    """Return what a recording's page is called in a folder."""
    from callgraph_lab.recording import catalog  # noqa: PLC0415 - not for --help

    return folder / f"{entry.path.name.removesuffix(catalog.RECORDING_SUFFIX)}.html"


def _open(path: Path) -> None:
    """Start a browser. Raise ``OutputError`` where there is none."""
    import webbrowser  # noqa: PLC0415 - not for --help

    from callgraph_lab import cost  # noqa: PLC0415
    from callgraph_lab.errors import OutputError  # noqa: PLC0415

    cost.lift()  # a browser has limits of its own
    address = path.resolve().as_uri()
    if not webbrowser.open(address):
        raise OutputError(
            "no browser could be started", hint=f"open {address} yourself, or set BROWSER"
        )
