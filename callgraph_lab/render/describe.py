"""What draws pictures on this machine, for ``cglab doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.errors import LayoutError
from callgraph_lab.render.fonts import (
    CJK_EXTRA,
    FONT_FAMILY,
    cjk_font,
    system_font_folders,
    text_font_folder,
)
from callgraph_lab.render.layout import find_layout_program

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.render.programs import LayoutKind


@dataclass(frozen=True, slots=True)
class LayoutDescription:
    """What lays graphs out and with which fonts. ``problems`` are sentences, each with a remedy."""

    kind: LayoutKind | None
    version: str
    """The version of Graphviz itself; empty where there is none."""
    path: str
    text_font: Path | None
    """The folder of Roboto's files."""
    cjk_font: Path | None
    """A font file with Chinese characters, ours or the system's."""
    system_font_folders: tuple[Path, ...]
    problems: tuple[str, ...]


def describe_layout() -> LayoutDescription:
    """Find out what is used here to draw pictures. Starts Graphviz to ask its version."""
    problems = []
    kind: LayoutKind | None = None
    version = path = ""
    try:
        program, version = find_layout_program()
        kind, path = program.kind, program.path
    except LayoutError as error:
        problems.append(f"{error} {error.hint}" if error.hint else str(error))
    text_font = text_font_folder()
    if text_font is None:
        problems.append(f"The font {FONT_FAMILY} is missing. Run: pip install font-roboto")
    chinese = cjk_font()
    if chinese is None:
        problems.append(
            "No font here has Chinese characters: they will show as boxes."
            f" Run: pip install 'callgraph_lab[{CJK_EXTRA}]'"
        )
    return LayoutDescription(
        kind=kind,
        version=version,
        path=path,
        text_font=text_font,
        cjk_font=chinese,
        system_font_folders=system_font_folders(),
        problems=tuple(problems),
    )
