"""Many clients at once, each doing something else: what is attributed is what they did, exactly."""

from __future__ import annotations

import re
import shutil
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from support_cli import ENGINE, EXAMPLES, as_json, only_recording, running, wait_until
from support_traffic import (
    LISTINGS,
    SIZES,
    UPLOADS,
    Truth,
    foreign_session,
    many_sessions,
    total,
)

from callgraph_lab.engines.choice import availability
from callgraph_lab.recording import store
from callgraph_lab.recording.ended import MOST_ENDED_PARTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from support_cli import Running

    from callgraph_lab.model import Recording

pytestmark = pytest.mark.skipif(
    ENGINE == "pycallgraph2" or not availability("native").available,
    reason="automatic actions need the engine native",
)

AT_ONCE = 50
FEW = 6
"""Clients that are programs of their own, at once."""
THROTTLED_SIZES = (*SIZES, 170_000)
"""At 80,000 bytes a second the data channel is put to sleep when twice as many have moved."""

PREFORKED = "preforked.py"
PREFORKED_SERVER = """
import sys, tempfile
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import Poll
from pyftpdlib.servers import FTPServer

with tempfile.TemporaryDirectory() as home:
    FTPHandler.authorizer = DummyAuthorizer()
    FTPHandler.authorizer.add_user("user", "12345", home, perm="elradfmwMT")
    # pyftpdlib's workers share one epoll, made before they are forked, and take each other's
    # events: under load transfers hang, traced or not. With poll the kernel shares nothing.
    server = FTPServer(("127.0.0.1", 0), FTPHandler, ioloop=Poll())
    print("listening on {}:{}".format(*server.address), flush=True)
    server.serve_forever(worker_processes=4)
"""


@dataclass(frozen=True)
class Served:
    """A server's recording, and what its clients did."""

    recording: Recording
    actions: dict[str, dict[str, Any]]
    truth: Truth
    connections: int


def record(server: Path, folder: Path, connections: int, clients: Callable[[int], Truth]) -> Served:
    """Record a server while clients, given its port, use it."""
    with running("run", "--no-render", server, "0", folder=folder) as run:
        run.wait_for("listening on 127.0.0.1:")
        truth = clients(int(re.findall(r"listening on 127\.0\.0\.1:(\d+)", run.output)[0]))
        wait_until_idle(folder, run.target_pid())
        stop(run, server)
        assert run.end() == 0, run.errors
    return Served(store.load(only_recording(folder)), table(folder), truth, connections)


def stop(run: Running, server: Path) -> None:
    """End a server as Ctrl-C does; where workers serve, these: their parent ends when they have."""
    if server.name != PREFORKED:
        run.process.send_signal(signal.SIGINT)
        return
    for worker in psutil.Process(run.target_pid()).children():
        worker.send_signal(signal.SIGINT)


def wait_until_idle(folder: Path, target: int) -> None:
    """Wait until nobody is served: a client may have its last answer before the server is done."""
    wait_until(lambda: not connections_of(target), "all connections are closed")
    before = table(folder)
    while (now := table(folder)) != before:
        before = now


def connections_of(target: int) -> list[object]:
    """Return the connections that the target and its children have open."""
    found: list[object] = []
    for process in (psutil.Process(target), *psutil.Process(target).children()):
        # A child may end while it is looked at.
        with suppress(psutil.NoSuchProcess):
            found += (
                connection
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_ESTABLISHED
            )
    return found


def table(folder: Path) -> dict[str, dict[str, Any]]:
    document = as_json("actions", "--format", "json", folder=folder)
    return {item["name"]: item for item in document["actions"] if not item["background"]}


def expected_counts(truth: Truth, connections: int) -> dict[str, int]:
    """Return how often each action took place: all logins were right."""
    once_each = dict.fromkeys(("connect", "login", "disconnect"), connections)
    return {**truth.commands, **once_each}


SERVERS: dict[str, dict[str, Any]] = {
    "ftpServer.py": {},
    "threaded_server.py": {},
    # More than are kept apart, so that what ended processes did is merged while others serve.
    "multiprocess_server.py": {"clients": 130},
    PREFORKED: {},
    "tls_server.py": {"tls": True},
    "throttled_server.py": {"sizes": THROTTLED_SIZES},
    "copied_modules/ftpServer.py": {},
}


