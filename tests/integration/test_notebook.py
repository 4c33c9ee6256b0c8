"""The notebook's commands are run, and print what it shows; its pictures are there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from support_cli import ENGINE, EXAMPLES, environment

from callgraph_lab.engines.choice import availability

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    ENGINE == "pycallgraph2" or not availability("native").available,
    reason="automatic actions need the engine native",
)

NOTEBOOK = EXAMPLES / "notebook.md"
LIMIT_S = 60
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TIME = re.compile(r"\d[\d,.]* (?:ns|µs|ms|s|min)\b")
_NUMBER = re.compile(r"\d[\d,.]*")


@dataclass
class Step:
    """A command, and the lines that the notebook shows of its output."""

    command: str
    shown: list[str]


def steps() -> list[Step]:
    found: list[Step] = []
    for block in _BLOCK.findall(NOTEBOOK.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:], []))
            elif line.strip():
                found[-1].shown.append(line)
    return found


def alike(line: str) -> str:
    """Return a line without what differs from run to run: times, other numbers, widths."""
    return " ".join(_NUMBER.sub("0", _TIME.sub("0 s", line)).split())


def is_shown(line: str, output: list[str]) -> bool:
    """Say whether a line of the notebook, in which ``...`` is anything, is one of the output."""
    pieces = [re.escape(piece.strip()) for piece in alike(line).split("...")]
    pattern = re.compile(r"\s*.*?\s*".join(pieces))
    return any(pattern.fullmatch(alike(other)) for other in output)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[Step, list[str]]]]:
    """Run all commands in a folder that has only the examples; return it, and what they printed."""
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copytree(EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns(".*"))
    programs = folder / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    (programs / "cglab").write_text(f'#!/bin/sh\nexec {sys.executable} -m callgraph_lab "$@"\n')
    (programs / "cglab").chmod(0o755)
    variables = environment(PATH=f"{programs}{os.pathsep}{os.environ['PATH']}")
    results = []
    for step in steps():
        answer = subprocess.run(
            ["/bin/sh", "-c", step.command],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            # Apart: a line of the client may have one of the server's log in its middle.
            capture_output=True,
            encoding="utf-8",
            timeout=LIMIT_S,
            check=False,
        )
        output = answer.stdout + answer.stderr
        assert answer.returncode == 0, f"{step.command}\n{output}"
        results.append((step, output.splitlines()))
    return folder, results


def test_commands_print_what_is_shown(
    ran: tuple[Path, list[tuple[Step, list[str]]]],
) -> None:
    _, results = ran
    missing = [
        f"{step.command}: {line}"
        for step, output in results
        for line in step.shown
        if not is_shown(line, output)
    ]
    assert not missing, "\n".join(missing)
    assert len(results) > 15
    assert sum(len(step.shown) for step, _ in results) > 60


def test_an_upload_is_what_the_notebook_says(
    ran: tuple[Path, list[tuple[Step, list[str]]]],
) -> None:
    """The figures that are the same each time, to the unit."""
    _, results = ran
    (table,) = (output for step, output in results if step.command == "cglab actions")
    rows = {line.split()[0]: line.split() for line in table}
    assert rows["STOR"][1:3] == ["2", "1"]
    assert rows["STOR"][-1] == "300,038"
    assert rows["RETR"][-1] == "300,000"
    (counted,) = (output for step, output in results if step.command.startswith("grep -c"))
    assert counted == ["2"]


def test_its_pictures_are_there_and_are_made_by_its_commands(
    ran: tuple[Path, list[tuple[Step, list[str]]]],
) -> None:
    folder, _ = ran
    for name in ("ftpServer-STOR.depth-3.png", "path.png", "upload-or-idle.png"):
        assert (folder / "out" / name).read_bytes().startswith(b"\x89PNG")
    links = re.findall(r"\]\(([^)#]+)\)", NOTEBOOK.read_text(encoding="utf-8"))
    assert len(links) > 4
    for link in links:
        assert (EXAMPLES / link).is_file(), link


def test_lines_are_compared_by_more_than_their_length() -> None:
    """What this file relies on to find a difference."""
    output = ["   7  a.handle_read   9   1.34 ms  STOR enters  /x/data.py:272"]
    assert is_shown("8 a.handle_read 12 2 s STOR enters ...", output)
    assert not is_shown("8 a.handle_write 12 2 s STOR enters ...", output)
    assert not is_shown("8 a.handle_read 12 2 s /x/data.py:1", output)
