"""``cglab run --heap action``: objects by type at the end of what clients did."""

from __future__ import annotations

import shlex
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from support_cli import as_json, cglab, command, environment, only_recording, write_target
from support_native import needs_native

from callgraph_lab.api import open_recording
from callgraph_lab.recording import store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_native
RUN = ("run", "--no-render", "--engine", "native")
OWN_MAP = """
[event_map]

[[event_map.action]]
start = "Session.on_*"
name = "{*}"
"""
SESSION = """
import os, sys, threading

class Kept: pass

kept = []

class Session:
    def on_keep(self):
        kept.append(Kept())
        return len(kept)

    def on_fail(self):
        local = Kept()
        raise ValueError("as it should be")

    def on_walk(self):
        kept.append(Kept())
        yield 1
        yield 2

session = Session()
"""


def run(folder: Path, script: str, *words: str) -> str:
    write_target(folder, SESSION + script)
    write_target(folder, OWN_MAP, "own.toml")
    arguments = ("--event-map", "own.toml", *words, "target.py")
    return cglab(*RUN, *arguments, folder=folder).stdout


def heap(folder: Path, *words: str) -> Any:
    return as_json("heap", *words, "--format", "json", folder=folder)


def grown(folder: Path, first: str, last: str) -> dict[str, int]:
    rows = heap(folder, "--diff", first, last)["grown"]
    return {row["type"]: row["objects"] for row in rows if row["objects"]}


def labels(folder: Path) -> list[str]:
    return [one["label"] for one in heap(folder)["snapshots"]]


def test_one_at_the_end_of_each_action(tmp_path: Path) -> None:
    script = """
for _ in range(3):
    session.on_keep()
    try:
        session.on_fail()
    except ValueError as error:
        print(error, sys.exc_info()[1] is error, error.__traceback__.tb_next.tb_lineno)
print(list(session.on_walk()))
"""
    printed = run(tmp_path, script, "--heap", "action", "--heap", "exit")
    # The exception is the same, though something was done while it was on its way.
    assert printed == "as it should be True 15\n" * 3 + "[1, 2]\n"
    order = ["keep#1", "fail#1", "keep#2", "fail#2", "keep#3", "fail#3", "walk#1", "exit"]
    assert labels(tmp_path) == order
    assert grown(tmp_path, "keep#1", "keep#3")["__main__.Kept"] == 2
    # The exception is on its way, and holds the frame with what that had in hand.
    assert grown(tmp_path, "keep#3", "FAIL#last")["__main__.Kept"] == 1
    assert grown(tmp_path, "keep#first", "walk#1") == grown(tmp_path, "1", "7")
    told = cglab("heap", "--diff", "keep#1", "keep#3", folder=tmp_path).stdout
    assert told.startswith("after 2 more keep: +")
    recording = store.load(only_recording(tmp_path))
    assert not any("callgraph_lab" in item.module for item in recording.functions)


def test_of_one_action_only(tmp_path: Path) -> None:
    script = """
for _ in range(2):
    session.on_keep()
    list(session.on_walk())
"""
    run(tmp_path, script, "--heap", "action=WA*")
    assert labels(tmp_path) == ["walk#1", "walk#2"]


def test_of_many_some_are_kept(tmp_path: Path) -> None:
    """The first and the last, and in even steps in between."""
    script = """
for number in range(200):
    session.on_keep()
    if number % 40 == 0:
        list(session.on_walk())
"""
    run(tmp_path, script, "--heap", "action")
    found = heap(tmp_path)
    numbers = [one["nth"] for one in found["snapshots"] if one["action"] == "keep"]
    assert (numbers[0], numbers[-1]) == (1, 200)
    assert 30 <= len(numbers) <= 66
    steps = {later - earlier for earlier, later in pairwise(numbers[:-1])}
    assert len(steps) == 1
    assert [one["nth"] for one in found["snapshots"] if one["action"] == "walk"] == [1, 2, 3, 4, 5]
    assert found["dropped"] == {"keep": 200 - len(numbers)}
    # What the dropped ones took counts as well.
    kept_ns = sum(one["duration_ns"] for one in found["snapshots"])
    assert found["spent_ns"] > 2 * kept_ns
    assert grown(tmp_path, "keep#1", "keep#200")["__main__.Kept"] == 199 + 5
    said = cglab("heap", folder=tmp_path).stderr
    assert f"{200 - len(numbers)} more snapshots after keep were taken and not kept" in said
    assert "the target stood still for" in said
    wrong = cglab("heap", "--snapshot", "keep#3", folder=tmp_path, status=2).stderr
    assert "There is no snapshot keep#3" in wrong
    assert "try keep#1, keep#5, keep#9" in wrong
    wrong = cglab("heap", "--snapshot", "sleep#1", folder=tmp_path, status=2).stderr
    assert "There are snapshots of keep, walk, not of 'sleep'" in wrong
    assert "keep#1" in cglab("heap", "--snapshot", "keep", folder=tmp_path, status=2).stderr


