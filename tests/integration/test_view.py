"""``cglab view``: one file that holds a recording, finished or running, and opens without us."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from support_cli import (
    ENGINE,
    FIBONACCI,
    SLEEPER,
    as_json,
    cglab,
    only_recording,
    running,
    wait_until,
    write_target,
)
from support_viewer import data_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]
LARGEST_PAGE_BYTES = 3_000_000
has_actions = pytest.mark.skipif(
    ENGINE == "pycallgraph2", reason="the engine pycallgraph2 tells no actions apart"
)


def page_at(path: Path) -> dict[str, Any]:
    return data_of(path.read_bytes())


def view(run: Run, folder: Path, page: Path, *arguments: str) -> dict[str, Any]:
    """Make a page of the recording in a folder that is only read, and return its data."""
    run("view", *arguments, "-o", page, folder=folder)
    return page_at(page)


def columns(document: dict[str, Any], key: str, names: Sequence[str]) -> list[list[int]]:
    (found,) = (item for item in document["slices"] if item["key"] == key)
    return [found["tree"].get(name, []) for name in names]


def test_a_page_of_the_newest_recording(tmp_path: Path, cglab_here: Run) -> None:
    write_target(tmp_path, FIBONACCI, "fibonacci.py")
    cglab("run", "--no-render", "fibonacci.py", folder=tmp_path)
    result = cglab_here("view", folder=tmp_path)
    name = only_recording(tmp_path).name.removesuffix(".cglab")
    page = tmp_path / "out" / f"{name}.html"
    assert result.stdout == ""
    assert f"wrote out/{name}.html" in result.stderr
    document = page_at(page)
    assert document["recording"]["name"] == name
    assert document["recording"]["running"] is False
    functions = [item["qualname"] for item in document["functions"]]
    function, calls = columns(document, "all", ("function", "calls"))
    of_fibonacci = [
        count
        for number, count in zip(function, calls, strict=True)
        if functions[number] == "fibonacci"
    ]
    assert sum(of_fibonacci) == 25
    (snippet,) = (
        snippet
        for lines in document["sources"].values()
        for snippet in lines.values()
        if snippet[0].startswith("def fibonacci")
    )
    assert "return n if n < 2" in snippet[1]
    assert not document["changed_files"]


def test_where_the_page_goes(fibonacci_folder: Path, tmp_path: Path, cglab_here: Run) -> None:
    name = only_recording(fibonacci_folder).name.removesuffix(".cglab")
    cglab_here("view", "-o", tmp_path, folder=fibonacci_folder)
    assert page_at(tmp_path / f"{name}.html")["recording"]["name"] == name
    cglab_here("view", name, "-o", tmp_path / "new" / "page.htm", folder=fibonacci_folder)
    written = (tmp_path / "new" / "page.htm").read_bytes()
    result = cglab_here("view", "-o", "-", folder=fibonacci_folder)
    assert result.stdout.encode() == written
    assert result.stderr == ""


def test_options_are_what_the_page_begins_with(
    fibonacci_folder: Path, tmp_path: Path, cglab_here: Run
) -> None:
    own = tmp_path / "own.toml"
    own.write_text('include = ["fib*"]\n', encoding="utf-8")
    options = ("-f", "no-stdlib", "-f", str(own), "-i", "__main__", "-e", "*.main", "--no-stdlib")
    depth = ("--max-depth", "2", "--depth-by", "stack", "--max-nodes", "9")
    document = view(cglab_here, fibonacci_folder, tmp_path / "a.html", *options, *depth)
    process = document["recording"]["processes"][0]["pid"]
    assert document["query"] == {
        "filters": ["no-stdlib", str(own)],
        "include": ["__main__"],
        "exclude": ["*.main"],
        "stdlib": False,
        "max_depth": 2,
        "depth_by": "stack",
        "slice": "all",
        "process": None,
        "max_nodes": 9,
    }
    (preset,) = (item for item in document["filters"] if item["name"] == str(own))
    assert preset["layers"][0]["include"] == ["fib*"]
    more = ("--process", str(process), "--no-sources", "--links", "none")
    document = view(cglab_here, fibonacci_folder, tmp_path / "b.html", *more)
    assert document["query"]["process"] == process
    assert document["sources"] == {}
    assert {item["link"] for item in document["functions"]} == {None}
    assert {item["name"] for item in document["filters"]} >= {"none", "no-stdlib", "ftp-server"}
    assert "auto" not in {item["name"] for item in document["filters"]}


def test_the_ftp_example_is_small_enough_to_send(ftp_folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "ftp.html"
    cglab("view", "-o", page, folder=ftp_folder)
    assert page.stat().st_size <= LARGEST_PAGE_BYTES
    document = page_at(page)
    assert document["auto"]["plain"]["name"] == "ftp-server"
    assert document["resources"]["moments_ns"]


@has_actions
def test_actions_events_and_phases_are_what_other_commands_say(
    ftp_folder: Path, tmp_path: Path
) -> None:
    page = tmp_path / "ftp.html"
    cglab("view", "--action", "stor", "--nth", "first", "-o", page, folder=ftp_folder)
    document = page_at(page)
    assert document["query"]["slice"] == "action:STOR@first"
    actions = as_json("actions", "--format", "json", folder=ftp_folder)["actions"]
    assert document["actions"] == actions
    explained = as_json("explain", "STOR", "--format", "json", folder=ftp_folder)
    assert document["phases"]["STOR"] == explained["phases"]
    lines = cglab("events", "--format", "jsonl", folder=ftp_folder).stdout.splitlines()
    assert len(document["events"]) == len(lines) > 0
    keys = [item["key"] for item in document["slices"]]
    assert keys[0] == "all"
    assert set(keys) >= {"action:STOR", "action:STOR@first", "action:STOR@last", "action:RETR"}
    # Every call of the whole serves one action at most.
    (of_all,) = columns(document, "all", ("calls",))
    of_actions = [columns(document, f"action:{item['name']}", ("calls",))[0] for item in actions]
    assert sum(map(sum, of_actions)) <= 2 * sum(of_all)
    bands = {band["name"] for band in document["action_bands"]}
    assert {"STOR", "RETR", "login"} <= bands


def test_a_running_recording(tmp_path: Path) -> None:
    write_target(tmp_path, SLEEPER, "sleeper.py")
    with running("run", "--no-render", "sleeper.py", folder=tmp_path) as run:
        run.wait_for("ready")
        page = tmp_path / "now.html"
        result = cglab("view", "-o", page, folder=tmp_path)
        assert "is still running: the page shows what it was until now" in result.stderr
        document = page_at(page)
    assert document["recording"]["running"] is True
    assert document["recording"]["complete"] is False
    (open_calls,) = columns(document, "all", ("open_calls",))
    # <module>, main and work, and perhaps what work calls just then.
    assert sum(open_calls) >= 3


def test_a_browser_is_started(
    fibonacci_folder: Path, tmp_path: Path, cglab_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}.part && mv {seen}.part {seen}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    page = tmp_path / "a page.html"
    cglab_here("view", "--open", "-o", page, folder=fibonacci_folder)
    wait_until(seen.exists, "the browser was started")
    assert seen.read_text().strip() == page.as_uri()
    assert " " not in page.as_uri()


def test_no_browser_is_an_error_that_says_what_to_do(
    fibonacci_folder: Path, tmp_path: Path, cglab_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    page = tmp_path / "page.html"
    result = cglab_here("view", "--open", "-o", page, folder=fibonacci_folder, status=2)
    assert "no browser could be started" in result.stderr
    assert f"open {page.as_uri()} yourself" in result.stderr
    assert page.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--action", "STOR"), "no action or mark 'STOR'"),
        (("--nth", "first"), "--nth says which one of an action"),
        (("--process", "1"), "no process 1"),
        (("-f", "ftp-servr"), "did you mean 'ftp-server'"),
        (("-f", "missing.toml"), "no such filter file"),
        (("-i", ""), "--include needs a glob"),
        (("nothing",), "there is no recording nothing"),
        (("--open", "-o", "-"), "--open needs a file"),
        (("-o", "fibonacci.py/page.html"), "Cannot write fibonacci.py/page.html"),
    ],
)
def test_what_is_not_there_is_said(
    arguments: tuple[str, ...], says: str, fibonacci_folder: Path, cglab_here: Run
) -> None:
    before = sorted(fibonacci_folder.rglob("*"))
    result = cglab_here("view", *arguments, folder=fibonacci_folder, status=2)
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert sorted(fibonacci_folder.rglob("*")) == before
