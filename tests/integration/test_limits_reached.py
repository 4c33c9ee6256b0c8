"""What happens at a limit is told with the call and the action that met it, and is an event."""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support_cli import (
    CGLAB,
    EXAMPLES,
    as_json,
    cglab,
    environment,
    figures,
    only_recording,
    write_target,
)
from support_native import needs_native

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = ("run", "--no-render", "--engine", "native")
OWN_MAP = """
[event_map]

[[event_map.action]]
start = "Session.on_*"
name = "{*}"
"""
SESSION = """
import os, resource, signal, sys, threading, time

class Session:
    def on_get(self, work):
        try:
            work()
        except (OSError, MemoryError, RuntimeError) as error:
            print(type(error).__name__, flush=True)

held = []

def open_many():
    while True:
        open_one()

def open_one():
    held.append(open("/dev/null"))

def fill():
    while True:
        held.append(bytearray(1024 * 1024))

def write_much():
    with open("large", "wb", buffering=0) as file:
        while file.write(bytes(1024 * 1024)):
            pass

def fork_many():
    for _ in range(400):
        if not os.fork():
            time.sleep(3)
            os._exit(0)

def start_threads():
    for _ in range(400):
        threading.Thread(target=time.sleep, args=(3,), daemon=True).start()
"""


def events(folder: Path) -> list[dict[str, Any]]:
    lines = cglab("events", "--sensor", "limit-*", "--format", "jsonl", folder=folder).stdout
    return [json.loads(line) for line in lines.splitlines()]


def notes(folder: Path) -> list[str]:
    return list(as_json("info", "--format", "json", folder=folder)["notes"])


@needs_native
@pytest.mark.parametrize(
    ("limit", "work", "error", "function"),
    [
        ("files=40", "open_many", "EMFILE", "open_one"),
        ("memory=200M", "fill", "MemoryError", "fill"),
        ("file-size=8M", "write_much", "EFBIG", "write_much"),
    ],
)
def test_an_event_with_action_and_path(
    limit: str, work: str, error: str, function: str, tmp_path: Path
) -> None:
    write_target(tmp_path, SESSION + f"Session().on_get({work})\nprint(len(held) > 0)\n")
    write_target(tmp_path, OWN_MAP, "own.toml")
    words = ("--event-map", "own.toml", "--limit", limit, "target.py")
    result = cglab(*RUN, *words, folder=tmp_path)
    assert result.stdout.split()[0] == ("MemoryError" if error == "MemoryError" else "OSError")
    (event,) = events(tmp_path)
    assert event["sensor"] == "limit-reached"
    assert event["action"] == "get"
    assert event["session"]
    assert event["fields"] == {"limit": limit, "error": error, "times": "1"}
    assert event["path"][-1] == f"__main__.{function}"
    assert "__main__.Session.on_get" in event["path"]
    (note,) = [note for note in notes(tmp_path) if "first reached" in note]
    assert f"the limit {limit} was first reached in __main__.{function} (" in note
    assert f"serving get of session {event['session']}: {error}" in note
    assert result.stderr.count(note) == 1


@needs_native
def test_without_an_event_map_and_again_and_again(tmp_path: Path) -> None:
    script = """
for _ in range(1000):
    try:
        open_many()
    except OSError:
        pass
for _ in range(3):
    try:
        open("/nowhere/at/all")
    except OSError:
        pass
"""
    write_target(tmp_path, SESSION + script)
    cglab(*RUN, "--event-map", "none", "--limit", "files=40", "target.py", folder=tmp_path)
    found = events(tmp_path)
    times = [int(event["fields"]["times"]) for event in found]
    assert times == [*range(1, 21), 32, 64, 128, 256, 512]
    assert found[0]["path"][-2:] == ["__main__.open_many", "__main__.open_one"]


