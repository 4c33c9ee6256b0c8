"""``cglab mark`` and ``marks``: names for moments of a run, to ask for what ran between them."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import (
    complete_recordings,
    folder_option,
    json_option,
    recording_argument,
)

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.model import Recording
    from callgraph_lab.recording.catalog import Entry


@click.command(
    epilog="""\b
Examples:
  cglab mark upload                  # then let the client upload, then
  cglab mark idle                    # and see how much ran in between:
  cglab marks"""
)
@click.argument("name")
@click.argument("recording", required=False, shell_complete=complete_recordings)
@folder_option
def mark(name: str, recording: str | None, folder: Path) -> None:
    """Put a mark called NAME on a RECORDING that runs, the newest one by default.

    The target does not notice: its counters are read from outside. A mark stands for what runs from
    it until the next one, or the end. Marks may share a name.
    """
    from callgraph_lab.cli.messages import say  # noqa: PLC0415 - not for --help
    from callgraph_lab.errors import RecordingError  # noqa: PLC0415
    from callgraph_lab.recording.marking import check_name, put_mark  # noqa: PLC0415

    check_name(name)
    entry = _running_recording(recording, folder)
    if entry.live_folder is None or not put_mark(os.fsencode(entry.live_folder), name):
        raise RecordingError(
            f"{entry.path.name} has ended, so no mark can be put on it any more",
            hint="marks are for a recording that runs: 'cglab list' shows which do",
        )
    say(f"marked {name!r} on {entry.path.name}")


def _running_recording(reference: str | None, folder: Path) -> Entry:
    from callgraph_lab.errors import RecordingError  # noqa: PLC0415 - not for --help
    from callgraph_lab.recording import catalog  # noqa: PLC0415

    if reference is not None:
        return catalog.find(reference, folder)
    for entry in catalog.entries(folder):
        if entry.running:
            return entry
    raise RecordingError(
        f"no recording in {folder} is running", hint="begin one: cglab run SCRIPT.py"
    )


@click.command(epilog="Example: cglab marks ftpServer-20261123-141502")
@recording_argument
@folder_option
@json_option
def marks(recording: str | None, folder: Path, output_format: str) -> None:
    """List the marks on a RECORDING (the newest by default), and what ran after each."""
    from callgraph_lab.cli.loaded import find_recording  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415
    from callgraph_lab.render.text import duration  # noqa: PLC0415

    entry = find_recording(recording, folder)
    described = _describe(catalog.load(entry))
    if output_format == "json":
        print_json({"schema": 1, "marks": described})
        return
    if not described:
        say(f"{entry.path.name} has no marks; put one on a recording that runs: cglab mark NAME")
        return
    print_table(
        (
            TableColumn("mark"),
            TableColumn("at", number=True),
            TableColumn("until the next", number=True),
            TableColumn("calls", number=True),
            TableColumn("functions", number=True),
        ),
        [
            (
                item["name"],
                duration(item["moment_ns"]),
                duration(item["duration_ns"]),
                f"{item['calls']:,}",
                f"{item['functions']:,}",
            )
            for item in described
        ],
    )


def _describe(recording: Recording) -> list[dict[str, Any]]:
    """Return name and moment of each mark, and what was called until the next one, or the end."""
    tree, run = recording.tree, recording.run
    moments = [(mark.name, mark.moment_ns, mark.calls) for mark in recording.marks]
    described = []
    for (name, moment_ns, calls), (_, until_ns, calls_then) in pairwise(
        [*moments, ("", run.duration_ns, tree.calls)]
    ):
        grown = [max(then - now, 0) for now, then in zip(calls, calls_then, strict=True)]
        for thread in recording.threads:
            grown[thread.root] = 0
        described.append(
            {
                "name": name,
                "moment_ns": moment_ns,
                "duration_ns": max(until_ns - moment_ns, 0),
                "calls": sum(grown),
                "functions": len(
                    {number for number, more in zip(tree.function, grown, strict=True) if more}
                ),
            }
        )
    return described
