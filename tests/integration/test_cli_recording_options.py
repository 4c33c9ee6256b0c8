"""``--follow-children`` and ``--max-contexts``: what is recorded, and what the outputs say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support_cli import as_json, cglab, write_target
from support_engines import every_engine

if TYPE_CHECKING:
    from pathlib import Path

FORK = """
import os

def work():
    return os.getpid()

work()
child = os.fork()
if child == 0:
    work()
    os._exit(0)
os.waitpid(child, 0)
"""

MANY_CONTEXTS = """
def left(depth):
    return depth and left(depth - 1) + right(depth - 1)

def right(depth):
    return depth and left(depth - 1) + right(depth - 1)

left(12)
print("done")
"""


@every_engine
@pytest.mark.parametrize(("follow", "processes"), [("fork", 2), ("none", 1)])
def test_follow_children(engine: str, follow: str, processes: int, tmp_path: Path) -> None:
    write_target(tmp_path, FORK)
    options = ("--engine", engine, "--follow-children", follow, "--no-render")
    cglab("run", *options, "target.py", folder=tmp_path)
    facts = as_json("info", "--format", "json", folder=tmp_path)
    assert len(facts["processes"]) == processes
    found = as_json("functions", "-i", "*.work", "--format", "json", folder=tmp_path)
    assert [item["total_calls"] for item in found["functions"]] == [processes]


@every_engine
def test_max_contexts(engine: str, tmp_path: Path) -> None:
    write_target(tmp_path, MANY_CONTEXTS)
    options = ("--engine", engine, "--max-contexts", "1000")
    ran = cglab("run", *options, "target.py", folder=tmp_path)
    assert ran.stdout == "done\n"
    facts = as_json("info", "--format", "json", folder=tmp_path)
    assert facts["contexts"] < 4000
    (note,) = facts["notes"]
    assert note in ran.stderr
    found = as_json("functions", "-i", "*right", "--format", "json", folder=tmp_path)
    (right,) = found["functions"]
    if engine == "native":
        assert "counted by caller, callee and depth" in note
        assert right["total_calls"] == 2**12 - 1
    else:
        assert "more than 1000 contexts" in note
        assert right["total_calls"] < 2**12 - 1