@needs_native
def test_forked_children_count_for_themselves(tmp_path: Path) -> None:
    script = """
for _ in range(2):
    if not os.fork():
        Session().on_get(open_many)
        os._exit(0)
    os.wait()
"""
    write_target(tmp_path, SESSION + script)
    cglab(*RUN, "--limit", "files=40", "target.py", folder=tmp_path)
    found = events(tmp_path)
    assert len({event["process"] for event in found}) == len(found) == 2


@needs_native
def test_a_server_that_has_no_descriptors_left(tmp_path: Path) -> None:
    client = """
import ftplib, os, socket
port = int(os.environ["CGLAB_PORT"])
client = ftplib.FTP(timeout=20)
client.connect("127.0.0.1", port)
client.login("user", "12345")
crowd = []
try:
    # Until one is not greeted any more.
    for _ in range(60):
        crowd.append(socket.create_connection(("127.0.0.1", port), timeout=3))
        crowd[-1].recv(100)
except TimeoutError:
    pass
for one in crowd:
    one.close()
"""
    write_target(tmp_path, client, "client.py")
    drive = shlex.join([sys.executable, "client.py"])
    words = ("--limit", "files=40", "--drive", drive, EXAMPLES / "ftpServer.py", "0")
    cglab(*RUN, *words, folder=tmp_path, status=None)
    found = events(tmp_path)
    assert any(name.endswith(".accept") for name in found[0]["path"]), found[0]
    assert any("the limit files=40 was first reached in" in note for note in notes(tmp_path))


@pytest.mark.parametrize("engine", ["native", "pycallgraph2"])
def test_what_is_caught_where_it_is_raised_is_seen_from_outside(
    engine: str, tmp_path: Path
) -> None:
    target = """
        import time
        files, held = [], []
        try:
            while True:
                files.append(open("/dev/null"))
        except OSError:
            time.sleep(1)
        files.clear()
        try:
            while True:
                held.append(bytearray(1024 * 1024))
        except MemoryError:
            held.clear()
            time.sleep(1)
        """
    write_target(tmp_path, target)
    words = ("--engine", engine, "--limit", "files=40", "--limit", "memory=200M")
    result = cglab("run", "--no-render", *words, "target.py", folder=tmp_path)
    found = notes(tmp_path)
    assert any("has 40 descriptors open, as many as the limit files=40" in one for one in found)
    assert any("as much as the limit memory=200M allows" in one for one in found)
    assert "descriptors open" in result.stderr


@pytest.mark.parametrize("way", ["stop", "warn"])
@pytest.mark.parametrize("engine", ["native", "pycallgraph2"])
def test_on_limit_decides(engine: str, way: str, tmp_path: Path) -> None:
    script = """
try:
    open_many()
except OSError:
    time.sleep(3 if len(sys.argv) > 1 else 0.8)
print("went on", flush=True)
"""
    write_target(tmp_path, SESSION + script)
    words = ("--engine", engine, "--limit", "files=40", "--on-limit", way, "target.py")
    more = ("long",) if way == "stop" else ()
    status = 130 if way == "stop" else 0
    result = cglab("run", "--no-render", *words, *more, folder=tmp_path, status=status)
    assert result.stdout == ("" if way == "stop" else "went on\n")
    assert ("stopped by --on-limit" in notes(tmp_path)) == (way == "stop")
    assert any("the limit files=40" in note for note in notes(tmp_path))
    assert figures(only_recording(tmp_path))["open_many"].calls == 1


def test_a_target_that_a_limit_kills_leaves_its_recording(tmp_path: Path) -> None:
    script = "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nwrite_much()\n"
    write_target(tmp_path, SESSION + script)
    words = ("run", "--no-render", "--limit", "file-size=8M", "target.py")
    cglab(*words, folder=tmp_path, status=128 + 25)
    assert "the limit file-size=8M was reached, and SIGXFSZ ended it" in notes(tmp_path)
    assert figures(only_recording(tmp_path))["write_much"].calls == 1


