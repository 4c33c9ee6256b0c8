"""Graphviz, always in a child process: the ``dot`` binary on the path, else pygraphviz.

The wheel of pygraphviz carries Graphviz itself, so a machine without ``dot`` still gets pictures.
No other module starts Graphviz. A layout that takes too long, crashes or complains ends as a
``LayoutError``; it never takes this process with it.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from callgraph_lab.errors import CallgraphLabError, LayoutError
from callgraph_lab.render.fonts import fontconfig_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DEFAULT_TIMEOUT_S = 60.0
MOST_PIXELS_A_SIDE = 16_000
MOST_PIXELS = 120_000_000
"""Of a whole PNG: Graphviz needs 4 bytes for each while it draws."""
MOST_FINE_PIXELS = 12_000_000
"""A PNG drawn at ``FINE_DPI`` has at most so many."""
FINE_DPI, PLAIN_DPI, LOWEST_DPI = 144, 96, 64
"""At 64 dots an inch the small text of a box is 9 pixels high: the least that can be read."""

_WORKER = Path(__file__).with_name("layout_worker.py")
_POINTS_AN_INCH = 72
_SVG_SIZE = re.compile(rb'<svg width="([0-9.]+)pt" height="([0-9.]+)pt"')
_VERSION = re.compile(rb"[0-9]+(\.[0-9]+)+")
_LINES_OF_STDERR = 3

LayoutKind = Literal["dot binary", "pygraphviz"]


@dataclass(frozen=True, slots=True)
class LayoutProgram:
    """What lays out graphs here: its kind, and where it is."""

    kind: LayoutKind
    path: str

    def drawing_command(self, picture_format: str, dots_per_inch: int | None) -> list[str]:
        """Return the command that reads DOT on stdin and writes the picture to stdout."""
        if self.kind == "dot binary":
            resolution = [] if dots_per_inch is None else [f"-Gdpi={dots_per_inch}"]
            return [self.path, *resolution, f"-T{picture_format}"]
        return [*_worker_command(), picture_format, str(dots_per_inch or 0)]

    def version_command(self) -> list[str]:
        """Return the command that tells the version of Graphviz."""
        if self.kind == "dot binary":
            return [self.path, "-V"]
        return [*_worker_command(), "--version"]


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


def find_layout_program() -> LayoutProgram:
    """Return what can lay out graphs here. Raises LayoutError where nothing can."""
    path = shutil.which("dot")
    if path is not None:
        return LayoutProgram("dot binary", path)
    spec = find_spec("pygraphviz")
    if spec is not None and spec.origin is not None:
        return LayoutProgram("pygraphviz", spec.origin)
    raise LayoutError(
        "No Graphviz here: neither a dot binary on PATH nor the package pygraphviz.",
        hint="Run: pip install pygraphviz",
    )


def layout_version(program: LayoutProgram) -> str:
    """Return the version of Graphviz itself, as it says. Raises LayoutError where it does not."""
    try:
        told = _Children(DEFAULT_TIMEOUT_S).run(program.version_command(), b"", "the version")
    except _ChildFailedError as error:
        raise LayoutError(f"{program.kind} {error}.") from error
    version = _VERSION.search(told)
    if version is None:
        raise LayoutError(f"{program.kind} does not tell its version.")
    return version[0].decode()


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
    results: dict[int, Layout | CallgraphLabError] = {}
    children = _Children(timeout_s)
    with ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1) as executor:
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


def png_resolution(width_points: float, height_points: float) -> int | None:
    """Return the dots an inch for a PNG of a picture of that size, or None if none is legible.

    Fine where that stays a small picture, else plain, else as coarse as the limits demand.
    """
    inches_wide, inches_high = width_points / _POINTS_AN_INCH, height_points / _POINTS_AN_INCH
    square_inches = inches_wide * inches_high
    wanted = FINE_DPI if square_inches * FINE_DPI**2 <= MOST_FINE_PIXELS else PLAIN_DPI
    # A pixel less than allowed: Graphviz rounds the size up.
    fitting = min(
        (MOST_PIXELS_A_SIDE - 1) / max(inches_wide, inches_high),
        math.sqrt(MOST_PIXELS / square_inches),
    )
    dots_per_inch = min(wanted, math.floor(fitting))
    return dots_per_inch if dots_per_inch >= LOWEST_DPI else None


class _ChildFailedError(Exception):
    """A child process did not do its work; says how it ended, as the rest of a sentence."""


@dataclass(slots=True)
class _Children:
    """The child processes of one call, so that all of them can be ended when it is given up."""

    timeout_s: float
    running: set[subprocess.Popen[bytes]] = field(default_factory=set)
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
            raise _ChildFailedError(_ending(child.returncode, complaints))
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
    program = find_layout_program()
    # The vector picture first, even where only a PNG is wanted: it tells how large that would be.
    svg = _draw(program, job, children, "svg")
    size = _SVG_SIZE.search(svg)
    if size is None:
        raise _failed(program, job, "wrote no SVG")
    images, skipped = {}, {}
    for picture_format in job.formats:
        if picture_format == "svg":
            images["svg"] = svg
            continue
        dots_per_inch = png_resolution(float(size[1]), float(size[2]))
        if dots_per_inch is None:
            skipped[picture_format] = _too_large(float(size[1]), float(size[2]))
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
    try:
        return children.run(command, job.dot.encode(), job.name)
    except _ChildFailedError as error:
        raise _failed(program, job, str(error)) from error


def _failed(program: LayoutProgram, job: LayoutJob, reason: str) -> LayoutError:
    return LayoutError(
        f"{job.name} could not be laid out: {program.kind} {reason}.",
        hint="The DOT file can be laid out by hand; `cglab doctor` tells what is used here.",
    )


def _too_large(width_points: float, height_points: float) -> str:
    width, height = (round(x * LOWEST_DPI / _POINTS_AN_INCH) for x in (width_points, height_points))
    return (
        f"a legible PNG would be {width:,} x {height:,} pixels, and the limit is"
        f" {MOST_PIXELS_A_SIDE:,} a side; the SVG shows all of it"
    )


def _ending(status: int, complaints: bytes) -> str:
    lines = complaints.decode(errors="replace").strip().splitlines()
    told = f": {' '.join(lines[-_LINES_OF_STDERR:])}" if lines else ""
    if status > 0:
        return f"failed with status {status}{told}"
    names = {each.value: each.name for each in signal.Signals}
    return f"was killed by {names.get(-status, f'signal {-status}')}{told}"


def _worker_command() -> list[str]:
    # -P: the worker's folder must not offer our modules in place of the standard library's.
    return [sys.executable, "-P", "-W", "ignore", str(_WORKER)]


def _child_environment() -> dict[str, str]:
    # Pango chooses faces by language, and Graphviz reads numbers by locale: the same everywhere.
    ours = {"LC_ALL": "C.UTF-8", **fontconfig_environment()}
    dropped = {"FONTCONFIG_PATH", "FONTCONFIG_SYSROOT", "PANGO_LANGUAGE", "LANGUAGE", "FC_DEBUG"}
    return {name: value for name, value in os.environ.items() if name not in dropped} | ours
