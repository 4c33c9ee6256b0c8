from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.render.samples import function, graph, node, run, two_functions

from callgraph_lab.errors import OutputError, UsageError
from callgraph_lab.render import pictures
from callgraph_lab.render.pictures import DrawnPicture, PictureJob, draw, draw_many

if TYPE_CHECKING:
    from pathlib import Path

    from unit.render.samples import FakeDot


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_graph_becomes_three_files(tmp_path: Path) -> None:
    stem = tmp_path / "out" / "app.depth-4"
    drawn = draw(two_functions(), run(), path_stem=stem)
    assert drawn.skipped == {}
    assert {name: path.name for name, path in drawn.files.items()} == {
        "dot": "app.depth-4.dot",
        "svg": "app.depth-4.svg",
        "png": "app.depth-4.png",
    }
    assert names_in(stem.parent) == sorted(path.name for path in drawn.files.values())
    assert drawn.files["dot"].read_text().startswith("digraph callgraph {")
    assert b"<title>app.depth-4</title>" in drawn.files["svg"].read_bytes()
    assert drawn.files["png"].read_bytes().startswith(b"\x89PNG")


def test_only_the_formats_asked_for_are_made(tmp_path: Path) -> None:
    drawn = draw(two_functions(), run(), path_stem=tmp_path / "a", formats=["dot"])
    assert names_in(tmp_path) == ["a.dot"]
    assert drawn == DrawnPicture({"dot": tmp_path / "a.dot"})
    draw(two_functions(), run(), path_stem=tmp_path / "b", formats=["svg"])
    assert names_in(tmp_path) == ["a.dot", "b.svg"]
    with pytest.raises(UsageError, match="no picture format 'gif'"):
        draw(two_functions(), run(), path_stem=tmp_path / "c", formats=["gif"])


def test_an_empty_graph_is_drawn_too(tmp_path: Path) -> None:
    drawn = draw(graph([]), run(), path_stem=tmp_path / "a")
    assert set(drawn.files) == {"dot", "svg", "png"}


@pytest.mark.parametrize("formats", [("dot", "svg", "png"), ("svg",)])
def test_where_layout_fails_dot_stays_and_old_pictures_go(
    tmp_path: Path, fake_dot: FakeDot, formats: tuple[str, ...]
) -> None:
    (tmp_path / "a.svg").write_text("of an earlier run")
    fake_dot("echo broken >&2; exit 1")
    drawn = draw(two_functions(), run(), path_stem=tmp_path / "a", formats=formats)
    assert drawn.files == {"dot": tmp_path / "a.dot"}
    assert set(drawn.skipped) == {*formats} - {"dot"}
    assert "a could not be laid out: dot binary failed" in drawn.skipped["svg"]
    assert sorted(set(names_in(tmp_path)) - {"bin"}) == ["a.dot"]


def test_where_layout_takes_too_long_dot_stays(tmp_path: Path, fake_dot: FakeDot) -> None:
    fake_dot("exec sleep 60")
    drawn = draw(two_functions(), run(), path_stem=tmp_path / "a", timeout_s=0.3)
    assert drawn.files == {"dot": tmp_path / "a.dot"}
    assert drawn.skipped["png"] == "Laying out a took longer than 0.3 s and was stopped."


def test_a_picture_too_large_for_a_png_says_so(tmp_path: Path, fake_dot: FakeDot) -> None:
    (tmp_path / "a.png").write_text("of an earlier run")
    fake_dot(
        'echo \'<svg width="40000pt" height="10pt" xmlns="http://www.w3.org/2000/svg"></svg>\''
    )
    drawn = draw(two_functions(), run(), path_stem=tmp_path / "a")
    assert set(drawn.files) == {"dot", "svg"}
    assert "16,000 a side" in drawn.skipped["png"]
    assert not (tmp_path / "a.png").exists()


def test_an_svg_that_cannot_be_read_is_left_out(tmp_path: Path, fake_dot: FakeDot) -> None:
    fake_dot('echo \'<svg width="40pt" height="10pt"><g></svg>\'')
    drawn = draw(two_functions(), run(), path_stem=tmp_path / "a", formats=("dot", "svg"))
    assert drawn.files == {"dot": tmp_path / "a.dot"}
    assert "not well-formed" in drawn.skipped["svg"]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match=r"out/a\.dot"):
        draw(two_functions(), run(), path_stem=tmp_path / "out" / "a")


def test_many_are_drawn_and_told_one_by_one(tmp_path: Path) -> None:
    jobs = [PictureJob(two_functions(), tmp_path / f"depth-{n}") for n in range(3)]
    told: list[tuple[PictureJob, DrawnPicture]] = []
    drawn = draw_many(jobs, run(), workers=2, on_done=lambda *pair: told.append(pair))
    assert [each.files["svg"].name for each in drawn] == [f"depth-{n}.svg" for n in range(3)]
    assert sorted(job.path_stem.name for job, _ in told) == [f"depth-{n}" for n in range(3)]
    assert {id(picture) for _, picture in told} == {id(each) for each in drawn}
    assert draw_many([], run()) == []


def test_text_that_no_font_has_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = graph([node("a", function("函数"))])
    monkeypatch.setattr(pictures, "cjk_font", lambda: None)
    (note,) = draw(whole, run(), path_stem=tmp_path / "a").notes
    assert "callgraph_lab[cjk]" in note
    assert draw(whole, run(), path_stem=tmp_path / "a", formats=["svg"]).notes == ()
    assert draw(two_functions(), run(), path_stem=tmp_path / "a").notes == ()
