"""``cglab events``: what sensors noticed, as a table, as lines of JSON, or as it happens."""

from __future__ import annotations

import sys
import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import folder_option, recording_argument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from callgraph_lab.cli.tables import TableColumn
    from callgraph_lab.model import Recording
    from callgraph_lab.recording import catalog

_LOOK_EVERY_S = 0.2
_INTERRUPTED = 130
_WIDTHS = (12, 17, 10, 9, 7, 6, 4, 4)
"""Of the columns where events are printed as they come: room for what is usual."""
_MOST_CALLS_TOLD = 50
"""So many calls a table shows of the way to an event, the innermost ones."""


@click.command(
    epilog="""\b
Examples:
  cglab events
  cglab events --sensor 'upload-*'
  cglab events --sensor loop-stalled --format jsonl
  cglab events --follow --format jsonl
  cglab events --follow              of a running recording, from another terminal"""
)
@recording_argument
@click.option(
    "--follow", is_flag=True, help="Go on with events as they come, until the run has ended."
)
@click.option(
    "--sensor",
    "sensors",
    multiple=True,
    metavar="NAME",
    help="Only events of this sensor; a glob, too.",
)
@click.option(
    "--action",
    "actions",
    multiple=True,
    metavar="NAME",
    help="Only events of this action; a glob, too.",
)
@folder_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "jsonl"]),
    default="table",
    show_default=True,
    help="A table, or a line of JSON for each event.",
)
def events(
    recording: str | None, folder: Path, output_format: str, *, follow: bool, **only: Any
) -> None:
    """Print the events of a RECORDING (the newest by default): what its sensors noticed.

    A sensor of an event map turns calls into events (logged-in, upload-finished); loop-stalled is a
    pass of the event loop that worked longer than a threshold, with the calls that held it. Memory
    and CPU are those of the sample after the event.
    """
    from callgraph_lab.cli.loaded import find_recording  # noqa: PLC0415 - not for --help

    entry = find_recording(recording, folder)
    wanted = _Wanted(only["sensors"], only["actions"])
    if follow:
        _follow(entry, wanted, _print_lines if output_format == "jsonl" else _table_to_come())
    else:
        _show(entry, wanted, is_table=output_format == "table")


