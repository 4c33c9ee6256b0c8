"""What the page of ``cglab view`` knows of a recording: JSON, schema 1.

``viewer/src/payload.ts`` says the same in TypeScript, and what each key means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from callgraph_lab.filtering.program import program_facts
from callgraph_lab.model import NO_PARENT
from callgraph_lab.recording.seen_events import LONGEST_PATH, session_text
from callgraph_lab.render.links import link_to
from callgraph_lab.render.viewer_filters import automatic_choices, preset_documents
from callgraph_lab.render.viewer_slices import SliceChoice, slice_documents
from callgraph_lab.render.viewer_sources import snippets_of
from callgraph_lab.resources.at_moment import reading, resampled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from callgraph_lab.model import DepthBy, Function, Recording
    from callgraph_lab.recording.source_files import SourceFiles
    from callgraph_lab.render.links import Links
    from callgraph_lab.resource_model import ResourceReading

SCHEMA = 1
MOST_EVENTS = 5_000
MOST_BANDS = 5_000
MOST_SAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class ViewQuery:
    """What a page shows at first, and what it is to hold. Everything in it can be changed there."""

    filters: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    stdlib: bool | None = None
    max_depth: int | None = 4
    depth_by: DepthBy = "visible"
    max_nodes: int = 80
    chosen: SliceChoice = field(default_factory=SliceChoice)
    process: int | None = None
    links: Links = "none"
    sources: SourceFiles | None = None
    """What reads the source of functions, where it is to be on the page."""


@dataclass(frozen=True, slots=True)
class Told:
    """What other commands tell of the same recording, as their JSON has it.

    ``events`` are the lines of its newest events, in its order.
    """

    actions: Sequence[Mapping[str, Any]] = ()
    phases: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
    events: Sequence[Mapping[str, Any]] = ()


def viewer_document(
    recording: Recording, query: ViewQuery, told: Told, *, is_running: bool = False
) -> dict[str, Any]:
    """Return the data of a page as one JSON-ready dictionary.

    Raises FilterError and UsageError where the query asks for what is not there.
    """
    slices, slices_left_out = slice_documents(recording, query.chosen)
    sources, changed = (
        ({}, []) if query.sources is None else snippets_of(recording.functions, query.sources)
    )
    bands = _bands(recording)
    events = _events(recording, told.events[-MOST_EVENTS:])
    return {
        "schema": SCHEMA,
        "recording": _run(recording, is_running=is_running),
        "functions": function_documents(recording.functions, query.links),
        "slices": slices,
        "slices_left_out": slices_left_out,
        "filters": preset_documents(query.filters),
        "auto": automatic_choices(recording.functions),
        "query": {
            "filters": list(query.filters),
            "include": list(query.include),
            "exclude": list(query.exclude),
            "stdlib": query.stdlib,
            "max_depth": query.max_depth,
            "depth_by": query.depth_by,
            "slice": query.chosen.key,
            "process": query.process,
            "max_nodes": query.max_nodes,
        },
        "actions": list(told.actions),
        "phases": {name: list(phases) for name, phases in (told.phases or {}).items()},
        "events": events,
        "events_dropped": recording.events_dropped + len(recording.events) - len(events),
        "marks": [{"name": mark.name, "moment_ns": mark.moment_ns} for mark in recording.marks],
        "resources": _resources(recording),
        "action_bands": bands[-MOST_BANDS:],
        "action_bands_dropped": sum(item.dropped for item in recording.actions)
        + max(len(bands) - MOST_BANDS, 0),
        "sources": sources,
        "changed_files": changed,
    }


def _run(recording: Recording, *, is_running: bool) -> dict[str, Any]:
    run = recording.run
    return {
        "name": run.name,
        "target": run.target,
        "argv": list(run.argv),
        "python": run.python,
        "engine": run.engine,
        "started": run.started,
        "duration_ns": run.duration_ns,
        "complete": run.complete,
        "running": is_running,
        "exit_status": run.exit_status,
        "notes": list(run.notes),
        "processes": [
            {
                "pid": process.pid,
                "parent_pid": process.parent_pid,
                "argv": list(process.argv),
                "processes": process.processes,
                "running": process.running,
                "ending": process.ending,
                "stop_reason": process.stop_reason,
            }
            for process in recording.processes
        ],
    }


def function_documents(functions: Sequence[Function], links: Links) -> list[dict[str, Any]]:
    """Return what a page knows of each function."""
    facts = program_facts(functions)
    return [
        {
            "name": function.name,
            "short_name": function.short_name,
            "module": function.module,
            "qualname": function.qualname,
            "class": function.class_name,
            "defined_in": function.defined_in,
            "file": function.file,
            "line": function.line,
            "stdlib": function.stdlib,
            "kind": function.kind,
            "ancestors": list(function.ancestors),
            "pycallgraph2_name": function.pycallgraph2_name,
            "is_target": facts.is_target(function),
            "is_import_code": facts.is_import_code(function),
            "link": link_to(function, links),
        }
        for function in functions
    ]


def _events(recording: Recording, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the events with their paths as indices of functions, which take less room."""
    documents = []
    newest = recording.events[-len(lines) :] if lines else ()
    for event, line in zip(newest, lines, strict=True):
        document = {key: line[key] for key in line.keys() - {"path", "file", "line"}}
        documents.append({**document, "path": _path_to(recording, event.context)})
    return documents


def _path_to(recording: Recording, context: int | None) -> list[int]:
    tree = recording.tree
    path: list[int] = []
    while context is not None and len(path) < LONGEST_PATH and tree.parent[context] != NO_PARENT:
        path.append(tree.function[context])
        context = tree.parent[context]
    return path[::-1]


def _bands(recording: Recording) -> list[dict[str, Any]]:
    """Return when instances of actions began and ended, those for a client only."""
    return [
        {
            "name": recording.actions[item.action].name,
            "detail": item.detail,
            "begin_ns": item.begin_ns,
            "end_ns": item.begin_ns + item.duration_ns(recording.run.duration_ns),
            "ending": item.ending,
            "session": session_text(item.session),
        }
        for item in sorted(recording.instances, key=lambda item: item.begin_ns)
        if not recording.actions[item.action].background
    ]


def _resources(recording: Recording) -> dict[str, Any] | None:
    series = recording.resources
    if not len(series):
        return None
    if len(series) <= MOST_SAMPLES:
        readings = [reading(series, index) for index in range(len(series))]
    else:
        end_ns = max(recording.run.duration_ns, series.moment_ns[-1])
        readings = resampled(series, MOST_SAMPLES, end_ns)
    curves: tuple[tuple[str, str, Sequence[float]], ...] = (
        ("CPU", "%", [round(item.cpu_percent, 1) for item in readings]),
        ("memory (RSS)", "B", _column(readings, "rss_bytes")),
        ("descriptors", "", _column(readings, "descriptors")),
        ("threads", "", _column(readings, "threads")),
        ("processes", "", _column(readings, "processes")),
    )
    return {
        "moments_ns": _column(readings, "moment_ns"),
        "series": [
            {"name": name, "unit": unit, "values": list(values)} for name, unit, values in curves
        ],
    }


def _column(readings: Sequence[ResourceReading], name: str) -> list[int]:
    return [getattr(item, name) for item in readings]
