"""The benchmarks run: what they find is for those who look at it, that they find it is for us."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import callgraph_lab

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = Path(callgraph_lab.__file__).parent.parent


def _run(folder: Path, *arguments: str) -> str:
    # The benchmarks are not installed. What they measure is, and stands first: beside them is no
    # extension.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGES), str(REPOSITORY)])}
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout


def test_a_large_recording_is_read_and_asked(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    script = str(REPOSITORY / "benchmarks" / "large_recording.py")
    said = _run(tmp_path, script, "--contexts", "3000", "--json", str(figures))
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert found["contexts"] == 3000
    assert found["all_nodes"] > found["depth_4_nodes"] > 4
    assert found["load_seconds"] > 0
    assert "read and drawn at depth 4 in" in said


def test_suites_side_by_side(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    little = ["--turns", "1", "--calls", "1000000", "--echo-rounds", "10"]
    tracers = ["--tracers", "native,cProfile"]
    said = _run(
        tmp_path, "-m", "benchmarks", "size", "echo", *tracers, *little, "--json", str(figures)
    )
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert set(found) == {"size", "echo"}
    assert "cProfile" in json.dumps(found["echo"])
    assert "native" in said