class _Wanted:
    """Which events to show."""

    def __init__(self, sensors: Sequence[str], actions: Sequence[str]) -> None:
        self._filters = [
            (key, [pattern.casefold() for pattern in patterns])
            for key, patterns in (("sensor", sensors), ("action", actions))
            if patterns
        ]

    def those_of(self, lines: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the lines that are wanted."""
        for line in lines:
            if all(_fits(line[key] or "", patterns) for key, patterns in self._filters):
                yield line

    def check(self, recording: Recording) -> None:
        """Raise ``UsageError`` for names that nothing in the recording has; list what there is."""
        from callgraph_lab.action_model import STALL_SENSOR  # noqa: PLC0415 - not for --help
        from callgraph_lab.errors import UsageError  # noqa: PLC0415

        sensors = [sensor.name for sensor in recording.event_map.sensors]
        sensors += [STALL_SENSOR] if recording.event_map.stall_ns else []
        sensors += sorted({event.sensor for event in recording.events} - set(sensors))
        known = {"sensor": sensors, "action": [item.name for item in recording.actions]}
        for key, patterns in self._filters:
            for pattern in patterns:
                if not any(_fits(name, [pattern]) for name in known[key]):
                    there_is = ", ".join(known[key]) or "none at all"
                    raise UsageError(
                        f"the recording has no {key} {pattern!r}", hint=f"it has {there_is}"
                    )


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.casefold(), pattern) for pattern in patterns)


def _show(entry: catalog.Entry, wanted: _Wanted, *, is_table: bool) -> None:
    from callgraph_lab.actions.event_lines import lines_of  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415

    loaded = catalog.load(entry)
    wanted.check(loaded)
    lines = wanted.those_of(lines_of(loaded))
    if is_table:
        _print_table(lines)
    else:
        _print_lines(lines)
    if loaded.events_dropped:
        say(f"{loaded.events_dropped:,} earlier events are not in the recording any more")
    if not loaded.events:
        say(f"{loaded.run.name} has no events: {_why_none(loaded)}")


def _why_none(recording: Recording) -> str:
    if recording.event_map.maps:
        return f"no sensor of the event maps {', '.join(recording.event_map.maps)} noticed anything"
    if recording.run.engine != "native":
        return f"the engine {recording.run.engine} has no sensors, the engine native has"
    return "it was recorded with --event-map none"


def _follow(
    entry: catalog.Entry, wanted: _Wanted, show: Callable[[Iterable[dict[str, Any]]], None]
) -> None:
    """Print events until the run has ended, then what only the finished recording tells."""
    from callgraph_lab import cost  # noqa: PLC0415 - not for --help
    from callgraph_lab.actions.event_lines import LiveEventLines, lines_of  # noqa: PLC0415
    from callgraph_lab.cli.messages import say  # noqa: PLC0415 - not for --help
    from callgraph_lab.recording import catalog  # noqa: PLC0415
    from callgraph_lab.recording.running import is_running  # noqa: PLC0415

    if entry.live_folder is None:
        loaded = catalog.load(entry)
        wanted.check(loaded)
        show(wanted.those_of(lines_of(loaded)))
        return
    live = LiveEventLines(entry.live_folder)
    try:
        goes_on = True
        while goes_on:
            cost.renew()
            goes_on = is_running(entry.live_folder)
            show(wanted.those_of(live.poll(time.monotonic_ns())))
            if goes_on:
                time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    show(wanted.those_of(live.rest(catalog.load(entry))))
    if live.lost:
        say(f"{live.lost:,} events came too fast to be printed")


def _print_lines(lines: Iterable[dict[str, Any]]) -> None:
    from callgraph_lab.cli.printing import print_json_line  # noqa: PLC0415 - not for --help

    for line in lines:
        print_json_line(line)


def _print_table(lines: Iterable[dict[str, Any]]) -> None:
    from callgraph_lab.cli.tables import print_table  # noqa: PLC0415 - not for --help

    rows = [_row(line) for line in lines]
    if rows:
        print_table(_columns(), rows)


def _table_to_come() -> Callable[[Iterable[dict[str, Any]]], None]:
    from callgraph_lab.cli.tables import GrowingTable  # noqa: PLC0415 - not for --help

    table = GrowingTable(_columns(), _WIDTHS)
    return lambda lines: table.print_rows(map(_row, lines))


def _columns() -> tuple[TableColumn, ...]:
    from callgraph_lab.cli.tables import TableColumn  # noqa: PLC0415 - not for --help

    return (
        TableColumn("time"),
        TableColumn("event"),
        TableColumn("action"),
        TableColumn("session"),
        TableColumn("lasted", number=True),
        TableColumn("RSS", number=True),
        TableColumn("CPU", number=True),
        TableColumn("what"),
    )


def _row(line: dict[str, Any]) -> tuple[str, ...]:
    from callgraph_lab.render.text import duration  # noqa: PLC0415 - not for --help
    from callgraph_lab.resources.heartbeat import in_mebibytes  # noqa: PLC0415

    return (
        line["time"][11:23],
        line["sensor"],
        line["action"] or "-",
        line["session"] or "-",
        duration(line["duration_ns"]) if line["duration_ns"] else "-",
        "-" if line["rss_bytes"] is None else in_mebibytes(line["rss_bytes"]),
        "-" if line["cpu_percent"] is None else f"{line['cpu_percent']:.0f}%",
        _what(line),
    )


def _what(line: dict[str, Any]) -> str:
    """Return an event's fields; of one without any, the calls that led there."""
    told = " ".join(f"{key}={value}" for key, value in line["fields"].items())
    if told:
        return told
    path = line["path"]
    names = [".".join(name.split(".")[-2:]) for name in path[-_MOST_CALLS_TOLD:]]
    return " -> ".join(["..."] * (len(path) > len(names)) + names)
