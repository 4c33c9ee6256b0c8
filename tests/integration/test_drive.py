"""``cglab run --drive``: the client starts when the target listens, and the target ends with it."""

from __future__ import annotations

import shlex
import signal
import time
from typing import TYPE_CHECKING

import pytest
from support_cli import (
    LISTENER,
    PATIENCE_S,
    as_json,
    cglab,
    figures,
    only_recording,
    running,
    wait_until,
    write_target,
)

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--no-render")
CLIENT_OF_LISTENER = """
import os, socket
address = os.environ["CGLAB_HOST"], int(os.environ["CGLAB_PORT"])
print("client", *address, socket.create_connection(address).recv(10), flush=True)
"""


def drive(folder: Path, client: str = CLIENT_OF_LISTENER) -> tuple[str, str]:
    path = write_target(folder, client, "client's script.py")
    return ("--drive", shlex.join(["python", str(path)]))


FORKING = """
import os, signal, socket

def serve():
    server = socket.create_server(("127.0.0.1", 0))
    while True:
        connection, _ = server.accept()
        connection.sendall(b"hello")
        connection.close()

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
child = os.fork()
if child == 0:
    serve()
try:
    os.wait()
except KeyboardInterrupt:
    os.kill(child, signal.SIGTERM)
    os.wait()
"""
"""The server is a child; only the target itself is told to stop."""


@pytest.mark.parametrize(
    "server",
    [LISTENER, f"import time\ntime.sleep(1)\n{LISTENER}", FORKING],
    ids=["at once", "after a second", "in a child that was forked"],
)
def test_client_starts_when_the_target_listens(server: str, tmp_path: Path) -> None:
    write_target(tmp_path, server)
    result = cglab(*RUN, *drive(tmp_path), "target.py", folder=tmp_path)
    assert "client 127.0.0.1 " in result.stdout
    assert "b'hello'" in result.stdout
    assert "cglab: the target listens on 127.0.0.1:" in result.stderr
    assert figures(only_recording(tmp_path))["serve"].calls == 1
    info = as_json("info", "--format", "json", folder=tmp_path)
    assert info["notes"] == ["stopped by the end of --drive"]


DAEMON = """
import os, socket

server = socket.create_server(("127.0.0.1", 0))
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)

def serve():
    while True:
        connection, _ = server.accept()
        connection.sendall(b"hello")
        connection.close()

serve()
"""


def test_a_server_that_becomes_a_daemon_is_the_target(tmp_path: Path) -> None:
    write_target(tmp_path, DAEMON)
    result = cglab(*RUN, *drive(tmp_path), "target.py", folder=tmp_path)
    assert "b'hello'" in result.stdout
    # It is over: no process of it goes on.
    assert figures(only_recording(tmp_path))["serve"].calls == 1


def test_any_address_is_reached_on_the_loopback(tmp_path: Path) -> None:
    """0.0.0.0 is where a server listens, and no place that a client can connect to."""
    write_target(tmp_path, LISTENER.replace('"127.0.0.1"', '"0.0.0.0"'))
    result = cglab(*RUN, *drive(tmp_path), "target.py", folder=tmp_path)
    assert "client 127.0.0.1 " in result.stdout


def test_failing_client(tmp_path: Path) -> None:
    """The recording is safe, then the failure is told, and the status is not 0."""
    write_target(tmp_path, LISTENER)
    client = drive(tmp_path, "import sys; sys.exit('refused by me')")
    result = cglab(*RUN, *client, "target.py", folder=tmp_path, status=2)
    assert "refused by me" in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("cglab: ")]
    assert lines[-2].startswith("cglab: recorded out/target-")
    assert lines[-1].startswith("cglab: error: the client python ")
    assert lines[-1].endswith("failed with exit status 1")
    assert figures(only_recording(tmp_path))["serve"].calls == 1


def test_failing_client_and_pictures(tmp_path: Path) -> None:
    write_target(tmp_path, LISTENER)
    words = ("run", "--format", "dot", "--drive", "false", "target.py")
    cglab(*words, folder=tmp_path, status=2)
    only_recording(tmp_path)
    assert (tmp_path / "out" / "target.depth-4.dot").is_file()


def test_target_that_ends_before_it_listens(tmp_path: Path) -> None:
    write_target(tmp_path, "import sys\ndef work(): pass\nwork()\n")
    result = cglab(*RUN, "--drive", "true", "target.py", folder=tmp_path, status=2)
    assert "the target ended before it listened on a TCP port" in result.stderr
    assert figures(only_recording(tmp_path))["work"].calls == 1


def test_target_that_fails_before_it_listens(tmp_path: Path) -> None:
    """Its own status is what the exit status tells."""
    write_target(tmp_path, "import sys\nsys.exit(7)\n")
    result = cglab(*RUN, "--drive", "true", "target.py", folder=tmp_path, status=7)
    assert "the target ended before it listened on a TCP port" in result.stderr


def test_target_that_ends_under_its_client(tmp_path: Path) -> None:
    """The client is stopped at once, and nobody says that it was at fault."""
    write_target(tmp_path, LISTENER.replace("while True:", "for _ in range(1):"))
    client = CLIENT_OF_LISTENER + "import time\ntime.sleep(60)\n"
    begin = time.monotonic()
    result = cglab(*RUN, *drive(tmp_path, client), "target.py", folder=tmp_path, status=2)
    assert time.monotonic() - begin < PATIENCE_S
    assert "the target ended while the client python " in result.stderr
    assert "failed" not in result.stderr


def test_duration_ends_a_client_that_does_not(tmp_path: Path) -> None:
    """And nobody says that the client was at fault."""
    write_target(tmp_path, LISTENER)
    client = CLIENT_OF_LISTENER + "import time\ntime.sleep(60)\n"
    begin = time.monotonic()
    words = (*RUN, *drive(tmp_path, client), "--duration", "2", "target.py")
    result = cglab(*words, folder=tmp_path)
    assert time.monotonic() - begin < PATIENCE_S
    assert "error" not in result.stderr


def test_interrupt_ends_the_client_too(tmp_path: Path) -> None:
    write_target(tmp_path, LISTENER)
    client = CLIENT_OF_LISTENER + "import time\nopen('there', 'w')\ntime.sleep(60)\n"
    with running(*RUN, *drive(tmp_path, client), "target.py", folder=tmp_path) as run:
        wait_until((tmp_path / "there").exists, "the client runs")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0
        assert "error" not in run.errors
    only_recording(tmp_path)


def test_drive_with_sweep(tmp_path: Path) -> None:
    write_target(tmp_path, LISTENER)
    words = ("sweep", "1..2", "--format", "dot", *drive(tmp_path), "target.py")
    result = cglab(*words, folder=tmp_path)
    assert "client 127.0.0.1" in result.stdout
    assert (tmp_path / "out" / "target.depth-2.dot").is_file()
