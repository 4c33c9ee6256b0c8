"""At each depth and for each action the page has the graph that ``cglab render`` has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from support_cli import ENGINE, as_json, only_recording

from callgraph_lab.cli.loaded import load_recording
from callgraph_lab.cli.options import QueryOptions
from callgraph_lab.render.json_graph import graph_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from browser.support_browser import OpenPage

DEPTHS = range(1, 9)
EVERYTHING = QueryOptions((), (), (), None, None, None, None, "visible", "cglab")
FOLLOW_LINK = """(hash) => new Promise((followed) => {
  addEventListener("hashchange", () => setTimeout(followed), { once: true });
  location.hash = hash;
})"""
COMPARED = ("deepest", "nodes", "edges", "hidden")


def asked(**changes: Any) -> QueryOptions:
    fields = {name: getattr(EVERYTHING, name) for name in QueryOptions.__slots__}
    return QueryOptions(**{**fields, **changes})


def python_says(folder: Path, options: QueryOptions, depth: int | None) -> dict[str, Any]:
    """Return what ``cglab render --format json`` prints, without starting it 200 times."""
    loaded = load_recording(str(only_recording(folder)), folder, options)
    document = graph_document(loaded.graph(depth), loaded.recording.run)
    return compared(json.loads(json.dumps(document)))


def compared(document: dict[str, Any]) -> dict[str, Any]:
    """Return what of a graph must be alike: all but where functions are."""
    kept = {key: document[key] for key in COMPARED}
    kept["nodes"] = [{**node, "memory": None} for node in kept["nodes"]]
    return kept


def go_to(page: OpenPage, **state: Any) -> None:
    """Go to a state as a link to it does."""
    page.page.evaluate(FOLLOW_LINK, urlencode(state))


def check_depths(page: OpenPage, folder: Path, options: QueryOptions) -> None:
    """Move the slider from depth to depth and compare."""
    for depth in DEPTHS:
        page.set_depth(depth)
        expected = python_says(folder, options, page.state()["depth"])
        assert compared(page.graph()) == expected
        ids = {node["id"] for node in expected["nodes"]}
        if len(ids) <= page.state()["maxNodes"]:
            page.drawn_when(ids.__eq__)


@pytest.mark.parametrize("name", ["fibonacci", "ftp", "threads"])
def test_each_depth_of_the_whole(
    name: str,
    request: pytest.FixtureRequest,
    page_of: Callable[[Path], Path],
    open_page: Callable[..., OpenPage],
) -> None:
    folder: Path = request.getfixturevalue(f"{name}_folder")
    page = open_page(page_of(folder))
    check_depths(page, folder, asked())
    # Depths that count every frame, and nothing hidden.
    for options, state in (
        (asked(depth_by="stack"), {"depthBy": "stack"}),
        (asked(filters=("none",)), {"filters": '["none"]'}),
        (
            asked(stdlib=True, exclude=("*.<module>",)),
            {"stdlib": "yes", "exclude": '["*.<module>"]'},
        ),
    ):
        go_to(page, depth=4, **state)
        assert compared(page.graph()) == python_says(folder, options, 4)


@pytest.mark.skipif(ENGINE == "pycallgraph2", reason="the engine pycallgraph2 tells no actions")
def test_each_depth_of_each_action(
    ftp_folder: Path, ftp_page: Path, open_page: Callable[..., OpenPage]
) -> None:
    page = open_page(ftp_page)
    actions = as_json("actions", "--format", "json", folder=ftp_folder)["actions"]
    assert len(actions) > 5
    for action in actions:
        go_to(page, slice=f"action:{action['name']}")
        check_depths(page, ftp_folder, asked(action=action["name"]))
    for nth in ("slowest", "first", "last"):
        go_to(page, slice=f"action:STOR@{nth}", depth=3)
        expected = python_says(ftp_folder, asked(action="STOR", nth=nth), 3)
        assert compared(page.graph()) == expected


def test_it_is_what_the_command_prints(
    ftp_folder: Path, ftp_page: Path, open_page: Callable[..., OpenPage]
) -> None:
    page = open_page(ftp_page)
    for depth in (2, 6):
        page.set_depth(depth)
        arguments = ("--max-depth", str(depth), "--format", "json", "-o", "-")
        printed = as_json("render", *arguments, folder=ftp_folder)
        assert compared(page.graph()) == compared(printed)


def test_one_process(
    threads_folder: Path, page_of: Callable[[Path], Path], open_page: Callable[..., OpenPage]
) -> None:
    page = open_page(page_of(threads_folder))
    for process in load_recording(None, threads_folder / "out", asked()).recording.processes:
        go_to(page, process=process.pid, depth=5)
        expected = python_says(threads_folder, asked(process=process.pid), 5)
        assert compared(page.graph()) == expected
