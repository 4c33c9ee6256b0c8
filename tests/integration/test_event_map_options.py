"""What a user is told of event maps, and of engines that cannot use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support_cli import as_json, cglab, write_target

if TYPE_CHECKING:
    from pathlib import Path

TARGET = "def f(): pass\nf()\n"
BY_PYCALLGRAPH2 = ("run", "--no-render", "--engine", "pycallgraph2")


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("ftp-servr", "did you mean 'ftp-server'"),
        ("nowhere.toml", "no such event map file"),
        ("wrong.toml", "wrong.toml:2: event_map: unknown key 'lop'; did you mean 'loop'"),
        ("filter.toml", "has no event map"),
    ],
)
def test_a_wrong_map_is_told_before_the_target_runs(tmp_path: Path, choice: str, told: str) -> None:
    write_target(tmp_path, "open('ran', 'w')\n")
    (tmp_path / "wrong.toml").write_text('[event_map]\nlop = "A.b"\n', encoding="utf-8")
    (tmp_path / "filter.toml").write_text('include = ["a"]\n', encoding="utf-8")
    result = cglab("run", "--event-map", choice, "target.py", folder=tmp_path, status=2)
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "ran").exists()
    assert not list((tmp_path / "out").glob("*"))


def test_pycallgraph2_says_so_where_a_map_was_asked_for(tmp_path: Path) -> None:
    write_target(tmp_path, TARGET)
    result = cglab(*BY_PYCALLGRAPH2, "--event-map", "ftp-server", "target.py", folder=tmp_path)
    assert "tells no actions apart" in result.stderr
    result = cglab(*BY_PYCALLGRAPH2, "target.py", folder=tmp_path)
    assert "actions" not in result.stderr


def test_a_recording_without_actions_says_why(tmp_path: Path) -> None:
    write_target(tmp_path, TARGET)
    cglab(*BY_PYCALLGRAPH2, "target.py", folder=tmp_path)
    assert as_json("actions", "--format", "json", folder=tmp_path)["actions"] == []
    assert "the engine native does" in cglab("actions", folder=tmp_path).stderr
    result = cglab("render", "--action", "STOR", folder=tmp_path, status=2)
    assert "need the engine native" in result.stderr
