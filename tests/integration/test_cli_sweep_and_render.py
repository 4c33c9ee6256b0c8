"""``cglab sweep`` and ``cglab render``: many pictures, and graphs as JSON, from one recording."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from support_cli import (
    FIBONACCI,
    FIBONACCI_CALLS,
    cglab,
    command,
    environment,
    figures,
    only_recording,
    write_target,
)

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]

DEEPEST = 8
"""Of FIBONACCI: <module>, main, and six levels of fibonacci(6) down to fibonacci(1)."""


@pytest.fixture
def folder(fibonacci_folder: Path, tmp_path: Path) -> Path:
    """Return a folder whose ``out`` has the recording of FIBONACCI, to be written to."""
    (tmp_path / "out").mkdir()
    recording = only_recording(fibonacci_folder)
    (tmp_path / "out" / recording.name).write_bytes(recording.read_bytes())
    return tmp_path


def pictures(folder: Path, suffix: str = ".svg") -> list[str]:
    return sorted(path.stem for path in (folder / "out").glob(f"*{suffix}"))


def test_sweep_prints_what_each_depth_adds(folder: Path, cglab_here: Run) -> None:
    result = cglab_here("sweep", "1..3", "--format", "dot,json", folder=folder)
    header, *rows = result.stdout.splitlines()
    assert re.split(r" {2,}", header) == [
        "depth",
        "functions",
        "edges",
        "new at this depth",
        "files",
    ]
    expected = [
        ("1", "1", "1", "<module>"),
        ("2", "2", "2", "main"),
        ("3", "3", "3", "fibonacci"),
    ]
    assert [tuple(row.split()) for row in rows] == [
        (*row, f"out/fibonacci.depth-{row[0]}.{{dot,json}}") for row in expected
    ]
    assert "3 pictures from one recording" in result.stderr
    stems = [f"fibonacci.depth-{depth}" for depth in (1, 2, 3)]
    assert pictures(folder, ".dot") == pictures(folder, ".json") == stems
    # Depths of one run are comparable: calls down to depth 3 of 25 in all.
    graph = json.loads((folder / "out" / "fibonacci.depth-3.json").read_text())
    node = next(node for node in graph["nodes"] if node["qualname"] == "fibonacci")
    assert (node["calls"], node["total_calls"]) == (1, FIBONACCI_CALLS)


def test_sweep_ends_at_the_deepest_call(folder: Path, cglab_here: Run) -> None:
    result = cglab_here("sweep", "1..30", "--format", "dot", folder=folder)
    assert len(pictures(folder, ".dot")) == DEEPEST
    assert len(result.stdout.splitlines()) == 1 + DEEPEST
    assert (
        f"not drawn again: depth 9 to 30; the deepest call is at depth {DEEPEST}" in result.stderr
    )


@pytest.mark.parametrize(
    ("depths", "drawn"),
    [("3", [3]), ("1,2,4..6", [1, 2, 4, 5, 6]), ("50..60", [50]), ("2,1", [1, 2])],
)
def test_sweep_takes_ranges(depths: str, drawn: list[int], folder: Path, cglab_here: Run) -> None:
    cglab_here("sweep", depths, "--format", "dot", folder=folder)
    assert pictures(folder, ".dot") == [f"fibonacci.depth-{depth}" for depth in drawn]


def test_sweep_records_a_target_once(tmp_path: Path) -> None:
    write_target(tmp_path, FIBONACCI + "\n    open('runs', 'a').write('x')\n    sys.exit(4)\n")
    words = ("1..8", "--format", "svg", "target.py", "--max-depth", "1")
    result = cglab("sweep", *words, folder=tmp_path, status=4)
    assert (tmp_path / "runs").read_text() == "x"
    assert figures(only_recording(tmp_path))["fibonacci"].calls == FIBONACCI_CALLS
    assert pictures(tmp_path) == [f"target.depth-{depth}" for depth in range(1, 9)]
    for name in pictures(tmp_path):
        ET.parse(tmp_path / "out" / f"{name}.svg")  # noqa: S314 - our own file
    assert "result 8\n" in result.stdout


def test_sweep_of_a_module_with_arguments(tmp_path: Path) -> None:
    write_target(tmp_path, "import sys\ndef work(): print(sys.argv[1:])\nwork()\n", "tool.py")
    words = ("sweep", "1..2", "--format", "dot", "-m", "tool", "-o", "elsewhere", "1..8")
    result = cglab(*words, folder=tmp_path)
    assert result.stdout.startswith("['-o', 'elsewhere', '1..8']\n")
    assert pictures(tmp_path, ".dot") == ["tool.depth-1", "tool.depth-2"]


def test_sweep_of_the_newest_or_of_a_named_recording(folder: Path, cglab_here: Run) -> None:
    write_target(folder, "def only(): pass\nonly()\n", "newer.py")
    cglab("run", "--no-render", "newer.py", folder=folder)
    cglab_here("sweep", "1", "--format", "dot", folder=folder)
    assert pictures(folder, ".dot") == ["newer.depth-1"]
    older = next(path for path in (folder / "out").glob("fibonacci-*.cglab"))
    for number, given in enumerate((older.stem, older.name, str(older)), start=1):
        words = ("sweep", str(number), "--format", "dot", "--recording", given)
        cglab_here(*words, folder=folder)
        assert f"fibonacci.depth-{number}" in pictures(folder, ".dot")


def test_sweep_shows_its_progress_on_a_terminal(folder: Path) -> None:
    script = ["script", "-qec", " ".join(map(str, command("sweep", "1..3", "--format", "svg")))]
    try:
        result = subprocess.run(
            [*script, "/dev/null"],
            cwd=folder,
            env=environment(TERM="xterm"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("the program script, of util-linux, is not installed")
    assert "drawing" in result.stdout
    assert "100%" in result.stdout


def test_render_draws_the_newest_at_a_depth(folder: Path) -> None:
    result = cglab("render", "--max-depth", "6", folder=folder)
    stem = "fibonacci.depth-6"
    assert pictures(folder, ".svg") == pictures(folder, ".png") == [stem]
    assert f"wrote out/{stem}.dot, out/{stem}.svg, out/{stem}.png" in result.stderr
    assert result.stdout == ""


def test_render_makes_pictures_anew_and_never_touches_a_recording(folder: Path) -> None:
    recording = only_recording(folder)
    before = recording.read_bytes(), recording.stat().st_mtime_ns
    picture = folder / "out" / "fibonacci.depth-2.dot"
    picture.write_text("old")
    cglab("render", "--max-depth", "2", "--format", "dot", folder=folder)
    assert picture.read_text().startswith("digraph")
    assert (recording.read_bytes(), recording.stat().st_mtime_ns) == before


@pytest.mark.parametrize("name", ["x.svg", "new/folder/x.png", "x.dot", "x.json", "x.y.svg"])
def test_render_into_a_file(name: str, folder: Path, cglab_here: Run) -> None:
    result = cglab_here("render", "-o", name, folder=folder)
    assert f"wrote {name}" in result.stderr
    starts = {".svg": b"<?xml", ".png": b"\x89PNG", ".dot": b"digraph", ".json": b"{"}
    path = folder / name
    assert path.read_bytes().lstrip().startswith(starts[path.suffix])
    assert len(list(path.parent.iterdir())) == (2 if path.parent == folder else 1)
    assert len(list((folder / "out").iterdir())) == 1


def test_render_into_a_folder(folder: Path, cglab_here: Run) -> None:
    cglab_here("render", "--format", "dot", "-o", "pictures", folder=folder)
    assert (folder / "pictures" / "fibonacci.depth-4.dot").is_file()
    # A folder that has recordings is where they are looked for, as with run -o.
    (folder / "out").rename(folder / "lab")
    cglab_here("render", "--format", "dot", "-o", "lab", folder=folder)
    assert (folder / "lab" / "fibonacci.depth-4.dot").is_file()
    cglab_here("render", "--format", "dot", "-o", "x.dot", "--out", "lab", folder=folder)
    assert (folder / "x.dot").is_file()


def test_render_to_stdout(fibonacci_folder: Path, cglab_here: Run) -> None:
    before = sorted((fibonacci_folder / "out").iterdir())
    assert cglab_here(
        "render", "--format", "dot", "-o", "-", folder=fibonacci_folder
    ).stdout.startswith("digraph")
    svg = cglab_here("render", "--format", "svg", "-o", "-", folder=fibonacci_folder).stdout
    assert ET.fromstring(svg).tag.endswith("svg")  # noqa: S314 - our own text
    assert sorted((fibonacci_folder / "out").iterdir()) == before
    both = cglab_here("render", "-o", "-", folder=fibonacci_folder, status=2)
    assert "Only one --format" in both.stderr
    other = ("render", "-o", "x.svg", "--format", "png")
    assert "--format says otherwise" in cglab_here(*other, folder=fibonacci_folder, status=2).stderr


INTEGER, TEXT, FLAG, LIST = int, str, bool, list
SCHEMA: dict[str, Any] = {
    "schema": INTEGER,
    "recording": {
        "name": TEXT,
        "target": TEXT,
        "argv": LIST,
        "python": TEXT,
        "engine": TEXT,
        "started": TEXT,
        "duration_ns": INTEGER,
        "complete": FLAG,
        "processes": LIST,
        "threads": LIST,
    },
    "query": {
        "max_depth": INTEGER,
        "depth_by": TEXT,
        "include": LIST,
        "exclude": LIST,
        "filters": LIST,
        "process": (int, type(None)),
        "action": (TEXT, type(None)),
        "stdlib": (FLAG, type(None)),
    },
    "nodes": LIST,
    "edges": LIST,
    "hidden": {"functions": INTEGER, "calls": INTEGER, "by_rule": LIST},
}
NODE = {
    "id": TEXT,
    "name": TEXT,
    "module": TEXT,
    "qualname": TEXT,
    "class": (TEXT, type(None)),
    "defined_in": (TEXT, type(None)),
    "file": TEXT,
    "line": INTEGER,
    "stdlib": FLAG,
    "calls": INTEGER,
    "total_calls": INTEGER,
    "resumes": INTEGER,
    "open_calls": INTEGER,
    "suspended": INTEGER,
    "inclusive_ns": INTEGER,
    "self_ns": INTEGER,
    "min_depth": INTEGER,
    "memory": (dict, type(None)),
}
EDGE = {
    "source": TEXT,
    "target": TEXT,
    "calls": INTEGER,
    "resumes": INTEGER,
    "inclusive_ns": INTEGER,
    "bridged": FLAG,
    "skipped_frames": INTEGER,
}
RULE = {"rule": TEXT, "functions": INTEGER, "calls": INTEGER}


def check(value: Any, schema: Any, place: str = "document") -> None:
    """Check that all keys of a schema are there, each of its type. More keys may be there."""
    if not isinstance(schema, dict):
        assert isinstance(value, schema), f"{place} is {value!r}"
        return
    assert isinstance(value, dict), place
    for key, inner in schema.items():
        assert key in value, f"{place} has no {key}"
        check(value[key], inner, f"{place}.{key}")


def test_json_keeps_its_schema(ftp_folder: Path, cglab_here: Run) -> None:
    words = ("render", "--max-depth", "9", "--format", "json", "-o", "-")
    document = json.loads(cglab_here(*words, folder=ftp_folder).stdout)
    check(document, SCHEMA)
    assert document["schema"] == 1
    for name, schema in (("nodes", NODE), ("edges", EDGE)):
        assert document[name]
        for number, item in enumerate(document[name]):
            check(item, schema, f"{name}[{number}]")
    assert document["hidden"]["by_rule"]
    for rule in document["hidden"]["by_rule"]:
        check(rule, RULE, "rule")
    identifiers = {node["id"] for node in document["nodes"]}
    assert len(identifiers) == len(document["nodes"])
    assert all({edge["source"], edge["target"]} <= identifiers for edge in document["edges"])
    assert all(edge["bridged"] == bool(edge["skipped_frames"]) for edge in document["edges"])
    assert document["query"]["max_depth"] == 9
    assert document["query"]["filters"] == ["ftp-server"]
    for node in document["nodes"]:
        assert 0 <= node["self_ns"] <= node["inclusive_ns"]
        assert node["calls"] <= node["total_calls"]


def test_no_visible_function_loses_its_path_to_the_root(ftp_folder: Path, cglab_here: Run) -> None:
    words = ("render", "--max-depth", "40", "--format", "json", "-o", "-")
    document = json.loads(cglab_here(*words, folder=ftp_folder).stdout)
    callers: dict[str, set[str]] = {node["id"]: set() for node in document["nodes"]}
    for edge in document["edges"]:
        callers[edge["target"]].add(edge["source"])
    roots = {node["id"] for node in document["nodes"] if node["min_depth"] == 0}
    reached = set(roots)
    while more := {key for key, value in callers.items() if value & reached} - reached:
        reached |= more
    assert reached == set(callers)


def test_depth_by_stack_counts_hidden_frames(ftp_folder: Path, cglab_here: Run) -> None:
    def functions(*more: str) -> set[str]:
        words = ("render", "--max-depth", "6", "--format", "json", "-o", "-", "-e", "*.loop", *more)
        document = json.loads(cglab_here(*words, folder=ftp_folder).stdout)
        return {node["name"] for node in document["nodes"]}

    assert functions("--depth-by", "stack") < functions("--depth-by", "visible")
    assert functions("--naming", "pycallgraph2") != functions("--naming", "cglab")


def test_budget_of_nodes_and_links(ftp_folder: Path, cglab_here: Run) -> None:
    words = ("render", "--max-depth", "9", "--format", "svg", "-o", "-")
    full = cglab_here(*words, folder=ftp_folder).stdout
    few = cglab_here(*words, "--max-nodes", "10", folder=ftp_folder).stdout
    assert " more" in few
    assert len(few) < len(full)
    assert "vscode://file/" in cglab_here(*words, "--links", "vscode", folder=ftp_folder).stdout
    assert "vscode://file/" not in full


def test_layout_that_takes_too_long_leaves_the_dot_file(ftp_folder: Path, tmp_path: Path) -> None:
    recording = only_recording(ftp_folder)
    options = ("--max-depth", "40", "--filter", "none", "--max-nodes", "2000")
    limit = ("--layout-timeout", "0.1")
    result = cglab("render", recording, *options, *limit, "-o", ".", folder=tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".dot"]
    assert "no svg: " in result.stderr
    assert "0.1" in result.stderr
    words = ("render", recording, *options, *limit, "-o", "x.svg")
    result = cglab(*words, folder=tmp_path, status=1)
    assert "cglab: error: " in result.stderr
    assert not (tmp_path / "x.svg").exists()


def test_sweep_names_a_single_file_whole(fibonacci_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(fibonacci_folder, tmp_path, dirs_exist_ok=True)
    one = cglab("sweep", "1", "--format", "dot", folder=tmp_path).stdout
    assert one.splitlines()[1].endswith(" out/fibonacci.depth-1.dot")
    two = cglab("sweep", "1", "--format", "dot,json", folder=tmp_path).stdout
    assert two.splitlines()[1].endswith(" out/fibonacci.depth-1.{dot,json}")
