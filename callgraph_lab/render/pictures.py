"""Pictures in files: DOT, SVG and PNG of one graph, or of many in parallel for a sweep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callgraph_lab.errors import CallgraphLabError, UsageError
from callgraph_lab.recording.open_folder import PRIVATE
from callgraph_lab.render.budget import DEFAULT_MAX_NODES
from callgraph_lab.render.files import remove_stale, write_atomically
from callgraph_lab.render.fonts import CJK_EXTRA, cjk_font, is_cjk
from callgraph_lab.render.layout import DEFAULT_TIMEOUT_S, LayoutJob, lay_out_many
from callgraph_lab.render.svg import finish_svg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from callgraph_lab.model import CallGraph, RunInformation
    from callgraph_lab.render.heat import HeatBy
    from callgraph_lab.render.layout import Layout
    from callgraph_lab.render.links import Links

PICTURE_FORMATS = ("dot", "svg", "png")
_LAID_OUT = ("svg", "png")


@dataclass(frozen=True, slots=True)
class PictureJob:
    """One graph to draw, and the path of its files without the ``.svg`` at the end."""

    graph: CallGraph
    path_stem: Path


@dataclass(frozen=True, slots=True)
class PictureText:
    """The DOT source of one picture, and the path of its files without the ``.svg`` at the end."""

    dot: str
    path_stem: Path


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """The files that one graph was drawn into, by format, and why any other was left out.

    ``notes`` are sentences about what the files may show badly.
    """

    files: Mapping[str, Path]
    skipped: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def draw(  # noqa: PLR0913 - options, each by keyword and with a default
    graph: CallGraph,
    run: RunInformation,
    *,
    path_stem: Path,
    formats: Sequence[str] = PICTURE_FORMATS,
    max_nodes: int = DEFAULT_MAX_NODES,
    links: Links = "none",
    heat_by: HeatBy = "time",
    timeout_s: float = DEFAULT_TIMEOUT_S,
    mode: int = PRIVATE,
) -> DrawnPicture:
    """Draw one graph into ``path_stem`` + ``.dot``, ``.svg``, ``.png``; return what was made.

    Where Graphviz fails or takes longer than ``timeout_s`` the DOT file is written all the same,
    and ``skipped`` says why there is no picture. Files of an earlier run that were not made anew
    are removed. Files are for their owner only, unless ``mode`` says more. Raises OutputError where
    a file cannot be written, UsageError for a format unknown.
    """
    return draw_many(
        [PictureJob(graph, path_stem)],
        run,
        formats=formats,
        max_nodes=max_nodes,
        links=links,
        heat_by=heat_by,
        timeout_s=timeout_s,
        mode=mode,
    )[0]


def draw_many(  # noqa: PLR0913 - as above
    jobs: Sequence[PictureJob],
    run: RunInformation,
    *,
    formats: Sequence[str] = PICTURE_FORMATS,
    max_nodes: int = DEFAULT_MAX_NODES,
    links: Links = "none",
    heat_by: HeatBy = "time",
    timeout_s: float = DEFAULT_TIMEOUT_S,
    mode: int = PRIVATE,
    workers: int | None = None,
    on_done: Callable[[PictureJob, DrawnPicture], None] | None = None,
) -> list[DrawnPicture]:
    """Draw several graphs as ``draw`` does, laid out in parallel; return them in order.

    ``on_done`` is called in this thread with each picture as it is finished.
    """
    from callgraph_lab.render.dot import dot_text  # noqa: PLC0415 - graphviz costs at every start

    _check_formats(formats)
    texts = [
        PictureText(
            dot_text(job.graph, run, max_nodes=max_nodes, links=links, heat_by=heat_by),
            job.path_stem,
        )
        for job in jobs
    ]

    def finish(index: int, picture: DrawnPicture) -> None:
        if on_done is not None:
            on_done(jobs[index], picture)

    return draw_texts(
        texts, formats=formats, timeout_s=timeout_s, mode=mode, workers=workers, on_done=finish
    )


def draw_texts(  # noqa: PLR0913 - as above
    jobs: Sequence[PictureText],
    *,
    formats: Sequence[str] = PICTURE_FORMATS,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    mode: int = PRIVATE,
    workers: int | None = None,
    on_done: Callable[[int, DrawnPicture], None] = lambda _index, _picture: None,
) -> list[DrawnPicture]:
    """Draw several DOT texts into files as ``draw`` does, in parallel; return them in order.

    ``on_done`` is called in this thread with the number of each job and its picture.
    """
    _check_formats(formats)
    laid_out = tuple(name for name in formats if name in _LAID_OUT)
    drawn: list[DrawnPicture] = [DrawnPicture({})] * len(jobs)
    for job in jobs:
        if "dot" in formats:  # before any layout, so that it is there whatever happens
            write_atomically(_path(job, "dot"), job.dot.encode(), mode)

    def finish(index: int, outcome: Layout | CallgraphLabError) -> None:
        drawn[index] = _write(jobs[index], outcome, formats, mode)
        on_done(index, drawn[index])

    if laid_out:
        layout_jobs = [
            LayoutJob(name=job.path_stem.name, dot=job.dot, formats=laid_out) for job in jobs
        ]
        lay_out_many(layout_jobs, timeout_s=timeout_s, workers=workers, on_done=finish)
    else:
        for index, job in enumerate(jobs):
            drawn[index] = DrawnPicture({"dot": _path(job, "dot")})
            on_done(index, drawn[index])
    return drawn


def _check_formats(formats: Sequence[str]) -> None:
    unknown = [name for name in formats if name not in PICTURE_FORMATS]
    if unknown:
        raise UsageError(
            f"There is no picture format {unknown[0]!r}.",
            hint=f"The formats are {', '.join(PICTURE_FORMATS)}.",
        )


def _write(
    job: PictureText, outcome: Layout | CallgraphLabError, formats: Sequence[str], mode: int
) -> DrawnPicture:
    files = {name: _path(job, name) for name in formats}
    images, skipped = _finished(job, outcome, formats)
    for name, image in images.items():
        write_atomically(files[name], image, mode)
    if not images and "dot" not in formats:
        files["dot"] = _path(job, "dot")  # what there is
        write_atomically(files["dot"], job.dot.encode(), mode)
    for name in skipped:
        remove_stale(files.pop(name))
    return DrawnPicture(files, skipped, _notes(job.dot) if "png" in files else ())


def _finished(
    job: PictureText, outcome: Layout | CallgraphLabError, formats: Sequence[str]
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the pictures to be written, and why each of the others is not there."""
    try:
        if isinstance(outcome, CallgraphLabError):
            raise outcome
        images = dict(outcome.images)
        if "svg" in images:
            images["svg"] = finish_svg(images["svg"], title=job.path_stem.name)
    except CallgraphLabError as error:
        return {}, {name: str(error) for name in formats if name in _LAID_OUT}
    return images, dict(outcome.skipped)


def _notes(text: str) -> tuple[str, ...]:
    if cjk_font() is not None or not any(is_cjk(char) for char in text):
        return ()
    note = (
        "Chinese, Japanese or Korean text shows as boxes in the PNG: no font here has it."
        f" Run: pip install 'callgraph_lab[{CJK_EXTRA}]'"
    )
    return (note,)


def _path(job: PictureText, picture_format: str) -> Path:
    # Not with_suffix: the stem has dots of its own ("ftpServer.depth-4").
    return job.path_stem.parent / f"{job.path_stem.name}.{picture_format}"
