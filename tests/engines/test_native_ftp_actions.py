"""pyftpdlib's own classes: every byte of an upload is read under the command that asked for it."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

import pytest
from support_actions import SELF, calls_by_action, instances_of
from support_native import counts, needs_native, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    needs_native,
    pytest.mark.skipif(
        importlib.util.find_spec("pyftpdlib") is None, reason="pyftpdlib is missing"
    ),
]
CHANNELS = ("DTPHandler", "PassiveDTP", "ActiveDTP")
RULES: list[dict[str, Any]] = [
    {
        "kind": "start",
        "class": "FTPHandler",
        "function": "__init__",
        "name": [["literal", "connect"]],
        "session": SELF,
        "until": {"class": "FTPHandler", "function": "handle"},
    },
    {
        "kind": "start",
        "class": "FTPHandler",
        "function": "process_command",
        "name": [["argument", "cmd"]],
        "session": SELF,
        "detail": ["item", "args", 0],
        "detail_actions": ["STOR", "RETR", "APPE", "STOU", "LIST"],
    },
    {
        "kind": "start",
        "class": "FTPHandler",
        "function": "on_disconnect",
        "name": [["literal", "disconnect"]],
        "session": SELF,
        "once": True,
    },
    *(
        {"kind": "link", "class": name, "function": "__init__", "to": ["argument", "cmd_channel"]}
        for name in CHANNELS
    ),
    {"kind": "link", "class": "_CallLater", "function": "__init__", "to": ["current"]},
    *(
        {
            "kind": "continue",
            "class": name,
            "function": "*",
            "session": ["attribute", "self", "cmd_channel"],
        }
        for name in CHANNELS
    ),
    {"kind": "continue", "class": "_CallLater", "function": "call"},
    {"kind": "reply", "class": "FTPHandler", "function": "respond", "text": ["argument", "resp"]},
    {
        "kind": "end",
        "class": "DTPHandler",
        "function": "close",
        "bytes": [
            ["attribute", "self", "tot_bytes_sent"],
            ["attribute", "self", "tot_bytes_received"],
        ],
    },
    {"kind": "loop", "class": "_IOLoop", "function": "loop"},
    {"kind": "pass", "class": "_IOLoop", "function": "poll"},
    {
        "kind": "sensor",
        "id": 1,
        "class": "FTPHandler",
        "function": "on_file_received",
        "when": "exit",
        "fields": [["file", ["argument", "file"]], ["user", ["attribute", "self", "username"]]],
    },
]

SERVER = """
import json, logging, pathlib, sys, warnings
warnings.simplefilter("ignore")
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, ThrottledDTPHandler
from pyftpdlib.servers import FTPServer, ThreadedFTPServer

kind, sessions, home = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())
class Data(ThrottledDTPHandler if kind == "throttled" else DTPHandler): pass
if kind == "throttled":
    Data.read_limit = Data.write_limit = 64 * 1024
class Handler(FTPHandler):
    authorizer = DummyAuthorizer()
    dtp_handler = Data
Handler.authorizer.add_user("lab", "secret", str(home), perm="elradfmwMT")
server = (ThreadedFTPServer if kind == "threaded" else FTPServer)(("127.0.0.1", 0), Handler)
port = server.socket.getsockname()[1]
# The client is a process of its own: its calls are none of the server's.
import subprocess
client = subprocess.Popen([sys.executable, "-I", sys.argv[4], str(port), str(sessions),
                           "both" if kind == "threaded" else "passive"],
                          stdout=subprocess.PIPE, text=True)
def look():
    if client.poll() is None:
        server.ioloop.call_later(0.05, look)
    else:
        server.close_all()
server.ioloop.call_later(0.05, look)
server.serve_forever(handle_exit=False)
print(client.stdout.read())
"""
CLIENT = """
import ftplib, io, json, random, sys
from collections import Counter
port, sessions = int(sys.argv[1]), int(sys.argv[2])
chance = random.Random(5)
done, received, sent = Counter(), Counter(), Counter()

