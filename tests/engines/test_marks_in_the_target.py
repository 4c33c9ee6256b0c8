"""``callgraph_lab.mark`` in a target finds the target's own recording, and is not in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from support_engines import calls_by_name, every_engine, record_program, write_script

from callgraph_lab.graph.slicing import slice_marks

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from callgraph_lab.model import RecordedMark, Recording

MARKING = """
import os, threading
import callgraph_lab

def first(): pass
def second(): first()
def generator():
    yield 1

first()
assert callgraph_lab.mark("one")
second()
values = generator()
next(values)
from callgraph_lab import mark
assert mark("two")
next(values, None)
thread = threading.Thread(target=second)
thread.start()
thread.join()
assert mark("one")
second(); second()
"""

FORKING = """
import os
from callgraph_lab import mark

def before(): pass
def in_child(): pass
def in_parent(): pass

before()
child = os.fork()
if child == 0:
    in_child()
    assert mark("child")
    in_child()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
in_parent()
assert mark("parent")
in_parent()
"""


VERY_MANY = """
import os, time
from callgraph_lab import mark

def work(): pass

def children(number):
    for _ in range(number):
        child = os.fork()
        if child == 0:
            work()
            os._exit(0)
        os.waitpid(child, 0)

children(70)
mark("after 70")
time.sleep(0.7)
children(40)
time.sleep(0.7)
mark("after 110")
children(30)
"""


def counts(
    recording: Recording, start: RecordedMark | None, end: RecordedMark | None
) -> dict[str, int]:
    """Return the calls of the target's own functions between two marks."""
    slice_ = slice_marks(recording, start, end)
    own = {
        item.qualname: 0
        for item in recording.functions
        if item.module == "__main__" and item.qualname != "<module>"
    }
    found = Counter(own)
    for function, calls, resumes in zip(
        slice_.tree.function, slice_.tree.calls, slice_.tree.resumes, strict=True
    ):
        if slice_.functions[function].qualname in own:
            found[slice_.functions[function].qualname] += calls + resumes
    return {name: number for name, number in found.items() if number}


@every_engine
def test_marks_cut_a_run_into_exact_slices(engine: str, tmp_path: Path) -> None:
    recording = record_program(write_script(tmp_path, MARKING), folder=tmp_path, engine=engine)
    one, two, again = recording.marks
    assert [mark.name for mark in recording.marks] == ["one", "two", "one"]
    assert 0 < one.moment_ns < two.moment_ns < again.moment_ns < recording.run.duration_ns
    assert counts(recording, None, one) == {"first": 1}
    assert counts(recording, one, two) == {"first": 1, "second": 1, "generator": 1}
    assert counts(recording, two, again) == {"first": 1, "second": 1, "generator": 1}
    assert counts(recording, again, None) == {"first": 2, "second": 2}
    assert counts(recording, one, None) == {"first": 4, "second": 4, "generator": 2}


@every_engine
def test_time_of_a_call_that_stays_open_is_shared_out(engine: str, tmp_path: Path) -> None:
    script = """
        import time
        from callgraph_lab import mark
        def long():
            time.sleep(0.05)
            mark("middle")
            time.sleep(0.2)
        long()
        """
    text = "\n".join(line[8:] for line in script.splitlines())
    recording = record_program(write_script(tmp_path, text), folder=tmp_path, engine=engine)
    (middle,) = recording.marks
    names = [item.qualname for item in recording.functions]
    place = list(recording.tree.function).index(names.index("long"))
    until, whole = middle.self_ns[place], recording.tree.self_ns[place]
    assert 50e6 <= until <= whole - 200e6
    assert middle.calls[place] == recording.tree.calls[place] == 1


@every_engine
def test_forked_children_put_marks_on_the_same_recording(engine: str, tmp_path: Path) -> None:
    recording = record_program(write_script(tmp_path, FORKING), folder=tmp_path, engine=engine)
    child, parent = recording.marks
    assert (child.name, parent.name) == ("child", "parent")
    assert counts(recording, None, child) == {"before": 1, "in_child": 1}
    assert counts(recording, child, parent) == {"in_child": 1, "in_parent": 1}
    assert counts(recording, parent, None) == {"in_parent": 1}


@every_engine
def test_marks_stay_exact_when_ended_processes_are_merged(engine: str, tmp_path: Path) -> None:
    """Which happens while the run goes on, where there are many."""
    recording = record_program(write_script(tmp_path, VERY_MANY), folder=tmp_path, engine=engine)
    first, second = recording.marks
    assert counts(recording, None, first) == {"children": 1, "work": 70}
    assert counts(recording, first, second) == {"children": 1, "work": 40}
    assert counts(recording, second, None) == {"children": 1, "work": 30}


@every_engine
def test_nothing_of_a_mark_is_recorded(engine: str, tmp_path: Path) -> None:
    """Neither our functions, nor what they call, nor what importing them runs."""
    text = "from callgraph_lab import mark\nfor _ in range(3):\n    mark('x')\n"
    recording = record_program(write_script(tmp_path, text), folder=tmp_path, engine=engine)
    assert len(recording.marks) == 3
    modules = {item.module for item in recording.functions if item.kind == "function"}
    assert not [name for name in modules if name.startswith("callgraph_lab")]
    # What the import statement itself takes, with hooks that others have put there.
    assert modules <= {"__main__", "zipimport", "importlib", "_distutils_hack"} | {
        name for name in modules if name.startswith("importlib._bootstrap")
    }
    calls = calls_by_name(recording)
    assert calls["__main__.<module>"] == 1


@every_engine
def test_importing_us_is_light(engine: str, tmp_path: Path) -> None:
    text = (
        "import sys\nbefore = set(sys.modules)\nfrom callgraph_lab import mark\nmark('x')\n"
        "print(sorted(set(sys.modules) - before), file=open('loaded', 'w'))\n"
    )
    script = write_script(tmp_path, text.replace("'loaded'", repr(str(tmp_path / "loaded"))))
    record_program(script, folder=tmp_path, engine=engine)
    loaded = eval((tmp_path / "loaded").read_text())  # noqa: S307 - we have just had it written
    assert {name for name in loaded if not name.startswith("callgraph_lab")} <= {
        *("errno", "fcntl", "struct", "_struct", "importlib", "importlib._bootstrap", "warnings"),
        "importlib._bootstrap_external",
    }
    assert "callgraph_lab.model" not in loaded


def test_outside_of_a_recording_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    from callgraph_lab import mark  # noqa: PLC0415 - what a program would write

    monkeypatch.delenv("CGLAB_RECORDING", raising=False)
    assert not mark("nobody records")
    monkeypatch.setenv("CGLAB_RECORDING", "/nowhere/x.cglab.live")
    assert not mark("it has ended")
