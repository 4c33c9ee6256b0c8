"""``cglab explain``: how long phases last, and in how many passes, by the target's own clock."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Any

from support_cli import as_json, cglab, running, write_target
from support_native import needs_native

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_native
RUN = ("run", "--no-render", "--engine", "native", "--event-map", "own.toml")
OWN_MAP = """
[event_map]
pass = "Loop.turn"

[[event_map.action]]
start = "Session.on_*"
name = "{*}"

[[event_map.phase]]
name = "told"
sentence = "It is told."
functions = ["Session.tell", "Session.tell_more"]

[[event_map.phase]]
name = "moved"
sentence = "It is moved."
functions = "Session.move"
"""
SESSION = """
import json, sys, time

tells, begin = [], 0

class Session:
    def on_put(self):
        global begin
        begin = time.monotonic_ns()
        self.tell(1)
        self.rest()
        self.tell(0)
        tells.append(time.monotonic_ns() - begin)
        self.rest()
        for _ in self.move():
            self.rest()

    def rest(self):
        time.sleep(0.02)

    def tell(self, deeper):
        self.tell_more(deeper)
        time.sleep(0.03)

    def tell_more(self, deeper):
        if deeper:
            self.tell(0)

    def move(self):
        yield 1
        time.sleep(0.02)
        yield 2

class Loop:
    def turn(self):
        Session().on_put()
"""


def explained(folder: Path, script: str, action: str = "put") -> tuple[dict[str, Any], str]:
    write_target(folder, SESSION + script)
    write_target(folder, OWN_MAP, "own.toml")
    printed = cglab(*RUN, "target.py", folder=folder).stdout
    found = as_json("explain", action, "--format", "json", folder=folder)
    return {**found, "by_name": {phase["name"]: phase for phase in found["phases"]}}, printed


def test_a_phase_lasts_to_the_return_of_its_last_call(tmp_path: Path) -> None:
    script = """
for _ in range(3):
    Loop().turn()
print(json.dumps(sorted(tells)))
"""
    found, printed = explained(tmp_path, script)
    median_ns = json.loads(printed)[1]
    told, moved = found["by_name"]["told"], found["by_name"]["moved"]
    # Two calls of 30 ms and more, one of them inside another, and the pause between them.
    assert 0.9 * median_ns < told["lasts_ns"] <= median_ns
    # A generator lasts to its end, its suspensions included.
    assert moved["lasts_ns"] > 0.02e9 * 2
    assert told["begins_after_ns"] < moved["begins_after_ns"] < found["p50_ns"]
    for phase in found["phases"]:
        assert phase["begins_after_ns"] is None or (
            phase["begins_after_ns"] + phase["lasts_ns"] <= found["p50_ns"] * 1.1
        )


def test_a_phase_that_goes_on_has_no_length_yet(tmp_path: Path) -> None:
    script = """
class Slow(Session):
    def tell_more(self, deeper):
        print("ready", flush=True)
        time.sleep(60)

Slow().on_put()
"""
    write_target(tmp_path, SESSION + script)
    write_target(tmp_path, OWN_MAP, "own.toml")
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")
        (phase, *_) = as_json("explain", "put", "--format", "json", folder=tmp_path)["phases"]
        assert phase["name"] == "told"
        assert phase["begins_after_ns"] is not None
        assert phase["lasts_ns"] is None


def test_passes_are_one_figure_wherever_it_ran(tmp_path: Path) -> None:
    in_threads = """
import threading
for _ in range(5):
    thread = threading.Thread(target=Session().on_put)
    thread.start()
    thread.join()
"""
    (tmp_path / "threads").mkdir()
    found, _ = explained(tmp_path / "threads", in_threads)
    assert found["passes"] == 0
    assert found["passes_are_known"]
    assert {phase["passes"] for phase in found["phases"]} == {0}
    functions = [item for phase in found["phases"] for item in phase["functions"]]
    assert {item["passes"] for item in functions} == {0}
    (tmp_path / "both").mkdir()
    found, _ = explained(tmp_path / "both", in_threads + "Loop().turn()\nLoop().turn()\n")
    assert found["passes"] == 2
    assert all(phase["passes"] <= 2 for phase in found["phases"])


def test_passes_that_are_not_all_known_are_said_to_be(tmp_path: Path) -> None:
    script = "time.sleep = lambda seconds: None\nfor _ in range(30):\n    Loop().turn()\n"
    write_target(tmp_path, SESSION + script)
    write_target(tmp_path, OWN_MAP, "own.toml")
    cglab(*RUN, "--keep-instances", "1", "target.py", folder=tmp_path)
    found = as_json("explain", "put", "--format", "json", folder=tmp_path)
    assert not found["passes_are_known"]
    assert found["count"] > found["instances"]
    head, *lines = cglab("explain", "put", folder=tmp_path).stdout.splitlines()
    assert f"at least {found['passes']} pass" in head
    (told,) = (line for line in lines if "told:" in line)
    assert "at most " in told


THREAD_A_REQUEST = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", 0), Handler).serve_forever()
"""
REQUESTS = """
import os, urllib.request
for _ in range(5):
    urllib.request.urlopen(f"http://127.0.0.1:{os.environ['CGLAB_PORT']}/", timeout=20).read()
"""


def test_a_thread_a_request(tmp_path: Path) -> None:
    write_target(tmp_path, THREAD_A_REQUEST, "server.py")
    write_target(tmp_path, REQUESTS, "client.py")
    drive = shlex.join([sys.executable, "client.py"])
    cglab("run", "--no-render", "--drive", drive, "server.py", folder=tmp_path, status=130)
    found = as_json("explain", "GET /", "--format", "json", folder=tmp_path)
    assert {found["passes"], *(phase["passes"] for phase in found["phases"])} == {0}
