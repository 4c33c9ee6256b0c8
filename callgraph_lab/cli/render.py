"""``cglab render``: one picture of a recording, or its graph as JSON."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from callgraph_lab.cli.options import (
    FORMATS,
    folder_option,
    max_depth_option,
    picture_options,
    pictures_of,
    query_of,
    query_options,
    recording_argument,
)

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
@picture_options
@click.option(
    "-o",
    "--output",
    metavar="FILE|DIR|-",
    help="Write to this file or folder, or - for stdout.  [default: the folder of recordings]",
)
@folder_option
def render(recording: str | None, output: str | None, **arguments: Any) -> None:
    """Draw a RECORDING (the newest one by default) at a depth."""
    from dataclasses import replace  # noqa: PLC0415 - not for --help

    from callgraph_lab.cli import drawing  # noqa: PLC0415
    from callgraph_lab.cli.loaded import load_recording  # noqa: PLC0415

    query, pictures = query_of(arguments), pictures_of(arguments)
    folder: Path = arguments["folder"]
    destination = None if output in (None, _STDOUT) else Path(str(output))
    ending = destination.suffix.lstrip(".") if destination and not destination.is_dir() else ""
    if ending in FORMATS:
        source = click.get_current_context().get_parameter_source("formats")
        if source is click.core.ParameterSource.COMMANDLINE and pictures.formats != (ending,):
            raise click.UsageError(f"-o {output} is a {ending} file; --format says otherwise.")
        pictures = replace(pictures, formats=(ending,))
    loaded = load_recording(recording, folder, query)
    graph = loaded.graph(arguments["max_depth"])
    if output == _STDOUT:
        if len(pictures.formats) != 1:
            raise click.UsageError("Only one --format goes to stdout at a time.")
        _to_stdout(loaded, graph, pictures)
        return
    drawing.tell_what_shows(loaded, graph)
    if destination is None or ending not in FORMATS:
        for drawn in drawing.draw_depths(loaded, [graph], destination or folder, pictures):
            drawing.tell_files(drawn)
        return
    _to_file(loaded, graph, pictures, destination)


def _only_file(loaded: Any, graph: Any, pictures: Any, folder: Path) -> bytes:  # noqa: ANN401
    """Draw into ``folder`` and return the content of the one file. Raise ``LayoutError``."""
    from callgraph_lab.cli import drawing  # noqa: PLC0415 - not for --help
    from callgraph_lab.errors import LayoutError  # noqa: PLC0415

    (drawn,) = drawing.draw_depths(loaded, [graph], folder, pictures)
    if drawn.skipped:
        raise LayoutError(drawn.skipped[0], hint="--format dot needs no layout")
    return drawn.files[0].read_bytes()


def _to_stdout(loaded: Any, graph: Any, pictures: Any) -> None:  # noqa: ANN401
    with tempfile.TemporaryDirectory(prefix="cglab-") as scratch:
        content = _only_file(loaded, graph, pictures, Path(scratch))
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _to_file(loaded: Any, graph: Any, pictures: Any, path: Path) -> None:  # noqa: ANN401
    from callgraph_lab.cli.messages import say  # noqa: PLC0415 - not for --help
    from callgraph_lab.render.files import write_atomically  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="cglab-") as scratch:
        content = _only_file(loaded, graph, pictures, Path(scratch))
    write_atomically(path, content)
    say(f"wrote {path}")
