"""The native engine counts what settrace counts, in every context."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support_native import TARGETS, counts, needs_native, paths, run

pytestmark = needs_native
ORACLE = Path(__file__).with_name("oracle.py")


def _ask(how: str, state: str, target: Path, folder: Path) -> dict[str, int]:
    answer = subprocess.run(
        [sys.executable, str(ORACLE), how, state, str(target), str(folder)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    result: dict[str, int] = json.loads(answer.stdout)
    return result


@pytest.mark.parametrize("state", ["cold", "warm"])
@pytest.mark.parametrize("target", sorted(TARGETS.glob("*.py")), ids=lambda path: path.stem)
def test_contexts_are_those_that_settrace_sees(target: Path, state: str, tmp_path: Path) -> None:
    expected = _ask("settrace", state, target, tmp_path)
    assert sum(expected.values()) > 100
    assert _ask("native", state, target, tmp_path) == expected


def test_recording_begins_at_the_first_frame_of_the_script(tmp_path: Path) -> None:
    ran = run("def f(): pass\nf()\n", tmp_path)
    assert ran.status == 0
    assert paths(ran.part) == {
        "MainThread": 1,
        "MainThread > <module>": 1,
        "MainThread > <module> > f": 1,
    }


def test_a_thousand_runs_of_a_local_class_are_one_function(tmp_path: Path) -> None:
    script = """
        def make():
            class Local:
                def method(self):
                    return 1
            return Local
        for _ in range(1000):
            make()().method()
        for _ in range(1000):
            exec("def f(): pass\\nf()", {"__name__": "made"})
    """
    part = run(script, tmp_path).part
    functions = [(function.file, function.qualname) for function in part.functions]
    assert len(functions) == len(set(functions))
    found = counts(part)
    assert found["make.<locals>.Local.method"] == 1000
    assert found["f"] == 1000


def test_names_of_functions(tmp_path: Path) -> None:
    script = """
        class Base:
            def method(self):
                def inner():
                    return self
                return inner()
            @classmethod
            def made(cls):
                return cls
        class Derived(Base):
            pass
        Derived().method()
        Derived.made()
    """
    part = run(script, tmp_path).part
    found = {function.qualname: function for function in part.functions}
    method = found["Base.method"]
    assert (method.module, method.class_name) == ("__main__", "__main__:Derived")
    assert method.ancestors == "__main__:Derived\n__main__:Base"
    assert method.pycallgraph2_name == "Derived.method"
    inner = found["Base.method.<locals>.inner"]
    assert (inner.class_name, inner.pycallgraph2_name) == ("", "Derived.inner")
    made = found["Base.made"]
    assert (made.class_name, made.pycallgraph2_name) == ("__main__:Derived", "made")


def test_names_that_no_encoding_likes(tmp_path: Path) -> None:
    script = """
        code = compile("def f(): pass\\nf()", "a\\udc80\\u20ac\\U0001f600.py", "exec")
        exec(code, {"__name__": "m\\xe9"})
        f = type(lambda: 0)((lambda: 0).__code__.replace(co_qualname="x" * 100_000), {})
        f()
    """
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    files = {function.file for function in ran.part.functions}
    assert "a\\udc80\u20ac\U0001f600.py" in files
    assert max(len(function.qualname) for function in ran.part.functions) == 16 * 1024


def test_suspensions_are_yields_and_awaits(tmp_path: Path) -> None:
    script = """
        def numbers():
            try:
                yield 1
                yield 2
            finally:
                pass
        list(numbers())
        left = numbers()
        next(left)
        left.close()
    """
    part = run(script, tmp_path).part
    rows = {
        part.functions[function].qualname: (calls, resumes, suspensions)
        for function, calls, resumes, suspensions in zip(
            part.function, part.calls, part.resumes, part.suspensions, strict=True
        )
    }
    assert rows["numbers"] == (2, 3, 3)


def test_classes_at_a_warm_call_site(tmp_path: Path) -> None:
    """Python 3.13 runs __init__ around the hook where a class is called often enough."""
    script = """
        class First:
            def __init__(self):
                helper()
        def helper():
            pass
        def call(kind):
            return kind()
        for _ in range(100):
            call(First)
        for _ in range(50):
            class Second:
                def __init__(self):
                    helper()
                def __init_subclass__(cls):
                    call(cls)
            call(Second)
            class Third(Second):
                pass
            call(Third)
    """
    part = run(script, tmp_path).part
    found = paths(part)
    assert found["MainThread > <module> > call > First.__init__"] == 100
    assert found["MainThread > <module> > call > First.__init__ > helper"] == 100
    assert found["MainThread > <module> > call > Second.__init__"] == 100
    assert found["MainThread > <module> > Second.__init_subclass__ > call > Second.__init__"] == 50
    assert counts(part)["helper"] == 250


def test_thrown_through_a_generator_that_waits_for_another(tmp_path: Path) -> None:
    """The outer one's frame is on the stack then, though it has not been entered."""
    script = """
        class Local:
            def __del__(self):
                freed()
        def freed(): pass
        def inner():
            local = Local()
            try:
                yield
            except ValueError:
                caught()
        def caught(): pass
        def outer():
            yield from inner()
            yield from inner()
        for _ in range(300):
            one = outer()
            next(one)
            one.throw(ValueError)
            try:
                one.throw(ValueError)
            except StopIteration:
                pass
    """
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    found = counts(ran.part)
    assert (found["outer"], found["inner"], found["caught"]) == (900, 1200, 600)
    assert (found["Local.__del__"], found["freed"]) == (600, 600)
    # What an ended frame held goes when its caller runs again.
    top = "MainThread > <module> > "
    assert paths(ran.part)[f"{top}inner > caught"] == 600
    assert paths(ran.part)[f"{top}Local.__del__ > freed"] == 600
