"""Events of real servers: after a run, while it goes on, in a file; stalls; wrong questions."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from support_cli import (
    CLIENT,
    ENGINE,
    EXAMPLES,
    cglab,
    command,
    environment,
    running,
    wait_until,
    write_target,
)

from callgraph_lab.engines.choice import availability

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    ENGINE == "pycallgraph2" or not availability("native").available,
    reason="events need the engine native",
)

STORY = [
    "connection-opened",
    "logged-in",
    *("upload-started", "upload-finished") * 2,
    "download-started",
    "download-finished",
    "disconnected",
]


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def printed(folder: Path, *options: str) -> list[dict[str, Any]]:
    return lines_of(cglab("events", "--format", "jsonl", *options, folder=folder).stdout)


OVERRIDING_SERVER = """
import tempfile
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
class Handler(FTPHandler):
    def __init__(self, *arguments, **named): super().__init__(*arguments, **named)
    def process_command(self, cmd, *args, **kwargs):
        return super().process_command(cmd, *args, **kwargs)
    def handle_auth_success(self, *arguments): return super().handle_auth_success(*arguments)
    def on_incomplete_file_received(self, file): super().on_incomplete_file_received(file)
    def close(self): super().close()
class Deeper(Handler):
    def handle_auth_success(self, *arguments): return super().handle_auth_success(*arguments)
Handler.authorizer = DummyAuthorizer()
Handler.authorizer.add_user("user", "12345", tempfile.mkdtemp(), perm="elradfmwMT")
FTPServer(("127.0.0.1", 0), Deeper).serve_forever()
"""
ABORTING_CLIENT = """
import contextlib, ftplib, os
for way in ("aborts", "hangs up"):
    ftp = ftplib.FTP()
    ftp.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]), timeout=30)
    ftp.login("user", "12345")
    upload = ftp.transfercmd("STOR " + way)
    upload.sendall(b"x" * 5000)
    ftp.voidcmd("NOOP")
    if way == "aborts":
        ftp.sock.sendall(b"ABOR\\r\\n")
        ftp.getmultiline()
        ftp.getmultiline()
        ftp.quit()
    else:
        ftp.close()
        upload.settimeout(30)
        with contextlib.suppress(ConnectionError):
            upload.recv(1)  # nothing: until the server has closed it
    upload.close()
"""


def key_of(line: dict[str, Any]) -> tuple[Any, ...]:
    """What a line says that does not depend on how well the clock's rate is known by then."""
    return line["sensor"], line["process"], line["session"], str(line["fields"]), *line["path"]


@pytest.mark.parametrize(
    "script", ["ftpServer.py", "threaded_server.py", "multiprocess_server.py", "tls_server.py"]
)
def test_log_events_says_what_events_does(tmp_path: Path, script: str) -> None:
    if script == "tls_server.py":
        pytest.importorskip("OpenSSL", reason="PyOpenSSL, for pyftpdlib's TLS, is not installed")
    tls = ["--tls"] if script == "tls_server.py" else []
    client = shlex.join([sys.executable, str(CLIENT), *tls])
    cglab(
        *("run", "--no-render", "--stall", "0", "--log-events", "events.jsonl"),
        *("--drive", client, EXAMPLES / script, "0"),
        folder=tmp_path,
    )
    logged = lines_of((tmp_path / "events.jsonl").read_text(encoding="utf-8"))
    assert [line["sensor"] for line in logged] == STORY
    shown = printed(tmp_path)
    assert list(map(key_of, shown)) == list(map(key_of, logged))
    assert all(later["time"] >= earlier["time"] for earlier, later in pairwise(logged))
    assert len({line["session"] for line in logged}) == 1
    assert all(line["rss_bytes"] > 1_000_000 for line in logged)
    assert all(line["cpu_percent"] >= 0 for line in logged)
    (finished,) = (line for line in logged if line["fields"].get("bytes") == "38")
    assert finished["action"] == "STOR"
    assert finished["path"][-1].endswith("FTPHandler.on_file_received")
    assert finished["file"].endswith(".py")
    assert finished["line"] > 0
    assert "12345" not in json.dumps(logged)


def test_events_of_a_sensor_or_an_action(tmp_path: Path) -> None:
    client = shlex.join([sys.executable, str(CLIENT)])
    cglab("run", "--no-render", "--drive", client, EXAMPLES / "ftpServer.py", "0", folder=tmp_path)
    assert Counter(line["sensor"] for line in printed(tmp_path, "--sensor", "upload-*")) == {
        "upload-started": 2,
        "upload-finished": 2,
    }
    assert {line["action"] for line in printed(tmp_path, "--action", "retr")} == {"RETR"}
    table = cglab("events", "--sensor", "logged-in", folder=tmp_path).stdout
    assert "user=user" in table
    wrong = cglab("events", "--sensor", "uploaded", folder=tmp_path, status=2)
    assert "no sensor 'uploaded'" in wrong.stderr
    assert "upload-finished" in wrong.stderr
    wrong = cglab("events", "--action", "DELE", folder=tmp_path, status=2)
    assert "STOR" in wrong.stderr
    followed = cglab("events", "--follow", "--format", "jsonl", folder=tmp_path)
    assert lines_of(followed.stdout) == printed(tmp_path)
    tables = [cglab("events", *words, folder=tmp_path).stdout for words in ((), ("--follow",))]
    shown, followed_rows = (
        [re.split(r"\s{2,}", row) for row in text.splitlines()] for text in tables
    )
    assert shown == followed_rows
    assert shown[0][:3] == ["time", "event", "action"]


