"""Calls that have not returned: a living process is at work in some, a dead one ended in its."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

from support_cli import as_json, cglab, only_recording, running, wait_until, write_target
from support_native import needs_native
from support_viewer import data_of

from callgraph_lab.api import open_recording

if TYPE_CHECKING:
    from pathlib import Path

FAMILY = """
import os, signal, sys, threading, time

def exits():
    os._exit(0)

def dies():
    os.kill(os.getpid(), signal.SIGKILL)

def goes_on_as_another():
    os.execv("/bin/true", ["/bin/true"])

def waits():
    while not os.path.exists("go"):
        time.sleep(0.02)

def serve(how):
    how()

def child(how):
    pid = os.fork()
    if pid == 0:
        serve(how)
        os._exit(0)
    return pid

def idles():
    time.sleep(600)

def main():
    for how in (exits, dies, dies, goes_on_as_another):
        os.waitpid(child(how), 0)
    threading.Thread(target=idles, daemon=True).start()
    last = child(waits)
    print("ready", flush=True)
    waits()
    os.waitpid(last, 0)

main()
"""
DEAD = {
    "exits": {"exited": 1},
    "dies": {"killed": 2},
    "goes_on_as_another": {"replaced": 1},
}
ALL_DEAD = {"exited": 1, "replaced": 1, "killed": 2}


def by_ending(folder: Path) -> dict[str, dict[str, int]]:
    """Return of each function of the target that has open calls how these ended."""
    (path,) = {item.with_suffix("") if item.suffix == ".live" else item for item in files(folder)}
    graph = open_recording(path).graph(max_depth=None, filters=["none"])
    return {
        node.function.qualname: dict(node.unreturned.by_ending)
        for node in graph.nodes
        if node.open_calls and node.function.module == "__main__"
    }


def files(folder: Path) -> set[Path]:
    """Return the recordings of a folder, and the live folders of those that go on."""
    return set((folder / "out").glob("*.cglab*"))


def functions_of(folder: Path, *arguments: str) -> dict[str, dict[str, int]]:
    """Return the same as ``cglab functions`` has it."""
    words = ("functions", "--filter", "none", "--format", "json", *arguments)
    return {
        item["qualname"]: item["open_calls_by_ending"]
        for item in as_json(*words, folder=folder)["functions"]
        if item["open_calls_by_ending"] and item["module"] == "__main__"
    }


def test_calls_of_the_dead_say_how_they_ended_and_those_of_the_living_run(tmp_path: Path) -> None:
    script = write_target(tmp_path, FAMILY)
    with running("run", "--no-render", script, folder=tmp_path) as run:
        run.wait_for("ready")
        expected = {
            **DEAD,
            "waits": {"running": 2},
            "idles": {"running": 1},
            "main": {"running": 2, **ALL_DEAD},
            "<module>": {"running": 2, **ALL_DEAD},
            "child": {"running": 1, **ALL_DEAD},
            "serve": {"running": 1, **ALL_DEAD},
        }
        wait_until(lambda: by_ending(tmp_path) == expected, "every process has come to its wait")
        assert functions_of(tmp_path) == expected
        assert "running" not in cglab("find", "__main__.dies", folder=tmp_path).stdout
        assert "1 still running" in cglab("path", "__main__.waits", folder=tmp_path).stdout
        drawing = dot_of(tmp_path)
        for said in ("still running: 2", "exited inside: 1", "killed inside: 2"):
            assert said in drawing
        assert "the target was still running" in drawing, "the caption says what it is of"
        (tmp_path / "go").touch()
        assert run.end() == 0
    left = by_ending(tmp_path)
    assert left == {
        **DEAD,
        # A thread that was there when its process came to its end is no living one, either.
        "idles": {"exited": 1},
        # The last child leaves by os._exit, within what called it.
        **{name: {**ALL_DEAD, "exited": 2} for name in ("main", "<module>", "child")},
        "serve": ALL_DEAD,
    }
    told = "".join(
        cglab(*words, folder=tmp_path, COLUMNS="300").stdout
        for words in (("functions",), ("find", "__main__.main"), ("callers", "__main__.dies"))
    )
    for said in (
        "2 exited, 1 exec'd, 2 killed",
        "2 exited inside, 1 replaced by exec, 2 killed inside",
        "2  2 killed",
    ):
        assert said in told
    assert "running" not in told + dot_of(tmp_path)
    facts = as_json("info", "--format", "json", folder=tmp_path)
    assert set(facts["open_calls_by_ending"]) == {"exited", "replaced", "killed"}
    assert not any(thread["alive"] for thread in facts["threads"])


def dot_of(folder: Path) -> str:
    """Return what a picture of every function is drawn from."""
    cglab("render", "--filter", "none", "--max-nodes", "1000", "-o", "x.dot", folder=folder)
    return (folder / "x.dot").read_text(encoding="utf-8")


def test_one_process_has_its_own_ending_only(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    cglab("run", "--no-render", write_target(tmp_path, FAMILY), folder=tmp_path)
    processes = as_json("info", "--format", "json", folder=tmp_path)["processes"]
    assert Counter(item["ending"] for item in processes) == {
        "exited": 3,
        "killed": 2,
        "replaced": 1,
    }
    for ending in ("exited", "killed", "replaced"):
        pid = max(item["pid"] for item in processes if item["ending"] == ending)
        found = functions_of(tmp_path, "--process", str(pid))
        assert {said for calls in found.values() for said in calls} == {ending}
    cglab("view", "-o", "x.html", folder=tmp_path)
    document = data_of((tmp_path / "x.html").read_bytes())
    assert [item["ending"] for item in document["recording"]["processes"]] == [
        item["ending"] for item in processes
    ]
    ending_of = {item["pid"]: item["ending"] for item in processes}
    for one in document["slices"]:
        assert all(thread["ending"] == ending_of[thread["pid"]] for thread in one["threads"])


def test_a_family_that_is_killed_whole_is_killed(tmp_path: Path) -> None:
    script = write_target(tmp_path, FAMILY)
    with running("run", "--no-render", script, folder=tmp_path) as run:
        run.wait_for("ready")
        wait_until(
            lambda: by_ending(tmp_path).get("waits") == {"running": 2},
            "every process has come to its wait",
        )
        os.killpg(run.process.pid, signal.SIGKILL)
        run.end()
    found = wait_until(
        lambda: None if "running" in str(found := by_ending(tmp_path)) else found, "all have gone"
    )
    expected = {"waits": {"killed": 2}, "idles": {"killed": 1}, **DEAD}
    assert {name: found[name] for name in expected} == expected
    assert found["main"] == {**ALL_DEAD, "killed": 4}
    # And so it stays once it is one file.
    cglab("list", folder=tmp_path)
    only_recording(tmp_path)
    assert by_ending(tmp_path) == found


MANY = """
import os, signal, sys

