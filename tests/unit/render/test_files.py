from __future__ import annotations

import errno
import os
import resource
from typing import TYPE_CHECKING

import pytest

from callgraph_lab.errors import OutputError
from callgraph_lab.render.files import remove_stale, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_writes_and_replaces_and_makes_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "picture.svg"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert names_in(path.parent) == ["picture.svg"]


def test_what_is_written_is_private_unless_more_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "ours"
    for arguments, mode in (((), 0o600), ((0o640,), 0o640), ((), 0o600)):
        write_atomically(path, b"", *arguments)
        assert path.stat().st_mode & 0o777 == mode


def test_a_file_too_large_for_the_limit_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"Cannot write .*picture\.svg: File too large"):
            write_atomically(path, b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["picture.svg"]


def test_a_full_disk_is_told_with_path_and_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"x\.dot: No space left on device") as caught:
        write_atomically(tmp_path / "x.dot", b"x")
    assert caught.value.hint
    assert names_in(tmp_path) == []


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match=r"out/x\.dot"):
        write_atomically(tmp_path / "out" / "x.dot", b"x")


def test_a_name_longer_than_allowed_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="File name too long"):
        write_atomically(tmp_path / ("x" * 300), b"x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        write_atomically(tmp_path / "x", b"x")


def test_removing_what_is_not_there_is_fine(tmp_path: Path) -> None:
    remove_stale(tmp_path / "none")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError):
        remove_stale(tmp_path / "folder")
