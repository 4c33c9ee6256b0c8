"""One real run with everything in it, killed as a whole: what crafted files are made of."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING
from unittest.mock import patch

from support_cli import cglab, running, wait_until, write_target

from callgraph_lab.recording import catalog, ended
from callgraph_lab.recording import live_format as layout

if TYPE_CHECKING:
    from pathlib import Path

_TARGET = """
import _thread, os, time

class Session:
    def __init__(self):
        self.user = "anne"
    def on_put(self, path):
        self.data = [str(number) for number in range(50)]
        fib(4)
        self.moved()
    def on_get(self, path):
        raise ValueError("no")
    def moved(self):
        fib(2)
    def later(self):
        yield fib(1)
        yield fib(2)

class Loop:
    def turn(self, session, path):
        try:
            session.on_put(path)
            session.on_get(path)
        except ValueError:
            list(session.later())

def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def child():
    pid = os.fork()
    if not pid:
        fib(3)
        os._exit(0)
    os.waitpid(pid, 0)

def wait():
    print("ready", flush=True)
    while True:
        fib(1)
        time.sleep(0.05)

loop = Loop()
loop.turn(Session(), "a")
_thread.start_new_thread(fib, (3,))
time.sleep(0.05)
for number in range(4):
    child()
    loop.turn(Session(), f"b{number}")
    time.sleep(0.1)
wait()
"""
_MAP = """
[event_map]
pass = "Loop.turn"
stalled_after_ms = 1

[[event_map.action]]
start = "Session.on_*"
name = "{*}"
detail = "path"

[[event_map.phase]]
name = "moving"
sentence = "Bytes move."
functions = ["Session.moved"]

[[sensor]]
name = "upload"
functions = ["Session.on_put"]
when = "exit"
fields = { user = "self.user", path = "path" }
"""


def made_in(folder: Path) -> tuple[Path, Path]:
    """Record a run in a folder and kill it; return its live folder and the recording made of it."""
    write_target(folder, _TARGET)
    (folder / "map.toml").write_text(_MAP, encoding="utf-8")
    arguments = (
        *("run", "--no-render", "--name", "x", "--event-map", "map.toml", "--memory"),
        *("--lines", "*.fib", "--lines", "Loop.turn", "--heap", "action=put", "target.py"),
    )
    with running(*arguments, folder=folder) as run:
        run.wait_for("ready")
        for name in ("m1", "m2"):
            cglab("mark", name, folder=folder)
        (live_folder,) = (folder / "out").glob("*.live")
        wait_until(lambda: any(live_folder.glob("heap/*")), "there is a snapshot")
        os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()
    with patch.multiple(ended, MOST_ENDED_PARTS=3, KEPT_PARTS=2):
        ended.merge_ended_parts(live_folder)
    (live_folder / "9-1.note").write_text("a child interpreter was not recorded", encoding="utf-8")
    _make_small(live_folder)
    finished = folder / "finished"
    finished.mkdir()
    copy = finished / live_folder.name
    shutil.copytree(live_folder, copy)
    entry = catalog.fold(catalog.find(str(copy), finished))
    return live_folder, entry.path


def _make_small(live_folder: Path) -> None:
    """Leave out what is there more than once, so that each file made of it is made quickly."""
    for path in live_folder.glob("heap/*"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:20]), encoding="utf-8")
    for mark in live_folder.glob("marks/*"):
        for path in sorted(mark.glob("*.part"))[2:]:
            path.unlink()
    for path in live_folder.rglob("*.part"):
        # The room at its end is only reserved.
        content = path.read_bytes()
        end = int.from_bytes(content[layout.END_OFFSET : layout.END_OFFSET + 8], "little")
        path.write_bytes(content[:end])
