"""Another tool's frame evaluator beside the engine's: calls go on being recorded, or are missed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support_native import (
    build_other_tool,
    counts,
    needs_compiler,
    needs_native,
    paths,
    read_parts,
    run,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [needs_native, needs_compiler]

# By the interpreter's functions, as tools do, and by writing where those write.
OTHER_TOOL = """
#define Py_BUILD_CORE_MODULE 1
#include <Python.h>
#include <internal/pycore_interp.h>

static _PyFrameEvalFunction before, called = _PyEval_EvalFrameDefault;
static long frames;

static PyObject *evaluate(PyThreadState *state, struct _PyInterpreterFrame *frame, int throwing)
{
    frames++;
    return called(state, frame, throwing);
}

static _PyFrameEvalFunction get(void)
{
    return _PyInterpreterState_GetEvalFrameFunc(PyInterpreterState_Get());
}

static void set(_PyFrameEvalFunction function)
{
    _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState_Get(), function);
}

static PyObject *install(PyObject *self, PyObject *chains)
{
    before = get();
    called = PyObject_IsTrue(chains) ? before : _PyEval_EvalFrameDefault;
    set(evaluate);
    return PyBool_FromLong(get() == evaluate);
}

static PyObject *put_back(PyObject *self, PyObject *unused)
{
    set(before);
    return PyBool_FromLong(get() == before);
}

static PyObject *take_away(PyObject *self, PyObject *unused)
{
    set(_PyEval_EvalFrameDefault);
    return PyBool_FromLong(get() == _PyEval_EvalFrameDefault);
}

static PyObject *write_in_place(PyObject *self, PyObject *chains)
{
    before = PyInterpreterState_Get()->eval_frame;
    called = PyObject_IsTrue(chains) ? before : _PyEval_EvalFrameDefault;
    PyInterpreterState_Get()->eval_frame = evaluate;
    Py_RETURN_NONE;
}

static PyObject *write_back(PyObject *self, PyObject *unused)
{
    PyInterpreterState_Get()->eval_frame = before;
    Py_RETURN_NONE;
}

static PyObject *wipe(PyObject *self, PyObject *unused)
{
    PyInterpreterState_Get()->eval_frame = NULL;
    Py_RETURN_NONE;
}

static PyObject *find_and_install(PyObject *self, PyObject *unused)
{
    before = called = PyInterpreterState_Get()->eval_frame;
    set(evaluate);
    Py_RETURN_NONE;
}

static PyObject *count(PyObject *self, PyObject *unused) { return PyLong_FromLong(frames); }

static PyMethodDef methods[] = {
    {"install", install, METH_O, 0}, {"put_back", put_back, METH_NOARGS, 0},
    {"take_away", take_away, METH_NOARGS, 0}, {"write_in_place", write_in_place, METH_O, 0},
    {"write_back", write_back, METH_NOARGS, 0}, {"wipe", wipe, METH_NOARGS, 0},
    {"find_and_install", find_and_install, METH_NOARGS, 0}, {"count", count, METH_NOARGS, 0}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "other_tool", 0, -1, methods};
PyMODINIT_FUNC PyInit_other_tool(void) { return PyModule_Create(&definition); }
"""


@pytest.fixture
def begin(tmp_path: Path) -> str:
    """Build the other tool; return the first lines of a program that uses it."""
    return (
        build_other_tool(OTHER_TOOL, tmp_path)
        + """
import time

def leaf():
    pass

def lasts():
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        pass
"""
    )


WAYS = {
    "chains": "print(other_tool.install(True))\nleaf()\n",
    "replaces": "print(other_tool.install(False))\nleaf()\n",
    "scoped": "print(other_tool.install(False))\nleaf()\nprint(other_tool.put_back())\nleaf()\n",
    "scoped chain": "print(other_tool.install(True))\nleaf()\nprint(other_tool.put_back())\n",
    "removes": "print(other_tool.install(True))\nleaf()\nprint(other_tool.take_away())\nleaf()\n",
    "removes at once": "print(other_tool.take_away())\nleaf()\n",
    "by name": """
import ctypes
other_tool.install(False)
python, address = ctypes.pythonapi, ctypes.c_void_p
python.PyInterpreterState_Main.restype = address
python._PyInterpreterState_GetEvalFrameFunc.restype = address
interpreter = address(python.PyInterpreterState_Main())
mine = address(python._PyInterpreterState_GetEvalFrameFunc(interpreter))
python._PyInterpreterState_SetEvalFrameFunc(interpreter, python._PyEval_EvalFrameDefault)
leaf()
python._PyInterpreterState_SetEvalFrameFunc(interpreter, mine)
leaf()
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_missing_under_another_evaluator(begin: str, way: str, tmp_path: Path) -> None:
    script = f"{begin}leaf()\n{WAYS[way]}leaf()\nprint(other_tool.count())\n"
    untraced = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    ran = run(script, tmp_path)
    # It is given what it would be given without us, and evaluates the frames that it would.
    assert (ran.status, ran.output, ran.errors) == (0, untraced.stdout, "")
    assert counts(ran.part)["leaf"] == script.count("leaf()") - 1
    assert ran.part.stop_reason == ""