@pytest.fixture(scope="module", params=SERVERS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Record each server while fifty clients use it at once."""
    if request.param == "tls_server.py":
        pytest.importorskip("OpenSSL", reason="PyOpenSSL, for pyftpdlib's TLS, is not installed")
    folder = tmp_path_factory.mktemp("traffic")
    server = EXAMPLES / request.param
    if request.param == PREFORKED:
        server = folder / PREFORKED
        server.write_text(PREFORKED_SERVER, encoding="utf-8")
    options = {"clients": AT_ONCE, **SERVERS[request.param]}
    sessions = options.pop("clients")

    def clients(port: int) -> Truth:
        return many_sessions(sessions, port=port, at_once=AT_ONCE, **options)

    return record(server, folder, sessions, clients)


def check_counts(served: Served) -> None:
    counts = {name: item["count"] for name, item in served.actions.items()}
    assert counts == expected_counts(served.truth, served.connections)
    sessions = {name: item["sessions"] for name, item in served.actions.items()}
    assert sessions == expected_counts(Truth(commands=served.truth.sessions), served.connections)
    assert {name: item["ended"] for name, item in served.actions.items()} == counts


def check_bytes(served: Served, *, listings: bool = True) -> None:
    truth, recording = served.truth, served.recording
    verbs = (*UPLOADS, "RETR", *(LISTINGS if listings else ()))
    moved = {verb: served.actions[verb]["bytes"] for verb in verbs if verb in served.actions}
    assert moved == {verb: truth.bytes_of(verb) for verb in verbs if verb in truth.commands}
    events = [(event.sensor, dict(event.fields)) for event in recording.events]
    assert recording.events_dropped == 0
    done = Counter(
        (fields["command"], int(fields["bytes"]))
        for sensor, fields in events
        if sensor in ("upload-finished", "download-finished")
    )
    assert done == truth.files
    named = Counter(
        (fields["command"], Path(fields["file"]).name, int(fields["bytes"]))
        for sensor, fields in events
        if sensor in ("upload-finished", "download-finished") and fields["command"] != "STOU"
    )
    assert named == truth.named
    assert not [sensor for sensor, _ in events if sensor.endswith("-aborted")]
    of_instances = Counter(
        (recording.actions[item.action].name, item.bytes)
        for item in recording.instances
        if recording.actions[item.action].name in (*UPLOADS, "RETR")
    )
    assert of_instances == truth.files


def test_the_table_of_actions_is_what_the_clients_did(served: Served) -> None:
    check_counts(served)


def test_bytes_are_those_of_the_files(served: Served) -> None:
    check_bytes(served)


def test_each_session_is_told_from_its_begin_to_its_end_once(served: Served) -> None:
    told = Counter(event.sensor for event in served.recording.events)
    for sensor in ("connection-opened", "logged-in", "disconnected"):
        assert told[sensor] == served.connections
    assert told["upload-started"] == told["upload-finished"]
    assert told["download-started"] == told["download-finished"]


def test_each_transfer_ended_well(served: Served) -> None:
    recording = served.recording
    transfers = [
        item
        for item in recording.instances
        if recording.actions[item.action].name in (*UPLOADS, *LISTINGS, "RETR")
    ]
    assert {item.outcome for item in transfers} == {226}
    assert not any(item.abandoned for item in transfers)


def test_the_moving_of_bytes_is_charged_to_transfers(served: Served) -> None:
    """Every call, of whichever of the sessions that share the loop."""
    check_who_moves_bytes(served)


def check_who_moves_bytes(served: Served) -> None:
    recording = served.recording
    received = actions_that_called(recording, "DTPHandler.handle_read")
    assert received
    assert received.keys() <= set(UPLOADS), received
    for sender in ("DTPHandler.initiate_sendfile", "FileProducer.more"):
        assert actions_that_called(recording, sender).keys() <= {"RETR"}
    listed = actions_that_called(recording, "BufferedIteratorProducer.more")
    assert listed.keys() <= set(LISTINGS)
    sent = actions_that_called(recording, "DTPHandler.send")
    assert sent.keys() <= {"RETR", *LISTINGS}
    # What the clients did, seen by calls.
    for verb in (*UPLOADS, "RETR", *LISTINGS):
        calls = actions_that_called(recording, f"FTPHandler.ftp_{verb}")
        assert calls.get(verb, 0) == served.truth.commands[verb]


def actions_that_called(recording: Recording, qualname: str) -> Counter[str]:
    """Return the calls of a function by the action that they served."""
    tree, found = recording.tree, Counter[str]()
    for function, label, calls in zip(tree.function, tree.label, tree.calls, strict=True):
        if calls and recording.functions[function].qualname == qualname:
            action = recording.labels[label].action
            found["none" if action is None else recording.actions[action].name] += calls
    return found


def test_all_actions_together_are_everything(served: Served) -> None:
    recording, tree = served.recording, served.recording.tree
    roots = {thread.root for thread in recording.threads}
    assert sum(
        calls
        for context, (calls, label) in enumerate(zip(tree.calls, tree.label, strict=True))
        if recording.labels[label].action is not None and context not in roots
    ) == sum(tree.calls) - sum(tree.calls[root] for root in roots)


def test_processes_that_are_merged_while_others_serve_lose_nothing(
    served: Served, request: pytest.FixtureRequest
) -> None:
    processes = [process.processes for process in served.recording.processes]
    server = request.node.callspec.params["served"]
    expected = {"multiprocess_server.py": 1 + served.connections, PREFORKED: 5}.get(server, 1)
    assert sum(processes) == expected
    assert (max(processes) > 1) == (expected > MOST_ENDED_PARTS)


@pytest.mark.parametrize("server", ["ftpServer.py", "tls_server.py", "multiprocess_server.py"])
@pytest.mark.parametrize("program", ["curl", "lftp"])
def test_clients_that_nobody_here_wrote(program: str, server: str, tmp_path: Path) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    if server == "tls_server.py":
        pytest.importorskip("OpenSSL", reason="PyOpenSSL, for pyftpdlib's TLS, is not installed")
    (tmp_path / "files").mkdir()
    tls = server == "tls_server.py"

    def clients(port: int) -> Truth:
        with ThreadPoolExecutor(FEW) as pool:
            be = partial(
                foreign_session, program=program, port=port, folder=tmp_path / "files", tls=tls
            )
            return total(pool.map(be, range(FEW)))

    found = record(EXAMPLES / server, tmp_path, FEW, clients)
    check_counts(found)
    check_bytes(found, listings=False)
    check_who_moves_bytes(found)
