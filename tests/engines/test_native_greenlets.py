"""Greenlets switch C stacks under the native engine: every call still hangs on its caller."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support_native import PACKAGES, counts, needs_native, paths, read_parts, run, start

from callgraph_lab.recording.live_reader import read_part

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.recording.live_part import LivePart

pytestmark = [
    needs_native,
    pytest.mark.skipif(importlib.util.find_spec("greenlet") is None, reason="needs greenlet"),
]

SWITCHING = """
    import greenlet
    def leaf(): pass
    def deeper(other, depth):
        leaf()
        if depth:
            deeper(other, depth - 1)
        else:
            other().switch()
        leaf()
    def one():
        for _ in range(10):
            leaf()
            deeper(lambda: second, 3)
            leaf()
    def two():
        for _ in range(10):
            leaf()
            deeper(lambda: first, 7)
            leaf()
    first = greenlet.greenlet(one)
    second = greenlet.greenlet(two)
    first.switch()
    second.switch()
    leaf()
"""


def test_two_greenlets_that_switch_in_the_middle_of_calls(tmp_path: Path) -> None:
    ran = run(SWITCHING, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    found = {path.partition(" > ")[2]: count for path, count in paths(ran.part).items()}
    assert found["<module> > leaf"] == 1
    assert found["one"] == found["two"] == 1
    assert found["one > leaf"] == found["two > leaf"] == 20
    one, two = "one", "two"
    for _ in range(4):
        one += " > deeper"
        assert (found[one], found[f"{one} > leaf"]) == (10, 20)
    for _ in range(8):
        two += " > deeper"
        assert (found[two], found[f"{two} > leaf"]) == (10, 20)
    assert not any(thread.open_calls for thread in ran.part.threads)


def test_many_greenlets_in_no_order(tmp_path: Path) -> None:
    script = """
        import greenlet, random
        order = random.Random(5)
        def leaf(): pass
        def work(number, depth):
            leaf()
            if depth:
                work(number, depth - 1)
            main.switch()
            leaf()
        main = greenlet.getcurrent()
        alive = [greenlet.greenlet(work) for _ in range(200)]
        while alive:
            chosen = order.choice(alive)
            chosen.switch(1, order.randrange(5)) if not chosen else chosen.switch()
            if chosen.dead:
                alive.remove(chosen)
    """
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    found = counts(ran.part)
    assert found["leaf"] == 2 * found["work"]
    contexts = paths(ran.part)
    assert contexts["MainThread > work"] == 200
    assert contexts["MainThread > work > leaf"] == 400
    assert not any(thread.open_calls for thread in ran.part.threads)


def test_a_killed_greenlet_and_one_that_raises(tmp_path: Path) -> None:
    script = """
        import greenlet
        def leaf(): pass
        def waits():
            try:
                greenlet.getcurrent().parent.switch()
            finally:
                leaf()
        def raises():
            leaf()
            raise KeyError
        waiting = greenlet.greenlet(waits)
        waiting.switch()
        del waiting
        try:
            greenlet.greenlet(raises).switch()
        except KeyError:
            leaf()
    """
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    found = paths(ran.part)
    assert found["MainThread > waits > leaf"] == 1
    assert found["MainThread > raises > leaf"] == 1
    assert found["MainThread > <module> > leaf"] == 1


@pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="needs gevent")
def test_a_gevent_server(tmp_path: Path) -> None:
    script = """
        import gevent
        from gevent import socket
        from gevent.server import StreamServer
        def handle(connection, address):
            while True:
                data = connection.recv(100)
                if not data:
                    break
                answer(connection, data)
        def answer(connection, data):
            connection.sendall(data)
        def client(port, number):
            connection = socket.create_connection(("127.0.0.1", port))
            for _ in range(number):
                connection.sendall(b"x")
                connection.recv(100)
            connection.close()
        server = StreamServer(("127.0.0.1", 0), handle)
        server.start()
        gevent.joinall([gevent.spawn(client, server.server_port, 10) for _ in range(20)])
        gevent.sleep(0.05)
        server.stop()
    """
    ran = run(script, tmp_path, python=["-W", "ignore"])
    assert (ran.status, ran.errors) == (0, "")
    found = counts(ran.part)
    assert (found["handle"], found["answer"], found["client"]) == (20, 200, 20)
    callers = {path.split(" > ")[-2] for path in paths(ran.part) if path.endswith(" > answer")}
    assert callers == {"handle"}


def recorded_from_the_middle(script: str, folder: Path) -> tuple[LivePart, str]:
    """Run a program that begins to record itself, C functions too, when it calls ``begin``."""
    beginning = f"""
