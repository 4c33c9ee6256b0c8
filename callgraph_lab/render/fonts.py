"""Fonts for Graphviz: a generated fontconfig file that makes text show, and alike, everywhere.

It names Roboto, which a dependency carries, the Chinese-Japanese-Korean font of the extra ``cjk``
where that is installed, and the folders where systems keep fonts. It does not include
``/etc/fonts``: that may be missing, or written for another version of fontconfig, which then
complains on stderr about elements it does not know.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from callgraph_lab.errors import OutputError
from callgraph_lab.render.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable

FONT_FAMILY = "Roboto"
CJK_EXTRA = "cjk"
"""The extra of this package that brings a Chinese-Japanese-Korean font."""

_TEXT_FONT_PACKAGE, _TEXT_FONT_FOLDER = "font_roboto", "files"
_CJK_FONT_PACKAGE, _CJK_FONT_FILE = "noto_cjk_sans_otc", "NotoSansCJK-Regular.ttc"
# The order in which families fill in for characters that Roboto does not have. Simplified Chinese
# comes first of the Noto faces, which differ in the shapes of Han characters only.
_FALLBACK_FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "Noto Sans",
    "DejaVu Sans",
    "sans-serif",
)
CJK_SAMPLE = "\u4e2d\u6587\u4ef6"
"""Common Chinese characters: a font that has them is taken for one that can show Chinese."""
_CJK_BLOCKS = (
    (0x1100, 0x11FF),  # Hangul letters
    (0x2E80, 0xA4CF),  # radicals, kana, Bopomofo, Han, Yi
    (0xAC00, 0xD7FF),  # Hangul syllables
    (0xF900, 0xFAFF),  # compatibility ideographs
    (0xFF00, 0xFFEF),  # full-width and half-width forms
    (0x20000, 0x3FFFF),  # Han beyond the first plane
)
_FONT_SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_LEAST_CJK_BYTES = 1_000_000
_LIKELY_CJK = re.compile(
    "cjk|sourcehan|wqy|wenquan|fallback|uming|ukai|simsun|simhei|msyh|pingfang|heiti|(sc|tc)[-.]",
    re.IGNORECASE,
)
_SYSTEM_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/X11/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
)


def text_font_folder() -> Path | None:
    """Return the folder with Roboto's font files, or None where the dependency is missing."""
    return _inside_package(_TEXT_FONT_PACKAGE, _TEXT_FONT_FOLDER)


def packaged_cjk_font() -> Path | None:
    """Return the font file that the extra ``cjk`` brings, or None where it is not installed."""
    return _inside_package(_CJK_FONT_PACKAGE, _CJK_FONT_FILE)


def system_font_folders() -> tuple[Path, ...]:
    """Return the folders where this system and this user keep fonts, those that exist."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises where there is none
    data_home = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    folders = [Path(folder) for folder in _SYSTEM_FOLDERS]
    folders += [data_home / "fonts", home / ".fonts", home / "Library/Fonts"]
    return tuple(dict.fromkeys(folder for folder in folders if folder.is_dir()))


def cjk_font() -> Path | None:
    """Return a font file with Chinese characters, of the extra ``cjk`` or the system's, or None.

    Files are looked into, not judged by name. Those under a megabyte are skipped: a font with some
    thousand Han characters is larger.
    """
    packaged = packaged_cjk_font()
    if packaged is not None:
        return packaged
    files = [
        path
        for folder in system_font_folders()
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _FONT_SUFFIXES and _size(path) >= _LEAST_CJK_BYTES
    ]
    # The likely ones first: a machine with all of a typesetting system has thousands of fonts.
    files.sort(key=lambda path: _LIKELY_CJK.search(path.name) is None)
    return next((path for path in files if _has_characters(path, CJK_SAMPLE)), None)


def is_cjk(char: str) -> bool:
    """Tell whether ``char`` is Chinese, Japanese or Korean: a character that Roboto lacks."""
    code = ord(char)
    return any(first <= code <= last for first, last in _CJK_BLOCKS)


def fontconfig_environment() -> dict[str, str]:
    """Return the variables that make a child of ours use our fontconfig file.

    Writes that file, once for each content, into our cache folder.
    Raises OutputError where neither the cache nor the temporary folder can be written.
    """
    for folder in cache_folders():
        text = fontconfig_text(cache_folder=folder / "fontconfig")
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = folder / f"fonts-{digest}.conf"
        try:
            if not path.is_file():
                write_atomically(path, text.encode())
        except OutputError:
            continue
        if os.access(folder, os.W_OK):
            return {"FONTCONFIG_FILE": str(path)}
    raise OutputError(
        f"No folder for font settings can be written: tried {', '.join(map(str, cache_folders()))}",
        hint="Set XDG_CACHE_HOME or TMPDIR to a folder that can be written.",
    )


def fontconfig_text(*, cache_folder: Path, folders: Iterable[Path] | None = None) -> str:
    """Return the fontconfig file. ``folders``, where given, stand for the system's folders."""
    ours = text_font_folder()
    packaged = packaged_cjk_font()
    system = system_font_folders() if folders is None else tuple(folders)
    every = [ours, packaged.parent if packaged else None, *system]
    lines = [
        '<?xml version="1.0"?>',
        '<!DOCTYPE fontconfig SYSTEM "fonts.dtd">',
        "<fontconfig>",
        *(f"<dir>{_xml(folder)}</dir>" for folder in every if folder is not None),
        f"<cachedir>{_xml(cache_folder)}</cachedir>",
    ]
    if ours is not None:
        # A Roboto of the system's may be another version, with other widths.
        lines.append("<selectfont>")
        lines.append(f"<acceptfont><glob>{_xml(ours)}/*</glob></acceptfont>")
        lines += [
            f"<rejectfont><glob>{_xml(folder)}/*{FONT_FAMILY}*</glob></rejectfont>"
            for folder in system
        ]
        lines.append("</selectfont>")
    fallbacks = "".join(f"<family>{family}</family>" for family in _FALLBACK_FAMILIES)
    lines += [
        f"<alias binding='same'><family>{FONT_FAMILY}</family><accept>{fallbacks}</accept></alias>",
        # Hinting rounds letters to whole pixels: shapes and spacing would depend on the size.
        "<match target='font'>",
        "<edit name='hinting' mode='assign'><bool>false</bool></edit>",
        "<edit name='hintstyle' mode='assign'><const>hintnone</const></edit>",
        "<edit name='antialias' mode='assign'><bool>true</bool></edit>",
        "<edit name='rgba' mode='assign'><const>none</const></edit>",
        "</match>",
        "</fontconfig>",
        "",
    ]
    return "\n".join(lines)


def cache_folders() -> tuple[Path, ...]:
    """Return where our cache may be: the user's, else one for this user among temporary files."""
    home = os.path.expanduser("~")  # noqa: PTH111 - as above
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path(home, ".cache"))
    temporary = Path(tempfile.gettempdir(), f"callgraph_lab-{os.getuid()}")
    return tuple(folder for folder in (base / "callgraph_lab", temporary) if folder.is_absolute())


def _inside_package(package: str, name: str) -> Path | None:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder, name)
        if path.exists():
            return path
    return None


def _xml(path: Path) -> str:
    return escape(str(path), quote=False)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _has_characters(path: Path, characters: str) -> bool:
    from fontTools.ttLib import TTFont, TTLibError  # noqa: PLC0415 - slow to import, seldom needed

    try:
        with path.open("rb") as file, TTFont(file, fontNumber=0, lazy=True) as font:
            known = font.getBestCmap() or {}
    except (OSError, TTLibError):
        return False
    return all(ord(char) in known for char in characters)
