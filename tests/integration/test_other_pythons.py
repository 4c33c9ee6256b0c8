"""Pythons that a target starts, or goes on as, and that are not recorded: the recording says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support_cli import as_json, cglab, write_target
from support_engines import every_engine

if TYPE_CHECKING:
    from pathlib import Path

STARTS = """
import os
import subprocess
import sys

nothing = [sys.executable, "-c", "pass"]
subprocess.run(nothing, check=True)
subprocess.run(nothing, check=True, close_fds=False)
os.waitpid(os.posix_spawn(sys.executable, nothing, os.environ), 0)
subprocess.run(["true"], check=True)
for missing in ("python0", "/nowhere/python3"):
    try:
        subprocess.run([missing])
    except FileNotFoundError:
        print("missing")
"""

FORKS = """
import os
import sys

os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", "pass"])
os.spawnv(os.P_WAIT, "/bin/true", ["true"])
"""

SPAWNS = """
import multiprocessing

def work():
    pass

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=work)
    process.start()
    process.join()
    print(process.exitcode)
"""

GOES_ON = """
import os
import sys

if len(sys.argv) == 1:
    try:
        os.execv("/nowhere/python3", ["python3"])
    except FileNotFoundError:
        print("missing", flush=True)
    if os.fork() == 0:
        os.execlp("true", "true")
    os.wait()
    os.execl(sys.executable, sys.executable, __file__, "again")
print("done")
"""


def notes_of(engine: str, source: str, *options: str, folder: Path) -> tuple[str, list[str]]:
    write_target(folder, source)
    ran = cglab("run", "--no-render", "--engine", engine, *options, "target.py", folder=folder)
    notes: list[str] = as_json("info", "--format", "json", folder=folder)["notes"]
    assert all(note in ran.stderr for note in notes)
    return ran.stdout, notes


@every_engine
def test_pythons_started(engine: str, tmp_path: Path) -> None:
    output, notes = notes_of(engine, STARTS, folder=tmp_path)
    assert output == "missing\nmissing\n"
    (note,) = notes
    assert ": 3 other Pythons were started, unrecorded" in note
    assert "--follow-children all records" in note


@every_engine
def test_multiprocessing(engine: str, tmp_path: Path) -> None:
    output, notes = notes_of(engine, SPAWNS, folder=tmp_path)
    assert output == "0\n"
    (note,) = notes
    # Not the tracker of its resources, which is a Python as well.
    assert ": 1 other Python was started (by multiprocessing), unrecorded" in note


@every_engine
def test_a_program_that_goes_on_as_another(engine: str, tmp_path: Path) -> None:
    output, notes = notes_of(engine, GOES_ON, folder=tmp_path)
    assert output == "missing\ndone\n"
    (note,) = notes
    assert "went on as another Python, which is not recorded: --follow-children all" in note


@every_engine
def test_a_child_that_goes_on_as_another(engine: str, tmp_path: Path) -> None:
    _, notes = notes_of(engine, FORKS, folder=tmp_path)
    # It may have had no file of its own yet.
    (note,) = notes
    assert "went on as another Python" in note or ": 1 other Python was started" in note


@pytest.mark.parametrize("follow", ["all", "none"])
def test_nothing_is_missing(follow: str, tmp_path: Path) -> None:
    source = STARTS + GOES_ON
    _, notes = notes_of("native", source, "--follow-children", follow, folder=tmp_path)
    assert notes == []
