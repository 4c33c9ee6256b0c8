"""Every thread of the target has a root of its own, or shares one with those that came before."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

from support_engines import (
    PACKAGES,
    callers_of,
    calls_by_name,
    every_engine,
    record_program,
    write_script,
)

from callgraph_lab.recording.live_reader import read_part

if TYPE_CHECKING:
    from pathlib import Path

NAMED = """
import threading

def work(times):
    for _ in range(times):
        step()

def step():
    pass

threads = [threading.Thread(target=work, args=(number,), name=name)
           for number, name in enumerate(["reader", "writer", "cleaner"], 1)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
work(10)
"""


@every_engine
def test_threads_have_roots_under_their_names(engine: str, tmp_path: Path) -> None:
    recording = record_program(write_script(tmp_path, NAMED), folder=tmp_path, engine=engine)
    assert calls_by_name(recording)["__main__.step"] == 1 + 2 + 3 + 10
    assert {thread.name for thread in recording.threads} == {
        "MainThread",
        "reader",
        "writer",
        "cleaner",
    }
    calls: Counter[str] = Counter()
    tree, functions = recording.tree, recording.functions
    for thread in recording.threads:
        end = min(
            (other.root for other in recording.threads if other.root > thread.root),
            default=len(tree),
        )
        for context in range(thread.root, end):
            if functions[tree.function[context]].qualname == "step":
                calls[thread.name] += tree.calls[context]
    assert calls == {"reader": 1, "writer": 2, "cleaner": 3, "MainThread": 10}


AT_ONCE = """
import threading

barrier = threading.Barrier(50)

def work():
    barrier.wait()
    for _ in range(100):
        step()

def step():
    pass

for _ in range(4):
    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


@every_engine
def test_two_hundred_threads_are_counted_to_the_unit(engine: str, tmp_path: Path) -> None:
    recording = record_program(write_script(tmp_path, AT_ONCE), folder=tmp_path, engine=engine)
    calls = calls_by_name(recording)
    assert calls["__main__.work"] == 200
    assert calls["__main__.step"] == 20_000
    assert callers_of(recording, "step") == {"work": 20_000}
    assert sum(thread.threads for thread in recording.threads) == 201
    assert not any(recording.tree.open_calls)


ONE_AFTER_THE_OTHER = """
import threading

def work():
    pass

for _ in range(200):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""


@every_engine
def test_threads_that_follow_each_other_share_a_root(engine: str, tmp_path: Path) -> None:
    script = write_script(tmp_path, ONE_AFTER_THE_OTHER)
    recording = record_program(script, folder=tmp_path, engine=engine)
    assert calls_by_name(recording)["__main__.work"] == 200
    # A thread's end is noticed a moment after join() returns, so that a few may overlap.
    assert len(recording.threads) < 20
    assert sum(thread.threads for thread in recording.threads) == 201


NAMES_OF_LETTERS = """
import threading

def work():
    pass

letters = str.maketrans("0123456789", "abcdefghij")
for number in range(400):
    thread = threading.Thread(target=work, name=f"user {number}".translate(letters))
    thread.start()
    thread.join()
"""


@every_engine
def test_threads_with_names_of_their_own_share_roots_past_a_number(
    engine: str, tmp_path: Path
) -> None:
    script = write_script(tmp_path, NAMES_OF_LETTERS)
    recording = record_program(script, folder=tmp_path, engine=engine)
    assert calls_by_name(recording)["__main__.work"] == 400
    assert sum(thread.threads for thread in recording.threads) == 401
    names = {thread.name for thread in recording.threads}
    assert {"user a", "user bj", "* (Thread)"} <= names
    assert len(recording.threads) < 100


PAST_THREADING = """
import _thread, threading

def work():
    done.release()

done = threading.Semaphore(0)
_thread.start_new_thread(work, ())
done.acquire()
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@every_engine
def test_threads_started_past_threading_are_recorded_or_said_to_be_missing(
    engine: str, tmp_path: Path
) -> None:
    script = write_script(tmp_path, PAST_THREADING)
    recording = record_program(script, folder=tmp_path, engine=engine)
    missing = [note for note in recording.run.notes if "_thread.start_new_thread" in note]
    assert calls_by_name(recording)["__main__.work"] + len(missing) == 2
    assert bool(missing) == (engine == "pycallgraph2")


DAEMON = """
import threading, time

def forever():
    ready.set()
    while True:
        time.sleep(0.01)

ready = threading.Event()
threading.Thread(target=forever, name="daemon", daemon=True).start()
ready.wait()
"""


@every_engine
def test_daemon_thread_at_the_end_is_an_open_call(engine: str, tmp_path: Path) -> None:
    recording = record_program(write_script(tmp_path, DAEMON), folder=tmp_path, engine=engine)
    tree = recording.tree
    still_open = {
        recording.functions[function].qualname: open_calls
        for function, open_calls in zip(tree.function, tree.open_calls, strict=True)
        if open_calls
    }
    assert still_open["forever"] == 1


BLOCK = """
import sys, threading
sys.path.insert(0, {packages!r})
from callgraph_lab.engines import {engine} as engine

def work():
    pass

def early():
    go.wait()
    work()

go = threading.Event()
first = threading.Thread(target=early)
first.start()
stop = engine.start({folder!r}, information={{}}, whole_program=False)
second = threading.Thread(target=work)
second.start()
second.join()
work()
stop()
go.set()
first.join()
third = threading.Thread(target=work)
third.start()
third.join()
work()
assert sys.gettrace() is None
"""


def test_only_what_runs_between_start_and_stop_is_recorded(tmp_path: Path) -> None:
    text = BLOCK.format(packages=PACKAGES, engine="pycallgraph2", folder=str(tmp_path))
    subprocess.run([sys.executable, write_script(tmp_path, text)], check=True)
    (path,) = tmp_path.glob("*.part")
    part = read_part(path)
    assert part.finished
    calls = {
        part.functions[part.function[context]].qualname: part.calls[context]
        for context in range(len(part.calls))
        if part.functions[part.function[context]].module == "__main__"
    }
    assert calls == {"work": 1}
    assert len(part.threads) == 2
