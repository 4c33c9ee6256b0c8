"""Fonts inside an SVG: the few letters that a picture uses, so that any viewer shows it alike.

Graphviz sized the boxes for Roboto. A browser that has none would take another face, with other
widths, and text would run over the edges of its box. A face cut down to a picture's characters is
a few kilobytes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import string
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from callgraph_lab.errors import OutputError
from callgraph_lab.render.files import write_atomically
from callgraph_lab.render.fonts import (
    FONT_FAMILY,
    cache_folders,
    is_cjk,
    packaged_cjk_font,
    text_font_folder,
)

if TYPE_CHECKING:
    from pathlib import Path

CJK_FAMILY = "callgraph-lab-cjk"
_USUAL = string.ascii_letters + string.digits + string.punctuation + " \xa0·…µ"
"""Always in a face: most pictures use nothing else, so that their faces are made only once.

Graphviz writes the second of two spaces as a no-break space (``\\xa0``)."""
_FACE_OF_SIMPLIFIED_CHINESE = 2
"""The number of its face in the collection of the extra ``cjk`` (see ``fonts``)."""


@dataclass(frozen=True, slots=True)
class _Face:
    """A font file, and the CSS that says which text it is for."""

    path: Path
    number: int
    family: str
    weight: Literal["normal", "bold"] = "normal"
    style: Literal["normal", "italic"] = "normal"


def font_css(text: str, *, italic_text: str = "") -> str:
    """Return CSS that carries the characters of ``text`` in the faces of a picture, and uses them.

    ``italic_text`` is what stands in italics, all within ``text``. Where a face is missing or
    cannot be cut, the CSS does without it and names faces that viewers are likely to have.
    """
    rules = []
    families = [FONT_FAMILY]
    folder = text_font_folder()
    if folder is not None:
        usual = set(_USUAL) | set(text)
        rules.append(_rule(_Face(folder / "Roboto-Regular.ttf", -1, FONT_FAMILY), usual))
        bold = _Face(folder / "Roboto-Bold.ttf", -1, FONT_FAMILY, weight="bold")
        rules.append(_rule(bold, usual))
        if italic_text:
            italic = _Face(folder / "Roboto-Italic.ttf", -1, FONT_FAMILY, style="italic")
            rules.append(_rule(italic, set(_USUAL) | set(italic_text)))
    cjk = packaged_cjk_font()
    cjk_characters = {char for char in text if is_cjk(char)}
    if cjk is not None and cjk_characters:
        rules.append(_rule(_Face(cjk, _FACE_OF_SIMPLIFIED_CHINESE, CJK_FAMILY), cjk_characters))
        families.append(CJK_FAMILY)
    names = ",".join([*(f'"{family}"' for family in families), "Helvetica", "Arial", "sans-serif"])
    # Else browsers on Linux round the width of every letter to whole pixels.
    return "".join([*rules, f"text{{font-family:{names};text-rendering:geometricPrecision}}"])


def _rule(face: _Face, characters: set[str]) -> str:
    data = _cut(face, "".join(sorted(characters)))
    if data is None:
        return ""
    encoded = base64.b64encode(data).decode("ascii")
    return (
        f'@font-face{{font-family:"{face.family}";font-weight:{face.weight};'
        f"font-style:{face.style};src:url(data:font/woff;base64,{encoded})}}"
    )


def _cut(face: _Face, characters: str) -> bytes | None:
    """Return the face with these characters alone, as WOFF; None where that fails."""
    if set(characters) != set(_USUAL):
        return _subset(face, characters)
    # The one that nearly every picture uses is kept, others would pile up.
    digest = hashlib.sha256(f"{face.path}\0{characters}".encode(errors="replace")).hexdigest()[:16]
    paths = [folder / f"{face.path.stem}-{digest}.woff" for folder in cache_folders()]
    for path in paths:
        with suppress(OSError):
            return path.read_bytes()
    data = _subset(face, characters)
    if data is not None:
        for path in paths:
            with suppress(OutputError):  # a cache that cannot be written is only slower
                write_atomically(path, data)
                break
    return data


def _subset(face: _Face, characters: str) -> bytes | None:
    from fontTools.subset import Options, Subsetter  # noqa: PLC0415 - slow, and seldom needed
    from fontTools.ttLib import TTFont, TTLibError  # noqa: PLC0415

    options = Options()
    options.layout_features = ["kern", "mark", "mkmk", "ccmp"]
    options.hinting = False
    options.name_IDs = []
    options.notdef_outline = True
    try:
        with (
            face.path.open("rb") as source,
            TTFont(source, fontNumber=face.number, lazy=True) as font,
        ):
            subsetter = Subsetter(options)
            subsetter.populate(text=characters)
            subsetter.subset(font)
            font.flavor = "woff"
            file = io.BytesIO()
            font.save(file)
    except (OSError, TTLibError):
        return None
    return file.getvalue()
