"""``cglab render``: one picture of a recording, or its graph as JSON."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import (
    FORMATS,
    action_options,
    max_depth_option,
    output_option,
    picture_options,
    pictures_of,
    process_option,
    query_of,
    query_options,
    recording_argument,
    recordings_option,
)
from callgraph_lab.errors import LayoutError

if TYPE_CHECKING:
    from callgraph_lab.cli.drawing import DrawnGraph
    from callgraph_lab.cli.options import PictureOptions

_STDOUT = "-"


@click.command(
    epilog="""\b
Examples:
  cglab render --max-depth 6 --filter ftp-server
  cglab render ftpServer-20261123-141502 --format svg -o upload.svg
  cglab render --max-depth 4 --format json -o - | jq .nodes""",
)
@recording_argument
@max_depth_option
@query_options
@process_option
@action_options
@picture_options
@output_option
@recordings_option
def render(recording: str | None, output: str | None, **arguments: Any) -> None:
    """Draw a RECORDING (the newest one by default) at a depth."""
    from callgraph_lab.cli import drawing  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.loaded import load_recording  # noqa: PLC0415

    query, pictures = query_of(arguments), pictures_of(arguments)
    folder: Path = arguments["folder"]
    destination = None if output in (None, _STDOUT) else Path(str(output))
    ending = destination.suffix.lstrip(".") if destination and not destination.is_dir() else ""
    if ending in FORMATS:
        pictures = _in_format(ending, pictures)
    elif destination is not None:
        folder = _folder_of_recordings(destination, folder)
    loaded = load_recording(recording, folder, query)
    graph = loaded.graph(arguments["max_depth"])
    if output == _STDOUT:
        if len(pictures.formats) != 1:
            raise click.UsageError("Only one --format goes to stdout at a time.")
        with tempfile.TemporaryDirectory(prefix="cglab-") as scratch:
            (drawn,) = drawing.draw_depths(loaded, [graph], Path(scratch), pictures)
            content = _only_file(drawn).read_bytes()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    drawing.tell_what_shows(loaded, graph)
    if destination is None or ending not in FORMATS:
        (drawn,) = drawing.draw_depths(loaded, [graph], destination or folder, pictures)
    else:
        (drawn,) = drawing.draw_depths(
            loaded, [graph], destination.parent, pictures, name=destination.stem
        )
        _only_file(drawn)
    drawing.tell_files(drawn)


def _given_by_user(parameter: str) -> bool:
    source = click.get_current_context().get_parameter_source(parameter)
    return source is click.core.ParameterSource.COMMANDLINE


def _in_format(ending: str, pictures: PictureOptions) -> PictureOptions:
    """Return the options for a file whose name says what it is to be."""
    if _given_by_user("formats") and pictures.formats != (ending,):
        raise click.UsageError(f"-o names a {ending} file; --format says otherwise.")
    return replace(pictures, formats=(ending,))


def _folder_of_recordings(destination: Path, folder: Path) -> Path:
    """Return the folder with recordings: as everywhere else, -o alone may say which it is."""
    from callgraph_lab.recording import catalog  # noqa: PLC0415 - not for --help

    is_meant = not _given_by_user("folder") and catalog.entries(destination)
    return destination if is_meant else folder


def _only_file(drawn: DrawnGraph) -> Path:
    """Return the one file that was asked for. Raise ``LayoutError`` where it was not made."""
    if not drawn.files:
        raise LayoutError(" ".join(drawn.remarks), hint="--format dot needs no layout")
    return drawn.files[0]
