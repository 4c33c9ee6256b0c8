"""Graphviz, always in a child process, by the first of ``programs`` that works here.

No other module starts Graphviz. A layout that takes too long, crashes or complains ends as a
``LayoutError``; it never takes this process with it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from callgraph_lab import cost
from callgraph_lab.errors import CallgraphLabError, LayoutError
from callgraph_lab.render.fonts import fontconfig_environment
from callgraph_lab.render.programs import (
    LayoutKind,
    LayoutProgram,
    layout_programs,
    no_layout_program,
)
from callgraph_lab.render.resolution import png_resolution, too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DEFAULT_TIMEOUT_S = 60.0
_SVG_SIZE = re.compile(rb'<svg width="([0-9.]+)pt" height="([0-9.]+)pt"')
_VERSION = re.compile(rb"(?:port of Graphviz |graphviz version |^)([0-9]+(?:\.[0-9]+)+)")
_LINES_OF_STDERR = 3
_HINT = "The DOT file can be laid out by hand; `cglab doctor` tells what is used here."
Result = TypeVar("Result")

_cannot_load: set[LayoutKind] = set()
"""What was found not to load in this process, so as not to try it for every picture."""


@dataclass(frozen=True, slots=True)
class LayoutJob:
    """One DOT text to lay out, the formats wanted (``svg``, ``png``), and a name for messages."""

    name: str
    dot: str
    formats: tuple[str, ...] = ("svg", "png")


@dataclass(frozen=True, slots=True)
class Layout:
    """The pictures made from one DOT text, by format, and why any other was left out."""

    images: Mapping[str, bytes]
    skipped: Mapping[str, str]


def find_layout_program() -> tuple[LayoutProgram, str]:
    """Return what lays out graphs here, and the version of Graphviz that it tells.

    Raises LayoutError where nothing can, or where what is there fails.
    """
    children = _Children(DEFAULT_TIMEOUT_S)

    def ask(program: LayoutProgram) -> tuple[LayoutProgram, str]:
        version = _VERSION.search(children.run(program.version_command(), b"", "the version"))
        if version is None:
            raise LayoutError(f"{program.kind} does not tell its version.")
        return program, version[1].decode()

    return _with_first_that_loads(ask, "")


def lay_out(job: LayoutJob, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> Layout:
    """Lay one graph out and return its pictures.

    A PNG that would be too large at any legible resolution is left out, and ``skipped`` says so.
    Raises LayoutError where Graphviz fails, crashes or takes longer than ``timeout_s``.
    """
    return _lay_out(job, _Children(timeout_s))


def lay_out_many(
    jobs: Sequence[LayoutJob],
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    workers: int | None = None,
    on_done: Callable[[int, Layout | CallgraphLabError], None] | None = None,
) -> list[Layout | CallgraphLabError]:
    """Lay several graphs out in parallel, in child processes, and return the results in order.

    A job that fails has its error in its place. ``on_done`` is called in this thread as each one
    ends, with its index. An exception here (Ctrl-C) ends the children and passes on.
    """
    # Options of the command line take their defaults from this module, so it loads quickly.
    from concurrent.futures import ThreadPoolExecutor, as_completed  # noqa: PLC0415

    results: dict[int, Layout | CallgraphLabError] = {}
    children = _Children(timeout_s)
    with ThreadPoolExecutor(max_workers=workers or len(os.sched_getaffinity(0))) as executor:
        futures = {
            executor.submit(_outcome, job, children): index for index, job in enumerate(jobs)
        }
        try:
            for future in as_completed(futures):
                index = futures[future]
                results[index] = future.result()
                if on_done is not None:
                    on_done(index, results[index])
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            children.end()
            raise
    return [results[index] for index in range(len(jobs))]


class _ChildFailedError(Exception):
    """A child process did not do its work; says how it ended, as the rest of a sentence."""

    def __init__(self, ending: str, status: int | None = None) -> None:
        super().__init__(ending)
        self.status = status


@dataclass(slots=True)
class _Children:
    """The child processes of one call, so that all of them can be ended when it is given up."""

    timeout_s: float
    running: set[subprocess.Popen[bytes]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Have them do without the limits of this process: a picture has a budget of its own."""
        cost.lift_memory()

    lock: threading.Lock = field(default_factory=threading.Lock)
    given_up: bool = False

    def run(self, command: list[str], text: bytes, what: str) -> bytes:
        """Return what ``command`` writes (stderr too if it wrote nothing else) from ``text``."""
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_child_environment(),
                start_new_session=True,  # a Ctrl-C is for us; we end the children ourselves
            )
        except OSError as error:
            raise _ChildFailedError(f"does not start: {error.strerror or error}") from error
        with self.lock:
            self.running.add(child)
            if self.given_up:
                child.kill()
        try:
            written, complaints = child.communicate(text, timeout=self.timeout_s)
        except subprocess.TimeoutExpired as error:
            raise LayoutError(
                f"Laying out {what} took longer than {self.timeout_s:g} s and was stopped.",
                hint="Show less: a smaller --max-depth, a filter, or a smaller --max-nodes.",
            ) from error
        finally:
            if child.poll() is None:
                child.kill()
                child.communicate()
            with self.lock:
                self.running.discard(child)
        if child.returncode != 0:
            raise _ChildFailedError(_ending(child.returncode, complaints), child.returncode)
        return written or complaints

    def end(self) -> None:
        """Kill every child, also those that are only starting."""
        with self.lock:
            self.given_up = True
            for child in self.running:
                child.kill()