def test_in_threads_and_forked_children(tmp_path: Path) -> None:
    script = """
threads = [threading.Thread(target=session.on_keep) for _ in range(4)]
for thread in threads:
    thread.start()
    thread.join()
if not (child := os.fork()):
    session.on_keep()
    session.on_keep()
    os._exit(0)
os.waitpid(child, 0)
session.on_keep()
"""
    run(tmp_path, script, "--heap", "action")
    assert labels(tmp_path) == [f"keep#{n}" for n in (1, 2, 3, 4, 1, 2, 5)]
    assert grown(tmp_path, "keep#4", "keep#5")["__main__.Kept"] == 1
    wrong = cglab("heap", "--diff", "keep#1", "keep#5", folder=tmp_path, status=2).stderr
    assert "keep#1 is several: say 1 (process" in wrong
    wrong = cglab("heap", "--diff", "5", "keep#5", folder=tmp_path, status=2).stderr
    assert "of two processes" in wrong


ALLOCATES = """
import time
kept = []

class Session:
    def on_work(self):
        kept.append(bytearray(100_000))
        self.on_inner()

    def on_inner(self):
        bytearray(50_000)

def main():
    until = time.monotonic() + 0.3
    for _ in range(10):
        Session().on_work()
    while time.monotonic() < until:
        step()

def step():
    time.sleep(0.01)

main()
"""


@pytest.mark.parametrize("moment", ["action", "every=0.1s"])
def test_what_a_snapshot_takes_is_charged_to_nobody(moment: str, tmp_path: Path) -> None:
    """Its lists and numbers are many thousands of blocks; ``inner`` ends below recorded calls."""
    found = []
    for words in ((), ("--heap", moment)):
        folder = tmp_path / f"run{len(words)}"
        folder.mkdir()
        write_target(folder, ALLOCATES)
        write_target(folder, OWN_MAP, "own.toml")
        arguments = ("--event-map", "own.toml", "--memory", *words, "target.py")
        cglab(*RUN, *arguments, folder=folder)
        graph = open_recording(only_recording(folder)).graph(max_depth=None)
        memory = {node.function.qualname: node.memory for node in graph.nodes}
        found.append({name: one for name, one in memory.items() if one is not None})
    assert len(heap(folder)["snapshots"]) > 1
    without, with_snapshots = found
    for name in ("Session.on_work", "Session.on_inner", "main", "MainThread"):
        one, other = without[name], with_snapshots[name]
        # Of what Python keeps in free lists a few small objects may be another function's.
        assert one.allocated_bytes == pytest.approx(other.allocated_bytes, abs=2000)
        assert one.freed_bytes == pytest.approx(other.freed_bytes, abs=2000)
        assert one.inclusive_net_bytes == pytest.approx(other.inclusive_net_bytes, abs=2000)
        assert (one.peak_bytes or 0) == pytest.approx(other.peak_bytes or 0, abs=20_000)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--event-map", "none", "--heap", "action"), "needs an event map"),
        (("--heap", "action="), "is no moment for --heap"),
        (("--heap-with", "gc"), "has nothing to count"),
    ],
)
def test_what_cannot_be(words: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    write_target(tmp_path, "pass")
    result = cglab("run", "--no-render", *words, "target.py", folder=tmp_path, status=None)
    assert result.returncode
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


def test_actions_need_the_native_engine(tmp_path: Path) -> None:
    write_target(tmp_path, "pass")
    words = ("run", "--no-render", "--engine", "pycallgraph2", "--heap", "action")
    result = cglab(*words, "target.py", folder=tmp_path, status=None)
    assert result.returncode
    assert "--heap action needs the engine native, and this is pycallgraph2" in result.stderr


SERVER = """
import sys, tempfile
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

# Cancelled timers stay in pyftpdlib's scheduler until some hundreds are.
for one in (FTPHandler, FTPHandler.dtp_handler, FTPHandler.passive_dtp):
    one.timeout = 0

class Upload:
    pass

uploads = []

class Handler(FTPHandler):
    def on_file_received(self, file):
        if sys.argv[1] == "leaks":
            uploads.append(Upload())

with tempfile.TemporaryDirectory() as home:
    Handler.authorizer = DummyAuthorizer()
    Handler.authorizer.add_user("user", "12345", home, perm="elradfmwMT")
    FTPServer(("127.0.0.1", 0), Handler).serve_forever()
"""
CLIENT = """
import ftplib, io, os, time
with ftplib.FTP(timeout=60) as client:
    client.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]))
    client.login("user", "12345")
    for _ in range(1000):
        client.storbinary("STOR note", io.BytesIO(b"x" * 100))
"""


def serve_a_thousand_uploads(folder: Path, kind: str, *actions: str) -> None:
    write_target(folder, SERVER, "server.py")
    write_target(folder, CLIENT, "client.py")
    moments = [word for action in actions for word in ("--heap", f"action={action}")]
    drive = shlex.join([sys.executable, "client.py"])
    # A thousand snapshots take their time.
    subprocess.run(
        command(*RUN, *moments, "--drive", drive, "server.py", kind),
        cwd=folder,
        env=environment(),
        capture_output=True,
        timeout=400,
        check=False,
    )


def test_a_thousand_uploads_leave_nothing(tmp_path: Path) -> None:
    serve_a_thousand_uploads(tmp_path, "clean", "STOR")
    found = grown(tmp_path, "STOR#1", "STOR#1000")
    assert sum(count for count in found.values() if count > 0) <= 12, found
    assert "after 999 more STOR" in cglab("heap", "--diff", "1", "last", folder=tmp_path).stdout


def test_a_thousand_uploads_that_leak(tmp_path: Path) -> None:
    serve_a_thousand_uploads(tmp_path, "leaks", "login", "QUIT")
    found = grown(tmp_path, "login#1", "QUIT#1")
    assert found["__main__.Upload"] == 1000