KNOCKER = """
import os, sys, time

class Session:
    def __init__(self, number):
        self.number = number
    def knock(self):
        pass

def knocks(first, count):
    for number in range(first, first + count):
        Session(number).knock()

def main(children, each):
    print("ready", flush=True)
    for child in range(children):
        if os.fork() == 0:
            knocks((child + 1) * 1000, each)
            os._exit(0)
        os.wait()
    print("done", flush=True)
    while not os.path.exists("stop"):
        knocks(0, 1)
        time.sleep(0.05)

main(int(sys.argv[1]), int(sys.argv[2]))
"""
KNOCKER_MAP = """
[[sensor]]
name = "knock"
functions = "Session.knock"
fields = { number = "self.number" }
"""


def test_following_a_run_of_many_processes(tmp_path: Path) -> None:
    """There are so many that what the ended ones have recorded is merged meanwhile."""
    write_target(tmp_path, KNOCKER)
    (tmp_path / "own.toml").write_text(KNOCKER_MAP, encoding="utf-8")
    children, each = 150, 3
    with running(
        *("run", "--no-render", "--event-map", "own.toml", "--log-events", "events.jsonl"),
        *("target.py", str(children), str(each)),
        folder=tmp_path,
    ) as run:
        run.wait_for("ready")
        with subprocess.Popen(
            command("events", "--follow", "--format", "jsonl"),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as follower:
            run.wait_for("done")
            log = tmp_path / "events.jsonl"
            wait_until(lambda: len(log.read_text().splitlines()) > children * each, "the log")
            (tmp_path / "stop").touch()
            assert run.end() == 0
            output, errors = follower.communicate(timeout=30)
    assert follower.returncode == 0, errors
    expected = Counter(
        str((child + 1) * 1000 + number) for child in range(children) for number in range(each)
    )
    for text in (output, log.read_text(encoding="utf-8")):
        lines = lines_of(text)
        counted = Counter(line["fields"]["number"] for line in lines)
        own = counted.pop("0")
        assert own >= 1
        assert counted == expected
        assert all(later["time"] >= earlier["time"] for earlier, later in pairwise(lines))
    shown = printed(tmp_path)
    assert Counter(map(key_of, shown)) == Counter(map(key_of, lines_of(output)))


def test_the_log_is_complete_when_the_target_is_killed(tmp_path: Path) -> None:
    write_target(tmp_path, KNOCKER)
    (tmp_path / "own.toml").write_text(KNOCKER_MAP, encoding="utf-8")
    with running(
        *("run", "--no-render", "--event-map", "own.toml", "--log-events", "events.jsonl"),
        *("target.py", "0", "0"),
        folder=tmp_path,
    ) as run:
        run.wait_for("done")
        log = tmp_path / "events.jsonl"
        wait_until(lambda: len(log.read_text().splitlines()) > 5, "the log")
        os.kill(run.target_pid(), signal.SIGKILL)
        run.end()
    assert list(map(key_of, lines_of(log.read_text()))) == list(map(key_of, printed(tmp_path)))


def test_events_that_are_not_kept_are_counted(tmp_path: Path) -> None:
    write_target(
        tmp_path,
        "class Session:\n    def knock(self): pass\n"
        "one = Session()\nfor one.number in range(50_000): one.knock()\n",
    )
    (tmp_path / "own.toml").write_text(KNOCKER_MAP, encoding="utf-8")
    cglab("run", "--no-render", "--event-map", "own.toml", "target.py", folder=tmp_path)
    result = cglab("events", "--format", "jsonl", folder=tmp_path)
    numbers = [int(line["fields"]["number"]) for line in lines_of(result.stdout)]
    assert numbers == list(range(30_000, 50_000))
    assert "30,000 earlier events" in result.stderr


STALLING = """
import time
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
import tempfile

class Handler(FTPHandler):
    def on_file_received(self, file):
        scan(file)

def scan(file):
    time.sleep(0.3)

Handler.authorizer = DummyAuthorizer()
Handler.authorizer.add_user("user", "12345", tempfile.mkdtemp(), perm="elradfmwMT")
FTPServer(("127.0.0.1", 0), Handler).serve_forever()
"""
ONE_UPLOAD = """
import ftplib, io, os
ftp = ftplib.FTP()
ftp.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]), timeout=30)
ftp.login("user", "12345")
ftp.storbinary("STOR file", io.BytesIO(b"x" * 1000))
ftp.quit()
"""


def test_a_stall_names_the_path_that_held_the_loop(tmp_path: Path) -> None:
    write_target(tmp_path, STALLING)
    client = shlex.join([sys.executable, str(write_target(tmp_path, ONE_UPLOAD, "client.py"))])
    # The threshold leaves room for a machine that does much else.
    run = ("run", "--no-render", "--stall", "0.25s", "--log-events", "log", "--drive", client)
    cglab(*run, "target.py", folder=tmp_path)
    (stall,) = printed(tmp_path, "--sensor", "loop-stalled")
    assert stall["path"][-1] == "__main__.scan"
    assert "__main__.Handler.on_file_received" in stall["path"]
    assert stall["path"][0] == "__main__.<module>"
    assert any(name.endswith("Epoll.poll") for name in stall["path"])
    assert stall["action"] == "STOR"
    assert 300_000_000 <= stall["duration_ns"] < 3_000_000_000
    assert stall["file"] == str(tmp_path / "target.py")
    logged = [
        line
        for line in lines_of((tmp_path / "log").read_text(encoding="utf-8"))
        if line["sensor"] == "loop-stalled"
    ]
    assert list(map(key_of, logged)) == [key_of(stall)]
    cglab("run", "--no-render", "--stall", "0", "--drive", client, "target.py", folder=tmp_path)
    assert not [line for line in printed(tmp_path) if line["sensor"] == "loop-stalled"]


def test_what_cannot_be_asked_is_said(tmp_path: Path) -> None:
    write_target(tmp_path, "print('ready')\n")
    run = ("run", "--no-render")
    wrong = cglab(*run, "--stall", "soon", "target.py", folder=tmp_path, status=2)
    assert "100ms" in wrong.stderr
    none = (*run, "--event-map", "none")
    wrong = cglab(*none, "--stall", "1s", "target.py", folder=tmp_path, status=2)
    assert "'pass'" in wrong.stderr
    wrong = cglab(*none, "--log-events", "log", "target.py", folder=tmp_path, status=2)
    assert "--event-map none" in wrong.stderr
    missing = ("--log-events", "missing/log")
    wrong = cglab(*run, *missing, "target.py", folder=tmp_path, status=2)
    assert "--log-events" in wrong.stderr
    cglab(*none, "target.py", folder=tmp_path)
    assert "--event-map none" in cglab("events", folder=tmp_path).stderr


HANDED_OVER = """
import os, time

class Session:
    def __init__(self, number):
        self.number = number
    def serve(self):
        time.sleep(0.5)
    def close(self):
        pass

sessions = [Session(number) for number in range(2)]
for one in sessions:
    time.sleep(1.5)
    pid = os.fork()
    if pid == 0:
        one.serve()
        if one.number:
            one.close()
        os._exit(0)
    one.close()
    os.waitpid(pid, 0)
"""
HANDED_OVER_MAP = """
[[event_map.action]]
start = "Session.__init__"
name = "connect"

[[event_map.action]]
start = "Session.close"
name = "disconnect"
once = true

[[sensor]]
name = "gone"
functions = "Session.close"
fields = { number = "self.number" }
"""


def test_a_session_that_was_handed_to_a_child_is_gone_when_the_child_says_so(
    tmp_path: Path,
) -> None:
    """The first child ends without a word: then the parent's counts, which comes as the last."""
    write_target(tmp_path, HANDED_OVER)
    (tmp_path / "own.toml").write_text(HANDED_OVER_MAP, encoding="utf-8")
    cglab(
        *("run", "--no-render", "--event-map", "own.toml", "--log-events", "log", "target.py"),
        folder=tmp_path,
    )
    shown = printed(tmp_path)
    assert [line["fields"]["number"] for line in shown] == ["0", "1"]
    parent = int(shown[0]["session"].partition("-")[0])
    assert shown[0]["process"] == parent != shown[1]["process"]
    logged = lines_of((tmp_path / "log").read_text(encoding="utf-8"))
    assert list(map(key_of, logged)) == list(map(key_of, shown[::-1]))


def test_methods_that_call_those_of_their_base_and_uploads_that_others_end(tmp_path: Path) -> None:
    server = write_target(tmp_path, OVERRIDING_SERVER, "server.py")
    client = write_target(tmp_path, ABORTING_CLIENT, "client.py")
    drive = shlex.join([sys.executable, str(client)])
    cglab("run", "--no-render", "--drive", drive, server, folder=tmp_path)
    document = json.loads(cglab("actions", "--format", "json", folder=tmp_path).stdout)
    counted = {item["name"]: item["count"] for item in document["actions"]}
    names = ("connect", "USER", "PASS", "login", "STOR", "ABOR", "disconnect")
    assert [counted[name] for name in names] == [2, 2, 2, 2, 2, 1, 2]
    events = printed(tmp_path)
    sensors = Counter(line["sensor"] for line in events)
    once = ("connection-opened", "logged-in", "upload-started", "upload-aborted", "disconnected")
    assert [sensors[name] for name in once] == [2] * len(once)
    aborted = [line["fields"] for line in events if line["sensor"] == "upload-aborted"]
    assert [fields["command"] for fields in aborted] == ["STOR", "STOR"]
    assert [fields["file"].rpartition("/")[2] for fields in aborted] == ["aborts", "hangs up"]
    assert aborted[0]["bytes"] == "5000"
