"""Graphviz, always in a child process: the ``dot`` binary on the path, else pygraphviz.

The wheel of pygraphviz carries Graphviz itself, so a machine without ``dot`` still gets pictures. No
other module starts Graphviz. A layout that takes too long, crashes or complains ends as a
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
FINE_DPI, PLAIN_DPI, LOWEST_DPI = 144, 96, 64
"""At 64 dots an inch the small text of a box is 9 pixels high: the least that can be read."""
MOST_FINE_PIXELS = 12_000_000

_WORKER = Path(__file__).with_name("layout_worker.py")
_POINTS_AN_INCH = 72
_SVG_SIZE = re.compile(rb'<svg width="([0-9.]+)pt" height="([0-9.]+)pt"')
_LINES_OF_STDERR = 3

LayoutKind = Literal["dot binary", "pygraphviz"]


@dataclass(frozen=True, slots=True)
class LayoutProgram:
    """What lays out graphs here: its kind, and where it is."""

    kind: LayoutKind
    path: str

    def command(self, picture_format: str, dots_per_inch: int | None) -> list[str]:
        """Return the command that reads DOT on stdin and writes the picture to stdout."""
        if self.kind == "dot binary":
            resolution = [] if dots_per_inch is None else [f"-Gdpi={dots_per_inch}"]
            return [self.path, *resolution, f"-T{picture_format}"]
        # -P: the worker's own folder must not offer our modules in place of the standard library's.
        return [
            sys.executable,
            *("-P", "-W", "ignore"),
            str(_WORKER),
            picture_format,
            str(dots_per_inch or 0),
        ]


@dataclass(frozen=True, slots=True)
class Layout:
    """The pictures made from one DOT text, by format, and why any other was left out."""

    images: Mapping[str, bytes]
    skipped: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LayoutJob:
    """One DOT text to lay out, the formats wanted (``svg``, ``png``), and a name for messages."""

    name: str
    dot: str
    formats: tuple[str, ...] = ("svg", "png")


@dataclass(slots=True)
class _Children:
    """The child processes of one call, so that all can be ended when it is given up."""

    running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    given_up: bool = False

    def add(self, child: subprocess.Popen[bytes]) -> None:
        with self.lock:
            self.running.add(child)
            if self.given_up:
                child.kill()

    def remove(self, child: subprocess.Popen[bytes]) -> None:
        with self.lock:
            self.running.discard(child)

    def end(self) -> None:
        with self.lock:
            self.given_up = True
            for child in self.running:
                child.kill()


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


def lay_out(job: LayoutJob, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> Layout:
    """Lay one graph out and return its pictures.

    A PNG that would be too large at any legible resolution is left out, and ``skipped`` says so.
    Raises LayoutError where Graphviz fails, crashes or takes longer than ``timeout_s``.
    """
    return _lay_out(job, timeout_s, _Children())


def lay_out_many(
    jobs: Sequence[LayoutJob],
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    workers: int | None = None,
    on_done: Callable[[int, Layout | CallgraphLabError], None] | None = None,
) -> list[Layout | CallgraphLabError]:
    """Lay several graphs out in parallel, one child process each, and return them in order.

    A job that fails has its error in its place. ``on_done`` is called in this thread as each one
    ends, with its index. An exception here (Ctrl-C) ends the children and passes on.
    """
    results: list[Layout | CallgraphLabError] = [LayoutError("not laid out")] * len(jobs)
    children = _Children()
    with ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1) as executor:
        futures = {
            executor.submit(_outcome, job, timeout_s, children): index
            for index, job in enumerate(jobs)
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
    return results


def png_resolution(width_points: float, height_points: float) -> int | None:
    """Return the dots an inch for a PNG of a picture of that size, or None if none is legible.

    Fine where that stays a small picture, else plain, else as coarse as the limits demand.
    """
    inches_wide, inches_high = width_points / _POINTS_AN_INCH, height_points / _POINTS_AN_INCH
    area = inches_wide * inches_high
    if area * FINE_DPI**2 <= MOST_FINE_PIXELS:
        wanted = FINE_DPI
    else:
        wanted = PLAIN_DPI
    # One pixel less: Graphviz rounds the size up.
    fitting = min(
        (MOST_PIXELS_A_SIDE - 1) / max(inches_wide, inches_high, 1e-9),
        math.sqrt(MOST_PIXELS / max(area, 1e-9)),
    )
    dots_per_inch = min(wanted, math.floor(fitting))
    return dots_per_inch if dots_per_inch >= LOWEST_DPI else None


def _outcome(job: LayoutJob, timeout_s: float, children: _Children) -> Layout | CallgraphLabError:
    try:
        return _lay_out(job, timeout_s, children)
    except CallgraphLabError as error:
        return error


def _lay_out(job: LayoutJob, timeout_s: float, children: _Children) -> Layout:
    program = find_layout_program()
    # The vector picture first, even where only a PNG is wanted: it tells how large that would be.
    svg = _run(program, job, "svg", None, timeout_s, children)
    size = _SVG_SIZE.search(svg)
    if size is None or not svg.rstrip().endswith(b"</svg>"):
        raise _failed(job, f"{program.kind} made no complete SVG")
    images, skipped = {}, {}
    for picture_format in job.formats:
        if picture_format == "svg":
            images["svg"] = svg
            continue
        width_points, height_points = float(size[1]), float(size[2])
        dots_per_inch = png_resolution(width_points, height_points)
        if dots_per_inch is None:
            pixels = [round(side * LOWEST_DPI / _POINTS_AN_INCH) for side in (width_points, height_points)]
            skipped[picture_format] = (
                f"no {picture_format.upper()}: it would be {pixels[0]:,} x {pixels[1]:,} pixels"
                f" where the limit is {MOST_PIXELS_A_SIDE:,} a side; the SVG has it all"
            )
            continue
        images[picture_format] = _run(
            program, job, picture_format, dots_per_inch, timeout_s, children
        )
    return Layout(images, skipped)


def _run(
    program: LayoutProgram,
    job: LayoutJob,
    picture_format: str,
    dots_per_inch: int | None,
    timeout_s: float,
    children: _Children,
) -> bytes:
    try:
        child = subprocess.Popen(
            program.command(picture_format, dots_per_inch),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_child_environment(),
            start_new_session=True,  # a Ctrl-C is for us; we end the children ourselves
        )
    except OSError as error:
        raise _failed(job, f"{program.path} does not start: {error.strerror or error}") from error
    children.add(child)
    try:
        picture, complaints = child.communicate(job.dot.encode(), timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise LayoutError(
            f"Laying out {job.name} took longer than {timeout_s:g} s and was stopped.",
            hint="Show less: a smaller --max-depth, a filter, or a smaller --max-nodes.",
        ) from error
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
        children.remove(child)
    if child.returncode != 0:
        raise _failed(job, _reason(program, child.returncode, complaints))
    return picture


def _child_environment() -> dict[str, str]:
    # Pango chooses faces by language, and Graphviz takes sizes by locale: the same everywhere.
    ours = {"LC_ALL": "C.UTF-8", **fontconfig_environment()}
    dropped = {"FONTCONFIG_PATH", "FONTCONFIG_SYSROOT", "PANGO_LANGUAGE", "LANGUAGE", "FC_DEBUG"}
    return {name: value for name, value in os.environ.items() if name not in dropped} | ours


def _reason(program: LayoutProgram, status: int, complaints: bytes) -> str:
    lines = complaints.decode(errors="replace").strip().splitlines()
    told = f": {' '.join(lines[-_LINES_OF_STDERR:])}" if lines else ""
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = str(-status)
        return f"{program.kind} was killed by signal {name}{told}"
    return f"{program.kind} failed with status {status}{told}"


def _failed(job: LayoutJob, reason: str) -> LayoutError:
    return LayoutError(
        f"{job.name} could not be laid out: {reason}.",
        hint="The DOT file can be laid out by hand; `cglab doctor` tells what is used here.",
    )
