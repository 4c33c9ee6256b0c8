"""Which calls served what a client did: the actions of real servers, by the engine ``native``."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from support_cli import (
    CLIENT,
    ENGINE,
    EXAMPLES,
    as_json,
    cglab,
    only_recording,
    running,
    write_target,
)

from callgraph_lab.engines.choice import availability
from callgraph_lab.recording import store

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from callgraph_lab.action_model import ActionInstance

pytestmark = pytest.mark.skipif(
    ENGINE == "pycallgraph2" or not availability("native").available,
    reason="automatic actions need the engine native",
)

Run = Callable[..., "subprocess.CompletedProcess[str]"]

NOTE_BYTES, BIG_BYTES = 38, 300_000
"""What upload_client.py puts; it gets the second one back."""
EXPECTED = {
    "connect": 1,
    "USER": 1,
    "PASS": 1,
    "login": 1,
    "STOR": 2,
    "LIST": 1,
    "RETR": 1,
    "QUIT": 1,
    "disconnect": 1,
}
FTP_SERVERS = (
    "ftpServer.py",
    "threaded_server.py",
    "multiprocess_server.py",
    "throttled_server.py",
    "tls_server.py",
    "copied_modules/ftpServer.py",
)


@pytest.fixture(scope="module", params=FTP_SERVERS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record each server while upload_client.py uses it; return the folder."""
    script = request.param
    if script == "tls_server.py":
        pytest.importorskip("OpenSSL", reason="PyOpenSSL, for pyftpdlib's TLS, is not installed")
    folder: Path = tmp_path_factory.mktemp("actions")
    tls = ["--tls"] if script == "tls_server.py" else []
    client = shlex.join([sys.executable, str(CLIENT), *tls])
    cglab("run", "--no-render", "--drive", client, EXAMPLES / script, "0", folder=folder)
    return folder


def actions_of(folder: Path) -> dict[str, dict[str, Any]]:
    document = as_json("actions", "--format", "json", folder=folder)
    assert document["schema"] == 1
    return {item["name"]: item for item in document["actions"]}


def test_every_command_is_an_action(served: Path) -> None:
    actions = actions_of(served)
    counts = {name: actions[name]["count"] for name in EXPECTED if name in actions}
    assert counts == EXPECTED
    assert all(actions[name]["sessions"] == 1 for name in EXPECTED)
    assert {"startup", "idle"} <= actions.keys()
    assert all(actions[name]["background"] for name in ("startup", "idle"))
    for item in actions.values():
        assert item["p50_ns"] <= item["p95_ns"] <= item["max_ns"]
        assert item["calls"] >= item["functions"] > 0


def test_background_comes_last_and_the_rest_in_order_of_beginning(served: Path) -> None:
    names = list(actions_of(served))
    ours = [name for name in names if name in EXPECTED]
    assert ours == list(EXPECTED)
    background = [name for name in names if name in ("startup", "idle", "shutdown")]
    assert names[-len(background) :] == background


def test_bytes_are_those_of_the_files(served: Path) -> None:
    actions = actions_of(served)
    assert actions["STOR"]["bytes"] == NOTE_BYTES + BIG_BYTES
    assert actions["RETR"]["bytes"] == BIG_BYTES
    assert actions["LIST"]["bytes"] > 0


def test_actions_are_parts_of_the_whole(served: Path) -> None:
    recording = store.load(only_recording(served))
    tree = recording.tree
    roots = sum(tree.calls[thread.root] for thread in recording.threads)
    assert sum(item["calls"] for item in actions_of(served).values()) == sum(tree.calls) - roots


def test_bytes_that_arrive_are_charged_to_uploads(served: Path, cglab_here: Run) -> None:
    """The question of the experiment: where is ``handle_read`` of an upload?"""

    def calls(name: str, *options: str) -> int:
        found = cglab_here(
            "find", f"DTPHandler.{name}", "--format", "json", *options, folder=served, status=None
        )
        return sum(
            item["total_calls"]
            for item in json.loads(found.stdout)["functions"]
            if item["qualname"] == f"DTPHandler.{name}"
        )

    assert calls("handle_read", "--action", "STOR") == calls("handle_read") > 0
    assert calls("handle_read", "--action", "RETR") == 0
    assert calls("push_with_producer", "--action", "RETR") == 1


