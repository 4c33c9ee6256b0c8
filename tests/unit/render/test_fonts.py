from __future__ import annotations

import io
import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib.tables._g_l_y_f import Glyph

from callgraph_lab.errors import LayoutError, OutputError
from callgraph_lab.render import fonts
from callgraph_lab.render.files import write_atomically
from callgraph_lab.render.layout import LayoutJob, find_layout_program, lay_out


def png_of(text: str) -> bytes:
    dot = f'digraph {{ a [shape=plain fontname=Roboto label="{text}"] }}'
    return lay_out(LayoutJob("text", dot, ("png",))).images["png"]


@pytest.fixture
def bare_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a machine with no fonts and no font settings."""
    monkeypatch.setattr(fonts, "system_font_folders", lambda: ())
    monkeypatch.setattr(fonts, "packaged_cjk_font", lambda: None)


@pytest.mark.usefixtures("bare_system")
def test_text_shows_on_a_machine_without_fonts() -> None:
    # Boxes for missing letters look alike; "AVAVAV" and "HIHIHI" only differ if letters are drawn.
    assert png_of("AVAVAV") != png_of("HIHIHI")


@pytest.mark.usefixtures("bare_system")
def test_the_test_before_would_notice_missing_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_layout_program()[0].kind == "graphviz-pure":
        pytest.skip("graphviz-pure has letters of its own")
    monkeypatch.setattr(fonts, "text_font_folder", lambda: None)
    assert png_of("AVAVAV") == png_of("HIHIHI")


def test_a_picture_is_the_same_with_and_without_system_fonts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = png_of("Epoll.poll, 36 calls · 1.57 s")
    monkeypatch.setattr(fonts, "system_font_folders", lambda: ())
    assert png_of("Epoll.poll, 36 calls · 1.57 s") == here


def test_nothing_about_fonts_reaches_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    png_of("text")
    with pytest.raises(LayoutError) as told:
        png_of('"')
    assert "ontconfig" not in str(told.value)
    assert capfd.readouterr() == ("", "")


def test_settings_are_xml_whatever_the_folders_are_called(tmp_path: Path) -> None:
    folders = [tmp_path / 'a & <b> "c"', tmp_path / "字体"]
    text = fonts.fontconfig_text(cache_folder=tmp_path / "x&y", folders=folders)
    root = ET.fromstring(text)  # noqa: S314 - our own
    named = [element.text for element in root.iter("dir")]
    assert {str(folder) for folder in folders} <= set(named)
    assert [element.text for element in root.iter("cachedir")] == [str(tmp_path / "x&y")]


def test_settings_do_not_lean_on_those_of_the_system(tmp_path: Path) -> None:
    assert "/etc/fonts" not in fonts.fontconfig_text(cache_folder=tmp_path)


def test_settings_are_kept_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = fonts.fontconfig_environment()
    assert fonts.fontconfig_environment() == first
    assert Path(first["FONTCONFIG_FILE"]).parent == tmp_path / "callgraph_lab"


def test_without_a_writable_home_temporary_files_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(fonts.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    settings = Path(fonts.fontconfig_environment()["FONTCONFIG_FILE"])
    assert settings.parent == tmp_path / "tmp" / f"callgraph_lab-{os.getuid()}"
    monkeypatch.setattr(fonts.tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(OutputError, match="No folder for font settings can be written"):
        fonts.fontconfig_environment()


def test_a_chinese_font_is_found_by_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "packaged_cjk_font", lambda: None)
    monkeypatch.setattr(fonts, "system_font_folders", lambda: (tmp_path,))
    assert fonts.cjk_font() is None
    write_atomically(tmp_path / "NotoSansCJK.ttc", b"no font at all")
    write_atomically(tmp_path / "deep" / "unlikely-name.ttf", font_with(fonts.CJK_SAMPLE))
    write_atomically(tmp_path / "latin.ttf", font_with("abc"))
    assert fonts.cjk_font() is None  # too small to hold more than a sample
    monkeypatch.setattr(fonts, "_LEAST_CJK_BYTES", 1)
    assert fonts.cjk_font() == tmp_path / "deep" / "unlikely-name.ttf"


def font_with(characters: str) -> bytes:
    """Return a font file that has these characters, all empty."""
    builder = FontBuilder(1000)
    names = [".notdef", *(f"u{ord(char):04X}" for char in characters)]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(
        {ord(char): name for char, name in zip(characters, names[1:], strict=True)}
    )
    builder.setupGlyf({name: Glyph() for name in names})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (500, 0)))
    builder.setupHorizontalHeader()
    builder.setupNameTable({"familyName": "Made"})
    builder.setupOS2()
    builder.setupPost()
    file = io.BytesIO()
    builder.save(file)
    return file.getvalue()


def test_the_extra_comes_before_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "packaged_cjk_font", lambda: Path("/extra.ttc"))
    assert fonts.cjk_font() == Path("/extra.ttc")


@pytest.mark.skipif(fonts.cjk_font() is None, reason="no font here has Chinese characters")
def test_chinese_text_shows() -> None:
    assert png_of("中文文件") != png_of("函数路径")
