"""Actions in threads, generators, greenlets, forked children and killed processes."""

from __future__ import annotations

import importlib.util
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support_actions import (
    SERVER,
    calls_by_action,
    calls_of_instance,
    event_map,
    instances_of,
)
from support_native import Ran, counts, needs_native, read_parts, run, start

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_native


def ran(script: str, folder: Path, **settings: object) -> Ran:
    done = run(SERVER + script, folder, event_map=event_map(), **settings)
    assert (done.status, done.errors) == (0, "")
    return done


THREADS = """
import threading
handlers = [Handler() for _ in range(8)]

def serve(handler):
    for _ in range(50):
        handler.process("STOR", "/x")
        for _ in range(3):
            handler.channel.read(1)
        handler.process("NOOP")
        handler.channel.close()

threads = [threading.Thread(target=serve, args=(one,)) for one in handlers]
for thread in threads: thread.start()
for thread in threads: thread.join()
# A transfer that another thread begins, this one goes on with, and a third ends.
last = Handler()
def run(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    thread.join()
run(last.process, "APPE", "/y")
last.channel.read(7)
run(last.channel.close)
"""


def test_threads(tmp_path: Path) -> None:
    part = ran(THREADS, tmp_path).part
    by_action = calls_by_action(part)
    assert by_action["STOR"]["Channel.read"] == 8 * 50 * 3
    assert by_action["STOR"]["Handler.do_stor"] == 8 * 50
    assert by_action["NOOP"]["Handler.do_noop"] == 8 * 50
    stor = instances_of(part, "STOR")
    assert len(stor) == 400
    assert {(item.bytes, item.entries, item.outcome) for item in stor} == {(3, 5, 226)}
    (appe,) = instances_of(part, "APPE")
    assert (appe.bytes, appe.entries) == (7, 3)
    tree = calls_of_instance(part, appe)
    assert tree is not None
    assert tree["Channel.read"] == 1
    assert tree["Channel.close"] == 1


GENERATORS = """
class Streaming(Handler):
    def process(self, verb, *arguments):
        for number in range(3):
            work()
            yield number

one, two = Streaming(), Streaming()
first, second = one.process("LIST"), two.process("MLSD")
loop([(next, first), (next, second), (work,), (next, first), (list, second), (list, first)])
third = one.process("LEFT")
next(third)
del third

class Web(Handler):
    async def process(self, verb):
        await pause()
        work()

class pause:
    def __await__(self):
        yield

web = Web().process("GET")
for _ in range(2):
    try:
        web.send(None)
    except StopIteration:
        pass
"""


def test_generators_and_coroutines_as_handlers(tmp_path: Path) -> None:
    part = ran(GENERATORS, tmp_path).part
    by_action = calls_by_action(part)
    # Three values and the end, each entered on its own.
    assert by_action["LIST"] == Counter({"Streaming.process": 4, "work": 3})
    assert by_action["MLSD"] == Counter({"Streaming.process": 4, "work": 3})
    assert by_action["GET"] == Counter({"Web.process": 2, "pause.__await__": 2, "work": 1})
    assert by_action["LEFT"]["work"] == 1
    for name in ("LIST", "MLSD", "GET"):
        (item,) = instances_of(part, name)
        assert item.end_ticks, name
        assert item.entries == (2 if name == "GET" else 4)
    assert by_action["idle"]["work"] == 1


@pytest.mark.skipif(importlib.util.find_spec("greenlet") is None, reason="greenlet is missing")
def test_greenlets(tmp_path: Path) -> None:
    script = """
import greenlet

main = greenlet.getcurrent()

class Switching(Handler):
    def do_stor(self, path):
        for _ in range(5):
            work()
            main.switch()

sessions = [Switching() for _ in range(10)]
green = [greenlet.greenlet(one.process) for one in sessions]
for one in green: one.switch("STOR", "/x")
for _ in range(5):
    for one in green: one.switch()
assert all(one.dead for one in green)
"""
    part = ran(script, tmp_path).part
    by_action = calls_by_action(part)
    assert by_action["STOR"] == Counter(
        {"Handler.process": 10, "Switching.do_stor": 10, "work": 50}
    )
    stor = instances_of(part, "STOR")
    assert len(stor) == 10
    assert all(item.end_ticks for item in stor)
    # All were in flight at a time, so each had a lane of its own.
    assert all(
        calls_of_instance(part, item)
        in (None, Counter({"Handler.process": 1, "Switching.do_stor": 1, "work": 5}))
        for item in stor
    )


