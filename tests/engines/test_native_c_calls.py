"""The native engine records functions written in C where that is asked for."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support_native import PACKAGES, TARGETS, Ran, needs_native, paths, read_parts, run, start

if TYPE_CHECKING:
    from callgraph_lab.recording.live_part import LivePart

pytestmark = needs_native
PARITY_TARGETS = Path(__file__).resolve().parent.parent / "targets" / "parity"
BY_MONITORING = sys.version_info >= (3, 12)


def _run(script: str, folder: Path, **settings: object) -> Ran:
    return run(script, folder, c_calls=True, **settings)  # type: ignore[arg-type]


def _below_module(part: LivePart) -> dict[str, int]:
    """Return the calls of every context of the script, by the names on the way to it."""
    start_of_all = "MainThread > <module> > "
    return {
        path.removeprefix(start_of_all): count
        for path, count in paths(part).items()
        if path.startswith(start_of_all)
    }


def _open_names(part: LivePart) -> list[list[str]]:
    return [
        [part.functions[part.function[call.context]].qualname for call in thread.open_calls]
        for thread in part.threads
    ]


def test_known_numbers_of_calls(tmp_path: Path) -> None:
    script = """
        import socket
        def key(number):
            return -number
        def main():
            numbers = [3, 1, 2]
            for number in range(100):
                len(numbers)
            for number in range(50):
                numbers.append(number)
            sorted(numbers, key=key)
            numbers.sort(key=key)
            for _ in range(7):
                try:
                    {}.pop("x")
                except KeyError:
                    pass
            len(*[numbers])
            sum(number for number in numbers)
        def talk():
            left, right = socket.socketpair()
            for _ in range(5):
                left.send(b"x")
                right.recv(1)
            left.close()
            right.close()
        main()
        talk()
    """
    ran = _run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    found = _below_module(ran.part)
    assert {path: count for path, count in found.items() if path.startswith("main")} == {
        "main": 1,
        "main > len": 101,
        "main > list.append": 50,
        "main > sorted": 1,
        "main > sorted > key": 53,
        "main > list.sort": 1,
        "main > list.sort > key": 53,
        "main > dict.pop": 7,
        "main > sum": 1,
        "main > sum > main.<locals>.<genexpr>": 1,
    }
    assert found["talk > socket.send"] == found["talk > socket.recv"] == 5
    assert _open_names(ran.part) == [[]]


def test_names_are_those_of_the_class_that_has_the_method(tmp_path: Path) -> None:
    script = """
        import os, select, socket, collections
        class Derived(list):
            pass
        derived = Derived()
        def main():
            derived.append(1)
            bound = derived.append
            bound(2)
            list.append(derived, 3)
            Derived.append(derived, 4)
            dict.fromkeys([1])
            collections.OrderedDict.fromkeys([1])
            str.maketrans("a", "b")
            Derived.mro()
            left, right = socket.socketpair()
            left.sendmsg([b"x"])
            os.getpid()
            poller = select.epoll()
            poller.poll(0)
            poller.close()
        main()
    """
    part = _run(script, tmp_path).part
    names = Counter(
        f"{part.functions[function].module}.{part.functions[function].qualname}"
        for function, parent in zip(part.function, part.parent, strict=True)
        if part.functions[function].is_c
        and part.functions[part.function[parent]].qualname == "main"
    )
    expected = {
        "builtins.list.append",
        "builtins.dict.fromkeys",
        "collections.OrderedDict.fromkeys",
        "builtins.str.maketrans",
        "builtins.type.mro",
        "_socket.socket.sendmsg",
        "posix.getpid",
        "select.epoll.poll",
        "select.epoll.close",
    }
    assert set(names) == expected
    assert set(names.values()) == {1}
    assert _below_module(part)["main > list.append"] == 4
    function = next(item for item in part.functions if item.qualname == "socket.sendmsg")
    assert (function.file, function.line, function.class_name) == ("", 0, "")


def test_without_being_asked_for_there_are_none(tmp_path: Path) -> None:
    part = run("def f(): return len([])\nf()\n", tmp_path).part
    assert _below_module(part) == {"f": 1}


PROFILED = """
import json, runpy, sys
from collections import Counter
target, result = sys.argv[1:]
counts = Counter()
def profile(frame, event, argument):
    if event == "c_call" and frame.f_code.co_filename == target:
        counts[f"{frame.f_code.co_qualname} > {argument.__name__}"] += 1
