"""``cglab list``, ``info`` and ``rm``, and names that are never used twice."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from support_cli import (
    FIBONACCI,
    LISTENER,
    as_json,
    cglab,
    only_recording,
    recordings,
    running,
    write_target,
)

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def many(fibonacci_folder: Path, tmp_path: Path) -> Path:
    """Return a folder with seven recordings, one a minute."""
    (tmp_path / "out").mkdir()
    content = only_recording(fibonacci_folder).read_bytes()
    for minute in range(7):
        path = tmp_path / "out" / f"x-20261123-14{minute:02}00.cglab"
        path.write_bytes(content)
        os.utime(path, (1000 + minute, 1000 + minute))
    return tmp_path


def names(folder: Path) -> list[str]:
    return [path.stem[-6:-2] for path in recordings(folder)]


def test_names_are_never_used_twice(tmp_path: Path) -> None:
    """Four at once, in one second, in one folder: four recordings."""
    write_target(tmp_path, "def work(): pass\nwork()\n")
    processes = []
    for number in range(4):
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        processes.append(
            running("run", "--no-render", "-o", "../out", "../target.py", folder=folder)
        )
    for process in processes:
        with process as run:
            assert run.end() == 0
    assert len(recordings(tmp_path)) == len(processes)
    pattern = r"target-\d{8}-\d{6}(-\d+)?\.cglab"
    assert all(re.fullmatch(pattern, path.name) for path in recordings(tmp_path))


def test_list_is_newest_first(many: Path, cglab_here: Run) -> None:
    header, *rows = cglab_here("list", folder=many).stdout.splitlines()
    assert header.split() == ["recording", "state", "engine", "started", "duration", "size"]
    assert [row.split()[0] for row in rows] == [
        f"x-20261123-14{minute:02}00.cglab" for minute in range(6, -1, -1)
    ]
    listed = json.loads(cglab_here("list", "--format", "json", folder=many).stdout)
    assert listed["schema"] == 1
    first = listed["recordings"][0]
    assert first["name"] == "x-20261123-140600.cglab"
    assert first["size_bytes"] == (many / first["path"]).stat().st_size
    assert first["state"] == "finished"
    assert re.search(r"\d [KM]B$", rows[0])


def test_list_of_an_empty_folder(tmp_path: Path, cglab_here: Run) -> None:
    result = cglab_here("list", folder=tmp_path)
    assert "no recording in out yet; make one: cglab run SCRIPT.py" in result.stderr
    empty = json.loads(cglab_here("list", "--format", "json", folder=tmp_path).stdout)
    assert empty == {"schema": 1, "recordings": []}


def test_rm_by_name(many: Path, cglab_here: Run) -> None:
    by_name = ("x-20261123-140100", "x-20261123-140200.cglab", "out/x-20261123-140300.cglab")
    result = cglab_here("rm", *by_name, folder=many)
    assert names(many) == ["1400", "1404", "1405", "1406"]
    assert "deleted out/x-20261123-140100.cglab" in result.stderr
    # One wrong name, and none is deleted.
    cglab_here("rm", "x-20261123-140000", "wrong", folder=many, status=2)
    assert len(names(many)) == 4


def test_rm_keeps_the_newest(many: Path, cglab_here: Run) -> None:
    cglab_here("rm", "--keep", "5", folder=many)
    assert names(many) == ["1402", "1403", "1404", "1405", "1406"]
    assert "nothing to delete" in cglab_here("rm", "--keep", "5", folder=many).stderr
    cglab_here("rm", "--keep", "0", folder=many)
    assert names(many) == []


def test_rm_leaves_other_files_alone(many: Path, cglab_here: Run) -> None:
    (many / "out" / "x.depth-4.svg").touch()
    cglab_here("rm", "--keep", "0", folder=many)
    assert [path.name for path in (many / "out").iterdir()] == ["x.depth-4.svg"]


def test_info(fibonacci_folder: Path, cglab_here: Run) -> None:
    shown = cglab_here("info", folder=fibonacci_folder).stdout
    for expected in ("fibonacci.py", "ended with exit status 0", "MainThread", "Python 3."):
        assert expected in shown
    facts = json.loads(cglab_here("info", "--format", "json", folder=fibonacci_folder).stdout)
    assert facts["schema"] == 1
    assert (facts["complete"], facts["running"], facts["exit_status"]) == (True, False, 0)
    assert facts["open_calls"] == 0
    assert facts["functions"] >= 3
    assert facts["contexts"] >= facts["functions"]
    assert len(facts["processes"]) == 1


def test_a_running_recording_can_be_read(tmp_path: Path, cglab_here: Run) -> None:
    """While the target runs: listed, asked, drawn; not removed; and the recording goes on."""
    write_target(tmp_path, LISTENER)
    with running("run", "--no-render", "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        (listed,) = as_json("list", "--format", "json", folder=tmp_path)["recordings"]
        assert listed["state"] == "running"
        name = listed["name"]
        for arguments in ((), (name,), (name.removesuffix(".cglab"),)):
            words = ("functions", *arguments, "--format", "json")
            functions = json.loads(cglab_here(*words, folder=tmp_path).stdout)["functions"]
            serve = next(item for item in functions if item["qualname"] == "serve")
            assert (serve["calls"], serve["open_calls"]) == (1, 1)
        cglab("render", "--format", "svg", folder=tmp_path)
        assert (tmp_path / "out" / "target.depth-4.svg").is_file()
        shown = cglab_here("info", folder=tmp_path).stdout
        assert "is running" in shown
        refused = cglab_here("rm", name, folder=tmp_path, status=2)
        assert "is still running" in refused.stderr
        assert "nothing to delete" in cglab_here("rm", "--keep", "0", folder=tmp_path).stderr
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0
    assert only_recording(tmp_path).name == name
    later = as_json("functions", "--format", "json", folder=tmp_path)["functions"]
    assert next(item for item in later if item["qualname"] == "serve")["open_calls"] == 0


def test_newest_recording_is_the_default(tmp_path: Path, cglab_here: Run) -> None:
    for name in ("first", "second"):
        write_target(tmp_path, FIBONACCI, f"{name}.py")
        cglab("run", "--no-render", f"{name}.py", folder=tmp_path)
        facts = json.loads(cglab_here("info", "--format", "json", folder=tmp_path).stdout)
        assert facts["target"] == f"{name}.py"
