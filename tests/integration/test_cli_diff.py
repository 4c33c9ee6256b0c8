"""``cglab diff``: two recordings, actions or marks as a table, as JSON, and as one picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from support_cli import EXAMPLES, FIBONACCI, cglab, write_target
from unit.graph.test_call_chains import server

from callgraph_lab.recording import store

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]

CLIENT = """
import ftplib, io, os

with ftplib.FTP(timeout=30) as client:
    client.connect(os.environ["CGLAB_HOST"], int(os.environ["CGLAB_PORT"]))
    client.login("user", "12345")
    client.retrlines("LIST", len)
    {command}
    client.quit()
"""
UPLOAD = 'client.storbinary("STOR a", io.BytesIO(bytes(200_000)))'
FOLDERS = 'client.mkd("a"); client.rmd("a")'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two sessions of the FTP server, and one of another program."""
    folder = tmp_path_factory.mktemp("sessions")
    write_target(folder, FIBONACCI, "fibonacci.py")
    cglab("run", "--no-render", "--name", "fib", "fibonacci.py", folder=folder)
    for name, text in (("folders", FOLDERS), ("upload", UPLOAD)):
        client = write_target(folder, CLIENT.format(command=text), f"{name}.py")
        drive = ("--drive", f"python {client}")
        arguments = ("--no-render", "--name", name, *drive, EXAMPLES / "ftpServer.py", "0")
        cglab("run", *arguments, folder=folder)
    return folder


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a recording written by hand, of a server with actions."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "out").mkdir()
    store.save(server(), folder / "out" / "server.cglab")
    return folder


def path_of(folder: Path, name: str) -> str:
    (found,) = (folder / "out").glob(f"{name}-*.cglab")
    return found.name


def difference(run: Run, *arguments: str, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        run("diff", *arguments, "--format", "json", folder=folder).stdout
    )
    assert found["schema"] == 1
    return found


def names(found: dict[str, Any], side: str) -> set[str]:
    return {item["qualname"].rpartition(".")[2] for item in found["functions"][side]}


def test_what_uploading_is(folder: Path, cglab_here: Run) -> None:
    words = path_of(folder, "upload"), path_of(folder, "folders")
    found = difference(cglab_here, *words, folder=folder)
    assert {"ftp_STOR", "handle_read"} & names(found, "only_a") == {"ftp_STOR", "handle_read"}
    assert {"ftp_MKD", "ftp_RMD", "mkdir", "rmdir"} <= names(found, "only_b")
    assert {"loop", "ftp_USER", "ftp_LIST"} <= names(found, "both")
    assert [found["identical"], found["different_programs"]] == [False, False]
    both = {item["qualname"]: item for item in found["functions"]["both"]}
    process = both["FTPHandler.process_command"]
    assert process["change"]["calls"] == process["b"]["calls"] - process["a"]["calls"]
    assert (process["changed"], process["a"]["line"]) == (
        process["change"]["calls"] != 0,
        process["line"],
    )
    edges = {(edge["source"], edge["target"]) for edge in found["edges"]["only_a"]}
    assert any(target.endswith("ftp_STOR") for _, target in edges)
    summary = found["summary"]
    assert summary["only_a"] == len(found["functions"]["only_a"])
    assert summary["changed"] + summary["same"] == len(found["functions"]["both"])

    back = difference(cglab_here, *words[::-1], folder=folder)
    assert names(back, "only_a") == names(found, "only_b")
    assert names(back, "only_b") == names(found, "only_a")


def test_a_recording_does_not_differ_from_itself(folder: Path, cglab_here: Run) -> None:
    name = path_of(folder, "upload")
    assert "no difference" in cglab_here("diff", name, name, folder=folder).stdout
    found = difference(cglab_here, name, name, folder=folder)
    assert found["identical"] is True
    assert found["functions"]["only_a"] == found["functions"]["only_b"] == []


def test_the_table_and_its_limit(folder: Path, cglab_here: Run) -> None:
    words = path_of(folder, "upload"), path_of(folder, "folders")
    shown = cglab_here("diff", *words, "--limit", "2", folder=folder).stdout
    functions, edges, total = shown.split("\n\n")
    assert functions.splitlines()[0].startswith("in ")
    for table in (functions, edges):
        assert [row.partition("  ")[0] for row in table.splitlines()[1:]] == [
            "only upload",
            "only upload",
            "only folders",
            "only folders",
            "both",
            "both",
        ]
    assert "only in upload" in total
    assert "handle_read" in functions


def test_different_programs_are_compared_and_it_is_said(folder: Path, cglab_here: Run) -> None:
    words = path_of(folder, "upload"), path_of(folder, "fib")
    assert "different programs" in cglab_here("diff", *words, folder=folder).stderr
    found = difference(cglab_here, *words, folder=folder)
    assert found["different_programs"] is True
    assert names(found, "both") == {"<module>", "main"}
    assert names(found, "only_b") == {"fibonacci"}


def test_one_picture_of_both(folder: Path, tmp_path: Path, cglab_here: Run) -> None:
    words = path_of(folder, "upload"), path_of(folder, "folders")
    sizes = {}
    for depth, more in (("3", ()), ("8", ()), ("8", ("--draw-all",))):
        dot = tmp_path / "diff.dot"
        cglab_here("diff", *words, "--max-depth", depth, "--draw", dot, *more, folder=folder)
        sizes[depth, more] = dot.read_text().count("<b>")
    assert sizes["3", ()] < sizes["8", ()] < sizes["8", ("--draw-all",)]
    svg = tmp_path / "diff.svg"
    result = cglab_here("diff", *words, "--max-depth", "8", "--draw", svg, folder=folder)
    assert f"wrote {svg}" in result.stderr
    text = svg.read_text()
    assert "only upload" in text
    assert "only folders" in text
    assert "10 times more in upload" in text


def test_actions_and_one_instance_of_them(server_folder: Path, cglab_here: Run) -> None:
    found = difference(cglab_here, "login", "idle", folder=server_folder)
    assert [found[side]["kind"] for side in "ab"] == ["action", "action"]
    assert (names(found, "only_a"), names(found, "only_b")) == ({"login"}, {"loop"})
    whole = difference(cglab_here, "action:STOR", "recording:server", folder=server_folder)
    assert whole["b"]["kind"] == "recording"
    assert names(whole, "only_b") >= {"loop", "login"}
    one = difference(cglab_here, "action:STOR@first", "action:STOR@slowest", folder=server_folder)
    assert "command" in names(one, "only_a")


def test_what_there_is_not(server_folder: Path, folder: Path, cglab_here: Run) -> None:
    refused = cglab_here("diff", "login", "NOOP", folder=server_folder, status=2)
    assert "no action, mark or recording called 'NOOP'" in refused.stderr
    assert "server.cglab has STOR, login, idle;" in refused.stderr
    for word in ("action:NOOP", "mark:login", "recording:login"):
        refused = cglab_here("diff", "login", word, folder=server_folder, status=2)
        assert "NOOP" in refused.stderr or "login" in refused.stderr
        assert "Traceback" not in refused.stderr
    bare = cglab_here("diff", "NOOP", "idle", "--recording", "fib", folder=folder, status=2)
    assert "cglab: error:" in bare.stderr
