"""Where nothing is recorded ``cglab run`` says so, and why; where it can be, it is recorded."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from support_cli import (
    FIBONACCI,
    FIBONACCI_CALLS,
    LISTENER,
    as_json,
    cglab,
    figures,
    only_recording,
    running,
    write_target,
)

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--no-render")


def wrapper(folder: Path, line: str) -> Path:
    path = write_target(folder, f"#!/bin/sh\n{line}\n", "wrapper")
    path.chmod(0o755)
    return path


def test_temporary_folder_with_a_colon(tmp_path: Path) -> None:
    """PYTHONPATH is split there: the target is recorded all the same, and sees nothing of us."""
    (tmp_path / "a:b").mkdir()
    write_target(
        tmp_path,
        """
        import os, sys
        def work(): pass
        work()
        print(os.environ.get("PYTHONPATH"), os.environ.get("CGLAB_BOOTSTRAP"))
        print([item for item in sys.path if "cglab-" in item or item.endswith("/a")])
        """,
    )
    result = cglab(*RUN, "target.py", folder=tmp_path, TMPDIR=str(tmp_path / "a:b"))
    assert result.stdout == f"{os.environ.get('PYTHONPATH')} None\n[]\n"
    assert figures(only_recording(tmp_path))["work"].calls == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('exec {python} -E "$@"', "runs Python with -E"),
        ('exec {python} -I "$@"', "runs Python with -I"),
        ('exec {python} -S "$@"', "runs Python with -S"),
        ('exec env -i {python} "$@"', "does not hand PYTHONPATH on"),
        ('PYTHONPATH=/usr/share exec {python} "$@"', "does not hand PYTHONPATH on"),
        ('exec env -u CGLAB_BOOTSTRAP {python} "$@"', "does not hand its environment on"),
    ],
)
def test_python_that_would_not_load_us(line: str, reason: str, tmp_path: Path) -> None:
    write_target(tmp_path, "print('ran')\n")
    python = wrapper(tmp_path, line.format(python=sys.executable))
    result = cglab(*RUN, "--python", python, "target.py", folder=tmp_path, status=2)
    assert result.stdout == ""
    assert reason in result.stderr
    assert "nothing would be recorded" in result.stderr
    assert not (tmp_path / "out").exists()


def test_wrapper_that_leaves_us_in(tmp_path: Path) -> None:
    write_target(tmp_path, FIBONACCI)
    python = wrapper(tmp_path, f'PYTHONPATH=/usr/share:$PYTHONPATH exec {sys.executable} "$@"')
    cglab(*RUN, "--python", python, "target.py", folder=tmp_path)
    assert figures(only_recording(tmp_path))["fibonacci"].calls == FIBONACCI_CALLS


def test_wrapper_that_changes_its_mind(tmp_path: Path) -> None:
    """It is found out afterwards; the exit status is the target's, and nobody says "recorded"."""
    write_target(tmp_path, "print('ran')\nraise SystemExit(3)\n")
    line = f'case "$1" in -c) ;; *) set -- -E "$@";; esac; exec {sys.executable} "$@"'
    python = wrapper(tmp_path, line)
    result = cglab(*RUN, "--python", python, "target.py", folder=tmp_path, status=3)
    assert result.stdout == "ran\n"
    assert "cglab: error: nothing was recorded: the target's Python did not load" in result.stderr
    assert "cglab: recorded" not in result.stderr
    (note,) = as_json("info", "--format", "json", folder=tmp_path)["notes"]
    assert note.startswith("nothing was recorded")


def test_ctrl_c_before_the_first_line(tmp_path: Path) -> None:
    """It is what happened, and neither the wrapper nor an option is to blame."""
    write_target(tmp_path, "print('ran')\n")
    line = f'case "$1" in -c) exec {sys.executable} "$@";; esac'
    python = wrapper(tmp_path, f"{line}\ntrap 'exit 1' INT\necho ready\nsleep 30 & wait")
    with running(*RUN, "--python", python, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        os.kill(run.process.pid, signal.SIGINT)
        assert run.end() == 1
    (said,) = (text for text in run.errors.splitlines() if "cglab: error: " in text)
    assert "when the target was stopped by SIGINT" in said
    assert "it had not come to its first line" in said


def test_what_killed_runs_left_behind_goes_with_the_next(tmp_path: Path) -> None:
    """But not while the run goes on: children that the target starts need it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    write_target(tmp_path, LISTENER)
    write_target(tmp_path, "", "nothing.py")
    with running(*RUN, "target.py", folder=tmp_path, TMPDIR=str(scratch)) as run:
        run.wait_for("ready")
        (left,) = scratch.iterdir()
        run.process.kill()
        run.end()
        cglab(*RUN, "nothing.py", folder=tmp_path, TMPDIR=str(scratch))
        assert list(scratch.iterdir()) == [left]
    cglab(*RUN, "nothing.py", folder=tmp_path, TMPDIR=str(scratch))
    assert list(scratch.iterdir()) == []


def test_folder_of_a_run_in_progress_is_left_alone(tmp_path: Path) -> None:
    """Also where its live folder has been moved away meanwhile."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    write_target(tmp_path, LISTENER)
    write_target(tmp_path, "", "nothing.py")
    with running(*RUN, "target.py", folder=tmp_path, TMPDIR=str(scratch)) as run:
        run.wait_for("ready")
        (used,) = scratch.iterdir()
        (tmp_path / "out").rename(tmp_path / "elsewhere")
        cglab(*RUN, "nothing.py", folder=tmp_path, TMPDIR=str(scratch))
        assert list(scratch.iterdir()) == [used]
