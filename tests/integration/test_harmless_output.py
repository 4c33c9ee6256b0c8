"""Whatever a recording holds, nothing of it does anything to the terminal, in any command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support_hostile import FORBIDDEN, HOSTILE, hostile_recording

from callgraph_lab.cli.group import COMMANDS
from callgraph_lab.recording import store

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]

NAME = "x\x1b[31m\x9b\u202e\u2028.cglab"
QUESTIONS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sweep": (("1..2", "--recording", NAME, "--out", "pictures"),),
    "render": tuple((NAME, "--format", kind, "-o", "-") for kind in ("dot", "svg", "json")),
    "view": ((NAME, "-o", "page.html"),),
    "list": ((), ("--format", "json")),
    "info": ((NAME,), (NAME, "--format", "json")),
    "functions": ((NAME,), (NAME, "--format", "json")),
    "find": (("loop", "--recording", NAME), ("loop", "--recording", NAME, "--format", "json")),
    "actions": ((NAME,), (NAME, "--format", "json")),
    "explain": (("STOR*", "--recording", NAME), ("nothing", "--recording", NAME)),
    "events": ((NAME,), (NAME, "--format", "jsonl"), (NAME, "--sensor", "nothing")),
    "path": (("loop", "--recording", NAME), ("no", "--recording", NAME)),
    "callers": (("accept", "--recording", NAME), ("loop", "--recording", NAME)),
    "callees": (("loop", "--recording", NAME), ("no", "--recording", NAME, "--format", "json")),
    "lines": (("loop", NAME), ("loop", NAME, "--format", "json"), ("accept", NAME)),
    "diff": (
        ("m1*", "m2*", "--recording", NAME),
        ("STOR*", "idle*", "--recording", NAME, "--format", "json"),
    ),
    "mark": (("again", NAME),),
    "marks": ((NAME,), (NAME, "--format", "json")),
    "resources": ((NAME,), (NAME, "--format", "json")),
    "heap": ((NAME,), (NAME, "--format", "json"), (NAME, "--diff", "first", "last")),
    "filters": (
        ("explain", "loop", "--recording", NAME),
        ("explain", "loop", "--recording", NAME, "--filter", "stdlib"),
    ),
    "rm": (("nothing",), (NAME,)),
}
ASK_NO_RECORDING = {"run", "demo", "engines", "doctor", "completion"}


def test_every_command_is_asked() -> None:
    assert QUESTIONS.keys() | ASK_NO_RECORDING == COMMANDS.keys()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    store.save(hostile_recording(), tmp_path / "out" / NAME)
    return tmp_path


@pytest.mark.parametrize("command", QUESTIONS)
def test_nothing_that_does_not_print_is_printed(
    command: str, folder: Path, cglab_here: Run
) -> None:
    for question in QUESTIONS[command]:
        result = cglab_here(command, *question, folder=folder, status=None)
        for text in (result.stdout, result.stderr):
            # A graph in DOT is indented with tabs, by a program that makes every name visible.
            found = FORBIDDEN.search(re.sub("\n\t+", "\n", text))
            assert found is None, (question, text[max(found.start() - 60, 0) : found.end()])
            # A line break in a name would begin a line of its own.
            assert not any(line.startswith("\u202ebidi") for line in text.split("\n"))
        assert "Traceback" not in result.stderr


def test_of_a_damaged_recording_either(folder: Path, cglab_here: Run) -> None:
    (folder / "out" / NAME).write_bytes(b"no recording")
    for command in ("info", "view", "functions"):
        result = cglab_here(command, NAME, folder=folder, status=2)
        assert not FORBIDDEN.search(result.stdout + result.stderr)


def test_json_is_what_the_recording_holds_when_it_is_parsed(folder: Path, cglab_here: Run) -> None:
    facts = json.loads(cglab_here("info", NAME, "--format", "json", folder=folder).stdout)
    assert facts["notes"] == [f"stopped by Ctrl-C{HOSTILE}"]
    lines = cglab_here("events", NAME, "--format", "jsonl", folder=folder).stdout.split("\n")
    first = json.loads(lines[0])
    assert first["fields"][f"file{HOSTILE}"] == f"a{HOSTILE}"
    assert len(lines) == 3


def test_a_page_names_no_text_outside_its_data(folder: Path, cglab_here: Run) -> None:
    cglab_here("view", NAME, "-o", "page.html", folder=folder)
    page = (folder / "page.html").read_text(encoding="utf-8")
    head = page.partition("<style>")[0]
    assert not FORBIDDEN.search(head)


def test_printed_as_it_is_where_it_prints(tmp_path: Path, cglab_here: Run) -> None:
    recording = hostile_recording()
    (tmp_path / "out").mkdir()
    named = replace(recording, run=replace(recording.run, notes=("für 中文 😀",)))
    store.save(named, tmp_path / "out" / "x.cglab")
    for arguments in (("info", "x"), ("info", "x", "--format", "json")):
        assert "für 中文 😀" in cglab_here(*arguments, folder=tmp_path).stdout


def test_a_long_name_makes_no_other_row_long(tmp_path: Path, cglab_here: Run) -> None:
    made = hostile_recording()
    long = replace(made.functions[1], qualname="x" * 90_000)
    (tmp_path / "out").mkdir()
    store.save(
        replace(made, functions=[made.functions[0], long, *made.functions[2:]]),
        tmp_path / "out" / "x.cglab",
    )
    rows = cglab_here("functions", "x", "--filter", "none", folder=tmp_path).stdout.split("\n")
    assert max(map(len, rows)) > 90_000
    assert sum(map(len, rows)) < 100_000
