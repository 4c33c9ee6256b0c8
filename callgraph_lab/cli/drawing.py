"""Draw graphs into the files that the options name, and say what was made."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from callgraph_lab.cli.messages import say
from callgraph_lab.errors import LayoutError, OutputError, UsageError
from callgraph_lab.recording.guarded_file import make_parents
from callgraph_lab.render.files import write_atomically
from callgraph_lab.render.heat import has_memory, is_of_memory
from callgraph_lab.render.json_graph import graph_document, json_text
from callgraph_lab.render.pictures import (
    DrawnPicture,
    PictureJob,
    PictureText,
    draw_many,
    draw_texts,
)
from callgraph_lab.render.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from callgraph_lab.cli.loaded import LoadedRecording
    from callgraph_lab.cli.options import PictureOptions
    from callgraph_lab.model import CallGraph
    from callgraph_lab.render.heat import HeatBy

_UNFIT_FOR_A_NAME = re.compile(r"[^\w.+-]+")
_LONGEST_ACTION_IN_A_NAME = 40
_TIME_OF_RECORDING = re.compile(r"-\d{8}-\d{6}(-\d+)?$")


@dataclass(frozen=True, slots=True)
class DrawnGraph:
    """A graph at a depth, and the files it was drawn into.

    ``remarks`` are sentences on what was left out, or may show badly, and why.
    """

    depth: int
    graph: CallGraph
    files: tuple[Path, ...]
    remarks: tuple[str, ...]


def picture_stem(loaded: LoadedRecording, depth: int, heat_by: HeatBy = "time") -> str:
    """Return the name of a picture's files without the ending: ``ftpServer-STOR.depth-4``.

    One that is not coloured by time has a name of its own: ``ftpServer-memory.depth-4``.
    """
    name = _TIME_OF_RECORDING.sub("", loaded.entry.path.name.removesuffix(".cglab"))
    for part in (loaded.options.action, loaded.options.nth):
        if part is not None:
            name += f"-{_UNFIT_FOR_A_NAME.sub('_', part)[:_LONGEST_ACTION_IN_A_NAME]}"
    if heat_by != "time":
        name += f"-{heat_by}"
    return f"{name}.depth-{depth}"


def check_color(heat_by: HeatBy, graphs: Sequence[CallGraph]) -> None:
    """Raise ``UsageError`` where boxes are to show memory that was not counted."""
    if is_of_memory(heat_by) and not any(has_memory(graph.nodes) for graph in graphs):
        raise UsageError(
            f"--color {heat_by}: no memory was counted in what is to be drawn",
            hint="record with 'cglab run --memory'; of the time after a mark it is not known",
        )


def draw_depths(  # noqa: PLR0913 - options, by keyword
    loaded: LoadedRecording,
    graphs: Sequence[CallGraph],
    folder: Path,
    options: PictureOptions,
    *,
    name: str | None = None,
    on_done: Callable[[], None] = lambda: None,
) -> list[DrawnGraph]:
    """Draw graphs of several depths in parallel. Raise ``OutputError`` if a file fails.

    The files are called after the recording and the depth, a single graph's after ``name``.
    """
    check_color(options.heat_by, graphs)
    check_folder(folder)
    stems = [
        folder / (name or picture_stem(loaded, graph.query.max_depth or 0, options.heat_by))
        for graph in graphs
    ]
    pictures = draw_many(
        [PictureJob(graph, stem) for graph, stem in zip(graphs, stems, strict=True)],
        loaded.recording.run,
        formats=[name for name in options.formats if name != "json"],
        max_nodes=options.max_nodes,
        links=options.links,
        heat_by=options.heat_by,
        timeout_s=options.timeout_s,
        mode=loaded.entry.mode,
        on_done=lambda _job, _picture: on_done(),
    )
    return [
        _with_json(loaded, graph, stem, picture, options)
        for graph, stem, picture in zip(graphs, stems, pictures, strict=True)
    ]


def _with_json(
    loaded: LoadedRecording,
    graph: CallGraph,
    stem: Path,
    picture: DrawnPicture,
    options: PictureOptions,
) -> DrawnGraph:
    files = dict(picture.files)
    if "json" in options.formats:
        files["json"] = stem.parent / f"{stem.name}.json"
        write_atomically(files["json"], json_bytes(loaded, graph), loaded.entry.mode)
    return DrawnGraph(
        depth=graph.query.max_depth or 0,
        graph=graph,
        files=tuple(files[name] for name in options.formats if name in files),
        remarks=(
            *(f"no {name}: {reason}" for name, reason in picture.skipped.items()),
            *picture.notes,
        ),
    )


def json_bytes(loaded: LoadedRecording, graph: CallGraph) -> bytes:
    """Return a graph as JSON text."""
    recording = loaded.recording
    document = graph_document(
        graph, recording.run, processes=recording.processes, threads=recording.threads
    )
    return json_text(document).encode()


def check_folder(folder: Path) -> None:
    """Raise ``OutputError`` where pictures cannot be written to ``folder``, before any is made."""
    try:
        make_parents(folder)
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror}", hint="choose another folder with --out"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"cannot write to {folder}: permission denied", hint="choose another folder with --out"
        )


def draw_text(dot: str, path: Path, options: PictureOptions) -> None:
    """Draw DOT text into one file and say so. Raise ``LayoutError`` where it cannot be drawn."""
    check_folder(path.parent)
    (picture,) = draw_texts(
        [PictureText(dot, path.with_suffix(""))],
        formats=options.formats,
        timeout_s=options.timeout_s,
    )
    for name, reason in picture.skipped.items():
        raise LayoutError(f"no {name}: {reason}", hint="a .dot file needs no layout")
    say(f"wrote {path}")
    for note in picture.notes:
        say(note)


def tell_what_shows(loaded: LoadedRecording, graph: CallGraph) -> None:
    """Say what a graph shows, by which filter, and what is hidden."""
    functions = sum(node.function.kind != "thread" for node in graph.nodes)
    depth = graph.query.max_depth
    where = f"down to depth {depth} (the deepest is {graph.deepest})"
    if depth is None:
        where = "at any depth"
    filters = ", ".join(loaded.filter_set.names)
    for note in loaded.recording.run.notes:
        say(f"note: {note}")
    of_action = ""
    if graph.query.action is not None:
        of_action = f" of {graph.query.nth or 'every'} {graph.query.action}"
    say(f"{count(functions, 'function')}{of_action} {where}, filter {filters}")
    if loaded.filter_set.choice and "auto" in (loaded.options.filters or ("auto",)):
        say(loaded.filter_set.choice)
    if graph.hidden:
        rules = "; ".join(
            f"{count(rule.functions, 'function')} by {rule.rule}" for rule in graph.hidden[:3]
        )
        hidden = count(graph.hidden_functions, "function")
        say(f"hidden: {hidden}, {count(graph.hidden_calls, 'call')} ({rules})")
        if not functions:
            say(_why_nothing_shows(loaded, graph))


def _why_nothing_shows(loaded: LoadedRecording, graph: CallGraph) -> str:
    """Name the rule to change. A full name begins with the module, which is easily forgotten."""
    for glob in loaded.options.include:
        meant = [
            item.name
            for item in loaded.recording.functions
            if item.kind != "thread" and fnmatchcase(item.name, f"*.{glob}")
        ]
        if meant and not any(fnmatchcase(name, glob) for name in meant):
            return f"nothing is left to show: for {meant[0]} write --include '*.{glob}'"
    return (
        f"nothing is left to show: {graph.hidden[0].rule} hid the most; "
        "see it all with --filter none"
    )


def tell_files(drawn: DrawnGraph) -> None:
    """Say which files were made, and what is not as it should be."""
    if drawn.files:
        say("wrote " + ", ".join(str(path) for path in drawn.files))
    for remark in drawn.remarks:
        say(remark)
