"""``--memory``: who allocates, who holds and who frees, from the command line."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from support_cli import (
    CLIENT,
    EXAMPLES,
    as_json,
    cglab,
    only_recording,
    running,
    write_target,
)
from support_native import needs_native

from callgraph_lab.api import open_recording, trace
from callgraph_lab.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--engine", "native", "--memory", "--no-render")
_MORE_BYTES = sys.getsizeof(bytearray(1000)) - 1000
HOLDS = """
kept = []
def hold(size):
    kept.append(bytearray(size))
def pass_by():
    bytearray(3_000_000)
def main():
    hold(1_000_000)
    hold(2_000_000)
    pass_by()
main()
"""


@needs_native
def test_functions_and_json(tmp_path: Path) -> None:
    write_target(tmp_path, HOLDS)
    cglab(*RUN, "target.py", folder=tmp_path)
    shown = cglab("functions", "--sort", "net", folder=tmp_path).stdout.splitlines()
    assert "allocated" in shown[0]
    assert "net inclusive" in shown[0]
    assert shown[1].startswith("__main__.hold")
    assert "2.86 MiB" in shown[1]
    nodes = {
        node["name"]: node["memory"]
        for node in as_json(
            "functions", "--format", "json", "--sort", "allocated", folder=tmp_path
        )["functions"]
    }
    held = nodes["__main__.hold"]
    assert 3_000_000 + 2 * _MORE_BYTES <= held["net_bytes"] < 3_000_300
    assert held["peak_bytes"] is None
    assert nodes["__main__.pass_by"] == {
        "allocated_bytes": 3_000_000 + _MORE_BYTES,
        "freed_bytes": 3_000_000 + _MORE_BYTES,
        "net_bytes": 0,
        "blocks": 2,
        "inclusive_allocated_bytes": 3_000_000 + _MORE_BYTES,
        "inclusive_net_bytes": 0,
        "peak_bytes": None,
    }
    assert nodes["__main__.main"]["inclusive_net_bytes"] == pytest.approx(3_000_000, rel=0.001)
    found = cglab("find", "pass_by", folder=tmp_path).stdout
    assert "memory        2.86 MiB allocated in 2 blocks, 2.86 MiB freed, 0 B net" in found
    cglab("render", "--format", "svg", folder=tmp_path)
    (picture,) = (tmp_path / "out").glob("*.svg")
    assert "2.86 MiB allocated in 2 blocks" in picture.read_text(encoding="utf-8")
    assert "at most" in cglab("info", folder=tmp_path).stdout
    graph = open_recording(only_recording(tmp_path)).graph(max_depth=1)
    (root,) = (node for node in graph.nodes if node.function.kind == "thread")
    assert root.memory is not None
    assert root.memory.peak_bytes is not None
    assert root.memory.peak_bytes > 6_000_000


@needs_native
def test_a_target_that_runs_still_and_is_killed(tmp_path: Path) -> None:
    script = """
    import time
    kept = []
    def hold():
        kept.append(bytearray(1_000_000))
        print("ready", flush=True)
        while True:
            time.sleep(0.05)
    hold()
    """
    write_target(tmp_path, script)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        functions = as_json("functions", "--format", "json", folder=tmp_path)["functions"]
        memory = {node["name"]: node["memory"] for node in functions}
        assert 1_000_000 < memory["__main__.hold"]["net_bytes"] < 1_010_000
        os.kill(run.target_pid(), signal.SIGKILL)
        run.end()
    functions = as_json("functions", "--format", "json", folder=tmp_path)["functions"]
    memory = {node["name"]: node["memory"] for node in functions}
    assert 1_000_000 < memory["__main__.hold"]["net_bytes"] < 1_010_000


@needs_native
def test_an_upload_has_memory_of_its_own(tmp_path: Path) -> None:
    client = shlex.join(["python", str(CLIENT)])
    cglab(*RUN, "--drive", client, EXAMPLES / "ftpServer.py", "0", folder=tmp_path)
    functions = as_json("functions", "--format", "json", "--action", "STOR", folder=tmp_path)[
        "functions"
    ]
    memory = {node["name"].rpartition(".")[2]: node["memory"] for node in functions}
    # The client uploads 300,000 bytes in one file, which pass through in pieces.
    assert memory["recv"]["allocated_bytes"] > 300_000
    assert memory["recv"]["net_bytes"] < 1000
    actions = as_json("actions", "--format", "json", folder=tmp_path)["actions"]
    (upload,) = (item["memory"] for item in actions if item["name"] == "STOR")
    assert upload["allocated_bytes"] > 300_000
    shown = cglab("actions", folder=tmp_path).stdout.splitlines()
    assert shown[0].split()[-3:] == ["allocated", "freed", "net"]
    received = {}
    for nth in ("first", "last"):
        instance = as_json(
            "functions", "--format", "json", "--action", "STOR", "--nth", nth, folder=tmp_path
        )
        received[nth] = next(
            node["memory"]["allocated_bytes"]
            for node in instance["functions"]
            if node["name"].endswith(".recv")
        )
    # A note comes first, then a file of 300,000 bytes.
    assert received["first"] < 300_000 < received["last"]
    assert received["first"] + received["last"] == memory["recv"]["allocated_bytes"]


@needs_native
def test_pictures_of_memory(tmp_path: Path) -> None:
    write_target(tmp_path, HOLDS)
    drawn = ("--color", "memory", "--format", "svg")
    ran = cglab("run", "--memory", *drawn, "target.py", folder=tmp_path)
    assert "target-memory.depth-4.svg" in ran.stderr
    picture = (tmp_path / "out" / "target-memory.depth-4.svg").read_text(encoding="utf-8")
    assert "holds 2.86 MiB" in picture
    assert "net memory" in picture
    cglab("sweep", "1..2", "--color", "allocated", "--format", "dot", folder=tmp_path)
    picture = (tmp_path / "out" / "target-allocated.depth-2.dot").read_text(encoding="utf-8")
    assert "allocated memory" in picture


@needs_native
def test_what_differs_in_bytes(tmp_path: Path) -> None:
    for name, more in (("first", HOLDS), ("second", HOLDS.replace("2_000_000", "5_000_000"))):
        write_target(tmp_path, more)
        cglab(*RUN, "--name", name, "target.py", folder=tmp_path)
    first, second = sorted(path.name for path in (tmp_path / "out").glob("*.cglab"))
    alike = cglab("diff", first, second, folder=tmp_path).stdout
    assert "no difference" in alike
    shown = cglab("diff", first, second, "--by", "net", folder=tmp_path).stdout
    (row,) = (line for line in shown.splitlines() if "__main__.hold" in line)
    assert "+2.86 MiB" in row
    assert "1 in both with other counts or bytes" in shown
    document = as_json("diff", first, second, "--format", "json", folder=tmp_path)
    hold, pass_by = (
        next(item for item in document["functions"]["both"] if item["name"] == f"__main__.{name}")
        for name in ("hold", "pass_by")
    )
    assert hold["change"]["net_bytes"] == 3_000_000
    assert hold["b"]["memory"]["net_bytes"] - hold["a"]["memory"]["net_bytes"] == 3_000_000
    assert pass_by["change"]["allocated_bytes"] == 0
    cglab("diff", first, second, "--by", "net", "--draw", "d.dot", folder=tmp_path)
    assert "coloured by net bytes" in (tmp_path / "d.dot").read_text(encoding="utf-8")


@needs_native
def test_what_pythons_allocators_do_not_see(tmp_path: Path) -> None:
    script = """
    import ctypes, time
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    kept = bytearray(20_000_000)
    library.memset(library.malloc(50_000_000), 1, 50_000_000)
    time.sleep(1)
    """
    write_target(tmp_path, script)
    cglab(*RUN, "target.py", folder=tmp_path)
    for command in ("resources", "info"):
        memory = as_json(command, "--format", "json", folder=tmp_path)["memory"]
        assert 20_000_000 < memory["net_bytes"] <= memory["peak_bytes"] < 30_000_000
        assert memory["rss_bytes"] > 70_000_000
        assert memory["unseen_bytes"] == memory["rss_bytes"] - memory["peak_bytes"] > 50_000_000
    told = cglab("resources", folder=tmp_path)
    assert "is not what functions are charged with" in told.stderr
    assert "resident, as sampled" in cglab("info", folder=tmp_path).stdout


@needs_native
def test_a_picture_or_a_difference_of_what_was_not_counted(tmp_path: Path) -> None:
    write_target(tmp_path, "def f(): pass\nf()\n")
    ran = cglab("run", "--color", "memory", "target.py", folder=tmp_path, status=None)
    assert ran.returncode == UsageError.exit_status
    assert "add --memory" in ran.stderr
    assert not (tmp_path / "out").exists()
    cglab("run", "--no-render", "target.py", folder=tmp_path)
    ran = cglab("render", "--color", "memory", folder=tmp_path, status=None)
    assert ran.returncode == UsageError.exit_status
    assert "no memory was counted in what is to be drawn" in ran.stderr
    name = only_recording(tmp_path).name
    ran = cglab("diff", name, name, "--by", "net", folder=tmp_path, status=None)
    assert ran.returncode == UsageError.exit_status
    assert "no memory was counted in what is to be compared" in ran.stderr
    info = as_json("info", "--format", "json", folder=tmp_path)
    assert info["memory"] is None


@needs_native
def test_sorting_by_what_was_not_counted(tmp_path: Path) -> None:
    write_target(tmp_path, "def f(): pass\nf()\n")
    cglab("run", "--no-render", "target.py", folder=tmp_path)
    ran = cglab("functions", "--sort", "net", folder=tmp_path, status=None)
    assert ran.returncode == UsageError.exit_status
    assert "no memory was counted in this recording" in ran.stderr


@needs_native
def test_from_python(tmp_path: Path) -> None:
    path = tmp_path / "block.cglab"
    kept = []

    def hold() -> None:
        kept.append(bytearray(1_000_000))

    with trace(path, memory=True):
        hold()
    graph = open_recording(path).graph(max_depth=None, filters=["none"])
    (node,) = (node for node in graph.nodes if node.function.own_name == "hold")
    assert node.memory is not None
    assert 1_000_000 + _MORE_BYTES <= node.memory.net_bytes < 1_000_200
