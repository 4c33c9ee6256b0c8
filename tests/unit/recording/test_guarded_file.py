"""What is read in a live folder can be trusted, and what is written belongs to its owner."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from unit.recording.builders import live_file, small_recording

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import store
from callgraph_lab.recording.guarded_file import (
    make_parents,
    open_guarded,
    read_guarded,
    write_guarded,
)
from callgraph_lab.recording.live_reader import read_part
from callgraph_lab.recording.marking import put_mark

SOMEBODY, SOMEBODY_ELSE = 1234, 1235
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Return a folder of another user's."""
    folder = tmp_path / "x.cglab.live"
    folder.mkdir(mode=0o700)
    os.chown(folder, SOMEBODY, SOMEBODY)
    return folder


def test_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_guarded(path, b"first")
    write_guarded(path, b"second")
    assert read_guarded(path, 3) == b"sec"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["run.json"]  # noqa: PTH208


@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        lambda path: path.symlink_to("/etc/passwd"),
        lambda path: path.symlink_to("missing"),
        lambda path: path.mkdir(),
    ],
    ids=["pipe", "link", "dangling link", "folder"],
)
def test_refuses_at_once_what_is_not_a_file(tmp_path: Path, make: object) -> None:
    path = tmp_path / "x.note"
    make(path)  # type: ignore[operator]
    with pytest.raises(OSError, match="not a file"):
        open_guarded(path)


def test_a_folder_that_is_a_link_is_not_gone_into(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "run.json").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OSError, match=r"directory|symbolic"):
        open_guarded(tmp_path / "link" / "run.json")
    with pytest.raises(OSError, match=r"directory|symbolic"):
        write_guarded(tmp_path / "link" / "run.json", b"y")
    assert (tmp_path / "real" / "run.json").read_bytes() == b"x"


def test_a_link_is_replaced_and_never_written_through(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    for name in ("ended.json", ".ended.json.tmp"):
        (tmp_path / name).symlink_to(precious)
    write_guarded(tmp_path / "ended.json", b"ours")
    assert precious.read_bytes() == b"precious"
    assert read_guarded(tmp_path / "ended.json", 10) == b"ours"


@as_root
def test_a_file_of_a_third_user_is_not_read(theirs: Path) -> None:
    path = theirs / "1-2.part"
    path.write_bytes(b"planted")
    for owner in (0, SOMEBODY):
        os.chown(path, owner, owner)
        assert read_guarded(path, 100) == b"planted"
    os.chown(path, SOMEBODY_ELSE, SOMEBODY_ELSE)
    with pytest.raises(OSError, match="another user"):
        open_guarded(path)


@as_root
def test_what_root_makes_belongs_to_the_owner(theirs: Path) -> None:
    write_guarded(theirs / "run.json", b"{}")
    make_parents(theirs / "pictures" / "more")
    store.save(small_recording(), theirs / "ended-1.cglab")
    assert put_mark(os.fsencode(theirs), "by root")
    made = [*theirs.rglob("*")]
    assert len(made) == 9
    assert {path.stat().st_uid for path in made} == {SOMEBODY}


@as_root
def test_what_everybody_may_write_to_is_nobody_s(theirs: Path) -> None:
    theirs.chmod(0o1777)
    write_guarded(theirs / "run.json", b"{}")
    assert (theirs / "run.json").stat().st_uid == 0


@as_root
def test_sqlite_gets_no_path_in_a_folder_of_somebody_else_s(
    theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It follows links, and the owner can put one there at any moment."""
    opened = []
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **more: opened.append(args[0]) or connect(*args, **more)
    )
    store.save(small_recording(), theirs / "ended-1.cglab")
    recording = store.load_guarded(theirs / "ended-1.cglab")
    assert set(opened) == {":memory:"}
    assert recording.functions == small_recording().functions


@as_root
def test_a_planted_link_for_marks_leads_nowhere(theirs: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (theirs / "marks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Exception, match="cannot put a mark"):
        put_mark(os.fsencode(theirs), "x")
    assert not [*(tmp_path / "elsewhere").iterdir()]


def test_a_file_that_is_large_by_a_hole_fills_no_memory(tmp_path: Path) -> None:
    store.save(small_recording(), tmp_path / "ended-1.cglab")
    part = live_file(tmp_path / "live").path
    for path in (str(tmp_path / "ended-1.cglab"), part):
        os.truncate(path, 1 << 40)
    with open(part, "r+b") as file:  # noqa: PTH123
        file.seek(layout.END_OFFSET)
        file.write((1 << 40).to_bytes(8, "little"))
    with pytest.raises(RecordingError, match="a hole for the most part"):
        store.load_guarded(tmp_path / "ended-1.cglab")
    with pytest.raises(RecordingError, match="a hole for the most part"):
        read_part(Path(part))


def test_a_hole_that_is_only_reserved_is_none_of_it(tmp_path: Path) -> None:
    made = live_file(tmp_path / "live")
    os.truncate(made.path, 1 << 40)
    assert len(read_part(Path(made.path)).threads) == 1
