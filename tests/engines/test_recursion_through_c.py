"""Recursion that goes through C ends where it ends untraced, and with the same message."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support_engines import DrivenRecording, needs_native_engine

TARGET = Path(__file__).parents[1] / "targets/recursions.py"

# Before 3.12 nothing bounds recursion in C but the end of the stack, where it crashes; from 3.14 on
# that end does, and a recorded program has a larger stack.
counted = pytest.mark.skipif(
    not (3, 12) <= sys.version_info < (3, 14), reason="recursion in C is not counted on its own"
)
OUT_OF_C = ("plain", "by_keyword", "method", "polymorphic")
# There constructors are frames more, and the JSON encoder ends where the stack does.
LEFT_OUT = ("-Slots", "-encoder") if sys.version_info >= (3, 14) else ()
WITHOUT_SHORTCUTS = (*OUT_OF_C, "__getitem__", "property", "for", "yield from", "await")


def untraced(*arguments: str) -> str:
    """Run the target without anything around it."""
    return subprocess.run(
        [sys.executable, TARGET, *arguments], capture_output=True, text=True, check=True
    ).stdout


def traced(*arguments: str, folder: Path) -> str:
    """Record the target."""
    driven = DrivenRecording(
        TARGET, *arguments, folder=folder, engine="native", working_folder=folder
    )
    output, errors = driven.process.communicate(timeout=300)
    assert (driven.process.returncode, errors) == (0, "")
    return output


@needs_native_engine
@pytest.mark.parametrize("where", ["main", "thread"])
def test_every_shape_ends_where_it_ends_untraced(where: str, tmp_path: Path) -> None:
    arguments = ("1000", where, *LEFT_OUT)
    assert traced(*arguments, folder=tmp_path) == untraced(*arguments)


@counted
@needs_native_engine
def test_so_it_does_with_a_raised_limit(tmp_path: Path) -> None:
    assert traced("5000", "thread", folder=tmp_path) == untraced("5000", "thread")


@counted
@needs_native_engine
def test_a_limit_that_only_recursion_in_python_reaches(tmp_path: Path) -> None:
    arguments = ("20000", "thread", *WITHOUT_SHORTCUTS, "through_map", "__repr__", "mixed")
    assert traced(*arguments, folder=tmp_path) == untraced(*arguments)