def instances(folder: Path, name: str) -> list[ActionInstance]:
    recording = store.load(only_recording(folder))
    return [item for item in recording.instances if recording.actions[item.action].name == name]


def test_each_upload_has_its_record(served: Path) -> None:
    first, second = sorted(instances(served, "STOR"), key=lambda item: item.begin_ns)
    assert (first.bytes, second.bytes) == (NOTE_BYTES, BIG_BYTES)
    assert [item.outcome for item in (first, second)] == [226, 226]
    assert first.session == second.session != 0
    assert first.detail.endswith("/note.txt")
    assert second.detail.endswith("/big.bin")
    assert not first.abandoned
    firsts = [phase[0] for phase in second.phases[:4] if phase is not None]
    # The data connection is there before the command.
    assert len(firsts) == 4
    assert firsts == sorted(firsts)
    assert second.passes >= 1


def test_no_password_is_kept(served: Path) -> None:
    (item,) = instances(served, "PASS")
    assert item.detail == ""
    recording = store.load(only_recording(served))
    # Not within the digits of a time.
    assert not re.search(r"\b12345\b", f"{recording.instances} {recording.events}")


def test_events_tell_the_story_of_the_session(served: Path) -> None:
    recording = store.load(only_recording(served))
    events = [item for item in recording.events if item.sensor != "loop-stalled"]
    assert [item.sensor for item in events] == [
        "connection-opened",
        "logged-in",
        *("upload-started", "upload-finished") * 2,
        "download-started",
        "download-finished",
        "disconnected",
    ]
    told = [dict(item.fields) for item in events]
    assert {fields["peer"] for fields in told} == {"127.0.0.1"}
    assert len({fields["port"] for fields in told}) == 1
    assert {fields["user"] for fields in told[1:-1]} == {"user"}
    assert [fields["bytes"] for fields in told if "bytes" in fields] == [
        str(NOTE_BYTES),
        str(BIG_BYTES),
        str(BIG_BYTES),
    ]


@pytest.mark.parametrize("nth", ["first", "last", "slowest"])
def test_one_upload_alone(served: Path, cglab_here: Run, nth: str) -> None:
    graph = json.loads(
        cglab_here(
            *("render", "--action", "STOR", "--nth", nth, "--max-depth", "40"),
            *("--filter", "none", "--format", "json", "-o", "-"),
            folder=served,
        ).stdout
    )
    assert (graph["query"]["action"], graph["query"]["nth"]) == ("STOR", nth)
    calls = {node["qualname"]: node["calls"] for node in graph["nodes"]}
    assert calls["FTPHandler.ftp_STOR"] == 1


def test_pictures_of_an_action_have_names_of_their_own(served: Path, cglab_here: Run) -> None:
    cglab_here("render", "--action", "stor", "--format", "dot", folder=served)
    (path,) = (served / "out").glob("*-STOR.depth-4.dot")
    assert "only what the action STOR caused" in path.read_text(encoding="utf-8")


def test_an_action_that_is_not_there_is_told_with_those_there_are(
    served: Path, cglab_here: Run
) -> None:
    result = cglab_here("functions", "--action", "DELE", folder=served, status=2)
    assert "no action or mark 'DELE'" in result.stderr
    assert "STOR" in result.stderr


def test_nth_needs_an_action(served: Path, cglab_here: Run) -> None:
    result = cglab_here("functions", "--nth", "first", folder=served, status=2)
    assert "--action" in result.stderr


HTTP_CLIENT = """
import os, urllib.request
base = f"http://127.0.0.1:{os.environ['CGLAB_PORT']}"
for number in (12, 360, 12):
    urllib.request.urlopen(f"{base}/factors/{number}?x={number}").read()
urllib.request.urlopen(f"{base}/words", data=b"a b c").read()
"""


