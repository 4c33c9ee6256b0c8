"""The programs that can lay a graph out, best first: how to call each, and what each needs.

The ``dot`` binary is what people know and have installed. pygraphviz's wheel carries Graphviz, but
not the libraries of a desktop (glib, X11) that it is linked with: a bare server has none, and the
module does not load there. graphviz-pure is one static program, a port of Graphviz with fonts of
its own, and draws everywhere.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from callgraph_lab.errors import LayoutError
from callgraph_lab.render.fonts import FONT_FAMILY

if TYPE_CHECKING:
    from collections.abc import Iterator

LayoutKind = Literal["dot binary", "pygraphviz", "graphviz-pure"]
CANNOT_LOAD = 3
"""Exit status of ``layout_worker`` where pygraphviz does not load."""

_WORKER = Path(__file__).with_name("layout_worker.py")
_PURE = "graphviz-pure"
_FONT_OF_PURE = "Arial"
"""It knows the widths of this family's letters, and not of ours, which are a little narrower."""


@dataclass(frozen=True, slots=True)
class LayoutProgram:
    """What lays out graphs here: its kind, and where it is."""

    kind: LayoutKind
    path: str

    def drawing_command(self, picture_format: str, dots_per_inch: int | None) -> list[str]:
        """Return the command that reads DOT on stdin and writes the picture to stdout."""
        if self.kind == "pygraphviz":
            return [*_worker_command(), picture_format, str(dots_per_inch or 0)]
        resolution = [] if dots_per_inch is None else [f"-Gdpi={dots_per_inch}"]
        return [self.path, *resolution, f"-T{picture_format}"]

    def version_command(self) -> list[str]:
        """Return the command that tells the version of Graphviz."""
        if self.kind == "pygraphviz":
            return [*_worker_command(), "--version"]
        return [self.path, "-V"]

    def cannot_load(self, status: int | None) -> bool:
        """Tell whether an exit status says that a library is missing, so that others may serve."""
        return self.kind == "pygraphviz" and status == CANNOT_LOAD

    def source(self, dot: str) -> str:
        """Return the DOT text as this program wants it."""
        if self.kind == "graphviz-pure":
            return dot.replace(f"fontname={FONT_FAMILY}", f"fontname={_FONT_OF_PURE}")
        return dot

    def finished(self, svg: bytes) -> bytes:
        """Return its SVG with our font family, whatever it was laid out with."""
        if self.kind == "graphviz-pure":
            ours, its = (f'font-family="{name}"'.encode() for name in (FONT_FAMILY, _FONT_OF_PURE))
            return svg.replace(its, ours)
        return svg


def layout_programs() -> Iterator[LayoutProgram]:
    """Yield what is installed here, best first. pygraphviz may still turn out not to load."""
    path = shutil.which("dot")
    if path is not None:
        yield LayoutProgram("dot binary", path)
        return
    spec = find_spec("pygraphviz")
    if spec is not None and spec.origin is not None:
        yield LayoutProgram("pygraphviz", spec.origin)
    pure = shutil.which(_PURE, path=sysconfig.get_path("scripts")) or shutil.which(_PURE)
    if pure is not None:
        yield LayoutProgram("graphviz-pure", pure)


def no_layout_program() -> LayoutError:
    """Return the error that says what to install."""
    return LayoutError(
        "No Graphviz here: no dot binary on PATH, no pygraphviz that loads, no graphviz-pure.",
        hint="Run: pip install graphviz-pure",
    )


def _worker_command() -> list[str]:
    # -P: the worker's folder must not offer our modules in place of the standard library's.
    return [sys.executable, "-P", "-W", "ignore", str(_WORKER)]
