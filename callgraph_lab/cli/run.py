"""``cglab run``: record a target, then draw it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from callgraph_lab import cost
from callgraph_lab.actions.compile import DEFAULT_KEPT_INSTANCES
from callgraph_lab.cli.messages import print_error
from callgraph_lab.cli.options import (
    folder_option,
    max_depth_option,
    picture_options,
    pictures_of,
    query_of,
    query_options,
)
from callgraph_lab.cli.parameters import MillisecondsType, SecondsType, TargetCommand
from callgraph_lab.errors import CallgraphLabError, UsageError
from callgraph_lab.launch.stopping import DEFAULT_STOP_AFTER_S
from callgraph_lab.recording.live_format import (
    DEFAULT_MAX_CONTEXTS,
    DEFAULT_MAX_FUNCTIONS,
    LEAST_MAX_CONTEXTS,
    LEAST_MAX_FUNCTIONS,
)
from callgraph_lab.render.heat import is_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from callgraph_lab.cli.options import PictureOptions
    from callgraph_lab.launch.record import Recorded
    from callgraph_lab.resources.line_format import LogResources


def record_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how to record, and the target itself."""
    for decorate in reversed(
        (
            click.option(
                "--engine",
                default="auto",
                show_default=True,
                metavar="NAME",
                help="auto, native or pycallgraph2.",
            ),
            click.option(
                "--python",
                metavar="PATH",
                help="Run the target with this interpreter (of the same minor version).",
            ),
            click.option("--name", help="Name the recording after this, not after the target."),
            click.option(
                "--duration",
                "duration_s",
                type=SecondsType(),
                metavar="S",
                help="Stop the target after so many seconds.",
            ),
            click.option(
                "--drive",
                metavar="CMD",
                help="Run a client when the target listens; stop the target when it is done.",
            ),
            click.option(
                "--drive-timeout",
                "drive_timeout_s",
                type=SecondsType(),
                default=30.0,
                show_default=True,
                metavar="S",
                help="How long to wait until the target listens.",
            ),
            click.option(
                "--stop-after",
                "stop_after_s",
                type=SecondsType(),
                default=DEFAULT_STOP_AFTER_S,
                show_default=True,
                metavar="S",
                help="How long a target that is being stopped has after one signal before it gets"
                " the next, harder one: SIGINT (as of --duration and --drive), SIGTERM, SIGKILL."
                " SIGTERM to cglab is SIGTERM to the target.",
            ),
            click.option(
                "--follow-children",
                type=click.Choice(["fork", "all", "none"]),
                default="fork",
                show_default=True,
                help="Record forked children, too; also Python interpreters that the target starts"
                " (multiprocessing's spawn and forkserver, subprocess); or only the first process.",
            ),
            click.option(
                "--max-contexts",
                type=click.IntRange(min=LEAST_MAX_CONTEXTS),
                default=DEFAULT_MAX_CONTEXTS,
                show_default=True,
                metavar="N",
                help="How many contexts to keep apart; the engine native goes on past it with"
                " counts by caller, callee and depth.",
            ),
            click.option(
                "--max-functions",
                type=click.IntRange(min=LEAST_MAX_FUNCTIONS),
                default=DEFAULT_MAX_FUNCTIONS,
                show_default=True,
                metavar="N",
                help="How many functions to tell apart; past it all others are <more functions>.",
            ),
            click.option(
                "--c-calls",
                is_flag=True,
                help="Record C functions, too (socket.recv, epoll.poll, len). Slower, and the"
                " target loses its own profiler (Python 3.11) or one tool id of sys.monitoring"
                " (3.12 and later).",
            ),
            click.option(
                "--memory",
                is_flag=True,
                help="Count what every function allocates and frees, and what it still holds, at"
                " Python's allocators. Slower.",
            ),
            click.option(
                "--no-argv",
                is_flag=True,
                help="Leave the target's arguments out of the recording, such as a password.",
            ),
            click.option(
                "--lines",
                multiple=True,
                metavar="PATTERN",
                help="Count every source line of functions like this (a name, or a glob on names"
                " and on Class.method): hits, time and, with --memory, bytes; 'cglab lines' shows"
                " them. May be repeated.",
            ),
            click.option(
                "--event-map",
                "event_maps",
                multiple=True,
                default=("auto",),
                metavar="NAME|FILE|none",
                help="Tell by this map which calls serve what a client did.  [default: auto, all"
                " that come with cglab]",
            ),
            click.option(
                "--keep-instances",
                type=click.IntRange(min=1),
                default=DEFAULT_KEPT_INSTANCES,
                show_default=True,
                metavar="N",
                help="Of how many times that actions were done to keep a record each.",
            ),
            click.option(
                "--stall",
                "stall_ms",
                type=MillisecondsType(),
                metavar="TIME",
                help="A pass of the event loop that works longer than this (100ms, 0.5s; 0: never)"
                " is an event, loop-stalled.  [default: what the event map says]",
            ),
            click.option(
                "--log-events",
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help="Append a line of JSON for each event to this file while the target runs;"
                " 'cglab events' shows the same.",
            ),
            click.option(
                "--log-resources",
                is_flag=True,
                help="Have every line that the target logs end with what it uses at that moment.",
            ),
            click.option(
                "--log-resources-format",
                metavar="FORMAT",
                help="What they end with; {cpu}, {rss}, {fds}, {threads} and {pid} are filled in."
                "  [default: [cpu={cpu} rss={rss} fds={fds} threads={threads}]]",
            ),
            click.option(
                "--log-resources-logger",
                "log_resources_loggers",
                multiple=True,
                metavar="NAME",
                help="Only lines of this logger and those below it.",
            ),
            click.option(
                "--heap",
                multiple=True,
                metavar="exit|action|every=S",
                help="Count the target's objects by type: at its end, at the end of each action (or"
                " of those like action=STOR), or every so many seconds. 'cglab heap' shows them.",
            ),
            click.option(
                "--heap-with",
                type=click.Choice(["auto", "guppy3", "gc"]),
                help="Who counts: the built-in (gc), guppy3 in the target's Python, or guppy3 where"
                " it is there (auto).  [default: gc]",
            ),
            click.option(
                "--heartbeat",
                "heartbeat_s",
                type=SecondsType(),
                metavar="S",
                help="Say every so many seconds what the target uses.",
            ),
            click.option(
                "--log-file",
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help="Append heartbeats to this file, instead of saying them on stderr.",
            ),
            click.option(
                "--limit",
                "limits",
                multiple=True,
                metavar="NAME=VALUE",
                help="Limit what the target may use: memory=256M, cpu=50%, cpu-time=60s, files=64,"
                " processes=20, file-size=1G; in pyftpdlib servers upload=64K, download=64K/total,"
                " connections=50. May be repeated.",
            ),
            click.option(
                "--on-limit",
                type=click.Choice(["stop", "warn"]),
                help="Stop the target when it reaches a limit, or only tell.",
            ),
            click.option("-m", "--module", metavar="MODULE", help="Run a module, as python -m."),
            click.argument("target", nargs=-1, type=click.UNPROCESSED),
        )
    ):
        function = decorate(function)
    return function


