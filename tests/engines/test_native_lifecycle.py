"""Starting, stopping and starting again; objects that come and go while it records."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support_native import PACKAGES, counts, needs_native, run

from callgraph_lab.recording.live_reader import read_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = needs_native


@pytest.fixture
def native() -> Iterator[Any]:
    _native = pytest.importorskip("callgraph_lab._native")
    yield _native
    _native.stop()


def leaf() -> None:
    pass


def test_one_recording_at_a_time(native: Any, tmp_path: Path) -> None:
    native.stop()
    first = Path(native.start(tmp_path, "{}", whole_program=False))
    with pytest.raises(RuntimeError, match="already"):
        native.start(tmp_path, "{}")
    assert native.status()["recording"]
    native.stop()
    assert not native.status()["recording"]
    second = Path(native.start(tmp_path, "{}", whole_program=False))
    leaf()
    native.stop()
    assert first != second
    assert counts(read_part(first))["leaf"] == 0
    assert counts(read_part(second))["leaf"] == 1


def test_a_folder_that_is_not_there(native: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        native.start(tmp_path / "nowhere", "{}")
    with pytest.raises(OSError, match="too long"):
        native.start(tmp_path, "x" * 4000)
    assert not native.status()["recording"]
    assert list(tmp_path.iterdir()) == []


def test_stopping_inside_a_recorded_call(native: Any, tmp_path: Path) -> None:
    parts: list[Path] = []

    def stops_and_starts(depth: int) -> None:
        if depth:
            stops_and_starts(depth - 1)
            leaf()
            return
        native.stop()
        parts.append(Path(native.start(tmp_path, "{}", whole_program=False)))
        leaf()

    parts.append(Path(native.start(tmp_path, "{}", whole_program=False)))
    stops_and_starts(5)
    leaf()
    native.stop()
    before, after = map(read_part, parts)
    assert counts(before)["test_stopping_inside_a_recorded_call.<locals>.stops_and_starts"] == 6
    assert len(before.threads[0].open_calls) == 6
    assert counts(after)["leaf"] == 7
    assert not any(thread.open_calls for thread in after.threads)


def test_other_threads_while_recordings_come_and_go(native: Any, tmp_path: Path) -> None:
    stop = threading.Event()

    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        else:
            stop.wait(0.001)

    def work() -> None:
        while not stop.is_set():
            deep(20)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            part = Path(native.start(tmp_path, "{}", whole_program=False))
            for _ in range(200):
                leaf()
            native.stop()
            assert counts(read_part(part))["leaf"] == 200
    finally:
        stop.set()
        for thread in threads:
            thread.join()


ROUNDS = """
import gc, json, os, sys, threading
from callgraph_lab import _native

class Thing:
    def method(self):
        return 1

def leaf():
    return Thing().method()

def numbers():
    yield leaf()
    yield leaf()

def deep(depth):
    return deep(depth - 1) if depth else leaf()

def run_round():
    if sys.argv[2] == "recorded":
        _native.start(sys.argv[1], "{}", whole_program=False)
    leaf()
    list(numbers())
    deep(200)
    suspended.append(numbers())
    next(suspended[-1])
    for _ in range(2):
        thread = threading.Thread(target=leaf)
        thread.start()
        thread.join()
    for number in range(20):
        exec(f"class C{number}:\\n def m(self): pass\\nC{number}().m()", {"__name__": "made"})
    _native.stop()
    del suspended[:-1]
    for part in os.listdir(sys.argv[1]):
        os.unlink(os.path.join(sys.argv[1], part))

def look():
    gc.collect()
    with open("/proc/self/maps") as maps, open("/proc/self/statm") as statm:
        return {
            "mapped regions": sum(1 for _ in maps),
            "resident pages": int(statm.read().split()[1]),
            "descriptors": len(os.listdir("/proc/self/fd")),
            "objects": len(gc.get_objects()),
            "references": [sys.getrefcount(item) for item in involved],
        }

suspended = []
involved = [Thing, Thing.method, leaf, leaf.__code__, numbers.__code__, run_round.__code__,
            threading.Thread, threading.Thread.run, threading.Thread.run.__code__, _native]
for _ in range(50):
    run_round()
before = look()
for _ in range(250):
    run_round()
print(json.dumps([before, look()]))
"""
ROUNDS_MEASURED = 250


def test_starting_and_stopping_leaks_nothing(tmp_path: Path) -> None:
    grown: dict[str, dict[str, int]] = {}
    for how in ("recorded", "untraced"):
        words = [sys.executable, "-c", ROUNDS, str(tmp_path), how]
        environment = {**os.environ, "PYTHONPATH": str(PACKAGES)}
        ran = subprocess.run(
            words, env=environment, cwd=tmp_path.parent, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        before, after = json.loads(ran.stdout)
        assert after.pop("references") == before.pop("references")
        grown[how] = {name: after[name] - count for name, count in before.items()}
    assert grown["recorded"]["descriptors"] == 0
    # Less than one thing every ten rounds; what Python itself keeps is not ours.
    for name in ("mapped regions", "objects"):
        assert grown["recorded"][name] - grown["untraced"][name] < ROUNDS_MEASURED / 10, name
    if "libasan" not in os.environ.get("LD_PRELOAD", ""):  # which keeps freed memory for a while
        pages = grown["recorded"]["resident pages"] - grown["untraced"]["resident pages"]
        assert pages * 4096 < ROUNDS_MEASURED * 1024


def test_addresses_that_are_used_again(native: Any, tmp_path: Path) -> None:
    part = Path(native.start(tmp_path, "{}", whole_program=False))
    for number in range(2000):
        namespace: dict[str, Callable[[], None]] = {}
        exec(  # noqa: S102
            f"class C{number}:\n def m(self): pass\ndef f{number}(): C{number}().m()", namespace
        )
        namespace[f"f{number}"]()
    native.stop()
    found = counts(read_part(part))
    assert all(found[f"f{number}"] == found[f"C{number}.m"] == 1 for number in range(2000))
    classes = {
        function.qualname: function.class_name.rpartition(":")[2]
        for function in read_part(part).functions
        if function.qualname.endswith(".m")
    }
    assert classes == {f"C{number}.m": f"C{number}" for number in range(2000)}


def test_classes_and_code_are_not_kept_alive(tmp_path: Path) -> None:
    script = """
        import gc, weakref
        def make():
            class Local:
                def method(self): pass
            Local().method()
            code = compile("pass", "<made>", "exec")
            exec(code)
            return weakref.ref(Local), weakref.ref(code)
        references = make()
        gc.collect()
        print([reference() for reference in references])
    """
    ran = run(script, tmp_path)
    assert (ran.status, ran.output, ran.errors) == (0, "[None, None]\n", "")


def test_a_target_with_a_tracer_of_its_own(tmp_path: Path) -> None:
    script = """
        import cProfile, sys
        def leaf(): pass
        def work():
            for _ in range(50): leaf()
        seen = []
        def trace(frame, event, argument):
            seen.append(frame.f_code.co_name)
        sys.settrace(trace)
        work()
        sys.settrace(None)
        profile = cProfile.Profile()
        profile.runcall(work)
        calls = {entry.code.co_name: entry.callcount for entry in profile.getstats()
                 if hasattr(entry.code, "co_name")}
        print(seen.count("leaf"), calls["leaf"])
    """
    ran = run(script, tmp_path)
    assert (ran.status, ran.output, ran.errors) == (0, "50 50\n", "")
    assert counts(ran.part)["leaf"] == 100
    assert counts(ran.part)["trace"] == 51