import sys
sys.path.insert(0, {str(PACKAGES)!r})
from callgraph_lab import _native
sys.path.pop(0)
def begin():
    _native.start({str(folder)!r}, "{{}}", whole_program=False, c_calls=True)
"""
    program = [sys.executable, "-c", beginning + textwrap.dedent(script)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (part,) = [read_part(path) for path in folder.glob("*.part")]
    return part, done.stdout


def test_a_frame_that_was_there_before_and_switches_away(tmp_path: Path) -> None:
    """The call of ``switch`` is open meanwhile, and its time is counted when it comes back."""
    script = """
        import greenlet, time
        def works():
            while True:
                time.sleep(0.05)
                main.switch()
        def was_there_before():
            begin()
            for _ in range(3):
                working.switch()
        main = greenlet.getcurrent()
        working = greenlet.greenlet(works)
        was_there_before()
        _native.stop()
    """
    part, _ = recorded_from_the_middle(script, tmp_path)
    assert paths(part)["MainThread > greenlet.switch"] == 3
    (ticks,) = [
        ticks
        for parent, function, ticks in zip(part.parent, part.function, part.ticks, strict=True)
        if parent == 0 and part.functions[function].qualname == "greenlet.switch"
    ]
    assert part.clock.duration_ns(ticks) >= 150_000_000


def test_open_calls_are_all_there_whenever_they_are_looked_at(tmp_path: Path) -> None:
    """A switch writes the whole stack anew, and takes as long as what runs between two."""
    script = """
        import greenlet
        def one(): down(40)
        def two(): down(40)
        def down(depth):
            if depth:
                down(depth - 1)
            else:
                while True:
                    turn()
        def turn():
            (second if greenlet.getcurrent() is first else first).switch()
        first, second = greenlet.greenlet(one), greenlet.greenlet(two)
        for greenlet_ in first, second:
            greenlet_.parent = greenlet.getcurrent()
        import threading
        threading.Timer(0.3, lambda: print("ready", flush=True)).start()
        first.switch()
    """
    process = start(script, tmp_path)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        found: Counter[tuple[str, int]] = Counter()
        for _ in range(300):
            (part,) = read_parts(tmp_path).values()
            thread = next(thread for thread in part.threads if thread.open_calls)
            names = [
                part.functions[part.function[call.context]].qualname for call in thread.open_calls
            ]
            found[names[0], names.count("down")] += 1
    finally:
        process.kill()
        process.communicate()
    assert set(found) == {("one", 41), ("two", 41)}


def test_greenlets_that_were_there_before(tmp_path: Path) -> None:
    """They take turns in no order with new ones, and end: every call is counted."""
    script = """
        import collections, greenlet, random
        order = random.Random(3)
        made = collections.Counter()
        def leaf(caller): made[caller, "leaf"] += 1
        def work(depth):
            made["work"] += 1
            for _ in range(order.randrange(2, 8)):
                leaf("work")
                if depth and order.randrange(3):
                    work(depth - 1)
                turn()
        def turn():
            made["turn"] += 1
            alive[:] = [one for one in alive if not one.dead]
            if len(alive) < 20:
                alive.append(greenlet.greenlet(lambda depth: work(depth), parent=main))
            leaf("turn")
            order.choice([*alive, main]).switch(3)
            leaf("turn")
        main = greenlet.getcurrent()
        alive = []
        for _ in range(50):
            turn()
        before = list(alive)
        begin()
        made.clear()
        while len(made) < 4 or not all(one.dead for one in before):
            turn()
        _native.stop()
        print(made["work"], made["turn"], made["work", "leaf"] + made["turn", "leaf"])
    """
    part, output = recorded_from_the_middle(script, tmp_path)
    found = counts(part)
    assert [found["work"], found["turn"], found["leaf"]] == [int(word) for word in output.split()]
    assert found["turn"] > 100
    callers = {path.split(" > ")[-2] for path in paths(part) if path.endswith(" > work > leaf")}
    assert callers == {"work"}


def test_a_greenlet_forks_that_did_not_enter_the_last_call(tmp_path: Path) -> None:
    """The child's first calls come from handlers, before it has a file of its own."""
    script = """
        import os, threading
        import greenlet
        def leaf(): pass
        def waits():
            while True:
                main.switch()
        def forks():
            leaf()
            other.switch()
            child = os.fork()
            leaf()
            if child == 0:
                for _ in range(50):
                    leaf()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        main = greenlet.getcurrent()
        other = greenlet.greenlet(waits)
        other.switch()
        for _ in range(3):
            forks()
    """
    ran = run(script, tmp_path, timeout_s=30)
    assert (ran.status, ran.errors) == (0, "")
    assert len(ran.parts) == 4
    assert sorted(counts(part)["leaf"] for part in ran.parts.values()) == [6, 51, 51, 51]