def check_color_of_run(pictures: PictureOptions, *, memory: bool) -> None:
    """Raise ``UsageError`` where the run will not count what its pictures are to show."""
    if is_of_memory(pictures.heat_by) and not memory:
        raise UsageError(
            f"--color {pictures.heat_by}: memory is counted only where that is asked for",
            hint="add --memory",
        )


def record_target(arguments: dict[str, Any], folder: Path) -> Recorded | None:
    """Record the target that the arguments name, or return None where they name none."""
    from callgraph_lab.cli.loaded import fold_abandoned  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.launch.heap_options import parse_heap  # noqa: PLC0415
    from callgraph_lab.launch.record import RecordOptions, record  # noqa: PLC0415
    from callgraph_lab.launch.target import Target  # noqa: PLC0415
    from callgraph_lab.resources.limits import parse_limits  # noqa: PLC0415

    module, words = arguments.pop("module"), arguments.pop("target")
    arguments["heap"] = parse_heap(arguments["heap"], arguments.pop("heap_with"))
    arguments["limits"] = parse_limits(arguments["limits"], arguments["on_limit"])
    options = RecordOptions(folder=folder, log_resources=_log_resources_of(arguments), **arguments)
    if module is None and not words:
        return None
    target = Target(module, words, is_module=True) if module else Target(words[0], words[1:])
    cost.lift()  # the target would inherit it, and what is recorded is this user's
    fold_abandoned(folder)
    recorded = record(target, options, say=say)
    for note in recorded.notes:
        say(note)
    if recorded.error is not None:
        print_error(recorded.error)
    elif recorded.entry.live_folder is None:
        say(f"recorded {recorded.entry.path} (engine {recorded.engine})")
    else:
        say(
            f"recording {recorded.entry.path.name} goes on: a process of the target still runs;"
            " 'cglab list' shows it"
        )
    if options.lines and recorded.error is None:
        from callgraph_lab.cli.lines import tell_unmatched  # noqa: PLC0415 - not for --help

        try:
            tell_unmatched(options.lines, recorded.entry)
        except CallgraphLabError as error:
            # The recording stays; whoever asks it next is told as well.
            print_error(error)
    if recorded.drive_error is not None:
        print_error(recorded.drive_error)
    return recorded


