"""A target under coverage, a profiler or a debugger of its own: they report what they would."""

from __future__ import annotations

import json
import pstats
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support_engines import (
    DrivenRecording,
    calls_by_name,
    clean_environment,
    every_engine,
    write_script,
)
from support_native import needs_native

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import asyncio
import threading

class Shape:
    def __init__(self, side):
        self.side = side

    @property
    def area(self):
        return self.side ** 2

class Cube(Shape):
    @classmethod
    def unit(cls):
        return cls(1)

    @property
    def area(self):
        return 6 * super().area

def odd(number):
    if number % 2:
        return True
    return False

def never_called():
    return 1

def numbers(limit):
    number = 0
    while number < limit:
        yield number
        number += 1

def fails(number):
    try:
        if odd(number):
            raise ValueError(number)
    except ValueError:
        return "raised"
    finally:
        odd(number)
    return "fine"

async def waits(number):
    await asyncio.sleep(0)
    return number

async def main():
    return await asyncio.gather(*[waits(number) for number in range(3)])

def recurses(depth):
    return 0 if depth == 0 else 1 + recurses(depth - 1)

def work():
    total = sum(number for number in numbers(5) if odd(number))
    words = [fails(number) for number in range(4)]
    ordered = sorted([3, 1, 2], key=lambda item: -item)
    return total, words, ordered, recurses(10), Cube.unit().area

print(work())
print(asyncio.run(main()))
"""
IN_A_THREAD = """
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
CALLS_OF_WORK = 2
"""Once by the program, once in a thread."""


class BothWays:
    """A target that runs untraced, then recorded, in one folder with the same words."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.folder = folder / "work"
        self.program = write_script(self.folder, PROGRAM + IN_A_THREAD, "program.py")
        self.engine = engine
        self._where = folder

    def run(
        self,
        target: str,
        *words: str,
        is_module: bool,
        result: str = "",
        asks: str = "",
        **environment: str,
    ) -> tuple[str, str, Any]:
        """Return what was printed untraced and recorded, then the recording.

        A file named ``result`` is moved out of the way of the second run.
        """
        variables = clean_environment(PYTHONDONTWRITEBYTECODE="1", **environment)
        start = ["-m", target] if is_module else [target]
        plain = subprocess.run(
            [sys.executable, *start, *words],
            cwd=self.folder,
            env=variables,
            input=asks,
            capture_output=True,
            text=True,
            check=False,
        )
        assert plain.returncode == 0, plain.stderr
        if result:
            (self.folder / result).rename(self.untraced(result))
        driven = DrivenRecording(
            target,
            *words,
            folder=self._where,
            engine=self.engine,
            is_module=is_module,
            working_folder=self.folder,
            environment=variables,
        )
        out, errors = driven.process.communicate(asks)
        assert (driven.process.returncode, errors) == (0, plain.stderr)
        return plain.stdout, out, driven.recording()

    def untraced(self, result: str) -> Path:
        """Return where the result of the untraced run is."""
        return self.folder / f"untraced-{result}"


@pytest.fixture
def both_ways(engine: str, tmp_path: Path) -> BothWays:
    return BothWays(tmp_path, engine)


only_native = pytest.mark.parametrize("engine", [pytest.param("native", marks=needs_native)])
"""For tools that use ``sys.monitoring``: where the other engine traces they see its events, too."""


@only_native
@pytest.mark.skipif(sys.version_info < (3, 14), reason="no branches by sys.monitoring before 3.14")
def test_coverage_by_monitoring_sees_the_same(engine: str, both_ways: BothWays) -> None:
    check_coverage(engine, "sysmon", both_ways)


@every_engine
@pytest.mark.parametrize("core", ["ctrace", "pytrace"])
def test_coverage_sees_the_same_lines_and_branches(
    engine: str, core: str, both_ways: BothWays
) -> None:
    check_coverage(engine, core, both_ways)


def check_coverage(engine: str, core: str, both_ways: BothWays) -> None:
    words = ("run", "--branch", "--data-file=data", "program.py")
    plain, recorded, recording = both_ways.run(
        "coverage", *words, is_module=True, result="data", COVERAGE_CORE=core
    )
    assert recorded == plain
    reports = [covered(both_ways.untraced("data")), covered(both_ways.folder / "data")]
    assert reports[0] == reports[1]
    (found,) = reports[0].values()
    assert len(found["missing_lines"]) == 1  # of never_called
    assert len(found["executed_lines"]) == 50
    if engine == "native":
        assert calls_by_name(recording)["__main__.work"] == CALLS_OF_WORK


def covered(data: Path) -> dict[str, Any]:
    """Return what coverage reports of each file."""
    report = data.with_suffix(".json")
    words = ["json", "-q", f"--data-file={data}", "-o", str(report)]
    subprocess.run([sys.executable, "-m", "coverage", *words], cwd=data.parent, check=True)
    files: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))["files"]
    return files


PROFILER = """
import asyncio, cProfile, threading
with open("program.py") as file:
    code = compile(file.read(), "program.py", "exec")
