"""When the target gets in the way of the tracing it wins, and the recording says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from support_engines import (
    DrivenRecording,
    calls_by_name,
    column_by_name,
    every_engine,
    run_recorded,
    write_script,
)

from callgraph_lab.recording import catalog

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.model import Recording


def compare(
    script: Path, engine: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> Recording:
    """Run a program without and with an engine, which must look the same; return the recording."""
    untraced = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    capfd.readouterr()
    recorded = run_recorded(script, folder=folder, engine=engine)
    captured = capfd.readouterr()
    assert captured.out == untraced.stdout
    assert captured.err == untraced.stderr
    assert recorded.outcome.status == untraced.returncode
    return catalog.load(recorded.entry)


SETTRACE = """
import sys

def before():
    pass

def during():
    return 1

def after():
    pass

events = []

def tracer(frame, event, arg):
    events.append((event, frame.f_code.co_name, frame.f_lineno))
    return tracer

before()
{install}
during()
{remove}
after()
print(events)
"""


@every_engine
def test_target_with_a_trace_function_of_its_own_gets_its_events(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = SETTRACE.format(install="sys.settrace(tracer)", remove="sys.settrace(None)")
    recording = compare(write_script(tmp_path, text), engine, tmp_path, capfd)
    assert calls_by_name(recording)["__main__.before"] == 1
    (process,) = recording.processes
    if calls_by_name(recording).get("__main__.after") is None:
        assert "sys.settrace" in process.stop_reason


@every_engine
def test_target_that_restores_the_trace_function_it_found_is_recorded_on(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = SETTRACE.format(
        install="found = sys.gettrace()\nsys.settrace(tracer)", remove="sys.settrace(found)"
    )
    recording = compare(write_script(tmp_path, text), engine, tmp_path, capfd)
    assert calls_by_name(recording)["__main__.after"] == 1


PROFILED = """
import cProfile, pstats, sys

def work(depth):
    return work(depth - 1) if depth else 0

calls = []
sys.setprofile(lambda frame, event, arg: calls.append((event, frame.f_code.co_name)))
work(3)
sys.setprofile(None)
print(calls)
"""


@every_engine
def test_target_with_a_profile_function_gets_its_events_and_is_recorded(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recording = compare(write_script(tmp_path, PROFILED), engine, tmp_path, capfd)
    assert calls_by_name(recording)["__main__.work"] == 4
    assert recording.processes[0].stop_reason == ""


RECURSION = """
import sys

def dive(depth):
    global deepest
    deepest = depth
    return dive(depth + 1)

class Nested:
    def __init__(self, depth):
        self.depth = depth

    def dive(self):
        global deepest
        deepest = self.depth
        return Nested(self.depth + 1).dive()

def generate(depth):
    global deepest
    deepest = depth
    yield from generate(depth + 1)

def handled():
    pass

def afterwards():
    pass

def reached(start):
    try:
        start()
    except RecursionError as error:
        handled()
        print(error, deepest)
    afterwards()

for _ in range(3):
    reached(lambda: dive(1))
reached(lambda: Nested(1).dive())
reached(lambda: list(generate(1)))
sys.setrecursionlimit(600)
reached(lambda: dive(1))
sys.setrecursionlimit(2500)
reached(lambda: dive(1))
dive(1)
"""


@every_engine
def test_recursion_error_comes_as_ever_and_recording_goes_on(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = RECURSION
    if engine == "native" and sys.version_info[:2] == (3, 13):
        # A chain of __init__ calls reaches one call deeper there, as docs/native.md says.
        program = program.replace("Nested(1).dive()", "dive(1)")
    recording = compare(write_script(tmp_path, program), engine, tmp_path, capfd)
    calls = calls_by_name(recording)
    assert calls["__main__.reached"] == calls["__main__.afterwards"] == 7
    (process,) = recording.processes
    if calls["__main__.dive"] < 3 * 990 + 590 + 2 * 2490:
        assert "near the recursion limit" in process.stop_reason
    # Not more is missing than the last few levels.
    assert calls["__main__.dive"] > 3 * 940 + 540 + 2 * 2440
    times = column_by_name(recording, "inclusive_ns")
    assert times["<module>"] >= times["reached"] > 0


THROUGH_C = """
import sys

class Nested:
    def __init__(self, depth):
        self.depth = depth

    def __repr__(self):
        return repr([Nested(self.depth + 1)])