def test_a_tool_that_was_loaded_before_the_recording_began(begin: str, tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.mkdir()
    script = f"""{begin}
print(other_tool.install(False), other_tool.put_back())
from callgraph_lab import _native
for part in range(2):
    _native.start({str(live)!r}, "{{}}", whole_program=False)
    leaf()
    print(other_tool.install(False))
    leaf()
    print(other_tool.put_back())
    leaf()
    other_tool.install(False)
    _native.stop()
    print(other_tool.put_back())
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    (part,) = read_parts(tmp_path).values()
    assert counts(part)["leaf"] == 3
    assert part.stop_reason == ""


def test_code_is_not_made_writable(begin: str, tmp_path: Path) -> None:
    script = f"""{begin}
def modes():
    with open("/proc/self/maps") as maps:
        lines = [line.split() for line in maps]
    return {{(line[1], line[5]) for line in lines if len(line) > 5 and "lib" in line[5]}}

from callgraph_lab import _native
_native.stop()
before = modes()
_native.start({str(tmp_path)!r}, "{{}}", whole_program=False)
print(modes() - before)
"""
    (tmp_path / "live").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "set()\n"


def test_a_tool_that_calls_the_hook_from_below_comes_above_it(begin: str, tmp_path: Path) -> None:
    script = begin + "leaf()\nother_tool.find_and_install()\nleaf()\nlasts()\nleaf()\n"
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    assert counts(ran.part)["leaf"] == 3
    assert ran.part.stop_reason == ""


def test_children_threads_and_both_under_another_evaluator(begin: str, tmp_path: Path) -> None:
    script = f"""{begin}
import os, threading

def work():
    for _ in range(100):
        leaf()

def both():
    child = os.fork()
    if child == 0:
        thread = threading.Thread(target=work)
        thread.start()
        work()
        thread.join()
        os._exit(0)
    os.waitpid(child, 0)

for chains in (True, False):
    other_tool.install(chains)
    thread = threading.Thread(target=both)
    thread.start()
    thread.join()
    other_tool.put_back()
"""
    ran = run(script, tmp_path, python=["-W", "ignore"])
    assert (ran.status, ran.errors) == (0, "")
    assert sorted(counts(part)["leaf"] for part in ran.parts.values()) == [0, 200, 200]
    assert {part.stop_reason for part in ran.parts.values()} == {""}


def test_greenlets_under_another_evaluator(begin: str, tmp_path: Path) -> None:
    pytest.importorskip("greenlet")
    script = f"""{begin}
import greenlet

def work(number):
    for _ in range(10):
        leaf()
        main.switch()
        if number == 5:
            other_tool.install(False)
        if number == 7:
            other_tool.put_back()

main = greenlet.getcurrent()
workers = [greenlet.greenlet(work) for _ in range(10)]
other_tool.install(True)
while any(not worker.dead for worker in workers):
    for number, worker in enumerate(workers):
        if not worker.dead:
            worker.switch(number) if not worker else worker.switch()
"""
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    found = paths(ran.part)
    (way,) = [way for way in found if way.endswith("work > leaf")]
    assert found[way] == counts(ran.part)["leaf"] == 100


# ---- what is written past the interpreter's functions ---------------------------------------


def test_what_takes_the_place_of_the_hook_is_named(begin: str, tmp_path: Path) -> None:
    ran = run(begin + "leaf()\nother_tool.write_in_place(False)\nleaf()\n", tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    assert counts(ran.part)["leaf"] == 1
    assert ran.part.stop_reason.startswith(
        "other_tool.so took the place of the frame evaluation hook"
    )


def test_a_hook_that_is_removed_is_missed(begin: str, tmp_path: Path) -> None:
    ran = run(begin + "leaf()\nother_tool.wipe()\nleaf()\n", tmp_path)
    assert counts(ran.part)["leaf"] == 1
    assert ran.part.stop_reason.startswith("another tool has removed the frame evaluation hook")


def test_a_tool_that_calls_the_hook_costs_nothing(begin: str, tmp_path: Path) -> None:
    script = begin + "leaf()\nother_tool.write_in_place(True)\nleaf()\nlasts()\nleaf()\n"
    ran = run(script, tmp_path)
    assert counts(ran.part)["leaf"] == 3
    assert ran.part.stop_reason == ""


def test_a_hook_that_was_away_while_a_call_lasted(begin: str, tmp_path: Path) -> None:
    script = begin + (
        "def away():\n    lasts()\n    other_tool.write_in_place(False)\n"
        "away()\nleaf()\nother_tool.write_back()\nlasts()\nleaf()\n"
    )
    ran = run(script, tmp_path)
    assert counts(ran.part)["leaf"] == 1
    assert "for a time" in ran.part.stop_reason


def test_starting_again_below_a_tool_that_calls_the_hook(begin: str, tmp_path: Path) -> None:
    script = (
        begin
        + """
import tempfile
from callgraph_lab import _native

_native.stop()
for chains in (True, False):
    _native.start(tempfile.mkdtemp(dir=sys.path[0]), "{}", whole_program=False)
    other_tool.write_in_place(chains)
    leaf()
    _native.stop()
    _native.start(tempfile.mkdtemp(dir=sys.path[0]), "{}", whole_program=False)
    leaf()
    _native.stop()
    other_tool.take_away()
print("end")
"""
    )
    ran = run(script, tmp_path)
    assert (ran.status, ran.output, ran.errors) == (0, "end\n", "")
