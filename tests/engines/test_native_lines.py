"""The native engine counts source lines: hits as sys.settrace has them, time, bytes, live."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support_engines import assert_between
from support_native import PACKAGES, TARGETS, needs_native, read_parts, run, start

from callgraph_lab.filtering.globs import GlobList, search_names
from callgraph_lab.model import RunInformation
from callgraph_lab.recording.assemble import assemble
from callgraph_lab.recording.assemble_lines import lines_of
from callgraph_lab.recording.live_reader import read_part

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.line_model import LineFigures
    from callgraph_lab.recording.live_part import LivePart

pytestmark = needs_native
_MORE_BYTES = sys.getsizeof(bytearray(1000)) - 1000
SHAPES = (TARGETS.parent / "lines" / "shapes.py").read_text(encoding="utf-8")
_ORACLE = """
import json, sys, threading
from collections import Counter
program = sys.argv[1]
hits = Counter()
def local(frame, event, argument):
    if event == "line":
        hits[frame.f_code.co_qualname, frame.f_lineno] += 1
    return local
def tracer(frame, event, argument):
    return local if frame.f_code.co_filename == program else None
with open(program) as file:
    code = compile(file.read(), program, "exec")
threading.settrace(tracer)
sys.settrace(tracer)
exec(code, {"__name__": "__main__"})
sys.settrace(None)
print(json.dumps([[*place, count] for place, count in hits.items()]))
"""


def settrace_hits(program: Path) -> Counter[tuple[str, int]]:
    """Return how often each line of a program began, by the name of its function."""
    ran = subprocess.run(
        [sys.executable, "-c", _ORACLE, str(program)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = json.loads(ran.stdout.splitlines()[-1])
    return Counter({(name, line): count for name, line, count in found})


def hits(part: LivePart) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    for item in part.lines:
        found[part.functions[item.function].qualname, item.line] += item.hits
    return found


def figures(part: LivePart, now_ns: int | None = None) -> dict[int, LineFigures]:
    """Return what each line did, in all threads."""
    found: dict[int, LineFigures] = {}
    until_ns = time.monotonic_ns() if now_ns is None else now_ns
    for item in lines_of(part, range(len(part.functions)), until_ns):
        line = item.figures.line
        found[line] = found[line] + item.figures if line in found else item.figures
    return found


def line_with(folder: Path, text: str) -> int:
    """Return the number of the line of the program that has a text in it."""
    program = (folder / "program.py").read_text(encoding="utf-8").splitlines()
    (number,) = (number for number, line in enumerate(program, 1) if text in line)
    return number


@pytest.mark.parametrize("more", [{}, {"c_calls": True, "memory": True}])
def test_hits_are_those_of_settrace(tmp_path: Path, more: dict[str, bool]) -> None:
    ran = run(SHAPES, tmp_path, lines=["__main__.*"], **more)
    assert ran.status == 0, ran.errors
    expected = settrace_hits(tmp_path / "program.py")
    assert len(expected) > 100
    assert hits(ran.part) == expected
    assert all(not item.open_calls for item in ran.part.lines)


@pytest.mark.parametrize(
    "patterns",
    [
        ["Base.method"],
        ["Derived.*"],
        ["__main__.rec*", "fib*"],
        ["*.uses_[a-h]enerators", "*.[!_f]*s"],
        ["*.uses_[!a-h]enerators", "__main__.??ises", "*.[]a-]*", "*[", "[z-a]*"],
        ["__main__.Base", "threading.Thread", "asyncio.locks"],
        ["*.<locals>.<lambda>", "Future.*", "*.<*>"],
        ["threading", "asyncio.*.__init__"],
        ["asyncio.base_events.BaseEventLoop.r*", "*Loop._run_once", "EventLoop.*"],
    ],
)
def test_globs_mean_what_they_mean_in_filters(tmp_path: Path, patterns: list[str]) -> None:
    ran = run(SHAPES, tmp_path, lines=patterns)
    assert ran.status == 0, ran.errors
    run_information = RunInformation("", "", (), "", "", "", 0, complete=True)
    recording = assemble([ran.part], run_information, now_ns=0)
    found = {item.function for item in recording.lines}
    globs = GlobList(patterns)
    meant = {
        number
        for number, function in enumerate(recording.functions)
        if function.kind == "function" and globs.find(search_names(function)) is not None
    }
    assert found <= meant
    # A module with nothing in it comes to no line.
    assert {recording.functions[number].name for number in meant - found} <= {"concurrent.<module>"}
    assert 0 < len(found) < len(recording.functions) // 2


def test_only_what_was_asked_for_is_counted(tmp_path: Path) -> None:
    ran = run(SHAPES, tmp_path, lines=["*.raises", "Base.*"])
    expected = settrace_hits(tmp_path / "program.py")
    names = {"raises", "Base.method", "Base.other", "Derived.other"}
    assert hits(ran.part) == {
        place: count for place, count in expected.items() if place[0] in names
    }


def test_time_of_sleeps_inside_the_run(tmp_path: Path) -> None:
    """Every time lies between two that the target measures: within the line, and around it."""
    script = """
    import json, time
    within, around = {}, {}
    def begin(clock, name):
        clock[name] = clock.get(name, 0) - time.monotonic_ns()
    def end(clock, name):
        clock[name] += time.monotonic_ns()
    def nap(name, seconds):
        begin(within, name)
        time.sleep(seconds)
        end(within, name)
    def work(turns):
        begin(within, "work")
        begin(around, "callee")
        nap("callee", 0.1)                              # callee
        end(around, "callee")
        begin(around, "itself")
        time.sleep(0.1)                                 # itself
        end(around, "itself")
        begin(around, "naps")
        for _ in range(turns):                          # loop
            nap("naps", 0.05)                           # naps
        end(around, "naps")
        end(within, "work")                             # last
    def down(depth):
        if depth:
            down(depth - 1)                             # deeper
        else:
            begin(around, "deepest")
            nap("deepest", 0.1)                         # deepest
            end(around, "deepest")
    def stepwise():
        begin(around, "first step")
        yield nap("first step", 0.05)                   # first step
        end(around, "first step")
        begin(around, "second step")
        nap("second step", 0.05)                        # second step
        end(around, "second step")
    begin(around, "work")
    work(3)
    end(around, "work")
    begin(around, "deeper")
    down(3)
    end(around, "deeper")
    for _ in stepwise():
        end(around, "first step")
        time.sleep(0.5)
        begin(around, "first step")
    print(json.dumps([within, around]))
    """
    ran = run(script, tmp_path, lines=["*.work", "*.down", "*.stepwise"])
    within, around = json.loads(ran.output)
    found = figures(ran.part)
    of = {name: found[line_with(tmp_path, f"# {name}")] for name in around if name != "work"}
    for name in ("callee", "naps", "deepest", "first step", "second step"):
        assert_between(within[name], of[name].inclusive_ns, around[name], name)
        assert_between(0, of[name].self_ns, around[name] - within[name], name, around[name])
    assert of["naps"].hits == 3
    assert_between(100_000_000, of["itself"].inclusive_ns, around["itself"], "itself")
    assert of["itself"].self_ns == of["itself"].inclusive_ns
    own = [item for line, item in found.items() if line <= line_with(tmp_path, "# last")]
    own_ns = sum(item.inclusive_ns for item in own)
    assert_between(within["work"], own_ns, around["work"], "work")
    # Recursion counts once.
    assert of["deeper"].hits == 3
    assert_between(around["deepest"], of["deeper"].inclusive_ns, around["deeper"], "deeper")
    spare_ns = around["deeper"] - around["deepest"]
    assert_between(0, of["deeper"].self_ns, spare_ns, "deeper", around["deeper"])


def test_bytes_are_counted_to_the_byte(tmp_path: Path) -> None:
    script = """
    kept = [None] * 8
    def make(size):
        return bytearray(size)
    def work(turns):
        kept[0] = bytearray(1_000_000)                  # held
        bytearray(3_000_000)                            # dropped
        kept[1] = make(2_000_000)                       # by callee
        for turn in range(turns):                       # loop
            kept[2] = bytearray(500_000)                # again
        kept[0] = None                                  # freed
        local = bytearray(700_000)                      # local
        return 1                                        # returns
    def down(depth):
        if depth:
            return down(depth - 1)                      # deeper
        kept[3] = bytearray(400_000)                    # deepest
    def generate():
        kept[4] = bytearray(600_000)                    # in generator
        yield 1                                         # yields
        kept[5] = bytearray(300_000)                    # resumed
    def other():
        kept[6] = bytearray(9_000_000)
    work(3)
    down(3)
    for _ in generate():
        other()
    """
    ran = run(script, tmp_path, lines=["*.work", "*.down", "*.generate"], memory=True)
    assert ran.status == 0, ran.errors
    found = figures(ran.part)

    def of(name: str) -> tuple[int | None, int | None]:
        item = found[line_with(tmp_path, f"# {name}")]
        return item.allocated_bytes, item.net_bytes

    def size(of_bytearray: int) -> int:
        return of_bytearray + _MORE_BYTES

    frame = 600 if sys.version_info < (3, 12) else 0
    assert of("held") == (size(1_000_000), size(1_000_000))
    assert of("dropped") == (size(3_000_000), 0)
    assert of("by callee") == (size(2_000_000), size(2_000_000))
    assert of("again") == (3 * size(500_000), size(500_000))
    assert of("freed") == (0, -size(1_000_000))
    assert of("local") == (size(700_000), size(700_000))
    assert of("returns") == (0, 0)
    assert of("deepest") == (size(400_000), size(400_000))
    allocated, net = of("deeper")
    # On Python 3.11 the frames of the callees are objects.
    assert allocated is not None
    assert size(400_000) <= allocated <= size(400_000) + 3 * frame
    assert net is not None
    assert size(400_000) <= net <= size(400_000) + 3 * frame
    assert of("in generator") == (size(600_000), size(600_000))
    assert of("yields")[1] == 0
    assert of("resumed") == (size(300_000), size(300_000))


def test_without_memory_no_bytes_are_told(tmp_path: Path) -> None:
    ran = run(SHAPES, tmp_path, lines=["*.loops"])
    assert {item.allocated_bytes for item in figures(ran.part).values()} == {None}


def test_a_function_that_never_returns_is_reported_and_outlives_a_kill(tmp_path: Path) -> None:
    script = """
    import time
    kept = []
    clock = []
    def serve():
        turn = 0
        while True:                                     # turns
            kept.append(bytearray(100_000))             # grows
            turn += 1
            if turn == 3:
                clock.append(time.monotonic_ns())
                wait()                                  # waits
    def wait():
        print(time.monotonic_ns() - clock[0], flush=True)
        held = bytearray(5_000_000)                     # open bytes
        print("ready", flush=True)
        time.sleep(100)                                 # sleeps
    serve()
    """
    process = start(script, tmp_path, lines=["*.serve", "*.wait"], memory=True)
    assert process.stdout is not None
    until_called_ns = int(process.stdout.readline())
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)

    def check() -> None:
        (part,) = read_parts(tmp_path).values()
        found = figures(part)
        waits, sleeps = (found[line_with(tmp_path, text)] for text in ("# waits", "# sleeps"))
        assert found[line_with(tmp_path, "# turns")].hits == 3
        assert found[line_with(tmp_path, "# grows")].net_bytes >= 3 * (100_000 + _MORE_BYTES)
        assert (waits.hits, waits.open_calls) == (1, 1)
        assert (sleeps.hits, sleeps.open_calls) == (1, 1)
        assert 300_000_000 <= sleeps.inclusive_ns <= waits.inclusive_ns < 60_000_000_000
        assert sleeps.self_ns == sleeps.inclusive_ns
        # The line's own, before and after the call, which has not ended.
        assert_between(0, waits.self_ns, until_called_ns, "waits", waits.inclusive_ns)
        assert waits.net_bytes is not None
        assert 5_000_000 < waits.net_bytes < 5_010_000

    check()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    check()


def test_every_thread_counts_for_itself(tmp_path: Path) -> None:
    script = """
    import threading, time
    kept = []
    around = []
    barrier = threading.Barrier(4)
    def work(turns):
        barrier.wait()
        before = time.monotonic_ns()
        for _ in range(turns):
            time.sleep(0.1)                             # sleeps
        around.append(time.monotonic_ns() - before)
        kept.append(bytearray(1_000_000))               # keeps
    threads = [threading.Thread(target=work, args=(3,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(around))
    """
    ran = run(script, tmp_path, lines=["*.work"], memory=True)
    found = figures(ran.part)
    sleeps = found[line_with(tmp_path, "# sleeps")]
    assert sleeps.hits == 12
    assert_between(1_200_000_000, sleeps.inclusive_ns, int(ran.output), "sleeps")
    keeps = found[line_with(tmp_path, "# keeps")]
    assert keeps.net_bytes is not None
    assert 4 * (1_000_000 + _MORE_BYTES) <= keeps.net_bytes < 4 * 1_000_300


def test_a_forked_child_counts_on_in_its_own_file(tmp_path: Path) -> None:
    script = """
    import json, os, time
    clock = []
    def now():
        clock.append(time.monotonic_ns())
    def work():
        now()
        child = os.fork()                               # forks
        time.sleep(0.05)                                # both
        if child == 0:
            now()
            nap()                                       # in child
            now()
        else:
            os.waitpid(child, 0)                        # waits
        return child
    def nap():
        now()
        time.sleep(0.1)
        now()
    def outer():
        return work()                                   # calls
    if outer() == 0:
        now()
        print(json.dumps(clock))
    """
    ran = run(script, tmp_path, lines=["*.work", "*.outer"], memory=True)
    assert ran.status == 0, ran.errors
    parent, child = sorted(ran.parts.values(), key=lambda part: part.began)
    ours, theirs = figures(parent), figures(child)
    forks, both, in_child, waits, calls = (
        line_with(tmp_path, f"# {text}") for text in ("forks", "both", "in child", "waits", "calls")
    )
    assert (ours[forks].hits, ours[both].hits, ours[waits].hits) == (1, 1, 1)
    assert in_child not in ours
    # It was at this line when it came to be, which did not begin there.
    assert theirs[forks].hits == theirs[calls].hits == 0
    assert (theirs[both].hits, theirs[in_child].hits) == (1, 1)
    assert waits not in theirs
    # Around the fork, around the nap, within it, and at the end: what the child's clock said.
    forking, napping, asleep, awake, napped, ended = json.loads(ran.output)
    own_ns = napped - napping - (awake - asleep)
    assert_between(100_000_000, theirs[in_child].inclusive_ns, napped - napping, "nap")
    assert_between(0, theirs[in_child].self_ns, own_ns, "nap itself", napped - napping)
    whole_ns = ended - forking
    assert_between(150_000_000, theirs[calls].inclusive_ns, whole_ns, "calls")
    assert_between(0, theirs[calls].self_ns, ended - napped, "calls itself", whole_ns)
    assert not any(item.open_calls for item in (*ours.values(), *theirs.values()))


def test_the_targets_own_tracer_sees_all_that_it_would(tmp_path: Path) -> None:
    script = """
    import json, sys
    seen = []
    def tracer(frame, event, argument):
        if frame.f_code.co_filename == __file__:
            seen.append((frame.f_code.co_name, event, frame.f_lineno))
        return tracer
    def chosen(turns):
        for turn in range(turns):                       # turns
            other(turn)                                 # calls
        return turns
    def other(turn):
        return turn
    def switches_on():
        other(0)
        sys.settrace(tracer)
        other(1)
        value = 1
        sys.settrace(None)
        other(2)
        return value
    chosen(2)
    nobody = sys.gettrace()
    sys.settrace(tracer)
    own = sys.gettrace()
    chosen(3)
    sys.settrace(None)
    chosen(2)
    switches_on()
    chosen(1)
    print(json.dumps([seen, nobody is None, own is tracer, sys.gettrace() is None]))
    """
    ran = run(script, tmp_path, lines=["*.chosen", "*.switches_on"])
    assert ran.status == 0, ran.errors
    untraced = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")], capture_output=True, text=True, check=True
    )
    assert json.loads(ran.output) == json.loads(untraced.stdout)
    assert json.loads(ran.output)[1:] == [True, True, True]
    found = figures(ran.part)
    assert found[line_with(tmp_path, "# turns")].hits == 3 + 4 + 3 + 2
    assert found[line_with(tmp_path, "# calls")].hits == 2 + 3 + 2 + 1


def test_deep_recursion_of_a_chosen_function(tmp_path: Path) -> None:
    script = """
    import sys
    sys.setrecursionlimit(5000)
    def down(depth):
        return 0 if depth == 0 else 1 + down(depth - 1)
    print(down(3000))
    def endless():
        endless()                                       # deeper
    try:
        endless()
    except RecursionError:
        print("stopped")
    """
    ran = run(script, tmp_path, lines=["*.down", "*.endless"])
    assert ran.output == "3000\nstopped\n", ran.errors
    found = hits(ran.part)
    assert found["down", line_with(tmp_path, "1 + down")] == 3001
    assert found["endless", line_with(tmp_path, "# deeper")] > 4000
    assert all(not item.open_calls for item in ran.part.lines)


def test_one_recording_after_another_in_a_process(tmp_path: Path) -> None:
    script = f"""
    import sys
    sys.path.insert(0, {str(PACKAGES)!r})
    from callgraph_lab import _native
    _native.stop()
    def work(turns):
        for _ in range(turns):
            pass
        return turns
    def generate():
        while True:
            yield work(1)
    left_over = generate()
    for turn, lines in enumerate((["*.work"], [], ["*.work", "*.generate"], ["*.generate"]), 1):
        _native.start({str(tmp_path / "live")!r}, "{{}}", whole_program=False, lines=lines)
        work(turn)
        next(left_over)
        _native.stop()
        work(100)
        if sys.version_info >= (3, 12):
            names = [sys.monitoring.get_tool(number) for number in range(6)]
            assert not any(names), names
        assert sys.gettrace() is None
    """
    ran = run(script, tmp_path)
    assert ran.status == 0, ran.errors
    parts = [
        read_part(path)
        for path in sorted((tmp_path / "live").glob("*.part"), key=lambda path: path.stat().st_ino)
    ]
    parts.sort(key=lambda part: part.clock.first_ns)
    turns = line_with(tmp_path, "for _ in range(turns)")
    yields = line_with(tmp_path, "yield work(1)")
    assert [hits(part)["work", turns] for part in parts] == [0, 2 + 2, 0, 4 + 2, 0]
    assert [hits(part)["generate", yields] for part in parts] == [0, 0, 0, 1, 1]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no sys.monitoring before")
def test_beside_coverage_through_sys_monitoring(tmp_path: Path) -> None:
    pytest.importorskip("coverage")
    script = """
    import json
    import coverage
    measured = coverage.Coverage(data_file=None)
    measured.start()
    def work(turns):
        total = 0
        for turn in range(turns):
            total += turn
        if total < 0:
            total = 1
        return total
    work(5)
    work(6)
    measured.stop()
    print(json.dumps(sorted(measured.get_data().lines(__file__))))
    """
    program = tmp_path / "program.py"
    os.environ["COVERAGE_CORE"] = "sysmon"
    try:
        ran = run(script, tmp_path, lines=["*.work"], c_calls=True)
        assert ran.status == 0, ran.errors
        untraced = subprocess.run(
            [sys.executable, str(program)], capture_output=True, text=True, check=True
        )
    finally:
        del os.environ["COVERAGE_CORE"]
    assert json.loads(ran.output) == json.loads(untraced.stdout)
    found = hits(ran.part)
    assert found["work", line_with(tmp_path, "total = 0")] == 2
    assert found["work", line_with(tmp_path, "for turn in")] == 6 + 7
    assert found["work", line_with(tmp_path, "total += turn")] == 5 + 6
    assert ("work", line_with(tmp_path, "total = 1")) not in found


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no sys.monitoring before")
def test_no_tool_id_left(tmp_path: Path) -> None:
    script = f"""
    import sys
    sys.path.insert(0, {str(PACKAGES)!r})
    from callgraph_lab import _native
    _native.stop()
    for number in range(6):
        sys.monitoring.use_tool_id(number, "another")
    try:
        _native.start({str(tmp_path / "live")!r}, "{{}}", lines=["*.work"])
    except RuntimeError as error:
        print(error)
    _native.start({str(tmp_path / "live")!r}, "{{}}")
    """
    ran = run(script, tmp_path)
    assert ran.output == (
        "lines cannot be counted: other tools have taken all six tool ids of sys.monitoring\n"
    ), ran.errors


def test_greenlets_take_turns(tmp_path: Path) -> None:
    pytest.importorskip("greenlet")
    script = """
    import greenlet
    main = greenlet.getcurrent()
    def turns(count):
        for turn in range(count):
            main.switch(turn)                           # switches
            value = turn                                # goes on
        return count
    workers = [greenlet.greenlet(turns) for _ in range(3)]
    for worker in workers:
        worker.switch(4)
    while not all(worker.dead for worker in workers):
        for worker in workers:
            if not worker.dead:
                worker.switch()
    """
    ran = run(script, tmp_path, lines=["*.turns"])
    assert ran.status == 0, ran.errors
    found = hits(ran.part)
    assert found["turns", line_with(tmp_path, "# switches")] == 12
    if sys.version_info >= (3, 12):
        assert found["turns", line_with(tmp_path, "# goes on")] == 12
    assert all(not item.open_calls for item in ran.part.lines)