def test_fork_while_another_thread_has_greenlets(tmp_path: Path) -> None:
    """Of that thread nothing is left in the child, neither its calls nor their contexts."""
    script = """
        import gc, os, threading
        import greenlet
        def leaf(): pass
        def deeper(depth):
            leaf()
            deeper(depth - 1) if depth else greenlet.getcurrent().parent.switch()
            leaf()
        def turns():
            several = [greenlet.greenlet(lambda: deeper(20)) for _ in range(20)]
            for _ in range(3):
                for one in several:
                    one.switch()
            ready.set()
            done.wait()
        ready, done = threading.Event(), threading.Event()
        thread = threading.Thread(target=turns)
        thread.start()
        ready.wait()
        def down(depth):
            leaf()
            return down(depth - 1) if depth else os.fork()
        child = down(30)
        if child == 0:
            for _ in range(200):
                one = greenlet.greenlet(lambda: deeper(30))
                one.switch()
                one.switch()
            for _ in range(5):
                other = greenlet.greenlet(lambda: deeper(3))
                other.switch()
                grandchild = os.fork()
                if grandchild == 0:
                    other.switch()
                    os._exit(0)
                assert os.waitpid(grandchild, 0)[1] == 0
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        done.set()
        thread.join()
        assert status == 0, status
    """
    ran = run(script, tmp_path, timeout_s=60, python=["-W", "ignore"])
    assert (ran.status, ran.errors) == (0, "")
    assert len(ran.parts) == 1 + 1 + 5
    leaves = sorted(counts(part)["leaf"] for part in ran.parts.values())
    # In the child 200 greenlets of 31 levels, entered and left, and five of four that are entered.
    assert leaves[-1] == 200 * 31 * 2 + 5 * 4


MANY = """
    import random, time
    import greenlet
    def leaf(): pass
    def wait():
        hub.switch()
        leaf()
    def taking_turns():
        while True:
            wait()
            leaf()
    hub = greenlet.getcurrent()
    chooser = random.Random(1)
    everybody = []
    def seconds_of_switches(count):
        while len(everybody) < count:
            everybody.append(greenlet.greenlet(taking_turns))
            everybody[-1].switch()
        chosen = [everybody[chooser.randrange(count)] for _ in range(4000)]
        began = time.process_time()
        for one in chosen:
            one.switch()
        return time.process_time() - began
    few = min(seconds_of_switches(50) for _ in range(5))
    many = min(seconds_of_switches(8000) for _ in range(5))
    print(few, many, flush=True)
    import os
    os._exit(0)
"""


def test_what_a_switch_costs_does_not_grow_with_the_greenlets(tmp_path: Path) -> None:
    """Memory further away makes it dearer, untraced as well: that is what it is held against."""
    script = tmp_path / "many.py"
    script.write_text(textwrap.dedent(MANY))
    plain = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    traced = run(MANY, tmp_path)
    assert (traced.status, traced.errors) == (0, "")
    few, many = map(float, traced.output.split())
    plain_few, plain_many = map(float, plain.stdout.split())
    assert many / few < 6 * max(1.0, plain_many / plain_few)
    assert counts(traced.part)["leaf"] == counts(traced.part)["wait"] + 40_000 - 8_000