def by_key(depth):
    return sorted([1], key=lambda _: by_key(depth + 1))

def afterwards():
    pass

for start in (lambda: repr(Nested(1)), lambda: by_key(1)):
    try:
        start()
    except RecursionError as error:
        print("reached")
    afterwards()
"""


@every_engine
def test_recursion_through_c_code_is_survived(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recording = compare(write_script(tmp_path, THROUGH_C), engine, tmp_path, capfd)
    assert calls_by_name(recording)["__main__.afterwards"] == 2


ALARMS = """
import random, signal, sys, traceback

class Alarm(Exception):
    pass

def ring(number, frame):
    raise Alarm

def busy():
    while True:
        leaf(1)
        Thing().method()
        list(generate())

def leaf(value):
    return value

class Thing:
    def method(self):
        return [leaf(number) for number in range(3)]

def generate():
    yield leaf(1)
    yield leaf(2)

def after():
    pass

signal.signal(signal.SIGALRM, ring)
moments = random.Random(1)
files = set()
for _ in range(150):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005 + moments.random() * 0.002)
        busy()
    except Alarm as alarm:
        files.update(entry.filename for entry in traceback.extract_tb(alarm.__traceback__))
    after()
print(files == {__file__})
"""


@every_engine
def test_signal_handler_that_raises_at_any_moment_ends_neither_target_nor_recording(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recording = compare(write_script(tmp_path, ALARMS), engine, tmp_path, capfd)
    calls = calls_by_name(recording)
    assert calls["__main__.after"] == 150
    # An alarm that strikes at the very call comes before it is counted.
    assert 50 <= calls["__main__.busy"] <= 150
    assert recording.processes[0].stop_reason == ""
    assert not any(recording.tree.open_calls)


CONTROL_C = """
import os, sys, threading, time

def busy():
    while True:
        leaf()

def leaf():
    pass

def cleanup():
    for _ in range(7):
        leaf_of_cleanup()

def leaf_of_cleanup():
    pass

try:
    print("ready", os.getpid(), flush=True)
    busy()
finally:
    cleanup()
"""


@every_engine
@pytest.mark.parametrize("attempt", range(3))
def test_control_c_in_the_middle_of_calls(engine: str, attempt: int, tmp_path: Path) -> None:
    script = write_script(tmp_path, CONTROL_C)
    driven = DrivenRecording(script, folder=tmp_path, engine=engine)
    assert driven.process.stdout is not None
    pid = int(driven.process.stdout.readline().split()[1])
    time.sleep(0.05 + attempt * 0.03)
    os.kill(pid, signal.SIGINT)
    _, errors = driven.process.communicate(timeout=20)
    lines = errors.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "KeyboardInterrupt"
    assert {line.split('"')[1] for line in lines if line.startswith("  File ")} == {str(script)}
    assert driven.process.returncode == 128 + signal.SIGINT
    calls = calls_by_name(driven.recording())
    assert calls["__main__.cleanup"] == 1
    assert calls["__main__.leaf_of_cleanup"] == 7
    assert calls["__main__.leaf"] > 0


ODD = r"""
import sys, threading

class Proxy:
    def __getattr__(self, name):
        raise RuntimeError(name)

    @property
    def __class__(self):
        raise RuntimeError("asked for its class")

    def method(self):
        return 1

class Strange(type):
    def __getattribute__(cls, name):
        if name in ("__qualname__", "__mro__", "__name__", "__module__"):
            raise RuntimeError(name)
        return super().__getattribute__(name)

class Odd(metaclass=Strange):
    def method(self):
        return 2

    @classmethod
    def of_class(cls):
        return 3

print(Proxy().method(), Odd().method(), Odd.of_class())
space = {"__builtins__": __builtins__}
exec("def nameless(): return 4", space)
print(space["nameless"]())
space["__name__"] = 5
print(space["nameless"]())
exec(compile("def \u00fcber\u00e4ll(): return 6", "\udcff\n\"<>", "exec"), space)
print(space["\u00fcber\u00e4ll"]())
Odd.__qualname__ = "line\nbreak"
print(Odd().method())
"""


@every_engine
def test_odd_objects_are_named_without_running_their_code(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recording = compare(write_script(tmp_path, ODD), engine, tmp_path, capfd)
    assert column_by_name(recording, "calls")["\u00fcber\u00e4ll"] == 1