def _log_resources_of(arguments: dict[str, Any]) -> LogResources | None:
    """Take the options on lines of the target's log out of a command's arguments."""
    from callgraph_lab.resources.line_format import (  # noqa: PLC0415 - not for --help
        LogResources,
        check_line_format,
    )

    wanted = arguments.pop("log_resources")
    line_format = arguments.pop("log_resources_format")
    loggers = arguments.pop("log_resources_loggers")
    if line_format is not None:
        return LogResources(check_line_format(line_format), loggers)
    return LogResources(loggers=loggers) if wanted or loggers else None


def draw_and_exit(recorded: Recorded, draw: Callable[[], None]) -> NoReturn:
    """Draw what there is to be drawn of a run, then exit with its status.

    That is the target's, or ours where the client of ``--drive`` failed; what fails in between is
    said.
    """
    if recorded.error is None:
        try:
            draw()
        except KeyboardInterrupt:
            _tell_not_drawn("interrupted")
        except CallgraphLabError as error:
            print_error(error)
        except Exception as error:  # noqa: BLE001 - the exit status is the target's
            from callgraph_lab.launch.faults import reason_of  # noqa: PLC0415 - not for --help

            _tell_not_drawn(reason_of(error))
    status = recorded.outcome.status
    # A target that was stopped has the status of being stopped, which says nothing of the client.
    if recorded.drive_error is not None and (recorded.outcome.stopped_by or not status):
        status = recorded.drive_error.exit_status
    sys.exit(status)


def _tell_not_drawn(reason: str) -> None:
    print_error(
        CallgraphLabError(
            f"not all pictures were drawn: {reason}",
            hint="the recording is there: 'cglab render' and 'cglab sweep' draw it",
        )
    )


@click.command(
    cls=TargetCommand,
    epilog="""\b
Examples:
  cglab run --max-depth 4 ftpServer.py
  cglab run -m pyftpdlib -p 2121 -w
  cglab run --drive 'python examples/upload_client.py' examples/ftpServer.py
  cglab run --log-events events.jsonl --stall 100ms ftpServer.py""",
)
@max_depth_option
@query_options
@folder_option
@picture_options
@click.option("--no-render", is_flag=True, help="Only record; draw later with sweep or render.")
@record_options
def run(**arguments: Any) -> None:
    """Record SCRIPT, or -m MODULE, and draw its call graph.

    All that follows the target belongs to the target. Signals sent to cglab are passed on to it, as
    they are; pressed again within a second, Ctrl-C becomes SIGTERM, then SIGKILL. The recording is
    kept however it ends. The exit status is the target's, 128+n where signal n ended it.
    """
    query, pictures = query_of(arguments), pictures_of(arguments)
    max_depth, folder = arguments.pop("max_depth"), arguments.pop("folder")
    no_render = arguments.pop("no_render")
    from callgraph_lab.cli.loaded import apply_filters, check_filters  # noqa: PLC0415 - as below

    check_filters(query)
    if not no_render:
        check_color_of_run(pictures, memory=arguments["memory"])
    recorded = record_target(arguments, folder)
    if recorded is None:
        raise click.UsageError("Name a script to run, or -m MODULE.")

    def draw() -> None:
        from callgraph_lab.cli import drawing  # noqa: PLC0415 - not for --help

        loaded = apply_filters(recorded.entry, query)
        graph = loaded.graph(max_depth)
        drawing.tell_what_shows(loaded, graph)
        for drawn in drawing.draw_depths(loaded, [graph], folder, pictures):
            drawing.tell_files(drawn)

    draw_and_exit(recorded, (lambda: None) if no_render else draw)
