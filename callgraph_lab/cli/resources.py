"""``cglab resources``: CPU, memory, descriptors and threads of a run over time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import folder_option, recording_argument

if TYPE_CHECKING:
    from callgraph_lab.model import Recording


@click.command(
    epilog="""\b
Examples:
  cglab resources
  cglab resources ftpServer-20261123-141502 --draw out/resources.svg
  cglab resources --format json | jq '.samples[].rss_bytes'"""
)
@recording_argument
@folder_option
@click.option(
    "--draw",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.svg",
    help="Draw it into this file, with the actions as bands beneath.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["chart", "json"]),
    default="chart",
    show_default=True,
    help="A chart for people, or JSON for programs.",
)
def resources(recording: str | None, folder: Path, draw: Path | None, output_format: str) -> None:
    """Show what the target of a RECORDING (the newest by default) used of the machine over time.

    It was sampled from outside five times a second, all of its processes together. With run
    --memory it says, too, how much of the memory Python's allocators did not see.
    """
    from callgraph_lab.cli.loaded import find_recording  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415

    if draw is not None and draw.suffix != ".svg":
        raise click.UsageError(f"--draw makes an SVG, and {draw} is not called like one.")
    entry = find_recording(recording, folder)
    loaded = catalog.load(entry)
    if output_format == "json":
        print_json(_as_json(loaded))
    elif not len(loaded.resources):
        say(f"{entry.path.name} has no samples of resources")
    elif draw is None:
        _print_chart(loaded)
        _tell_seen_memory(loaded, running=entry.running)
    if draw is not None and len(loaded.resources):
        _draw(loaded, draw, entry.mode)


def _tell_seen_memory(recording: Recording, *, running: bool) -> None:
    from callgraph_lab.cli.messages import say  # noqa: PLC0415 - not for --help
    from callgraph_lab.render.memory_text import seen_memory_text  # noqa: PLC0415
    from callgraph_lab.resources.seen_memory import seen_memory  # noqa: PLC0415

    seen = seen_memory(recording)
    if seen is not None:
        say(seen_memory_text(seen, running=running))


def _as_json(recording: Recording) -> dict[str, Any]:
    from callgraph_lab.render.memory_text import seen_memory_document  # noqa: PLC0415
    from callgraph_lab.resources.at_moment import reading  # noqa: PLC0415 - not for --help
    from callgraph_lab.resources.seen_memory import seen_memory  # noqa: PLC0415

    series = recording.resources
    readings = [reading(series, index) for index in range(len(series))]
    return {
        "schema": 1,
        "name": recording.run.name,
        "duration_ns": recording.run.duration_ns,
        "cpu_ns": series.cpu_ns[-1] if len(series) else 0,
        "memory": seen_memory_document(seen_memory(recording)),
        "samples": [
            {
                "moment_ns": item.moment_ns,
                "cpu_percent": round(item.cpu_percent, 2),
                "rss_bytes": item.rss_bytes,
                "fds": item.descriptors,
                "threads": item.threads,
                "processes": item.processes,
            }
            for item in readings
        ],
    }


def _print_chart(recording: Recording) -> None:
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415
    from callgraph_lab.render.resource_chart import chart  # noqa: PLC0415 - not for --help

    for line in chart(recording, shutil.get_terminal_size().columns):
        print_line(line)


def _draw(recording: Recording, path: Path, mode: int) -> None:
    from callgraph_lab.cli.messages import say  # noqa: PLC0415 - not for --help
    from callgraph_lab.render.files import write_atomically  # noqa: PLC0415
    from callgraph_lab.render.resource_svg import draw_resources  # noqa: PLC0415

    write_atomically(path, draw_resources(recording), mode)
    say(f"drew {path}")
