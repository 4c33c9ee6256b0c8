"""Sessions of a server that makes one object after the other, at one address."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support_cli import as_json, cglab, only_recording, write_target
from support_native import needs_native

from callgraph_lab.recording import store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_native
SERVER = """
class Connection:
    def __init__(self):
        self.number = 1

    def on_get(self):
        return self.number

    def on_gone(self):
        return self.number

def serve():
    one = Connection()
    one.on_get()
    one.on_get()
    one.on_gone()

for _ in range(5):
    serve()
"""
GET = """
[event_map]

[[event_map.action]]
start = "Connection.on_get"
name = "get"
"""
CONNECT = """
[[event_map.action]]
start = "Connection.__init__"
name = "connect"
"""
GONE = """
[[event_map.action]]
start = "Connection.on_gone"
name = "disconnect"
once = true
"""


RUN = ("run", "--no-render", "--engine", "native", "--event-map", "own.toml", "target.py")


def recorded(event_map: str, folder: Path, target: str = SERVER) -> dict[str, Any]:
    write_target(folder, target)
    write_target(folder, event_map, "own.toml")
    cglab(*RUN, folder=folder)
    actions = as_json("actions", "--format", "json", folder=folder)["actions"]
    return {item["name"]: item for item in actions}


@pytest.mark.parametrize("more", [CONNECT, GONE, CONNECT + GONE])
def test_who_sees_a_beginning_or_an_end_knows_how_many(more: str, tmp_path: Path) -> None:
    actions = recorded(GET + more, tmp_path)
    for name in actions.keys() & {"get", "connect", "disconnect"}:
        assert (actions[name]["sessions"], actions[name]["sessions_at_least"]) == (5, False)
    assert "at least" not in cglab("actions", folder=tmp_path).stdout


def test_objects_of_python_classes_are_told_apart_without_them(tmp_path: Path) -> None:
    action = recorded(GET, tmp_path)["get"]
    assert (action["count"], action["sessions"], action["sessions_at_least"]) == (10, 5, False)


BUILTIN = """
def serve(scope):
    return len(scope)

for number in range(20):
    serve({"number": number})
"""
OF_SCOPE = """
[[event_map.action]]
start = ":serve"
session = "scope"
name = "get"
"""


def test_else_it_is_said_that_there_may_be_more(tmp_path: Path) -> None:
    action = recorded(OF_SCOPE, tmp_path, BUILTIN)["get"]
    assert action["count"] == 20
    assert 1 <= action["sessions"] <= 20
    assert action["sessions_at_least"]
    assert f"at least {action['sessions']}" in cglab("actions", folder=tmp_path).stdout
    told = as_json("explain", "get", "--format", "json", folder=tmp_path)
    assert told["sessions_at_least"]


LIVES = """
import gc, random, threading

gc.disable()  # so that the order of events is the same with and without recording
done = {}  # action -> sessions, as the target itself knows

class Plain:
    def serve(self, what): note(self, what)

class Slots:
    __slots__ = ("had",)
    def serve(self, what): note(self, what)

class Later(Plain):
    pass

class Finalized(Plain):
    def __del__(self):
        finalized.append(1)
        self.serve("farewell")

class Saved(Plain):
    def __del__(self):
        saved.append(self)

class SavedSlots(Slots):
    __slots__ = ()
    def __del__(self):
        saved.append(self)

class Cycle(Plain):
    def __init__(self):
        self.me = self

class Saver:
    def __init__(self, of):
        self.of, of.saver = of, self
    def __del__(self):
        saved.append(self.of)

class Thread(threading.Thread):
    def run(self): self.serve("run")
    def serve(self, what): note(self, what)

finalized, saved = [], []

def note(session, what):
    if not hasattr(session, "had"):
        session.had = set()
    if what not in session.had:
        session.had.add(what)
        done[what] = done.get(what, 0) + 1

chance = random.Random(4)
kinds = [Plain, Slots, Later, Finalized, Saved, SavedSlots, Cycle, Thread]
alive = []
for turn in range(3000):
    if chance.random() < 0.5 or not alive:
        alive.append(chance.choice(kinds)())
        if chance.random() < 0.1 and isinstance(alive[-1], Plain):
            Saver(alive[-1])
    one = chance.choice(alive)
    one.serve(f"{chance.choice(['get', 'put'])} {type(one).__name__}")
    if isinstance(one, Thread) and one.ident is None:
        one.start(); one.join()
    if len(alive) > 20 or chance.random() < 0.4:
        alive.pop(chance.randrange(len(alive)))
    if saved and chance.random() < 0.5:
        alive.append(saved.pop())
    del one
    if turn % 100 == 0:
        gc.collect()
alive.clear()
gc.collect()
print(len(finalized), sorted(done.items()))
"""
OF_LIVES = """
[[event_map.action]]
start = ["Plain.serve", "Slots.serve", "Thread.serve"]
name = "{what}"
"""


def test_however_they_end_and_though_some_are_saved(tmp_path: Path) -> None:
    """The target counts sessions itself, and its finalizers run as ever."""
    write_target(tmp_path, LIVES)
    words = [sys.executable, "target.py"]
    plain = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    write_target(tmp_path, OF_LIVES, "own.toml")
    run = cglab(*RUN, folder=tmp_path)
    assert plain.splitlines()[-1] in run.stdout
    actions = as_json("actions", "--format", "json", folder=tmp_path)["actions"]
    found = {
        item["name"]: item["sessions"]
        for item in actions
        if not (item["background"] or item["sessions_at_least"])
    }
    truth = dict(ast.literal_eval(plain[plain.index("[") :]))
    assert found == {name: truth[name] for name in found}
    assert {"run", "get Slots", "put Slots", "get Thread", "put Thread"} <= found.keys()
    at_least = [item for item in actions if item["sessions_at_least"]]
    assert all(item["sessions"] <= truth[item["name"]] for item in at_least)


CHANGED = """
import os

