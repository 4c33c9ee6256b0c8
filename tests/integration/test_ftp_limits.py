"""``cglab run --limit upload=..., download=..., connections=...``, measured by clients."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

import pytest
from support_cli import ENGINE, EXAMPLES, as_json, cglab, figures, only_recording, write_target

from callgraph_lab.engines.choice import availability

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--no-render")
SERVER_OF_ITS_OWN = """
import sys, tempfile
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler
from pyftpdlib.servers import FTPServer

class Data(DTPHandler):
    def recv(self, size):
        return super().recv(size)

    def handle_read_event(self):
        return super().handle_read_event()

    def send(self, data):
        return super().send(data)

    def use_sendfile(self):
        return False

class Handler(FTPHandler):
    dtp_handler = Data

def main():
    with tempfile.TemporaryDirectory() as home:
        authorizer = DummyAuthorizer()
        authorizer.add_user("user", "12345", home, perm="elradfmwMT")
        Handler.authorizer = authorizer
        FTPServer(("127.0.0.1", 0), Handler).serve_forever()

main()
"""
CLIENT = """
import ftplib, io, json, os, sys, threading, time

kind, sessions, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def connected():
    client = ftplib.FTP_TLS(timeout=40) if kind == "tls" else ftplib.FTP(timeout=40)
    client.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]))
    client.login("user", "12345")
    if kind == "tls":
        client.prot_p()
    return client

def transfer(number, uploads, downloads):
    client = connected()
    start = time.monotonic()
    client.storbinary(f"STOR {number}.bin", io.BytesIO(bytes(size)))
    uploads.append(time.monotonic() - start)
    back = io.BytesIO()
    start = time.monotonic()
    client.retrbinary(f"RETR {number}.bin", back.write)
    downloads.append(time.monotonic() - start)
    assert back.getvalue() == bytes(size)
    client.quit()

uploads, downloads = [], []
threads = [
    threading.Thread(target=transfer, args=(number, uploads, downloads))
    for number in range(sessions)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with open("times.json", "w") as file:
    json.dump([uploads, downloads], file)
"""
CROWD = """
import ftplib, os, time
clients = []
answers = []
for _ in range(5):
    client = ftplib.FTP(timeout=20)
    try:
        answers.append(client.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]))[:3])
    except ftplib.all_errors as error:
        answers.append(str(error)[:3])
    clients.append(client)
clients[0].quit()
# A thread of the server's notices within a second.
until = time.monotonic() + 10
while len(answers) == 5 and time.monotonic() < until:
    client = ftplib.FTP(timeout=20)
    try:
        answers.append(client.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]))[:3])
    except ftplib.all_errors:
        time.sleep(0.1)
open("answers", "w").write(" ".join(answers))
"""
RATE = 256 * 1024
SIZE = 2 * RATE


def transfer_times(
    folder: Path, server: str, words: tuple[str, ...], kind: str = "plain", sessions: int = 1
) -> tuple[list[float], list[float], str]:
    """Return how long each upload and each download took, in seconds, and what cglab said."""
    write_target(folder, CLIENT, "client.py")
    drive = shlex.join([sys.executable, "client.py", kind, str(sessions), str(SIZE)])
    target = EXAMPLES / server
    if server == "own":
        target = write_target(folder, SERVER_OF_ITS_OWN, "server.py")
    arguments = () if server == "own" else ("0",)
    result = cglab(*RUN, *words, "--drive", drive, target, *arguments, folder=folder)
    uploads, downloads = json.loads((folder / "times.json").read_text())
    return uploads, downloads, result.stderr


@pytest.mark.parametrize(
    ("server", "kind"),
    [
        ("ftpServer.py", "plain"),
        ("threaded_server.py", "plain"),
        ("multiprocess_server.py", "plain"),
        ("tls_server.py", "tls"),
        ("own", "plain"),
    ],
)
def test_a_transfer_keeps_to_its_rate(server: str, kind: str, tmp_path: Path) -> None:
    words = ("--limit", "upload=256K", "--limit", "download=256K")
    uploads, downloads, said = transfer_times(tmp_path, server, words, kind)
    assert [SIZE / seconds for seconds in uploads] == pytest.approx([RATE], rel=0.1)
    assert [SIZE / seconds for seconds in downloads] == pytest.approx([RATE], rel=0.1)
    assert "limit upload=256K: 262,144 bytes a second for each session" in said
    assert said.count("upload=256K was first reached") == 1
    # What reached it is in the recording, too.
    notes = as_json("info", "--format", "json", folder=tmp_path)["notes"]
    assert any("upload=256K was first reached by STOR of" in note for note in notes), notes
    assert any("0.bin, user@127.0.0.1:" in note for note in notes)
    functions = figures(only_recording(tmp_path))
    modules = {node.function.module for node in functions.values()}
    assert not [name for name in modules if name.startswith("callgraph_lab")]
    assert {"DTPHandler.handle_read", "DTPHandler.close"} <= functions.keys()


LITTLE = """
import ftplib, io, os, time
client = ftplib.FTP(timeout=20)
client.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]))
client.login("user", "12345")
for _ in range(2):
    client.storbinary("STOR note", io.BytesIO(b"y" * 38))
    client.retrbinary("RETR note", lambda data: None)
    # Whoever would stop the server looks five times a second.
    time.sleep(0.5)