def test_requests_of_http_server_by_method_and_path(tmp_path: Path) -> None:
    client = write_target(tmp_path, HTTP_CLIENT, "client.py")
    server = tmp_path / "server.py"
    text = (EXAMPLES / "http_server.py").read_text(encoding="utf-8")
    # Its own paths have no query.
    server.write_text(text.replace('{0,8})"', '{0,8}).*"'), encoding="utf-8")
    drive = shlex.join([sys.executable, str(client)])
    cglab("run", "--no-render", "--drive", drive, server, "0", folder=tmp_path)
    actions = actions_of(tmp_path)
    counts = {name: item["count"] for name, item in actions.items() if not item["background"]}
    assert counts == {
        "connection": 4,
        "GET /factors/12": 2,
        "GET /factors/360": 1,
        "POST /words": 1,
    }
    assert actions["GET /factors/12"]["sessions"] == 2
    assert {item.outcome for item in instances(tmp_path, "GET /factors/12")} == {200}
    found = as_json(
        *("find", "prime_factors", "--action", "GET *", "--format", "json"), folder=tmp_path
    )
    assert found["functions"]


OWN_MAP = """
[[event_map.action]]
start = ":handle"
session = "who"
name = "{what}"
upper_case = true
detail = "what"
"""
OWN_TARGET = """
def work(): pass
def handle(who, what):
    for _ in what: work()
class Client: pass
one, other = Client(), Client()
for who, what in ((one, "put"), (other, "list"), (other, "put")):
    handle(who, what)
"""


def test_a_map_of_one_s_own(tmp_path: Path) -> None:
    write_target(tmp_path, OWN_TARGET)
    (tmp_path / "own.toml").write_text(OWN_MAP, encoding="utf-8")
    cglab("run", "--no-render", "--event-map", "own.toml", "target.py", folder=tmp_path)
    actions = actions_of(tmp_path)
    figures = {name: (item["count"], item["sessions"]) for name, item in actions.items()}
    assert figures["PUT"] == (2, 2)
    assert figures["LIST"] == (1, 1)
    found = as_json("find", "work", "--action", "put", "--format", "json", folder=tmp_path)
    assert found["functions"][0]["total_calls"] == 6
    one = as_json(
        *("find", "work", "--action", "put", "--nth", "last", "--format", "json"), folder=tmp_path
    )
    assert one["functions"][0]["total_calls"] == 3


def test_instances_beyond_those_to_keep_are_counted(tmp_path: Path) -> None:
    write_target(tmp_path, OWN_TARGET + "for _ in range(50): handle(one, 'get')\n")
    (tmp_path / "own.toml").write_text(OWN_MAP, encoding="utf-8")
    cglab(
        *("run", "--no-render", "--event-map", "own.toml", "--keep-instances", "10", "target.py"),
        folder=tmp_path,
    )
    get = actions_of(tmp_path)["GET"]
    assert get["count"] == 50
    assert get["dropped"] > 0
    assert get["instances"] + get["dropped"] == 50
    assert "--keep-instances" in cglab("actions", folder=tmp_path).stderr


def test_a_run_that_still_goes_on_has_actions(tmp_path: Path) -> None:
    text = "def last(): print('ready', flush=True); time.sleep(60)\n"
    write_target(tmp_path, f"import time\n{OWN_TARGET}{text}last()\n")
    (tmp_path / "own.toml").write_text(OWN_MAP, encoding="utf-8")
    with running(
        *("run", "--no-render", "--event-map", "own.toml", "target.py"), folder=tmp_path
    ) as run:
        run.wait_for("ready")
        actions = actions_of(tmp_path)
        assert (actions["PUT"]["count"], actions["PUT"]["ended"]) == (2, 2)
        found = as_json("find", "last", "--action", "startup", "--format", "json", folder=tmp_path)
        assert found["functions"][0]["open_calls"] == 1


