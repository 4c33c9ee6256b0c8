"""None of the target's code runs in the engine's, and an exception that is on its way stays."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from support_native import PACKAGES, counts, needs_native, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_native

START = """
import sys, tempfile, threading
sys.path.insert(0, {packages!r})
from callgraph_lab import _native

def start(**options):
    _native.start(tempfile.mkdtemp(dir={folder!r}), "{{}}", whole_program=False, **options)

"""


def run_lines(script: str, folder: Path) -> list[str]:
    """Run a program that starts the engine itself; return the lines that it writes."""
    begin = START.format(packages=str(PACKAGES), folder=str(folder))
    ran = subprocess.run(
        [sys.executable, "-c", begin + script], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def test_keys_of_globals_are_compared_as_often_as_untraced(tmp_path: Path) -> None:
    script = """
class Key:
    compared = 0
    def __hash__(self):
        return hash("__name__")
    def __eq__(self, other):
        Key.compared += 1
        raise ValueError("compared")

def compare():
    Key.compared = 0
    variables = {Key(): 1, "__builtins__": {}}
    try:
        exec(compile("def f(): return 1\\nf()", "<made>", "exec"), variables)
    except ValueError:
        pass
    return Key.compared

before = compare()
start()
during = compare()
_native.stop()
print(during - before)
"""
    assert run_lines(script, tmp_path) == ["0"]


def test_a_property_of_a_thread_does_not_run(tmp_path: Path) -> None:
    script = """
class Named(threading.Thread):
    @property
    def _name(self):
        if recording:
            print("the property ran")
        return "?"
    @_name.setter
    def _name(self, name):
        pass
    def __getattribute__(self, name):
        if name == "ident" and recording:
            print("the look-up ran")
        return super().__getattribute__(name)
    def run(self):
        go.wait()
        self.work()
    def work(self):
        print("worked")

recording = False
go = threading.Event()
thread = Named()
thread.start()
start()
recording = True
go.set()
thread.join()
_native.stop()
"""
    assert run_lines(script, tmp_path) == ["worked"]


def test_an_error_of_the_target_is_not_replaced(tmp_path: Path) -> None:
    script = """
def starts():
    raise BlockingIOError(11, "no")

starts.__code__ = starts.__code__.replace(co_names=(*starts.__code__.co_names, "\\udc80"))
_native.watch_limits({"processes": "10"})
start(event_map={"rules": []})
try:
    starts()
except BlockingIOError as error:
    print(error)
_native.stop()
"""
    assert run_lines(script, tmp_path) == ["[Errno 11] no"]


def test_an_object_of_an_open_call_is_let_go_when_recording_stops(tmp_path: Path) -> None:
    script = """
class Channel:
    def __init__(self, owner):
        self.owner, self.got = owner, 5
    def close(self):
        _native.stop()
    def __del__(self):
        print("freed")

class Handler:
    def process(self, verb):
        self.channel = Channel(self)
        self.reply("150 ok")
    def reply(self, text):
        pass

start(event_map={"rules": [
    {"kind": "start", "class": "Handler", "function": "process", "name": [["argument", "verb"]],
     "session": ["argument", "self"]},
    {"kind": "link", "class": "Channel", "function": "__init__", "to": ["argument", "owner"]},
    {"kind": "continue", "class": "Channel", "function": "*"},
    {"kind": "reply", "class": "Handler", "function": "reply", "text": ["argument", "text"]},
    {"kind": "end", "class": "Channel", "function": "close",
     "bytes": [["attribute", "self", "got"]]},
]})
def main():
    handler = Handler()
    handler.process("STOR")
    handler.channel.close()

main()
import gc; gc.collect()
print("end")
"""
    assert run_lines(script, tmp_path) == ["freed", "end"]


def test_calls_that_are_refused_are_not_counted(tmp_path: Path) -> None:
    script = """
plain = method = resumed = 0

def recurse():
    global plain
    plain += 1
    recurse()

class Shown:
    def __repr__(self):
        global method
        method += 1
        return repr(self)

def generate():
    global resumed
    resumed += 1
    yield from generate()

def never_runs():
    raise AssertionError

def once(depth):
    try:
        once(depth + 1)
    except RecursionError:
        if depth == deepest:
            never_runs()
        raise

def measure(depth):
    try:
        return measure(depth + 1)
    except RecursionError:
        return depth

for function in (recurse, lambda: repr(Shown()), lambda: list(generate())):
    try:
        function()
    except RecursionError:
        pass
deepest = measure(0)
try:
    once(0)
except RecursionError:
    pass
print(plain, method, resumed, deepest + 1)
"""
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    plain, method, resumed, measured = map(int, ran.output.split())
    recorded = counts(ran.part)
    assert recorded["recurse"] == plain
    assert recorded["Shown.__repr__"] == method
    assert recorded["generate"] == resumed
    assert recorded["measure"] == measured
    assert recorded["once"] == measured
    assert recorded["never_runs"] == 0