def test_a_memory_error_is_the_same_traced_and_untraced(tmp_path: Path) -> None:
    script = """
try:
    fill()
except MemoryError as error:
    count = len(held)
    held.clear()
    names = []
    traceback = error.__traceback__
    while traceback:
        names.append((traceback.tb_frame.f_code.co_name, traceback.tb_lineno))
        traceback = traceback.tb_next
    print(count, type(error).__name__, error.args, names)
def too_large():
    return bytearray(2**40)

too_large()
"""
    target = write_target(tmp_path, SESSION + script)
    allowed = (200 + 16) * 1024 * 1024
    untraced = subprocess.run(
        [sys.executable, str(target)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_AS, (allowed, resource.getrlimit(resource.RLIMIT_AS)[1])
        ),
    )
    traced = cglab(
        *("run", "--no-render", "--limit", "memory=200M", str(target)), folder=tmp_path, status=1
    )
    count, _, rest = untraced.stdout.partition(" ")
    traced_count, _, traced_rest = traced.stdout.partition(" ")
    assert traced_rest == rest
    # What is recorded has its room in the 16M that were added.
    assert -17 <= int(traced_count) - int(count) <= 0
    errors = traced.stderr.splitlines()
    start = errors.index("Traceback (most recent call last):")
    lines = untraced.stderr.splitlines()
    assert errors[start : start + len(lines)] == lines


def nobody() -> int | None:
    """Return the id of a user whom the kernel limits: ours, unless we are root."""
    return 65534 if os.geteuid() == 0 else None


def may_run(user: int | None, folder: Path) -> bool:
    try:
        tried = subprocess.run(
            [sys.executable, "-c", "import callgraph_lab"],
            cwd=folder,
            env=environment(HOME=str(folder)),
            user=user,
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return tried.returncode == 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that another user can write to."""
    folder = Path(tempfile.mkdtemp(prefix="cglab-test-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@needs_native
@pytest.mark.parametrize("work", ["fork_many", "start_threads"])
def test_processes_and_threads(work: str, open_folder: Path) -> None:
    user = nobody()
    write_target(open_folder, SESSION + f"Session().on_get({work})\n")
    write_target(open_folder, OWN_MAP, "own.toml")
    words = ("--event-map", "own.toml", "--limit", "processes=20", "target.py")
    if not may_run(user, open_folder):
        pytest.skip("the user nobody may not read this Python or these sources")
    result = subprocess.run(
        [*CGLAB, *RUN, *words],
        cwd=open_folder,
        env=environment(HOME=str(open_folder)),
        user=user,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[0] in ("BlockingIOError", "RuntimeError")
    (event,) = [one for one in events(open_folder) if one["fields"]["times"] == "1"]
    assert event["action"] == "get"
    assert event["fields"]["limit"] == "processes=20"
    assert event["path"][-1] in ("__main__.fork_many", "threading.Thread.start")


@pytest.mark.parametrize(
    ("number", "value", "words", "expected"),
    [
        (resource.RLIMIT_NOFILE, 300, "files=400", "the hard limit is 300 already"),
        (resource.RLIMIT_CPU, 500, "cpu-time=20m", "the hard limit is 500 already"),
    ],
)
def test_more_than_the_user_may_have(
    number: int, value: int, words: str, expected: str, tmp_path: Path
) -> None:
    write_target(tmp_path, "")
    result = subprocess.run(
        [*CGLAB, "run", "--no-render", "--limit", words, "target.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(number, (value, value)),
    )
    assert result.returncode == 2
    assert expected in result.stderr
    assert "give less, or raise the hard limit as root (ulimit -H)" in result.stderr


def test_on_limit_is_for_what_can_be_reached(tmp_path: Path) -> None:
    write_target(tmp_path, "")
    words = ("run", "--no-render", "--limit", "cpu=50%", "--on-limit", "stop", "target.py")
    result = cglab(*words, folder=tmp_path, status=2)
    assert "a share of the CPU is never reached" in result.stderr