code = compile(open(target).read(), target, "exec")
sys.argv = [target]
namespace = {"__name__": "__main__", "__file__": target}
sys.setprofile(profile)
try:
    exec(code, namespace)
finally:
    sys.setprofile(None)
    json.dump(counts, open(result, "w"))
"""


@pytest.mark.parametrize(
    "target",
    [*sorted(TARGETS.glob("*.py")), *sorted(PARITY_TARGETS.glob("*.py"))],
    ids=lambda path: path.stem,
)
def test_calls_are_those_that_a_profile_function_is_told_of(target: Path, tmp_path: Path) -> None:
    program, result = tmp_path / "profiled.py", tmp_path / "counts.json"
    program.write_text(PROFILED, encoding="utf-8")
    subprocess.run(
        [sys.executable, str(program), str(target), str(result)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    expected = Counter(json.loads(result.read_text(encoding="utf-8")))
    script = f"""
        code = compile(open({str(target)!r}).read(), {str(target)!r}, "exec")
        exec(code, {{"__name__": "__main__", "__file__": {str(target)!r}}})
    """
    ran = _run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    part = ran.part
    found: Counter[str] = Counter()
    for function, parent, calls in zip(part.function, part.parent, part.calls, strict=True):
        if part.functions[function].is_c:
            caller = part.functions[part.function[parent]]
            if caller.file == str(target):
                name = part.functions[function].qualname.rpartition(".")[2]
                found[f"{caller.qualname} > {name}"] += calls
    assert found == expected
    assert not any(_open_names(part))


@pytest.mark.parametrize("target", sorted(PARITY_TARGETS.glob("*.py")), ids=lambda path: path.stem)
def test_python_functions_are_counted_as_without(target: Path, tmp_path: Path) -> None:
    """Whatever was called back by a C function hangs on the Python function that called that."""
    found = []
    for c_calls in (False, True):
        folder = tmp_path / str(c_calls)
        folder.mkdir()
        ran = run(target.read_text(encoding="utf-8"), folder, c_calls=c_calls)
        assert ran.status == 0
        found.append(_paths_of_python(ran.part))
    assert found[0] == found[1]


def _paths_of_python(part: LivePart) -> Counter[tuple[str, str]]:
    counted: Counter[tuple[str, str]] = Counter()
    names: list[str] = []
    for parent, number, calls, resumes in zip(
        part.parent, part.function, part.calls, part.resumes, strict=True
    ):
        function = part.functions[number]
        above = "" if parent < 0 else names[parent]
        names.append(above if function.is_c else f"{above} > {function.qualname}")
        if not function.is_c:
            counted[names[-1], "calls"] += calls
            counted[names[-1], "resumes"] += resumes
    return +counted


def test_what_raises_and_what_exits(tmp_path: Path) -> None:
    script = """
        import sys, threading
        def leaf(): pass
        def calls_back(element):
            leaf()
            raise LookupError(element)
        def main():
            for _ in range(3):
                try:
                    sorted([1, 2], key=calls_back)
                except LookupError:
                    leaf()
            try:
                sys.exit(3)
            except SystemExit:
                leaf()
        def work():
            for _ in range(1000):
                len("x")
        main()
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        sys.exit(5)
    """
    ran = _run(script, tmp_path)
    assert (ran.status, ran.errors) == (5, "")
    found = _below_module(ran.part)
    assert found["main > sorted"] == found["main > sorted > calls_back"] == 3
    assert found["main > sorted > calls_back > leaf"] == 3
    assert found["main > leaf"] == 4
    assert found["main > exit"] == 1
    in_threads = [count for path, count in paths(ran.part).items() if path.endswith("work > len")]
    assert sum(in_threads) == 4000
    assert not any(_open_names(ran.part))


def test_generators_called_by_c_functions(tmp_path: Path) -> None:
    script = """
        def numbers():
            for number in range(3):
                len("x")
                yield number
        def main():
            made = numbers()
            next(made)
            next(made)
            made.close()
            sum(numbers())
        async def waits():
            len("x")
            await inner()
            len("x")
        async def inner():
            len("y")
        def drive():
            coroutine = waits()
            try:
                coroutine.send(None)
            except StopIteration:
                pass
        main()
        drive()
    """
    ran = _run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    found = _below_module(ran.part)
    assert found["main > next"] == 2
    assert found["main > next > numbers"] == 1
    assert found["main > next > numbers > len"] == 2
    assert found["main > sum > numbers > len"] == 3
    assert found["main > generator.close"] == 1
    assert found["drive > coroutine.send"] == 1
    assert found["drive > coroutine.send > waits > len"] == 2
    assert found["drive > coroutine.send > waits > inner > len"] == 1
    assert _open_names(ran.part) == [[]]


def test_deep_recursion_through_a_c_function(tmp_path: Path) -> None:
    script = """
        def down(depth):
            return max([depth], key=lambda number: down(number - 1) if number else 0)
        def too_deep():
            return max([1], key=lambda number: too_deep())
        def main():
            down(60)
            try:
                too_deep()
            except RecursionError:
                len("x")
        main()
    """
    ran = _run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    deepest = "main" + " > down > max > down.<locals>.<lambda>" * 61
    assert _below_module(ran.part)[deepest] == 1
    assert _below_module(ran.part)["main > len"] == 1
    assert _open_names(ran.part) == [[]]


def test_a_call_that_has_not_returned_is_open(tmp_path: Path) -> None:
    script = """
        import select
        def serve(poller):
            poller.poll(0)
            print("waiting", flush=True)
            poller.poll(60)
        serve(select.epoll())
    """
    process = start(script, tmp_path, c_calls=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "waiting\n"
        deadline = time.monotonic() + 20
        # What is open is read after what is counted, and so may be a call ahead.
        wanted = [["<module>", "serve", "epoll.poll"]], 2
        found: tuple[list[list[str]], int] = [], 0
        while found != wanted and time.monotonic() < deadline:
            (part,) = read_parts(tmp_path).values()
            found = _open_names(part), _below_module(part).get("serve > epoll.poll", 0)
        assert found == wanted
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    (part,) = read_parts(tmp_path).values()
    assert _open_names(part) == wanted[0]


def test_time_of_a_leaf(tmp_path: Path) -> None:
    script = """
        import time
        def main():
            began = time.perf_counter_ns()
            time.sleep(0.2)
            print(time.perf_counter_ns() - began)
        main()
    """
    ran = _run(script, tmp_path)
    part = ran.part
    ticks = {
        part.functions[function].qualname: part.clock.duration_ns(spent)
        for function, spent in zip(part.function, part.ticks, strict=True)
    }
    assert ticks["sleep"] * 1.001 >= 200_000_000
    assert ticks["sleep"] <= int(ran.output) * 1.001
    assert ticks["main"] >= ticks["sleep"]


@pytest.mark.parametrize("end", ["os._exit(0)", "os.abort()"])
def test_a_process_that_ends_within_a_c_function(end: str, tmp_path: Path) -> None:
    ran = _run(f"import os\ndef f():\n    {end}\nf()\n", tmp_path)
    name = end.partition(".")[2].partition("(")[0]
    assert _open_names(ran.part) == [["<module>", "f", name]]


def test_a_fork_is_open_in_the_child_until_it_returns(tmp_path: Path) -> None:
    script = """
        import os
        def work():
            for _ in range(10):
                len("x")
        def main():
            work()
            pid = os.fork()
            if not pid:
                work()
                os._exit(0)
            os.waitpid(pid, 0)
            work()
        os.register_at_fork(after_in_child=lambda: len("in child"))
        main()
    """
    ran = _run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    assert len(ran.parts) == 2
    child, parent = sorted(ran.parts.values(), key=lambda part: part.pid, reverse=True)
    assert _below_module(parent)["main > work > len"] == 20
    assert _below_module(parent)["main > fork"] == 1
    assert _open_names(parent) == [[]]
    found = _below_module(child)
    assert found["main > work > len"] == 10
    assert "main > work > fork" not in found
    assert found["main > fork > <lambda> > len"] == 1
    assert _open_names(child) == [["<module>", "main", "_exit"]]


@pytest.mark.skipif(importlib.util.find_spec("greenlet") is None, reason="needs greenlet")
def test_greenlets_wait_in_their_own_switch(tmp_path: Path) -> None:
    script = """
        import greenlet, random
        order = random.Random(5)
        def leaf():
            len("x")
        def work(number, depth):
            leaf()
            if depth:
                sorted([1], key=lambda _: work(number, depth - 1))
            main.switch()
            leaf()
        main = greenlet.getcurrent()
        alive = [greenlet.greenlet(work) for _ in range(50)]
        while alive:
            chosen = order.choice(alive)
            chosen.switch(1, order.randrange(4)) if not chosen else chosen.switch()
            if chosen.dead:
                alive.remove(chosen)
    """
    ran = _run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    found = paths(ran.part)
    lines = [path for path in found if path.endswith(" > work")]
    for line in lines:
        assert found[f"{line} > leaf"] == 2 * found[line]
        assert found[f"{line} > leaf > len"] == 2 * found[line]
        assert found[f"{line} > greenlet.switch"] == found[line]
    assert "MainThread > work > sorted > work.<locals>.<lambda> > work" in found
    assert not any(" > greenlet.switch > " in path for path in found)
    assert not any(_open_names(ran.part))


def test_a_definition_whose_memory_is_used_again(tmp_path: Path) -> None:
    script = """
        import ctypes
        class Definition(ctypes.Structure):
            _fields_ = [("name", ctypes.c_char_p), ("function", ctypes.c_void_p),
                        ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]
        make = ctypes.pythonapi.PyCFunction_NewEx
        make.restype = ctypes.py_object
        make.argtypes = [ctypes.POINTER(Definition), ctypes.py_object, ctypes.py_object]
        body = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object)(
            lambda self, argument: argument)
        definition = Definition(b"first", ctypes.cast(body, ctypes.c_void_p), 8, None)
        def main():
            for name, times in ((b"first", 3), (b"second", 4), (b"first", 2)):
                definition.name = name
                function = make(definition, None, "made")
                for _ in range(times):
                    function(1)
        main()
    """
    ran = _run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    found = _below_module(ran.part)
    assert (found["main > first"], found["main > second"]) == (5, 4)
    assert {item.module for item in ran.part.functions if item.qualname == "second"} == {"made"}


def test_a_profiler_of_the_target(tmp_path: Path) -> None:
    script = """
        import cProfile, pstats
        def callback(number):
            return number
        def work():
            for _ in range(10):
                len("x")
            sorted([1, 2], key=callback)
        def main():
            work()
            profiler = cProfile.Profile()
            profiler.enable()
            work()
            profiler.disable()
            work()
            stats = pstats.Stats(profiler).stats
            print(sum(calls for (_, _, name), (calls, *_) in stats.items() if "len" in name))
        main()
    """
    ran = _run(script, tmp_path)
    assert (ran.status, ran.errors, ran.output) == (0, "", "10\n")
    found = _below_module(ran.part)
    callbacks = Counter({path: count for path, count in found.items() if path.endswith("callback")})
    # What is lost on Python 3.11 is C functions: every Python function is counted.
    assert callbacks.total() == 6
    assert found["main > work"] == 3
    if BY_MONITORING:
        assert found["main > work > len"] == 30
        assert ran.part.stop_reason == ""
    else:
        assert found["main > work > len"] == 10
        assert "profile function" in ran.part.stop_reason
    assert _open_names(ran.part) == [[]]


@pytest.mark.skipif(not BY_MONITORING, reason="sys.monitoring is of Python 3.12")
def test_tool_ids_of_monitoring(tmp_path: Path) -> None:
    script = f"""
        import sys
        sys.path.insert(0, {str(PACKAGES)!r})
        from callgraph_lab import _native
        monitoring = sys.monitoring
        def ids():
            return [monitoring.get_tool(number) for number in range(6)]
        monitoring.use_tool_id(4, "mine")
        _native.start({str(tmp_path)!r}, "{{}}", whole_program=False, c_calls=True)
        print(ids())
        _native.stop()
        print(ids())
        for number in (0, 1, 2, 3, 5):
            monitoring.use_tool_id(number, "theirs")
        try:
            _native.start({str(tmp_path)!r}, "{{}}", c_calls=True)
        except RuntimeError as error:
            print(error)
        print(_native.status()["recording"])
    """
    program = tmp_path / "ids.py"
    program.write_text(textwrap.dedent(script), encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.stdout.splitlines() == [
        "[None, None, None, 'cglab', 'mine', None]",
        "[None, None, None, None, 'mine', None]",
        "C functions cannot be recorded: other tools have taken all six tool ids of sys.monitoring",
        "False",
    ], answer.stderr


def test_recordings_one_after_the_other(tmp_path: Path) -> None:
    """Calls that are open at the end of one recording do not get into the next."""
    script = f"""
        import sys, threading, time
        sys.path.insert(0, {str(PACKAGES)!r})
        from callgraph_lab import _native
        from callgraph_lab.recording.live_reader import read_part
        from pathlib import Path
        stop = threading.Event()
        def waits():
            while not stop.is_set():
                sorted([2, 1], key=lambda number: time.sleep(0.001) or number)
        thread = threading.Thread(target=waits)
        thread.start()
        def work():
            for _ in range(10):
                len("x")
        def count(path):
            part = read_part(Path(path))
            return sum(
                calls for function, calls in zip(part.function, part.calls)
                if part.functions[function].qualname == "len"
                and part.functions[function].is_c
            )
        for number in range(20):
            folder = Path({str(tmp_path)!r}) / str(number)
            folder.mkdir()
            path = _native.start(str(folder), "{{}}", whole_program=False, c_calls=number % 3 != 2)
            work()
            time.sleep(0.01)
            _native.stop()
            assert count(path) == (10 if number % 3 != 2 else 0), (number, count(path))
        stop.set()
        thread.join()
        print("done", sys.getprofile())
    """
    program = tmp_path / "again.py"
    program.write_text(textwrap.dedent(script), encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (answer.stdout, answer.stderr) == ("done None\n", "")


def test_a_full_disk_gives_the_target_its_speed_back(tmp_path: Path) -> None:
    script = """
        import resource, signal, sys
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        for number in range(20_000):
            exec(f"def f{number}(): return len('x')\\nf{number}()")
        def f():
            for _ in range(5):
                sorted([1], key=lambda number: len('x'))
        f()
        print("done", sys.getprofile())
    """
    ran = _run(script, tmp_path)
    assert (ran.status, ran.output, ran.errors) == (0, "done None\n", "")
    assert "could not grow" in ran.part.stop_reason


def test_pids_of_the_test_are_not_ours(tmp_path: Path) -> None:
    """A child that is not to be followed records nothing, C functions neither."""
    script = """
        import os
        def f():
            len("x")
        pid = os.fork()
        f()
        if pid:
            os.waitpid(pid, 0)
    """
    ran = _run(script, tmp_path, follow_forks=False)
    assert (ran.status, ran.errors) == (0, "")
    assert list(ran.parts) != [os.getpid()]
    assert _below_module(ran.part)["f > len"] == 1