def test_a_slice_with_nothing_in_it(tmp_path: Path) -> None:
    """A process that had no part in the action."""
    write_target(
        tmp_path,
        f"import os\n{OWN_TARGET}if os.fork():\n    os.wait()\nelse:\n    handle(one, 'get')\n",
    )
    (tmp_path / "own.toml").write_text(OWN_MAP, encoding="utf-8")
    cglab("run", "--no-render", "--event-map", "own.toml", "target.py", folder=tmp_path)
    parent = as_json("info", "--format", "json", folder=tmp_path)["processes"][0]["pid"]
    of_parent = ("--action", "GET", "--process", str(parent))
    shown = as_json("functions", *of_parent, "--format", "json", folder=tmp_path)
    assert shown["functions"] == []
    cglab("render", *of_parent, "--format", "svg,json", folder=tmp_path)
    (picture,) = (tmp_path / "out").glob("target-GET.depth-4.svg")
    assert "nothing was called" in picture.read_text(encoding="utf-8")
    one = as_json("functions", "--action", "GET", "--format", "json", folder=tmp_path)
    assert {item["qualname"] for item in one["functions"]} == {"handle", "work"}


def test_a_sweep_of_an_action(tmp_path: Path) -> None:
    write_target(tmp_path, OWN_TARGET)
    (tmp_path / "own.toml").write_text(OWN_MAP, encoding="utf-8")
    run = ("--event-map", "own.toml", "target.py")
    cglab(
        "sweep",
        "1..3",
        "--action",
        "PUT",
        "--nth",
        "last",
        "--format",
        "dot",
        *run,
        folder=tmp_path,
    )
    drawn = {path.name for path in (tmp_path / "out").glob("*.dot")}
    assert drawn == {f"target-PUT-last.depth-{depth}.dot" for depth in (1, 2)}


def test_without_a_map_there_are_no_actions(tmp_path: Path) -> None:
    write_target(tmp_path, OWN_TARGET)
    cglab("run", "--no-render", "--event-map", "none", "target.py", folder=tmp_path)
    result = cglab("actions", "--format", "json", folder=tmp_path)
    assert json.loads(result.stdout) == {"schema": 1, "actions": []}
    assert "--event-map none" in result.stderr


FTP_CLIENT = """
import concurrent.futures, ftplib, io, os, socket, time
NUMBERS = range(int(os.environ.get("CLIENTS", "3")))

def session(number):
    ftp = ftplib.FTP()
    ftp.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]), timeout=30)
    ftp.login("user", "12345")
    ftp.mkd(f"d{number}")
    name = f"d{number}/f"
    ftp.storbinary(f"STOR {name}", io.BytesIO(b"x" * 200_000))
    ftp.storbinary(f"APPE {name}", io.BytesIO(b"y" * 1_000))
    assert ftp.size(name) == 201_000
    ftp.sendcmd(f"STAT {name}")
    ftp.sendcmd("STAT")
    data = ftp.transfercmd(f"STOR {name}2")
    data.sendall(b"z" * 5_000)
    ftp.sendcmd("NOOP")
    ftp.sendcmd("STAT")
    data.sendall(b"z" * 5_000)
    data.close()
    ftp.voidresp()
    got = []
    ftp.retrbinary(f"RETR {name}", got.append)
    assert sum(map(len, got)) == 201_000
    ftp.retrlines("LIST", lambda line: None)
    ftp.rename(name, name + "3")
    ftp.delete(name + "3")
    ftp.quit()

with concurrent.futures.ThreadPoolExecutor(max(len(NUMBERS), 1)) as sessions:
    list(sessions.map(session, NUMBERS))

# One more, that does it wrong: a bad password, a STAT before it is logged in, a broken transfer.
ftp = ftplib.FTP()
ftp.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]), timeout=30)
ftp.sendcmd("STAT")
try:
    ftp.login("user", "wrong")
except ftplib.error_perm:
    pass
ftp.login("user", "12345")
data = ftp.transfercmd("STOR broken")
data.sendall(b"b" * 300)
time.sleep(0.3)
ftp.putcmd("ABOR")
assert ftp.getmultiline()[:3] == "426"
assert ftp.getmultiline()[:3] == "226"
data.close()
# The server connects, to one client at a time: pyftpdlib mixes up several that it connects to.
ftp.set_pasv(False)
ftp.retrlines("NLST", lambda line: None)
# It does not even say goodbye.
ftp.close()
time.sleep(0.5)
"""
SESSIONS = 3
DONE_BY_EACH = {
    "connect": 1,
    "USER": 1,
    "PASS": 1,
    "login": 1,
    "MKD": 1,
    "STOR": 2,
    "APPE": 1,
    "SIZE": 1,
    "STAT": 3,
    "NOOP": 1,
    "RETR": 1,
    "LIST": 1,
    "RNFR": 1,
    "RNTO": 1,
    "DELE": 1,
    "QUIT": 1,
    "disconnect": 1,
}
DONE_BY_THE_LAST = {
    "connect": 1,
    "USER": 2,
    "PASS": 2,
    "login": 1,
    "STOR": 1,
    "STAT": 1,
    "ABOR": 1,
    "NLST": 1,
    "disconnect": 1,
}