def session(number):
    ftp = ftplib.FTP(timeout=60)
    ftp.connect("127.0.0.1", port)
    yield
    ftp.login("lab", "secret")
    done["USER"] += 1; done["PASS"] += 1
    # Active channels of one event loop close each other in pyftpdlib 2.2: a connector that is done
    # unregisters its descriptor again when that number is another channel's.
    passive = sys.argv[3] == "passive" or number % 2 == 0
    ftp.set_pasv(passive)
    opening = "PASV" if passive else "PORT"
    done["TYPE"] += 1
    ftp.voidcmd("TYPE I")
    for step in range(chance.randrange(2, 6)):
        yield
        what = chance.choice(["STOR", "STOR", "APPE", "RETR", "LIST", "NOOP", "MKD"])
        name = f"f{number}"
        if what in ("STOR", "APPE"):
            data = bytes(chance.choice([0, 10, 5000, 150000]))
            done[what] += 1; done[opening] += 1
            channel = ftp.transfercmd(f"{what} {name}")
            yield
            for at in range(0, len(data), 50000):
                channel.sendall(data[at : at + 50000])
                yield
            if data and chance.random() < 0.5:
                ftp.putcmd("NOOP")
                done["NOOP"] += 1
                assert ftp.getresp().startswith("2")
            channel.close()
            assert ftp.getresp().startswith("226")
            received[what] += len(data)
        elif what == "RETR":
            data = bytes(3000)
            done["STOR"] += 1; done[opening] += 2; done["RETR"] += 1
            done["TYPE"] += 2
            ftp.storbinary(f"STOR {name}", io.BytesIO(data))
            received["STOR"] += len(data)
            got = []
            ftp.retrbinary(f"RETR {name}", got.append)
            sent["RETR"] += sum(map(len, got))
        elif what == "LIST":
            done["LIST"] += 1; done[opening] += 1
            done["TYPE"] += 1
            ftp.retrlines("LIST", lambda line: None)
            done["TYPE"] += 1
            ftp.voidcmd("TYPE I")
        elif what == "NOOP":
            done["NOOP"] += 1
            ftp.voidcmd("NOOP")
        else:
            done["MKD"] += 1
            try:
                ftp.mkd(f"d{number}")
            except ftplib.error_perm:
                pass
    yield
    ftp.quit()
    done["QUIT"] += 1

running = [session(number) for number in range(sessions)]
while running:
    one = chance.choice(running)
    try:
        next(one)
    except StopIteration:
        running.remove(one)
print(json.dumps([done, received, sent]))
"""


@pytest.mark.parametrize(
    ("kind", "sessions"), [("asynchronous", 50), ("threaded", 20), ("throttled", 6)]
)
def test_a_server_of_pyftpdlib(kind: str, sessions: int, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    client = tmp_path / "client.py"
    client.write_text(CLIENT, encoding="utf-8")
    ran = run(
        SERVER,
        tmp_path,
        arguments=[kind, str(sessions), str(tmp_path / "home"), str(client)],
        event_map={"rules": RULES},
        follow_forks=False,
    )
    assert (ran.status, ran.errors) == (0, "")
    done, received, sent = json.loads(ran.output)
    # From 3.14 on, multiprocessing starts a Python of its own.
    (part,) = [part for part in ran.parts.values() if part.instances]
    found = {item.name: item for item in part.actions if not item.background}
    assert {name: item.count for name, item in found.items()} == {
        **done,
        "connect": sessions,
        "disconnect": sessions,
    }
    assert all(item.ended == item.count for item in found.values())
    by_action = calls_by_action(part)
    uploads = {"STOR", "APPE"}
    reading = {name for name, calls in by_action.items() if calls["DTPHandler.handle_read"]}
    assert reading <= uploads
    assert counts(part)["DTPHandler.handle_read"] == sum(
        by_action[name]["DTPHandler.handle_read"] for name in reading
    )
    for name, moved in (*received.items(), *sent.items()):
        assert found[name].bytes == moved, name
        assert sum(item.bytes for item in instances_of(part, name)) == moved
        assert {item.outcome for item in instances_of(part, name)} == {226}
    assert not any(item.abandoned for item in part.instances)
    assert {item.session for item in part.instances} == {
        item.session for item in instances_of(part, "connect")
    }
    events = [event for event in part.events if event.sensor == 1]
    assert len(events) == done.get("STOR", 0) + done.get("APPE", 0)
    assert {event.fields["user"] for event in events} == {"lab"}
    assert {part.actions[event.action - 1].name for event in events} <= uploads
