from __future__ import annotations

import struct
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from callgraph_lab.errors import LayoutError
from callgraph_lab.render import layout, programs
from callgraph_lab.render.layout import (
    Layout,
    LayoutJob,
    find_layout_program,
    lay_out,
    lay_out_many,
)
from callgraph_lab.render.resolution import MOST_PIXELS_A_SIDE

if TYPE_CHECKING:
    from pathlib import Path

    from unit.render.samples import FakeDot

SMALL = "digraph { a -> b }"
FAKE_SVG = 'echo \'<svg width="10pt" height="10pt"></svg>\''


def png_size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def children_of_this_process() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_one_text_gives_a_vector_and_a_pixel_picture() -> None:
    drawn = lay_out(LayoutJob("small", SMALL))
    assert set(drawn.images) == {"svg", "png"}
    assert drawn.images["svg"].rstrip().endswith(b"</svg>")
    assert min(png_size(drawn.images["png"])) > 50
    assert drawn.skipped == {}


def test_a_broken_text_is_told_with_graphviz_reason() -> None:
    with pytest.raises(LayoutError, match=r"broken could not be laid out: .*syntax error"):
        lay_out(LayoutJob("broken", "digraph { a -> "))


def test_the_dot_binary_is_used_where_there_is_one(fake_dot: FakeDot) -> None:
    program = fake_dot(FAKE_SVG)
    fake_dot(f"if [ $1 = -V ]; then echo 'dot - graphviz version 2.43.0 (0)'; else {FAKE_SVG}; fi")
    found, _version = find_layout_program()
    assert (found.kind, found.path) == ("dot binary", str(program))
    drawn = lay_out(LayoutJob("any", SMALL, ("svg",)))
    assert drawn.images["svg"] == b'<svg width="10pt" height="10pt"></svg>\n'


def test_the_resolution_reaches_the_dot_binary(fake_dot: FakeDot, tmp_path: Path) -> None:
    fake_dot(f'echo "$*" >> {tmp_path}/arguments; {FAKE_SVG}')
    lay_out(LayoutJob("any", SMALL))
    assert (tmp_path / "arguments").read_text() == "-Tsvg\n-Gdpi=144 -Tpng\n"


def test_the_version_is_graphviz_own(fake_dot: FakeDot) -> None:
    assert find_layout_program()[1].count(".") == 2
    fake_dot("echo 'dot - graphviz version 2.43.0 (0)' >&2")
    assert find_layout_program()[1] == "2.43.0"
    fake_dot("echo nothing")
    with pytest.raises(LayoutError, match="does not tell its version"):
        find_layout_program()
    fake_dot("exit 7")
    with pytest.raises(LayoutError, match="failed with status 7"):
        find_layout_program()


def test_a_failure_is_told_with_what_graphviz_said(fake_dot: FakeDot) -> None:
    fake_dot("echo 'Format: \"svg\" not recognized.' >&2; exit 1")
    with pytest.raises(LayoutError, match='dot binary failed with status 1: Format: "svg"') as told:
        lay_out(LayoutJob("picture", SMALL))
    assert "picture" in str(told.value)
    assert told.value.hint


def test_a_crash_is_told_with_its_signal(fake_dot: FakeDot) -> None:
    fake_dot("kill -SEGV $$")
    with pytest.raises(LayoutError, match="dot binary was killed by SIGSEGV"):
        lay_out(LayoutJob("picture", SMALL))


def test_a_binary_that_does_not_start_is_told(fake_dot: FakeDot) -> None:
    fake_dot("").write_bytes(b"\x7fELF is not enough")
    with pytest.raises(LayoutError, match="dot binary does not start"):
        lay_out(LayoutJob("picture", SMALL))


def test_no_svg_is_told(fake_dot: FakeDot) -> None:
    fake_dot("echo hello")
    with pytest.raises(LayoutError, match="wrote no SVG"):
        lay_out(LayoutJob("picture", SMALL))