@pytest.mark.parametrize("script", ["ftpServer.py", "threaded_server.py", "multiprocess_server.py"])
def test_sessions_at_once_are_told_apart(tmp_path: Path, script: str) -> None:
    client = write_target(tmp_path, FTP_CLIENT, "client.py")
    drive = shlex.join([sys.executable, str(client)])
    cglab("run", "--no-render", "--drive", drive, EXAMPLES / script, "0", folder=tmp_path)
    actions = actions_of(tmp_path)
    expected = {
        name: SESSIONS * DONE_BY_EACH.get(name, 0) + DONE_BY_THE_LAST.get(name, 0)
        for name in DONE_BY_EACH | DONE_BY_THE_LAST
    }
    assert {name: actions[name]["count"] for name in expected if name in actions} == expected
    sessions = {
        name: SESSIONS * (name in DONE_BY_EACH) + (name in DONE_BY_THE_LAST) for name in expected
    }
    assert {name: actions[name]["sessions"] for name in expected} == sessions
    assert actions["STOR"]["bytes"] == SESSIONS * 210_000 + 300
    assert actions["APPE"]["bytes"] == SESSIONS * 1_000
    assert actions["RETR"]["bytes"] == SESSIONS * 201_000
    uploads = instances(tmp_path, "STOR")
    sizes = sorted(item.bytes for item in uploads)
    assert sizes == sorted([200_000, 10_000] * SESSIONS + [300])
    (broken,) = (item for item in uploads if item.bytes == 300)
    assert broken.outcome in (125, 150)
    recording = store.load(only_recording(tmp_path))
    counted = Counter(item.sensor for item in recording.events)
    assert counted["login-failed"] == 1
    assert counted["logged-in"] == SESSIONS + 1
    assert counted["upload-finished"] == 3 * SESSIONS
    assert counted["upload-aborted"] == 1
    assert counted["disconnected"] == SESSIONS + 1
    handle_read = as_json("find", "DTPHandler.handle_read", "--format", "json", folder=tmp_path)
    assert sum(item["total_calls"] for item in handle_read["functions"]) == sum(
        item["total_calls"]
        for name in ("STOR", "APPE")
        for item in as_json(
            *("find", "DTPHandler.handle_read", "--action", name, "--format", "json"),
            folder=tmp_path,
        )["functions"]
    )


OWN_LOOP = """
[event_map]
loop = ":loop"
pass = ":turn"
"""
BURN_AT_THE_END = """
import atexit, time

def burn(seconds):
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass

def turn():
    pass

def loop():
    for _ in range(3):
        turn()

if LOOPS:
    loop()
atexit.register(burn, 0.2)
burn(0.2)
"""


@pytest.mark.parametrize(("loops", "phase"), [(True, "shutdown"), (False, "startup")])
def test_the_last_phase_has_its_cpu_to_the_end(loops: bool, phase: str, tmp_path: Path) -> None:  # noqa: FBT001
    write_target(tmp_path, f"LOOPS = {loops}\n{BURN_AT_THE_END}")
    write_target(tmp_path, OWN_LOOP, "own.toml")
    cglab("run", "--no-render", "--event-map", "own.toml", "target.py", folder=tmp_path)
    rows = as_json("actions", "--format", "json", folder=tmp_path)["actions"]
    (row,) = [row for row in rows if row["name"] == phase]
    assert 0.4e9 <= row["cpu_ns"] < 1.5e9
