"""``cglab list``, ``info`` and ``rm``: the recordings of a folder."""

from __future__ import annotations

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


@click.command("list", epilog="Example: cglab list --format json")
@folder_option
@json_option
def list_recordings(folder: Path, output_format: str) -> None:
    """List the recordings of a folder, newest first; running ones are marked."""
    from callgraph_lab.cli.loaded import fold_abandoned  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415
    from callgraph_lab.render.text import duration  # noqa: PLC0415

    fold_abandoned(folder)
    described = [_describe(entry) for entry in catalog.entries(folder)]
    if output_format == "json":
        print_json({"schema": 1, "recordings": described})
        return
    if not described:
        say(f"there is no recording in {folder} yet; make one: cglab run SCRIPT.py")
        return
    print_table(
        (
            TableColumn("recording"),
            TableColumn("state"),
            TableColumn("engine"),
            TableColumn("started"),
            TableColumn("duration", number=True),
            TableColumn("size", number=True),
        ),
        [
            (
                item["name"],
                item["state"],
                item["engine"],
                item["started"][:19].replace("T", " "),
                duration(item["duration_ns"]) if item["duration_ns"] else "-",
                _size(item["size_bytes"]),
            )
            for item in described
        ],
    )


def _describe(entry: Entry) -> dict[str, Any]:
    from callgraph_lab.errors import RecordingError  # noqa: PLC0415 - not for --help
    from callgraph_lab.recording import catalog  # noqa: PLC0415

    description: dict[str, Any] = {
        "name": entry.path.name,
        "path": str(entry.path),
        "state": "running" if entry.running else "finished",
        "size_bytes": entry.size_bytes,
        "engine": "-",
        "started": "-",
        "duration_ns": 0,
    }
    if not entry.readable:
        return {**description, "state": "not yours to read"}
    try:
        run = catalog.load_run(entry)
    except RecordingError:
        return {**description, "state": "damaged"}
    return {
        **description,
        "engine": run.engine,
        "started": run.started,
        "duration_ns": run.duration_ns,
    }


def _size(size_bytes: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size_bytes < 1000:  # noqa: PLR2004 - the units are decimal
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} GB"


@click.command(epilog="Example: cglab info ftpServer-20261123-141502")
@recording_argument
@folder_option
@json_option
def info(recording: str | None, folder: Path, output_format: str) -> None:
    """Tell what a RECORDING (the newest by default) holds: run, processes, threads, totals."""
    from callgraph_lab.cli.loaded import find_recording  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415
    from callgraph_lab.render.memory_text import seen_memory_text  # noqa: PLC0415
    from callgraph_lab.resources.seen_memory import seen_memory  # noqa: PLC0415

    entry = find_recording(recording, folder)
    loaded = catalog.load(entry)
    facts = _facts(entry, loaded)
    if output_format == "json":
        print_json(facts)
        return
    seen = seen_memory(loaded)
    _print_facts(
        facts, [] if seen is None else [("memory", seen_memory_text(seen, running=entry.running))]
    )


def _facts(entry: Entry, recording: Recording) -> dict[str, Any]:
    from callgraph_lab.graph.endings import OpenCallsAt  # noqa: PLC0415 - not for --help
    from callgraph_lab.render.memory_text import seen_memory_document  # noqa: PLC0415
    from callgraph_lab.resources.seen_memory import seen_memory  # noqa: PLC0415

    run, tree = recording.run, recording.tree
    open_calls = OpenCallsAt(recording)
    unreturned = open_calls.among(open_calls.contexts())
    threads = [
        {
            "pid": item.pid,
            "name": item.name,
            "threads": item.threads,
            "alive": item.alive,
            "ending": item.ending,
        }
        for item in recording.threads
    ]
    processes = [
        {
            "pid": item.pid,
            "parent_pid": item.parent_pid,
            "argv": list(item.argv),
            "running": item.running,
            "ending": item.ending,
            "stop_reason": item.stop_reason,
            "processes": item.processes,
            "peak_bytes": item.peak_bytes,
        }
        for item in recording.processes
    ]
    return {
        "schema": 1,
        "name": run.name,
        "path": str(entry.path),
        "target": run.target,
        "argv": list(run.argv),
        "python": run.python,
        "engine": run.engine,
        "started": run.started,
        "duration_ns": run.duration_ns,
        "complete": run.complete,
        "running": entry.running,
        "exit_status": run.exit_status,
        "functions": sum(item.kind != "thread" for item in recording.functions),
        "contexts": len(tree) - len(recording.threads),
        "calls": sum(tree.calls) - sum(tree.calls[item.root] for item in recording.threads),
        "resumes": sum(tree.resumes),
        "open_calls": unreturned.total,
        "open_calls_by_ending": unreturned.by_ending,
        "memory": seen_memory_document(seen_memory(recording)),
        "processes": processes,
        "threads": threads,
        "notes": list(run.notes),
    }