def _outcome(job: LayoutJob, children: _Children) -> Layout | CallgraphLabError:
    try:
        return _lay_out(job, children)
    except CallgraphLabError as error:
        return error


def _lay_out(job: LayoutJob, children: _Children) -> Layout:
    return _with_first_that_loads(
        lambda program: _lay_out_with(program, job, children),
        f"{job.name} could not be laid out: ",
    )


def _with_first_that_loads(use: Callable[[LayoutProgram], Result], failure: str) -> Result:
    """Return what ``use`` makes of the best program; go on to the next where one cannot load.

    ``failure`` is how the sentence begins that says what failed, and why, anywhere else.
    """
    for program in layout_programs():
        if program.kind in _cannot_load:
            continue
        try:
            return use(program)
        except _ChildFailedError as error:
            if not program.cannot_load(error.status):
                hint = _HINT if failure else None
                raise LayoutError(f"{failure}{program.kind} {error}.", hint=hint) from error
            _cannot_load.add(program.kind)
    raise no_layout_program()


def _lay_out_with(program: LayoutProgram, job: LayoutJob, children: _Children) -> Layout:
    # The vector picture first, even where only a PNG is wanted: it tells how large that would be.
    svg = _draw(program, job, children, "svg")
    size = _SVG_SIZE.search(svg)
    if size is None:
        raise _ChildFailedError("wrote no SVG")
    images, skipped = {}, {}
    for picture_format in job.formats:
        if picture_format == "svg":
            images["svg"] = program.finished(svg)
            continue
        dots_per_inch = png_resolution(float(size[1]), float(size[2]))
        if dots_per_inch is None:
            skipped[picture_format] = too_large(float(size[1]), float(size[2]))
        else:
            images[picture_format] = _draw(program, job, children, picture_format, dots_per_inch)
    return Layout(images, skipped)


def _draw(
    program: LayoutProgram,
    job: LayoutJob,
    children: _Children,
    picture_format: str,
    dots_per_inch: int | None = None,
) -> bytes:
    command = program.drawing_command(picture_format, dots_per_inch)
    return children.run(command, program.source(job.dot).encode(), job.name)


def _ending(status: int, complaints: bytes) -> str:
    # Fontconfig reads the system's templates whatever its settings say, and may not know them all.
    lines = [
        line
        for line in complaints.decode(errors="replace").strip().splitlines()
        if not line.startswith("Fontconfig warning")
    ]
    told = f": {' '.join(lines[-_LINES_OF_STDERR:])}" if lines else ""
    if status > 0:
        return f"failed with status {status}{told}"
    names = {each.value: each.name for each in signal.Signals}
    return f"was killed by {names.get(-status, f'signal {-status}')}{told}"


def _child_environment() -> dict[str, str]:
    # Pango chooses faces by language, and Graphviz reads numbers by locale: the same everywhere.
    ours = {"LC_ALL": "C.UTF-8", **fontconfig_environment()}
    dropped = {"FONTCONFIG_PATH", "FONTCONFIG_SYSROOT", "PANGO_LANGUAGE", "LANGUAGE", "FC_DEBUG"}
    return {name: value for name, value in os.environ.items() if name not in dropped} | ours
