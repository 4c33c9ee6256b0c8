"""``cglab demo``: the example server, a real client, eight depths, a page; nothing to prepare."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import folder_option

if TYPE_CHECKING:
    from pathlib import Path

DEEPEST = 8


@click.command(epilog="Example: cglab demo && xdg-open out/ftpServer.depth-4.svg")
@folder_option
@click.option("--engine", default="auto", show_default=True, metavar="NAME", help="As in run.")
def demo(folder: Path, engine: str) -> None:
    """Record an FTP server while a client uploads to it; draw depths 1 to 8 and make a page."""
    from callgraph_lab.cli.loaded import apply_filters  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import print_error, say  # noqa: PLC0415
    from callgraph_lab.cli.options import FORMATS, PictureOptions, QueryOptions  # noqa: PLC0415
    from callgraph_lab.cli.sweep import sweep_depths  # noqa: PLC0415
    from callgraph_lab.cli.view import page_of, page_path, write_page  # noqa: PLC0415
    from callgraph_lab.launch.record import RecordOptions, record  # noqa: PLC0415
    from callgraph_lab.launch.target import Target  # noqa: PLC0415
    from callgraph_lab.render.budget import DEFAULT_MAX_NODES  # noqa: PLC0415
    from callgraph_lab.render.layout import DEFAULT_TIMEOUT_S  # noqa: PLC0415
    from callgraph_lab.shipped import shipped_folder  # noqa: PLC0415

    examples = shipped_folder("examples")
    server, client = examples / "ftpServer.py", examples / "upload_client.py"
    say(f"recording {server} on a free port of 127.0.0.1")
    recorded = record(
        Target(str(server), ("0",)),
        RecordOptions(
            folder=folder, engine=engine, drive=shlex.join([sys.executable, str(client)])
        ),
        say=say,
    )
    for error in (recorded.error, recorded.drive_error):
        if error is not None:
            print_error(error)
            sys.exit(error.exit_status)
    say(f"the client is done, the server was stopped as by Ctrl-C: {recorded.entry.path}")
    query = QueryOptions((), (), (), None, None, None, None, "visible", "cglab")
    loaded = apply_filters(recorded.entry, query)
    pictures = PictureOptions(FORMATS[:3], DEFAULT_MAX_NODES, "none", DEFAULT_TIMEOUT_S)
    sweep_depths(loaded, range(1, DEEPEST + 1), folder, pictures)
    page = page_path(recorded.entry, folder)
    content = page_of(recorded.entry, query, links="vscode", has_sources=True)
    write_page(page, content, recorded.entry.mode)
    _say_what_next(folder, page)
    sys.exit(recorded.outcome.status)


def _say_what_next(folder: Path, page: Path) -> None:
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415

    option = "" if str(folder) == "out" else f" --out {shlex.quote(str(folder))}"
    steps: tuple[tuple[str, Any], ...] = (
        (f"open {page}", "in a browser: all of it, to move in"),
        (f"open {folder}/ftpServer.depth-4.svg", "one picture; point at a function for details"),
        (f"cglab find handle_read{option}", "where bytes of an upload arrive, and who calls it"),
        (f"cglab functions --sort self{option}", "where the time went"),
        (f"cglab render --max-depth 6 --filter none{option}", "the same run, unfiltered"),
        ("cglab run --max-depth 4 YOUR_SERVER.py", "your own program; Ctrl-C ends it"),
    )
    say("what next:")
    width = max(len(command) for command, _ in steps)
    for command, meaning in steps:
        print_line(f"  {command:<{width}}  {meaning}", to_stderr=True)
