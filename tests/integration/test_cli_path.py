"""``cglab path``, ``callers`` and ``callees``: how a function is reached, and what came near."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
import pytest
from support_cli import FIBONACCI_CALLS
from unit.graph.test_call_chains import server

from callgraph_lab.cli.options import complete_sides, complete_slices
from callgraph_lab.cli.path import path
from callgraph_lab.recording import store

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a recording written by hand, of a server with actions."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "out").mkdir()
    store.save(server(), folder / "out" / "server.cglab")
    return folder


def own_names(chain: dict[str, Any]) -> list[str]:
    return [step["qualname"].rpartition(".")[2] for step in chain["steps"]]


def document(run: Run, *arguments: str, folder: Path, status: int = 0) -> dict[str, Any]:
    result = run(*arguments, "--format", "json", folder=folder, status=status)
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["schema"] == 1
    return found


def test_the_ways_to_the_bytes_of_an_upload(ftp_folder: Path, cglab_here: Run) -> None:
    found = document(cglab_here, "path", "DTPHandler.handle_read", folder=ftp_folder)
    assert found["reached"] is True
    (chain,) = found["chains"]
    names = own_names(chain)
    assert names[:3] == ["MainThread", "<module>", "main"]
    way = [name for name in names[names.index("poll") :] if name != "handle_read_event"]
    assert way == ["poll", "read", "handle_read"]
    poll = chain["steps"][names.index("poll")]
    assert poll["calls"] >= chain["calls"] > 0
    assert [step["from"] for step in chain["steps"]] == [False] * len(names)
    end = chain["steps"][-1]
    assert (end["calls"], end["inclusive_ns"]) == (chain["calls"], chain["inclusive_ns"])
    assert end["file"].endswith(".py")
    assert end["line"] > 0


def test_all_functions_of_a_name_the_shortest_way_first(ftp_folder: Path, cglab_here: Run) -> None:
    found = document(cglab_here, "path", "handle_read", folder=ftp_folder)
    assert len(found["to"]) > 1
    lengths = [chain["length"] for chain in found["chains"]]
    assert lengths == sorted(lengths)
    assert {own_names(chain)[-1] for chain in found["chains"]} == {"handle_read"}
    few = cglab_here("path", "handle_read", "--limit", "1", folder=ftp_folder)
    assert few.stdout.count("chain ") == 1
    assert f"{found['total_chains'] - 1} longer chains are not shown" in few.stderr


def test_from_one_function_to_another(ftp_folder: Path, cglab_here: Run) -> None:
    found = document(cglab_here, "path", "Epoll.poll", "ftp_STOR", folder=ftp_folder)
    (chain,) = found["chains"]
    (start,) = (step for step in chain["steps"] if step["from"])
    assert start["qualname"].endswith(".poll")
    assert chain["length"] == len(chain["steps"]) - 1 - chain["steps"].index(start)


def test_the_table(fibonacci_folder: Path, cglab_here: Run) -> None:
    result = cglab_here("path", "fibonacci", folder=fibonacci_folder)
    head, way, titles, *rows = result.stdout.splitlines()
    assert head.startswith("chain 1 of 1: 1 call, ")
    assert head.endswith(f", and {FIBONACCI_CALLS - 1} calls of it below itself")
    assert way == "  MainThread -> <module> -> main -> fibonacci"
    assert titles.split() == ["depth", "function", "calls", "inclusive", "where"]
    cells = [re.split(r" {2,}", row.strip()) for row in rows]
    assert [row[:3] for row in cells[1:]] == [
        ["1", "__main__.<module>", "1"],
        ["2", "__main__.main", "1"],
        ["3", "__main__.fibonacci", "1"],
    ]
    assert cells[-1][-1] == "fibonacci.py:4"


def test_where_an_action_enters(server_folder: Path, cglab_here: Run) -> None:
    found = document(cglab_here, "path", "write", "--action", "stor", folder=server_folder)
    (chain,) = found["chains"]
    assert [step["name"] for step in chain["steps"]] == [
        "MainThread",
        "m.loop",
        "m.read",
        "m.write",
    ]
    assert [step["action"] for step in chain["steps"] if step["enters"]] == ["STOR"]
    shown = cglab_here("path", "write", "--action", "STOR", folder=server_folder).stdout
    (row,) = (row for row in shown.splitlines() if "STOR enters" in row)
    assert "m.read" in row
    first = document(
        cglab_here, "path", "open", "--action", "STOR", "--nth", "first", folder=server_folder
    )
    assert first["chains"][0]["calls"] == 1


def test_not_reached_is_an_answer(ftp_folder: Path, server_folder: Path, cglab_here: Run) -> None:
    result = cglab_here("path", "ftp_STOR", "DTPHandler.handle_read", folder=ftp_folder, status=1)
    first, second = result.stdout.splitlines()
    assert first.startswith("not reached: ")
    assert "but never below" in first
    assert second.startswith("the nearest reached: ")
    found = document(
        cglab_here, "path", "ftp_STOR", "DTPHandler.handle_read", folder=ftp_folder, status=1
    )
    assert (found["reached"], found["chains"]) == (False, [])
    assert found["nearest"]["way"][-1].endswith("DTPHandler.handle_read")

    other = cglab_here("path", "write", "--action", "login", folder=server_folder, status=1)
    assert "m.write ran (3 calls), but never for login" in other.stdout
    assert "the nearest reached: m.loop, 2 calls away (it leads to both)" in other.stdout


@pytest.mark.parametrize("names", [["fibonaci"], ["fibonaci", "main"], ["main", "fibonaci"]])
def test_a_function_that_never_ran(
    names: list[str], fibonacci_folder: Path, cglab_here: Run
) -> None:
    result = cglab_here("path", *names, folder=fibonacci_folder, status=1)
    assert "no function called 'fibonaci' ran in fibonacci-" in result.stdout
    assert "__main__.fibonacci" in result.stdout
    found = document(cglab_here, "path", "fibonaci", folder=fibonacci_folder, status=1)
    assert found["similar"] == ["__main__.fibonacci"]


def test_a_drawing_of_just_these(
    server_folder: Path, ftp_folder: Path, tmp_path: Path, cglab_here: Run
) -> None:
    dot = tmp_path / "way.dot"
    cglab_here("path", "write", "--action", "STOR", "--draw", dot, folder=server_folder)
    text = dot.read_text()
    assert "only the call chains to write, where that serves STOR" in text
    assert "<b>STOR enters here</b>" in text
    assert re.findall(r"<b>([a-z]+)</b></font>", text) == ["loop", "read", "write"]
    svg = tmp_path / "way.svg"
    result = cglab_here("path", "ftp_STOR", "--draw", svg, folder=ftp_folder)
    assert f"wrote {svg}" in result.stderr
    assert "ftp_STOR" in svg.read_text()
    nothing = cglab_here(
        "path", "nowhere", "--draw", tmp_path / "no.svg", folder=ftp_folder, status=1
    )
    assert "was not written" in nothing.stderr


def test_callers_level_by_level(fibonacci_folder: Path, cglab_here: Run) -> None:
    found = document(cglab_here, "callers", "fibonacci", "--depth", "2", folder=fibonacci_folder)
    (function,) = found["functions"]
    assert function["calls"] == FIBONACCI_CALLS
    levels = [
        {item["qualname"]: item["calls"] for item in level["functions"]}
        for level in function["levels"]
    ]
    assert levels == [
        {"fibonacci": FIBONACCI_CALLS - 1, "main": 1},
        {"fibonacci": FIBONACCI_CALLS - 3, "main": 2, "<module>": 1},
    ]
    shown = cglab_here("callers", "fibonacci", "--depth", "1", folder=fibonacci_folder).stdout
    assert shown.startswith(f"callers of __main__.fibonacci: {FIBONACCI_CALLS} calls\n")
    assert len(shown.splitlines()) == 4


def test_callees_of_an_action(server_folder: Path, cglab_here: Run) -> None:
    found = document(cglab_here, "callees", "m.command", "--action", "STOR", folder=server_folder)
    (function,) = found["functions"]
    assert [item["name"] for item in function["levels"][0]["functions"]] == ["m.open"]
    assert len(function["levels"]) == 1
    shown = cglab_here("callees", "m.command", folder=server_folder).stdout
    assert "m.login" in shown
    result = cglab_here("callees", "m.login", "--action", "STOR", folder=server_folder, status=1)
    assert "m.login ran in server.cglab, but never for STOR" in result.stderr


def test_completion_of_actions_and_recordings(server_folder: Path) -> None:
    context = click.Context(path, info_name="path")
    context.params = {"folder": server_folder / "out"}
    argument = path.params[0]
    assert [item.value for item in complete_slices(context, argument, "ST")] == ["STOR"]
    assert [item.value for item in complete_sides(context, argument, "")] == [
        "STOR",
        "login",
        "idle",
        "server.cglab",
    ]
    context.params = {"folder": server_folder / "nowhere"}
    assert complete_sides(context, argument, "") == []


def test_no_such_function_action_or_ending(
    server_folder: Path, tmp_path: Path, cglab_here: Run
) -> None:
    result = cglab_here("callers", "m.reed", folder=server_folder, status=1)
    assert "no function called 'm.reed'" in result.stderr
    assert "m.read" in result.stderr
    refused = cglab_here("path", "write", "--action", "NOOP", folder=server_folder, status=2)
    assert "no action or mark 'NOOP'" in refused.stderr
    assert "STOR, login, idle" in refused.stderr
    wrong = cglab_here("path", "a", "--draw", tmp_path / "x.jpg", folder=server_folder, status=2)
    assert "does not end in .svg, .png, .dot" in wrong.stderr
    many = cglab_here("path", "a", "b", "c", folder=server_folder, status=2)
    assert "FROM and TO" in many.stderr