client.quit()
print("client done")
"""


def test_what_fits_into_a_second_does_not_reach_a_rate(tmp_path: Path) -> None:
    write_target(tmp_path, LITTLE, "client.py")
    drive = shlex.join([sys.executable, "client.py"])
    limits = ("--limit", "upload=64K", "--limit", "download=64K", "--on-limit", "stop")
    arguments = (*RUN, *limits, "--drive", drive, EXAMPLES / "ftpServer.py", "0")
    result = cglab(*arguments, folder=tmp_path)
    assert "client done" in result.stdout
    assert "reached" not in result.stderr
    notes = as_json("info", "--format", "json", folder=tmp_path)["notes"]
    assert notes == ["stopped by the end of --drive"]


def test_a_rate_in_total_is_shared(tmp_path: Path) -> None:
    words = ("--limit", "upload=512K/total")
    uploads, downloads, said = transfer_times(tmp_path, "ftpServer.py", words, sessions=2)
    # Either alone fits into a second; both together take two, whoever of them came first.
    assert max(uploads) > SIZE / (2 * RATE)
    assert max(downloads) < max(uploads) / 2
    assert "for all sessions of one process together" in said


def test_sessions_have_a_rate_each(tmp_path: Path) -> None:
    uploads, _, _ = transfer_times(tmp_path, "ftpServer.py", ("--limit", "upload=256K"), sessions=2)
    assert uploads == pytest.approx([SIZE / RATE] * 2, rel=0.1)


def test_a_server_that_throttles_itself_more_keeps_to_that(tmp_path: Path) -> None:
    """The one of the example lets 80,000 bytes a second pass, in bursts."""
    words = ("--limit", "upload=4M", "--limit", "download=4M")
    uploads, downloads, _ = transfer_times(tmp_path, "throttled_server.py", words)
    assert min(uploads + downloads) > SIZE / 80_000 / 2


@pytest.mark.skipif(
    ENGINE == "pycallgraph2" or not availability("native").available,
    reason="automatic actions need the engine native",
)
def test_the_actions_are_told_apart_as_ever(tmp_path: Path) -> None:
    transfer_times(tmp_path, "ftpServer.py", ("--limit", "upload=256K"))
    answer = as_json("actions", "--format", "json", folder=tmp_path)
    actions = {row["name"]: row for row in answer["actions"]}
    assert actions["STOR"]["instances"] == actions["RETR"]["instances"] == 1


@pytest.mark.parametrize("server", ["ftpServer.py", "threaded_server.py"])
def test_connections(server: str, tmp_path: Path) -> None:
    write_target(tmp_path, CROWD, "client.py")
    drive = shlex.join([sys.executable, "client.py"])
    words = ("--limit", "connections=3", "--drive", drive)
    result = cglab(*RUN, *words, EXAMPLES / server, "0", folder=tmp_path)
    assert (tmp_path / "answers").read_text().split() == ["220"] * 3 + ["421"] * 2 + ["220"]
    assert "connections=3 was first reached by a connection from 127.0.0.1" in result.stderr


def test_stop_on_limit(tmp_path: Path) -> None:
    write_target(tmp_path, CLIENT, "client.py")
    drive = shlex.join([sys.executable, "client.py", "plain", "1", str(SIZE * 20)])
    words = ("--limit", "upload=256K", "--on-limit", "stop", "--drive", drive)
    result = cglab(*RUN, *words, EXAMPLES / "ftpServer.py", "0", folder=tmp_path, status=None)
    assert "upload=256K was first reached by STOR" in result.stderr
    notes = as_json("info", "--format", "json", folder=tmp_path)["notes"]
    assert "stopped by --on-limit" in notes
