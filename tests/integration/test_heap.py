"""``cglab run --heap``: objects by type, and what grew."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support_cli import as_json, cglab, only_recording, write_target

from callgraph_lab.recording import store

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--no-render", "--filter", "none")
LEAKING = """
import gc, time

class Kept:
    def __init__(self):
        self.name = "kept"

class Dropped:
    def __init__(self):
        self.itself = self

class Odd:
    def __sizeof__(self):
        raise SystemExit("nobody is to ask")

gc.disable()
kept, odd = [], Odd()

def work():
    kept.append(Kept())
    Dropped()

def main():
    for _ in range(LOOPS):
        for _ in range(10):
            work()
        time.sleep(0.02)

main()
END
"""


def types(folder: Path, *words: str) -> dict[str, tuple[int, int]]:
    """Return objects and bytes of each type that ``cglab heap`` names."""
    told = as_json("heap", *words, "--format", "json", folder=folder)
    rows = told["grown"] if "--diff" in words else told["types"]
    return {row["type"]: (row["objects"], row["bytes"]) for row in rows}


def snapshots(folder: Path) -> list[dict[str, Any]]:
    return as_json("heap", "--format", "json", folder=folder)["snapshots"]


@pytest.mark.parametrize("engine", ["auto", "pycallgraph2"])
@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("", 0),
        ("raise ValueError", 1),
        ("raise SystemExit(3)", 3),
        ("raise KeyboardInterrupt", 130),
    ],
)
def test_at_exit_however_it_ends(end: str, status: int, engine: str, tmp_path: Path) -> None:
    write_target(tmp_path, LEAKING.replace("LOOPS", "2").replace("END", end))
    cglab(*RUN, "--engine", engine, "--heap", "exit", "target.py", folder=tmp_path, status=status)
    (one,) = snapshots(tmp_path)
    assert one["cause"] == "exit"
    found = types(tmp_path)
    assert found["__main__.Kept"][0] == 20
    assert found["__main__.Odd"][0] == 1
    # Cycles that nobody holds are no leak, though the collector never came.
    assert "__main__.Dropped" not in found


def test_what_grew_to_the_object(tmp_path: Path) -> None:
    write_target(tmp_path, LEAKING.replace("LOOPS", "60").replace("END", ""))
    cglab(*RUN, "--engine", "native", "--heap", "every=0.2", "target.py", folder=tmp_path)
    found = snapshots(tmp_path)
    assert len(found) >= 3
    first, last = types(tmp_path, "--snapshot", "first"), types(tmp_path, "--snapshot", "last")
    grown = types(tmp_path, "--diff", "first", "last")
    more = last["__main__.Kept"][0] - first["__main__.Kept"][0]
    assert 0 < more <= 600
    assert more == grown["__main__.Kept"][0]
    # Nothing else but the list that holds them, and what the loop has in hand.
    others = {name: one for name, one in grown.items() if name not in ("__main__.Kept", "list")}
    assert all(abs(objects) <= 2 for objects, _ in others.values()), others
    recording = store.load(only_recording(tmp_path))
    (work,) = [n for n, item in enumerate(recording.functions) if item.qualname == "work"]
    tree = recording.tree
    assert sum(c for c, f in zip(tree.calls, tree.function, strict=True) if f == work) == 600
    assert not any("callgraph_lab" in item.module for item in recording.functions)
    printed = cglab("heap", "--diff", "1", "last", folder=tmp_path).stdout
    assert f"+{more}" in printed


SERVER = """
import tempfile
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
with tempfile.TemporaryDirectory() as home:
    FTPHandler.authorizer = DummyAuthorizer()
    FTPHandler.authorizer.add_user("user", "12345", home, perm="elradfmwMT")
    FTPServer(("127.0.0.1", 0), FTPHandler).serve_forever()
"""
CLIENT = """
import ftplib, io, os, sys, time
def upload(times):
    for _ in range(times):
        with ftplib.FTP() as client:
            client.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]))
            client.login("user", "12345")
            client.storbinary("STOR note", io.BytesIO(b"x" * 1000))
def wait():
    # Passes of the loop without clients.
    for _ in range(4):
        time.sleep(0.4)
        with ftplib.FTP() as client:
            client.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]))
    time.sleep(1.2)
upload(2); wait(); upload(100); wait()
"""


def test_an_ftp_server_does_not_grow(tmp_path: Path) -> None:
    write_target(tmp_path, SERVER, "server.py")
    client = write_target(tmp_path, CLIENT, "client.py")
    drive = f"{shlex.quote(sys.executable)} {shlex.quote(str(client))}"
    words = ("--engine", "native", "--heap", "every=0.3", "--heap", "exit", "--drive", drive)
    cglab(*RUN, *words, "server.py", folder=tmp_path, status=None)
    recording = store.load(only_recording(tmp_path))
    uploads = [one for one in recording.instances if recording.actions[one.action].name == "STOR"]
    assert len(uploads) == 102
    quiet_until = uploads[2].begin_ns
    before = [one for one in recording.heap if uploads[1].end_ns < one.moment_ns < quiet_until]
    idle = [
        {name: one.objects for name, one in snapshot.types.items() if "pyftpdlib" in name}
        for snapshot in (before[-1], recording.heap[-1])
    ]
    assert recording.heap[-1].moment_ns > uploads[-1].end_ns
    growth = {name: count - idle[0].get(name, 0) for name, count in idle[1].items()}
    assert growth
    assert all(more <= 0 for more in growth.values()), growth


@pytest.mark.parametrize("wrong", ["actions", "every=0", "every=ten", "every=inf", "", "10s"])
def test_a_moment_that_is_none(wrong: str, tmp_path: Path) -> None:
    write_target(tmp_path, "pass")
    result = cglab(*RUN, "--heap", wrong, "target.py", folder=tmp_path, status=2)
    assert "is no moment for --heap" in result.stderr


def test_regular_times_need_the_native_engine(tmp_path: Path) -> None:
    write_target(tmp_path, "pass")
    words = ("--engine", "pycallgraph2", "--heap", "every=1s")
    result = cglab(*RUN, *words, "target.py", folder=tmp_path, status=None)
    assert result.returncode
    assert "needs the engine native" in result.stderr


def test_a_recording_without_snapshots_and_a_snapshot_that_is_none(tmp_path: Path) -> None:
    write_target(tmp_path, "pass")
    cglab(*RUN, "target.py", folder=tmp_path)
    assert "has no snapshots" in cglab("heap", folder=tmp_path).stderr
    cglab(*RUN, "--heap", "exit", "target.py", folder=tmp_path)
    assert "is no snapshot" in cglab("heap", "--snapshot", "7", folder=tmp_path, status=2).stderr
    alone = cglab("heap", "--diff", "first", "last", folder=tmp_path, status=2)
    assert "compares two snapshots" in alone.stderr
    cglab(*RUN, "--heap", "every=10s", "--engine", "native", "target.py", folder=tmp_path)
    assert "before the first was due" in cglab("heap", folder=tmp_path).stderr
