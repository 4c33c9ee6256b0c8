"""Marks from another terminal, and from a client between an upload and a download."""

from __future__ import annotations

import os
import shlex
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support_cli import (
    EXAMPLES,
    SLEEPER,
    as_json,
    cglab,
    only_recording,
    running,
    wait_until,
    write_target,
)

from callgraph_lab.graph.slicing import slice_marks
from callgraph_lab.recording import store

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.model import RecordedMark, Recording

RUN = ("run", "--no-render")
CLIENT = """
import ftplib, io, os
import callgraph_lab

with ftplib.FTP() as client:
    client.connect(os.environ["CGLAB_HOST"], int(os.environ["CGLAB_PORT"]))
    client.login("user", "12345")
    client.voidcmd("NOOP")
    assert callgraph_lab.mark("upload")
    client.storbinary("STOR note.txt", io.BytesIO(b"x" * 100))
    # The answer to this comes when all that belongs to the transfer is done.
    client.voidcmd("NOOP")
    assert callgraph_lab.mark("download")
    received = []
    client.retrbinary("RETR note.txt", received.append)
    assert b"".join(received) == b"x" * 100
    client.voidcmd("NOOP")
    assert callgraph_lab.mark("the end")
    client.quit()
"""


def calls(
    recording: Recording, start: RecordedMark | None, end: RecordedMark | None
) -> Counter[str]:
    """Return the calls of each function between two marks, by its qualified name."""
    slice_ = slice_marks(recording, start, end)
    found: Counter[str] = Counter()
    for function, number in zip(slice_.tree.function, slice_.tree.calls, strict=True):
        if slice_.functions[function].kind == "function":
            found[slice_.functions[function].qualname] += number
    return +found


def commands(found: Counter[str]) -> dict[str, int]:
    """Return how often the server handled each command."""
    handler = "FTPHandler.ftp_"
    return {
        name.removeprefix(handler): number
        for name, number in found.items()
        if name.startswith(handler)
    }


@pytest.mark.parametrize("server", ["ftpServer.py", "threaded_server.py", "multiprocess_server.py"])
def test_client_marks_between_upload_and_download(server: str, tmp_path: Path) -> None:
    client = write_target(tmp_path, CLIENT, "client.py")
    drive = shlex.join(["python", str(client)])
    cglab(*RUN, "--drive", drive, EXAMPLES / server, "0", folder=tmp_path)
    recording = store.load(only_recording(tmp_path))
    assert [mark.name for mark in recording.marks] == ["upload", "download", "the end"]
    upload, download, end = recording.marks
    before, up = calls(recording, None, upload), calls(recording, upload, download)
    down, after = calls(recording, download, end), calls(recording, end, None)
    assert commands(before) == {"USER": 1, "PASS": 1, "NOOP": 1}
    assert commands(up) == {"TYPE": 1, "PASV": 1, "STOR": 1, "NOOP": 1}
    assert commands(down) == {"TYPE": 1, "PASV": 1, "RETR": 1, "NOOP": 1}
    assert commands(after) == {"QUIT": 1}
    assert up["DTPHandler.handle_read"] >= 1
    assert down["DTPHandler.handle_read"] == down["FTPHandler.on_file_received"] == 0
    assert (up["DTPHandler.close"], down["DTPHandler.close"]) == (1, 1)
    assert up["FTPHandler.on_file_received"] == down["FTPHandler.on_file_sent"] == 1
    # Slices are differences: together they are the whole, function by function.
    assert before + up + down + after == calls(recording, None, None)
    shown = as_json("marks", "--format", "json", folder=tmp_path)["marks"]
    assert [item["calls"] for item in shown] == [part.total() for part in (up, down, after)]
    # Some functions differ in nothing but their module, or the class of self.
    assert all(
        item["functions"] >= len(part) for item, part in zip(shown, (up, down, after), strict=True)
    )
    table = cglab("marks", folder=tmp_path).stdout.splitlines()
    assert table[0].split() == ["mark", "at", "until", "the", "next", "calls", "functions"]
    assert [line.split("  ")[0] for line in table[1:]] == ["upload", "download", "the end"]


def test_mark_from_another_terminal(tmp_path: Path) -> None:
    write_target(tmp_path, SLEEPER)
    cglab(*RUN, "--name", "older", "--duration", "0.5", "target.py", folder=tmp_path, status=None)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        said = cglab("mark", "begin", folder=tmp_path).stderr
        assert said.startswith("cglab: marked 'begin' on target-")
        (live,) = (tmp_path / "out").glob("target-*.live")
        name = live.name.removesuffix(".cglab.live")
        cglab("mark", "日本 later", name, folder=tmp_path)
        cglab("mark", "begin", live, folder=tmp_path)
        # While it runs, too.
        shown = as_json("marks", "--format", "json", folder=tmp_path)["marks"]
        assert [item["name"] for item in shown] == ["begin", "日本 later", "begin"]
        os.kill(run.target_pid(), signal.SIGINT)
        run.end()
    shown = as_json("marks", name, "--format", "json", folder=tmp_path)["marks"]
    assert [item["name"] for item in shown] == ["begin", "日本 later", "begin"]


def test_mark_outlives_a_killed_cglab(tmp_path: Path) -> None:
    write_target(tmp_path, SLEEPER)
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        target = run.target_pid()
        cglab("mark", "kept", folder=tmp_path)
        run.process.kill()
        run.process.wait()
        os.kill(target, signal.SIGKILL)
        live = tmp_path / "out"
        wait_until(lambda: not _is_there(target), "the target has ended")
        assert [*live.glob("*.live")]
    shown = as_json("marks", "--format", "json", folder=tmp_path)["marks"]
    assert [item["name"] for item in shown] == ["kept"]
    only_recording(tmp_path)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_marks_that_cannot_be(tmp_path: Path) -> None:
    result = cglab("mark", "x", folder=tmp_path, status=2)
    assert "no recording in out is running" in result.stderr
    write_target(tmp_path, "def work(): pass\nwork()\n")
    cglab(*RUN, "target.py", folder=tmp_path)
    result = cglab("mark", "x", folder=tmp_path, status=2)
    assert "no recording in out is running" in result.stderr
    name = only_recording(tmp_path).name
    result = cglab("mark", "x", name, folder=tmp_path, status=2)
    assert f"{name} has ended, so no mark can be put on it" in result.stderr
    for wrong in ("", " ", "two\nlines", "x" * 201):
        result = cglab("mark", wrong, folder=tmp_path, status=2)
        assert "cannot be the name of a mark" in result.stderr
    assert "has no marks" in cglab("marks", folder=tmp_path).stderr