def test_a_layout_that_takes_too_long_is_ended(fake_dot: FakeDot) -> None:
    fake_dot("exec sleep 60")
    with pytest.raises(LayoutError, match=r"picture took longer than 0\.3 s") as told:
        lay_out(LayoutJob("picture", SMALL), timeout_s=0.3)
    assert "--max-nodes" in str(told.value.hint)
    assert children_of_this_process() == []


def test_without_any_graphviz_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(programs, "find_spec", lambda _name: None)
    monkeypatch.setattr(programs.sysconfig, "get_path", lambda _name: "/nowhere")
    with pytest.raises(LayoutError) as told:
        find_layout_program()
    assert told.value.hint == "Run: pip install graphviz-pure"


def without_desktop_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pygraphviz fail to load in a child, as where glib is not installed."""
    package = tmp_path / "pygraphviz"
    package.mkdir()
    text = "raise ImportError('libgobject-2.0.so.0: cannot open shared object file')"
    (package / "__init__.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(layout, "_cannot_load", set())


def test_where_pygraphviz_does_not_load_another_program_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_desktop_libraries(tmp_path, monkeypatch)
    program, version = find_layout_program()
    assert program.kind == "graphviz-pure"
    assert version.count(".") == 2
    monkeypatch.setattr(layout, "_cannot_load", set())
    drawn = lay_out(LayoutJob("small", 'digraph { node [fontname=Roboto]; a [label="wide"] }'))
    assert b'font-family="Roboto"' in drawn.images["svg"]
    assert min(png_size(drawn.images["png"])) > 50


def test_results_keep_their_order_and_failures_their_place() -> None:
    jobs = [LayoutJob(str(n), "digraph {" if n == 1 else SMALL, ("svg",)) for n in range(4)]
    done: list[int] = []
    results = lay_out_many(jobs, workers=2, on_done=lambda index, _result: done.append(index))
    assert [isinstance(result, Layout) for result in results] == [True, False, True, True]
    assert isinstance(results[1], LayoutError)
    assert sorted(done) == [0, 1, 2, 3]
    assert lay_out_many([]) == []


def test_layouts_run_side_by_side(fake_dot: FakeDot, tmp_path: Path) -> None:
    # Each waits for the other to have started: one after the other, neither would end in time.
    fake_dot(
        f"touch {tmp_path}/started.$$\n"
        f"while [ $(ls {tmp_path} | grep -c started) -lt 2 ]; do sleep 0.02; done\n{FAKE_SVG}"
    )
    jobs = [LayoutJob(str(n), SMALL, ("svg",)) for n in range(2)]
    results = lay_out_many(jobs, workers=2, timeout_s=20)
    assert all(isinstance(result, Layout) for result in results)


def test_giving_up_ends_the_children(fake_dot: FakeDot, tmp_path: Path) -> None:
    fake_dot(f"if mkdir {tmp_path}/first 2>/dev/null; then {FAKE_SVG}; else exec sleep 60; fi")
    jobs = [LayoutJob(str(n), SMALL, ("svg",)) for n in range(8)]

    def interrupt(_index: int, _result: object) -> None:
        raise KeyboardInterrupt

    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        lay_out_many(jobs, workers=4, on_done=interrupt)
    assert time.monotonic() - before < 30
    assert children_of_this_process() == []
    assert threading.active_count() == 1


def test_a_wide_picture_is_drawn_at_the_resolution_that_fits() -> None:
    wide = "digraph { a [shape=box width=190 height=0.5 fixedsize=true] }"
    drawn = lay_out(LayoutJob("wide", wide, ("png",)))
    width, _height = png_size(drawn.images["png"])
    assert 15_500 < width <= MOST_PIXELS_A_SIDE


def test_a_picture_too_wide_for_a_png_is_a_vector_picture_only() -> None:
    huge = "digraph { a [shape=box width=400 height=0.5 fixedsize=true] }"
    drawn = lay_out(LayoutJob("huge", huge))
    assert set(drawn.images) == {"svg"}
    assert "the limits are 16,000 a side" in drawn.skipped["png"]