space = {"__name__": "profiled"}
cProfile.runctx(code, space, space, "stats")
"""


@every_engine
@pytest.mark.parametrize("how", ["whole program", "once its modules are there"])
def test_cprofile_counts_the_same_calls(engine: str, how: str, both_ways: BothWays) -> None:
    # Since 3.12 it sees every thread, and takes one's calls for those of another.
    write_script(both_ways.folder, PROGRAM, "program.py")
    write_script(both_ways.folder, PROFILER, "profiler.py")
    if how == "whole program":
        words = ("-o", "stats", "program.py")
        ran = both_ways.run("cProfile", *words, is_module=True, result="stats")
    else:
        ran = both_ways.run("profiler.py", is_module=False, result="stats")
    plain, recorded, recording = ran
    assert recorded == plain
    # What is imported may have been imported before, and pycallgraph2 is profiled itself.
    only_ours = how == "whole program" or engine != "native"
    expected, found = (
        profiled(path, only_ours=only_ours)
        for path in (both_ways.untraced("stats"), both_ways.folder / "stats")
    )
    assert found == expected
    assert any(name == "recurses" for _, _, name in expected)
    module = "__main__" if how == "whole program" else "profiled"
    assert calls_by_name(recording)[f"{module}.work"] == 1


def profiled(stats: Path, *, only_ours: bool) -> dict[Any, Any]:
    """Return calls, and those that were not recursive, of each function and from each caller."""
    table = pstats.Stats(str(stats)).stats  # type: ignore[attr-defined]
    return {
        named(function): (
            primitive,
            calls,
            {named(caller): counts[:2] for caller, counts in callers.items()},
        )
        for function, (primitive, calls, _, _, callers) in table.items()
        if not only_ours or function[0] == "program.py"
    }


def named(function: tuple[str, int, str]) -> tuple[str, int, str]:
    """Return file, line and name of a function, whose name may hold an address."""
    file, line, name = function
    return file, line, re.sub(r"0x[0-9a-f]+", "ADDRESS", name)


DEBUGGER = """
import asyncio, bdb, threading  # before it steps through what the program imports

class Notes(bdb.Bdb):
    def note(self, what, frame, *more):
        if frame.f_code.co_filename.endswith("program.py"):
            print(what, frame.f_code.co_name, frame.f_lineno, *more)
        self.set_step()

    def user_call(self, frame, arguments):
        self.note("call", frame)

    def user_line(self, frame):
        self.note("line", frame, len(self.get_stack(frame, None)[0]))

    def user_return(self, frame, value):
        self.note("return", frame, type(value).__name__)

    def user_exception(self, frame, information):
        self.note("exception", frame, information[0].__name__)

with open("program.py") as file:
    code = compile(file.read(), "program.py", "exec")
others = ["asyncio.*", "selectors", "threading", "contextvars"]
Notes(skip=others).run(code, {"__name__": "debugged"})
"""


@every_engine
def test_a_debugger_gets_the_same_events(engine: str, both_ways: BothWays) -> None:
    write_script(both_ways.folder, DEBUGGER, "debugger.py")
    plain, recorded, recording = both_ways.run("debugger.py", is_module=False)
    assert recorded == plain
    assert plain.count("\nline ") > 100
    if engine == "native":
        assert calls_by_name(recording)["debugged.work"] == CALLS_OF_WORK


COMMANDS = """
break odd
continue
where
args
next
step
up
list
tbreak recurses
clear 1
continue
where
return
retval
!depth
p depth * 2
until
continue
"""


@only_native
def test_pdb_shows_the_same(engine: str, both_ways: BothWays) -> None:
    plain, recorded, recording = both_ways.run(
        "pdb", "program.py", is_module=True, asks=COMMANDS + "quit\n"
    )
    assert recorded == plain
    assert "-> if number % 2:" in plain
    assert "-> return 0 if depth == 0 else 1 + recurses(depth - 1)" in plain
    assert engine == recording.run.engine
    assert calls_by_name(recording)["__main__.work"] > 0


MONITORING = """
import collections, sys
events = sys.monitoring.events
counts = collections.Counter()

def watch(kind):
    def seen(code, *more):
        if code.co_filename.endswith("program.py"):
            counts[kind, code.co_qualname] += 1
    return seen

tool = sys.monitoring.PROFILER_ID
sys.monitoring.use_tool_id(tool, "counts")
kinds = ("PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "PY_UNWIND", "LINE", "CALL", "RAISE")
for kind in kinds:
    sys.monitoring.register_callback(tool, getattr(events, kind), watch(kind))
sys.monitoring.set_events(tool, sum(getattr(events, kind) for kind in kinds))
with open("program.py") as file:
    code = compile(file.read(), "program.py", "exec")
exec(code, {"__name__": "watched"})
sys.monitoring.set_events(tool, 0)
print(*sorted(counts.items()), sep="\\n")
"""


@every_engine
@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with Python 3.12")
def test_monitoring_gets_the_same_events(engine: str, both_ways: BothWays) -> None:
    write_script(both_ways.folder, MONITORING, "monitoring.py")
    plain, recorded, recording = both_ways.run("monitoring.py", is_module=False)
    if engine == "native" and sys.version_info < (3, 15):
        # Where an await ends a StopIteration is raised and caught, as docs/native.md says.
        recorded = recorded.replace("(('RAISE', 'waits'), 3)\n", "")
    assert recorded == plain
    assert "('PY_START', 'work')" in plain
    assert calls_by_name(recording)["watched.work"] == CALLS_OF_WORK