FORKS = """
import os, sys
one, other = Handler(), Handler()
one.greet()
other.process("RETR", "/r")

def forking(self):
    work()
    self.child = os.fork()
    work()

Handler.do_fork = forking
one.process("NOOP")
one.process("FORK")
if one.child == 0:
    work()
    one.process("NOOP")
    Handler().process("NOOP")
    other.channel.read(3)
    os._exit(0)
os.waitpid(one.child, 0)
other.channel.read(4)
other.channel.close()
"""


def test_fork_inside_an_action(tmp_path: Path) -> None:
    done = ran(FORKS, tmp_path)
    first, second = sorted(done.parts.values(), key=lambda part: len(part.instances))[::-1]
    parent, child = (first, second) if second.parent_pid == first.pid else (second, first)
    in_parent, in_child = calls_by_action(parent), calls_by_action(child)
    assert in_parent["FORK"] == Counter({"Handler.process": 1, "forking": 1, "work": 2})
    # What was open goes on under its label, and was not called in the child.
    assert in_child["FORK"] == Counter({"work": 1})
    totals = {part.pid: {item.name: item for item in part.actions} for part in (parent, child)}
    assert totals[parent.pid]["FORK"].count == 1
    assert totals[child.pid]["FORK"].count == 0
    assert totals[child.pid]["FORK"].ended == 0
    (mine,), (inherited,) = instances_of(parent, "FORK"), instances_of(child, "FORK")
    assert not mine.inherited
    assert inherited.inherited
    assert inherited.end_ticks
    assert inherited.session == mine.session
    assert inherited.begin_ticks == mine.begin_ticks
    # The transfer that the child has only read from is open there, and the parent's has ended.
    (transfer,), (served,) = instances_of(parent, "RETR"), instances_of(child, "RETR")
    assert (transfer.bytes, transfer.outcome, transfer.detail) == (4 + 0, 226, "/r")
    assert served.inherited
    assert not served.end_ticks
    assert (served.entries, served.detail) == (1, "/r")
    # Sessions keep their numbers; a new one carries the pid of who saw it first.
    sessions = [item.session for item in instances_of(child, "NOOP")]
    assert [session >> 32 for session in sessions] == [parent.pid, child.pid]
    assert totals[child.pid]["NOOP"].sessions == 1
    assert instances_of(parent, "NOOP")[0].session == sessions[0]
    assert [call.is_inherited for call in child.threads[0].open_calls] == [True]


def test_children_that_serve(tmp_path: Path) -> None:
    script = """
import os
children = []
for number in range(4):
    child = os.fork()
    if child == 0:
        one = Handler()
        loop([(one.process, "STOR", "/x"), (lambda: one.channel.read(number),),
              (lambda: one.channel.close(),)])
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
"""
    done = ran(script, tmp_path)
    children = [part for part in done.parts.values() if instances_of(part, "STOR")]
    assert len(children) == 4
    assert sorted(instances_of(part, "STOR")[0].bytes for part in children) == [0, 1, 2, 3]
    for part in children:
        by_action = calls_by_action(part)
        assert by_action["STOR"]["Channel.read"] == 1
        assert by_action["idle"]["poll"] == 3
        assert all(item.session >> 32 == part.pid for item in part.instances)


KILLED = """
one, two = Handler(), SubHandler()
print("go", flush=True)
while True:
    one.process("STOR", "/x")
    two.process("NOOP")
    one.channel.read(1)
    one.channel.close()
"""


def test_kill_at_any_moment(tmp_path: Path) -> None:
    moments = random.Random(3)  # noqa: S311 - a seed for the same test every time
    for attempt in range(12):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        process = start(SERVER + KILLED, folder, event_map=event_map(keep_instances=30))
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05 + moments.random() * 0.1)
        (live,) = read_parts(folder).values()
        process.kill()
        process.communicate()
        (part,) = read_parts(folder).values()
        for seen in (live, part):
            by_action = calls_by_action(seen)
            assert counts(seen)["Handler.do_stor"] == sum(
                calls["Handler.do_stor"] for calls in by_action.values()
            )
            totals = {item.name: item for item in seen.actions}
            assert all(
                0 <= item.count - item.ended <= 1
                for name, item in totals.items()
                if name != "connect"
            )
        assert totals["STOR"].count
        assert abs(totals["STOR"].count - by_action["STOR"]["Handler.process"]) <= 1
        trees = [(item, calls_of_instance(part, item)) for item in part.instances]
        for item, tree in trees:
            if tree is not None and item.end_ticks:
                name = part.actions[item.action - 1].name
                assert tree["Channel.read"] == (name == "STOR")
        assert any(tree for _, tree in trees)
