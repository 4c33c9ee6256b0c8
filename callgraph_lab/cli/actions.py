"""``cglab actions``: what clients did, how often, and what it cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import folder_option, json_option, recording_argument

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from callgraph_lab.action_model import RecordedAction
    from callgraph_lab.actions.table import ActionSummary
    from callgraph_lab.model import Recording


_MEMORY_TITLES = ("allocated", "freed", "net")


@click.command(
    epilog="""\b
Examples:
  cglab actions
  cglab actions ftpServer-20261123-141502 --format json
  cglab render --action STOR         the graph of one of them"""
)
@recording_argument
@folder_option
@json_option
def actions(recording: str | None, folder: Path, output_format: str) -> None:
    """List what clients did in a RECORDING (the newest by default), and what it cost.

    They come in the order in which they first began; work for no client comes last. Calls and
    functions are all that served an action, those that a filter hides, too. Wall is the time spent
    in these calls, CPU what of it a processor worked; p50, p95 and max are of the times from begin
    to end. With memory (run --memory): what was allocated, freed, and is still held of it.
    """
    from callgraph_lab.actions.table import summarize_actions  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.loaded import find_recording  # noqa: PLC0415
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415

    loaded = catalog.load(find_recording(recording, folder))
    summaries = summarize_actions(loaded)
    if output_format == "json":
        print_json({"schema": 1, "actions": [action_document(item) for item in summaries]})
    elif summaries:
        _print(summaries)
    for remark in _remarks(loaded, summaries):
        say(remark)


def action_document(item: ActionSummary) -> dict[str, Any]:
    """Return an action's row as JSON has it."""
    action = item.action
    return {
        "name": action.name,
        "background": action.background,
        "count": action.count,
        "ended": action.ended,
        "unended": item.unended.by_ending,
        "sessions": action.sessions,
        "sessions_at_least": action.sessions_at_least,
        "calls": item.calls,
        "functions": item.functions,
        "wall_ns": item.wall_ns,
        "cpu_ns": action.cpu_ns,
        "duration_ns": action.duration_ns,
        "p50_ns": item.p50_ns,
        "p95_ns": item.p95_ns,
        "max_ns": item.max_ns,
        "bytes": action.bytes,
        "instances": item.instances,
        "dropped": action.dropped,
        "memory": None if item.memory is None else asdict(item.memory),
    }


def _print(summaries: Sequence[ActionSummary]) -> None:
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415 - not for --help
    from callgraph_lab.render.text import duration, size  # noqa: PLC0415

    has_memory = any(item.memory is not None for item in summaries)
    titles = ("times", "sessions", "calls", "functions", "wall", "CPU", "p50", "p95", "max")
    print_table(
        (
            TableColumn("action"),
            *(TableColumn(title, number=True) for title in (*titles, "bytes")),
            *(TableColumn(title, number=True) for title in _MEMORY_TITLES if has_memory),
        ),
        [
            (
                item.action.name,
                "-" if item.action.background else _times(item),
                "-" if item.action.background else _sessions(item.action),
                f"{item.calls:,}",
                f"{item.functions:,}",
                duration(item.wall_ns),
                duration(item.action.cpu_ns),
                *(
                    duration(value) if item.instances else "-"
                    for value in (item.p50_ns, item.p95_ns, item.max_ns)
                ),
                f"{item.action.bytes:,}" if item.action.bytes else "-",
                *(
                    size(value)
                    for memory in (item.memory,)
                    if memory is not None
                    for value in (memory.allocated_bytes, memory.freed_bytes, memory.net_bytes)
                ),
            )
            for item in summaries
        ],
    )


def _times(item: ActionSummary) -> str:
    from callgraph_lab.render.ending_text import open_calls_cell  # noqa: PLC0415 - not for --help

    unended = open_calls_cell(item.unended)
    return f"{item.action.count:,}" + (f" ({unended})" if unended else "")


def _sessions(action: RecordedAction) -> str:
    return f"{'at least ' if action.sessions_at_least else ''}{action.sessions:,}"


def _remarks(recording: Recording, summaries: Sequence[ActionSummary]) -> list[str]:
    """Return what a reader of the table should know."""
    dropped = sum(item.action.dropped for item in summaries)
    if dropped:
        left_out = (
            f"p50, p95 and max leave out {dropped:,} of the times: no record of them was kept"
        )
        return [f"{left_out}; see --keep-instances of 'cglab run'"]
    if not recording.event_map.maps:
        return [f"{recording.run.name} has no actions: {why_no_actions(recording)}"]
    if all(item.action.background for item in summaries):
        maps = ", ".join(recording.event_map.maps)
        return [f"nothing in it began an action by the event maps {maps}; docs/actions.md helps"]
    return []


def why_no_actions(recording: Recording) -> str:
    """Return the reason why there are none in a recording without them."""
    if recording.event_map.maps:
        return f"nothing in it began one by the event maps {', '.join(recording.event_map.maps)}"
    if recording.run.engine == "native":
        return "it was recorded with --event-map none"
    return f"the engine {recording.run.engine} tells none apart, the engine native does"