def serve(number):
    if number % 3 == 0:
        os._exit(0)
    if number % 3 == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    os.execv("/bin/true", ["/bin/true"])

for number in range(int(sys.argv[1])):
    if os.fork() == 0:
        serve(number)
    os.wait()
"""


def test_children_that_are_merged_keep_their_endings_apart(tmp_path: Path) -> None:
    cglab("run", "--no-render", write_target(tmp_path, MANY), "120", folder=tmp_path)
    processes = as_json("info", "--format", "json", folder=tmp_path)["processes"]
    assert len(processes) < 121 == sum(item["processes"] for item in processes), "some were merged"
    found = by_ending(tmp_path)
    assert found["serve"] == {"exited": 40, "replaced": 40, "killed": 40}


def test_a_comparison_tells_of_both_sides(tmp_path: Path) -> None:
    script = write_target(tmp_path, MANY)
    for children in ("1", "2"):
        cglab("run", "--no-render", str(script), children, folder=tmp_path)
    names = sorted(path.stem for path in files(tmp_path))
    words = ("diff", *names, "--filter", "none")
    document: Any = as_json(*words, "--format", "json", folder=tmp_path)
    (serve,) = [item for item in document["functions"]["both"] if item["qualname"] == "serve"]
    assert serve["a"]["open_calls_by_ending"] == {"exited": 1}
    assert serve["b"]["open_calls_by_ending"] == {"exited": 1, "killed": 1}
    table = cglab(*words, folder=tmp_path, COLUMNS="300").stdout
    (row, *_) = [line for line in table.splitlines() if "__main__.serve" in line and "both" in line]
    assert "1 exited, 1 killed" in row
    cglab(*words, "--draw", "x.dot", folder=tmp_path)
    assert "1 exited inside, 1 killed inside" in (tmp_path / "x.dot").read_text(encoding="utf-8")


EVENT_MAP = """
[event_map]

[[event_map.action]]
start = "Connection.on_get"
name = "get"
"""
CONNECTIONS = """
import os, signal

class Connection:
    def on_get(self, how):
        if how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "exits":
            os._exit(0)

for how in ("returns", "dies", "exits", "dies"):
    if os.fork() == 0:
        Connection().on_get(how)
        os._exit(0)
    os.wait()
"""


@needs_native
def test_actions_that_did_not_end_say_what_became_of_their_processes(tmp_path: Path) -> None:
    script = write_target(tmp_path, CONNECTIONS)
    event_map = write_target(tmp_path, EVENT_MAP, "own.toml")
    cglab(
        *("run", "--no-render", "--engine", "native", "--event-map", event_map, script),
        folder=tmp_path,
    )
    (action,) = [
        item
        for item in as_json("actions", "--format", "json", folder=tmp_path)["actions"]
        if item["name"] == "get"
    ]
    assert action["unended"] == {"exited": 1, "killed": 2}
    assert "4 (1 exited, 2 killed)" in cglab("actions", folder=tmp_path).stdout
    assert (
        "4 times (1 exited inside, 2 killed inside)"
        in cglab("explain", "get", folder=tmp_path).stdout
    )
    cglab("view", "-o", "x.html", folder=tmp_path)
    bands = data_of((tmp_path / "x.html").read_bytes())["action_bands"]
    assert Counter(band["ending"] for band in bands) == {None: 1, "killed": 2, "exited": 1}
    cut = cglab("functions", "--action", "get", "--filter", "none", folder=tmp_path).stdout
    assert "1 exited, 2 killed" in cut
