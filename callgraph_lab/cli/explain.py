"""``cglab explain``: what an action does, phase by phase, in the order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.action_model import NTH_CHOICES
from callgraph_lab.cli.options import (
    complete_slices,
    filter_options,
    folder_option,
    json_option,
    query_of,
    recording_option,
)

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.action_model import Nth
    from callgraph_lab.actions.explain import ExplainedPhase, Explanation, Preparation
    from callgraph_lab.actions.phases import PhaseFunction, PhaseWork


@click.command(
    epilog="""\b
Examples:
  cglab explain STOR                 what uploading is
  cglab explain LIST --nth first
  cglab explain RETR --format json"""
)
@click.argument("action", shell_complete=complete_slices)
@recording_option
@click.option("--nth", type=click.Choice(NTH_CHOICES), help="Only the slowest, first or last time.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=12,
    show_default=True,
    metavar="N",
    help="Show only so many functions of a phase, those that took the most time.",
)
@filter_options
@folder_option
@json_option
def explain(
    action: str, recording: str | None, folder: Path, nth: Nth | None, **arguments: Any
) -> None:
    """Say what ACTION does: its phases in the order of time, with the functions of each.

    A phase's functions come in the order in which they were first called, with where they are, how
    often they were called, how many passes of the event loop came to them, and their time (with
    that of callees which are hidden). Phases are a matter of the event map.
    """
    from callgraph_lab.actions.explain import explain_action  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.actions import why_no_actions  # noqa: PLC0415
    from callgraph_lab.cli.loaded import load_recording  # noqa: PLC0415
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.errors import UsageError  # noqa: PLC0415

    loaded = load_recording(recording, folder, query_of(arguments))
    if not loaded.recording.actions:
        raise UsageError(
            f"{loaded.recording.run.name} has no actions: {why_no_actions(loaded.recording)}",
            hint="cglab run with the engine native and an event map tells them apart",
        )
    explanation = explain_action(loaded.recording, action, nth, loaded.decisions)
    if arguments["output_format"] == "json":
        print_json(_as_json(explanation, nth))
    else:
        _print(explanation, nth, arguments["limit"])


def _as_json(explanation: Explanation, nth: Nth | None) -> dict[str, Any]:
    return {
        "schema": 1,
        "actions": list(explanation.names),
        "nth": nth,
        "count": explanation.count,
        "sessions": explanation.sessions,
        "sessions_at_least": explanation.sessions_at_least,
        "instances": explanation.instances,
        "unended": explanation.unended.by_ending,
        "p50_ns": explanation.duration_ns,
        "passes": explanation.passes,
        "passes_are_known": explanation.passes_are_known,
        "bytes": explanation.bytes,
        "phases": [phase_document(phase) for phase in explanation.phases],
    }


def phase_document(phase: ExplainedPhase) -> dict[str, Any]:
    """Return a phase of an action as JSON has it."""
    return {
        "name": phase.name,
        "sentence": phase.sentence,
        "begins_after_ns": phase.begins_after_ns,
        "lasts_ns": phase.lasts_ns,
        **_work_as_json(phase.work),
        "prepared": [
            {
                "action": item.action,
                "count": item.times,
                "for_this": item.for_this,
                **_work_as_json(item.work),
            }
            for item in phase.prepared
        ],
    }


def _work_as_json(work: PhaseWork) -> dict[str, Any]:
    return {
        "calls": work.calls,
        "passes": work.passes,
        "time_ns": work.time_ns,
        "hidden_functions": work.hidden_functions,
        "functions": [
            {
                "name": item.function.name,
                "qualname": item.function.qualname,
                "file": item.function.file,
                "line": item.function.line,
                "calls": item.calls,
                "resumes": item.resumes,
                "passes": item.passes,
                "time_ns": item.time_ns,
            }
            for item in work.functions
        ],
    }


def _print(explanation: Explanation, nth: Nth | None, limit: int) -> None:
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415
    from callgraph_lab.render.ending_text import open_calls_text  # noqa: PLC0415
    from callgraph_lab.render.text import count, duration  # noqa: PLC0415

    names = ", ".join(explanation.names)
    if nth:
        told = f"{names}, the {nth} one"
    elif explanation.count:
        told = f"{names}: {count(explanation.count, 'time')}"
    else:
        told = f"{names}: work that serves no session"
    if explanation.unended.total:
        told += f" ({open_calls_text(explanation.unended)})"
    if explanation.instances:
        told += f", {'' if nth else 'median '}{duration(explanation.duration_ns)} from begin to end"
        at_least = "" if explanation.passes_are_known else "at least "
        told += f", {at_least}{count(explanation.passes, 'pass', 'passes')} of the event loop"
    if explanation.bytes:
        told += f", {count(explanation.bytes, 'byte')}"
    print_line(told)
    at_most = "" if explanation.passes_are_known or not explanation.instances else "at most "
    for number, phase in enumerate(explanation.phases, 1):
        print_line()
        print_line(f"{number}. {_headline(phase, at_most)}", bold=True)
        print_line(f"   {phase.sentence}")
        for item in phase.prepared:
            print_line(f"   {_sentence_of(item, names)}")
        _print_functions(phase, limit)


def _headline(phase: ExplainedPhase, at_most: str) -> str:
    from callgraph_lab.render.text import count, duration  # noqa: PLC0415 - not for --help

    work = phase.work
    passes = f"{at_most}{count(work.passes, 'pass', 'passes')} of the event loop"
    told = f"{phase.name}: {count(work.calls, 'call')}, {passes}, {duration(work.time_ns)} of work"
    if phase.begins_after_ns is not None:
        told += f"; begins after {duration(phase.begins_after_ns)}"
    if phase.lasts_ns:
        told += f", lasts {duration(phase.lasts_ns)}"
    return told


def _sentence_of(item: Preparation, names: str) -> str:
    """Return which action prepared the phase, and of how many times its figures are."""
    from callgraph_lab.render.text import count, duration  # noqa: PLC0415 - not for --help

    work = item.work
    told = (
        f"Prepared for it by {item.action} of the same session, before:"
        f" {count(work.calls, 'call')}, {duration(work.time_ns)} of work"
    )
    if item.times == item.for_this:
        return f"{told}."
    return f"{told}; that is of all {item.times:,}, of which {item.for_this:,} were for {names}."


def _print_functions(phase: ExplainedPhase, limit: int) -> None:
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415 - as above
    from callgraph_lab.render.text import count  # noqa: PLC0415

    rows: list[tuple[str, ...]] = []
    left_out = 0
    for action, work in (
        *((item.action, item.work) for item in phase.prepared),
        ("", phase.work),
    ):
        heaviest = sorted(work.functions, key=lambda item: -item.time_ns)[:limit]
        left_out += len(work.functions) - len(heaviest)
        kept = set(map(id, heaviest))
        rows += [_row(item, action) for item in work.functions if id(item) in kept]
    if rows:
        columns = [
            TableColumn("function"),
            TableColumn("calls", number=True),
            TableColumn("passes", number=True),
            TableColumn("time", number=True),
            TableColumn("where"),
        ]
        if phase.prepared:
            columns.append(TableColumn("done by"))
        print_table(columns, [row[: len(columns)] for row in rows])
    if left_out:
        print_line(f"   and {count(left_out, 'function')} that took less; see --limit")


def _row(item: PhaseFunction, action: str) -> tuple[str, ...]:
    from callgraph_lab.cli.functions import place_of  # noqa: PLC0415 - not for --help
    from callgraph_lab.render.text import duration  # noqa: PLC0415

    return (
        item.function.short_name,
        f"{item.calls:,}" + (f" +{item.resumes:,}" if item.resumes else ""),
        f"{item.passes:,}",
        duration(item.time_ns),
        place_of(item.function),
        action,
    )
