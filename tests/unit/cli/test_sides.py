from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from unit.graph.test_call_chains import server

from callgraph_lab.cli import sides
from callgraph_lab.cli.sides import Sides
from callgraph_lab.errors import RecordingError, UsageError
from callgraph_lab.model import RecordedMark
from callgraph_lab.recording import store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def finder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sides:
    """Return what finds words in a recording with actions, and marks ``a`` and ``login``."""
    program = server()
    half = {
        name: array("Q", [value // 2 for value in getattr(program.tree, name)])
        for name in ("calls", "resumes", "inclusive_ns", "self_ns")
    }
    program = replace(
        program, marks=(RecordedMark("a", 100, **half), RecordedMark("login", 200, **half))
    )
    store.save(server(), tmp_path / "server-20261123-141502.cglab")
    monkeypatch.setattr(sides.catalog, "load", lambda _: program)
    return Sides(tmp_path)


@pytest.mark.parametrize(
    ("word", "name", "kind"),
    [
        ("STOR", "STOR", "action"),
        ("stor", "stor", "action"),
        ("action:login", "login", "action"),
        ("mark:login", "login", "mark"),
        ("a", "a", "mark"),
        ("STOR@first", "STOR@first", "action"),
        ("server-20261123-141502", "server-20261123-141502", "recording"),
        ("recording:server-20261123-141502.cglab", "server-20261123-141502", "recording"),
    ],
)
def test_what_words_mean(finder: Sides, word: str, name: str, kind: str) -> None:
    side, recording = finder.find(word)
    assert (side.name, side.kind) == (name, kind)
    assert side.run == recording.run


def test_one_instance_is_less_than_all(finder: Sides) -> None:
    (_, every), (_, first) = finder.find("STOR"), finder.find("STOR@first")
    assert 0 < sum(first.tree.calls) < sum(every.tree.calls)


def test_a_mark_stands_for_the_time_until_the_next(finder: Sides) -> None:
    _, until_next = finder.find("a")
    _, until_end = finder.find("mark:login")
    assert sum(until_next.tree.calls[1:]) == 0
    assert sum(until_end.tree.calls) > 0


def test_a_name_of_two_things_is_refused(finder: Sides) -> None:
    with pytest.raises(UsageError, match="of an action and of a mark") as caught:
        finder.find("login")
    assert caught.value.hint == "say which: action:login or mark:login"


def test_what_is_not_there(finder: Sides, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("not a recording")
    for word in ("NOOP", "STOR@second", "other:STOR", str(tmp_path / "note.txt")):
        with pytest.raises(UsageError, match="no action, mark or recording") as caught:
            finder.find(word)
        assert "server-20261123-141502.cglab has STOR, login, idle, a" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no action or mark 'a'"):
        finder.find("action:a")
    with pytest.raises(RecordingError, match="no recording STOR"):
        finder.find("recording:STOR")


def test_only_one_process(finder: Sides) -> None:
    finder.process = 2
    with pytest.raises(UsageError, match="no process 2"):
        finder.find("STOR")