class Connection:
    def on_get(self): pass

class Worn(Connection):
    pass

class Fresh:
    pass

def serve(how):
    one = Connection()
    one.on_get()
    if how == "class":
        one.__class__ = Worn
        one.on_get()
        one.__class__ = Fresh  # nobody is told of the end of such a one

def forget(self): pass

for turn in range(8):
    serve({how!r})
    if {how!r} == "finalizer":
        Connection.__del__ = forget
"""


@pytest.mark.parametrize("how", ["class", "finalizer"])
def test_a_class_that_changes_is_no_wrong_number(how: str, tmp_path: Path) -> None:
    action = recorded(GET, tmp_path, CHANGED.replace("{how!r}", repr(how)))["get"]
    assert action["sessions"] == 8 or (action["sessions_at_least"] and action["sessions"] < 8)


OWNED = """
class Data:
    def __init__(self, of):
        self.of = of

class Connection:
    def on_get(self):
        data = Data(self)

first = Connection()
first.on_get()
for _ in range(9):
    Connection().on_get()  # where a Data of another connection was
"""
OWNER = """
[[event_map.owner]]
constructor = "Data.__init__"
belongs_to = "of"
"""


def test_who_stands_where_something_of_another_session_was_is_not_of_that(tmp_path: Path) -> None:
    action = recorded(GET + OWNER, tmp_path, OWNED)["get"]
    assert (action["count"], action["sessions"], action["sessions_at_least"]) == (10, 10, False)


CLOSED_OVER = """
import asyncio

class Connection:
    pass

class Server:
    async def get(self, connection, name):
        def inner():
            return self, connection, name
        await asyncio.sleep(0)
        return inner

async def main():
    server, connections, kept = Server(), [Connection(), Connection()], []
    for turn in range(6):
        kept.append(await server.get(connections[turn % 2], "hello"))

asyncio.run(main())
"""
OF_CLOSED_OVER = """
[[event_map.action]]
start = "Server.get"
session = "connection"
name = "get {name}"
"""


def test_arguments_of_a_coroutine_that_a_nested_function_uses_are_read(tmp_path: Path) -> None:
    action = recorded(OF_CLOSED_OVER, tmp_path, CLOSED_OVER)["get hello"]
    assert (action["count"], action["sessions"], action["sessions_at_least"]) == (6, 2, False)


IN_ONE_CALL = """
import time

class Client:
    def reply(self, text): pass
    def on_put(self):
        self.reply("150 go")
        self.reply("226 done")
    def on_quit(self):
        self.reply("221 bye")

client = Client()
client.on_put()
time.sleep(0.05)
client.on_quit()
"""
REPLIES = """
[[event_map.action]]
start = "Client.on_*"
name = "{*}"

[[event_map.reply]]
functions = "Client.reply"
text = "text"
"""


def test_what_is_answered_in_one_call_ends_with_it(tmp_path: Path) -> None:
    write_target(tmp_path, IN_ONE_CALL)
    write_target(tmp_path, REPLIES, "own.toml")
    cglab(*RUN, folder=tmp_path)
    put, bye = store.load(only_recording(tmp_path)).instances
    assert (put.outcome, put.abandoned) == (226, False)
    assert put.end_ns is not None
    assert bye.begin_ns - put.end_ns >= 50_000_000  # the target slept that long in between


HANDED_ON = """
import os, threading

class Connection:
    def on_get(self): pass

def serve():
    for _ in range(20):
        one = Connection()
        one.on_get()
        one.on_get()

def serve_in_threads(host):
    names = [repr((f"10.0.0.{host}", 1000 + number)) for number in range(4)]
    threads = [threading.Thread(target=serve, name=name) for name in names]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

kept = [Connection() for _ in range(3)]
for one in kept:
    one.on_get()
for host in range(3):
    if os.fork() == 0:
        serve_in_threads(host)
        for one in kept:
            one.on_get()  # one session, of the parent and of each child
        one = None
        kept.clear()
        serve()  # where those were
        os._exit(0)
    os.wait()
"""


def test_in_threads_and_forked_children_as_well(tmp_path: Path) -> None:
    action = recorded(GET, tmp_path, HANDED_ON)["get"]
    sessions = 3 + 3 * (4 * 20 + 20)
    assert action["count"] == 3 + 3 * (4 * 40 + 3 + 40)
    assert (action["sessions"], action["sessions_at_least"]) == (sessions, False)
    found = as_json("functions", "-f", "none", "--format", "json", folder=tmp_path)["functions"]
    assert {item["name"]: item["calls"] for item in found}["__main__.serve"] == 3 * 5
    drawn = as_json("render", "-f", "none", "--format", "json", "-o", "-", folder=tmp_path)
    assert "(address, port)" in {node["name"] for node in drawn["nodes"]}