def _print_facts(facts: dict[str, Any], more_rows: list[tuple[str, str]]) -> None:
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415
    from callgraph_lab.ending_model import OpenCalls  # noqa: PLC0415
    from callgraph_lab.render.ending_text import open_calls_text  # noqa: PLC0415
    from callgraph_lab.render.text import duration  # noqa: PLC0415

    status = facts["exit_status"]
    ended = "is running" if facts["running"] else f"ended with exit status {status}"
    if status is None and not facts["running"]:
        ended = "was not seen ending (cglab was killed)"
        if facts["complete"]:
            ended = "went on when trace() had recorded its part"
    rows = [
        ("recording", facts["path"]),
        ("target", " ".join(facts["argv"]) or facts["target"]),
        ("started", facts["started"]),
        ("lasted", duration(facts["duration_ns"])),
        ("the target", ended),
        ("engine", f"{facts['engine']}, Python {facts['python']}"),
        ("calls", f"{facts['calls']:,} calls, {facts['resumes']:,} resumes"),
        ("functions", f"{facts['functions']:,} in {facts['contexts']:,} contexts"),
        ("open calls", open_calls_text(OpenCalls(**facts["open_calls_by_ending"])) or "0"),
        *more_rows,
    ]
    rows += _process_rows(facts)
    rows += [("note", note) for note in facts["notes"]]
    print_table((TableColumn("what"), TableColumn("value")), rows)


_ENDINGS = {"killed": "killed", "replaced": "ran another program then (exec)"}
"""What is said of a process that did not just leave."""


def _process_rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a row for each pid: its threads, and what more there is to say of it."""
    from callgraph_lab.render.text import size  # noqa: PLC0415 - not for --help

    threads: dict[int, list[str]] = {item["pid"]: [] for item in facts["processes"]}
    for item in facts["threads"]:
        count = f" (x{item['threads']})" if item["threads"] > 1 else ""
        threads[item["pid"]].append(item["name"] + count)
    commands: dict[int, list[str]] = {pid: [] for pid in threads}
    for item in facts["processes"]:
        if item["ending"] in _ENDINGS:
            commands[item["pid"]].append(_ENDINGS[item["ending"]])
        if item["processes"] > 1:
            commands[item["pid"]].append(f"with {item['processes'] - 1:,} more that have ended")
        if item["peak_bytes"] is not None:
            commands[item["pid"]].append(f"held {size(item['peak_bytes'])} at most")
        if item["argv"] and item["argv"] != facts["processes"][0]["argv"]:
            words = " ".join(item["argv"]).split()
            commands[item["pid"]].append(_shortened(f"ran {' '.join(words)}"))
    return [
        (f"process {pid}", "; ".join([", ".join(names), *commands[pid]]))
        for pid, names in threads.items()
    ]


def _shortened(text: str) -> str:
    most = 60
    return text if len(text) <= most else f"{text[: most - 3]}..."


@click.command("rm", epilog="Example: cglab rm --keep 5")
@click.argument("recordings", nargs=-1, shell_complete=complete_recordings)
@click.option(
    "--keep", type=click.IntRange(min=0), metavar="N", help="Delete all but the N newest."
)
@folder_option
def remove(recordings: tuple[str, ...], keep: int | None, folder: Path) -> None:
    """Delete RECORDINGS, or with --keep all but the newest. Running ones stay."""
    from callgraph_lab.cli.loaded import fold_abandoned  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415

    if bool(recordings) == (keep is not None):
        raise click.UsageError("Name the recordings to delete, or give --keep N.")
    if keep is None:
        doomed = [_recording_to_delete(name, folder) for name in recordings]
    else:
        fold_abandoned(folder)
        old = catalog.entries(folder)[keep:]
        doomed = [entry for entry in old if entry.readable and not entry.running]
    for entry in doomed:
        catalog.remove(entry)
        say(f"deleted {entry.path}")
    if not doomed:
        say("there was nothing to delete")


def _recording_to_delete(name: str, folder: Path) -> Entry:
    from callgraph_lab.errors import RecordingError  # noqa: PLC0415 - not for --help
    from callgraph_lab.recording import catalog  # noqa: PLC0415

    entry = catalog.find(name, folder)
    # Any path may be given where a recording is read; what is deleted must be called like one.
    if entry.path.suffix != catalog.RECORDING_SUFFIX:
        raise RecordingError(
            f"{name} is not called like a recording, so it was not deleted",
            hint=f"'cglab list' shows those in {folder}",
        )
    return entry
