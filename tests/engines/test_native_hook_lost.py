"""Another tool's frame evaluator beside the engine's: the recording says what it has cost."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from typing import TYPE_CHECKING

import pytest
from support_native import PACKAGES, counts, needs_native, run

if TYPE_CHECKING:
    from pathlib import Path

COMPILER = shutil.which("cc")
pytestmark = [needs_native, pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")]

OTHER_TOOL = """
#define Py_BUILD_CORE_MODULE 1
#include <Python.h>

static _PyFrameEvalFunction before, called;

static PyObject *evaluate(PyThreadState *state, struct _PyInterpreterFrame *frame, int throwing)
{
    return called(state, frame, throwing);
}

static PyObject *install(PyObject *self, PyObject *chains)
{
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    before = _PyInterpreterState_GetEvalFrameFunc(interpreter);
    called = PyObject_IsTrue(chains) ? before : _PyEval_EvalFrameDefault;
    _PyInterpreterState_SetEvalFrameFunc(interpreter, evaluate);
    Py_RETURN_NONE;
}

static PyObject *put_back(PyObject *self, PyObject *unused)
{
    _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState_Get(), before);
    Py_RETURN_NONE;
}

static PyObject *take_away(PyObject *self, PyObject *unused)
{
    _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState_Get(), _PyEval_EvalFrameDefault);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"install", install, METH_O, 0},
                                {"put_back", put_back, METH_NOARGS, 0},
                                {"take_away", take_away, METH_NOARGS, 0},
                                {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "other_tool", 0, -1, methods};
PyMODINIT_FUNC PyInit_other_tool(void) { return PyModule_Create(&definition); }
"""


@pytest.fixture
def begin(tmp_path: Path) -> str:
    """Build the other tool; return the first lines of a program that uses it."""
    source, library = tmp_path / "other_tool.c", tmp_path / "other_tool.so"
    source.write_text(OTHER_TOOL, encoding="utf-8")
    include = sysconfig.get_path("include")
    assert COMPILER is not None
    command = [COMPILER, "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True)
    return f"""
import sys, time
sys.path[:0] = [{str(tmp_path)!r}, {str(PACKAGES)!r}]
import other_tool

def leaf():
    pass

def lasts():
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        pass
"""


def test_what_takes_the_place_of_the_hook_is_named(begin: str, tmp_path: Path) -> None:
    ran = run(begin + "leaf()\nother_tool.install(False)\nleaf()\n", tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    assert counts(ran.part)["leaf"] == 1
    assert ran.part.stop_reason.startswith(
        "other_tool.so took the place of the frame evaluation hook"
    )


def test_a_hook_that_is_removed_is_missed(begin: str, tmp_path: Path) -> None:
    ran = run(begin + "leaf()\nother_tool.take_away()\nleaf()\n", tmp_path)
    assert counts(ran.part)["leaf"] == 1
    assert ran.part.stop_reason.startswith("another tool has removed the frame evaluation hook")


def test_a_tool_that_calls_the_hook_costs_nothing(begin: str, tmp_path: Path) -> None:
    script = begin + "leaf()\nother_tool.install(True)\nleaf()\nlasts()\nleaf()\n"
    ran = run(script, tmp_path)
    assert counts(ran.part)["leaf"] == 3
    assert ran.part.stop_reason == ""


def test_a_hook_that_was_away_while_a_call_lasted(begin: str, tmp_path: Path) -> None:
    script = begin + (
        "def away():\n    lasts()\n    other_tool.install(False)\n"
        "away()\nleaf()\nother_tool.put_back()\nlasts()\nleaf()\n"
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
    other_tool.install(chains)
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
