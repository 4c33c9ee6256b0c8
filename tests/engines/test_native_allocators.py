"""Python's allocators are exchanged beside other tools' and beside threads that are allocating."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support_native import build_other_tool, needs_compiler, needs_native, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [needs_native, needs_compiler]

OTHER_TOOL = """
#include <Python.h>
#include <pthread.h>

static PyMemAllocatorEx inner;
static pthread_t threads[2];
static volatile int goes_on;

static void *wrapped_malloc(void *context, size_t size)
{
    return inner.malloc(inner.ctx, size);
}

static PyObject *wrap(PyObject *self, PyObject *number)
{
    PyMemAllocatorDomain domain = (PyMemAllocatorDomain)PyLong_AsLong(number);
    PyMemAllocatorEx ours;
    PyMem_GetAllocator(domain, &inner);
    ours = inner;
    ours.malloc = wrapped_malloc;
    PyMem_SetAllocator(domain, &ours);
    Py_RETURN_NONE;
}

static void *allocate(void *unused)
{
    while (goes_on) {
        void *block = PyMem_RawRealloc(PyMem_RawMalloc(24), 4000);
        PyMem_RawFree(PyMem_RawCalloc(3, 5));
        PyMem_RawFree(block);
    }
    return NULL;
}

static PyObject *begin(PyObject *self, PyObject *unused)
{
    goes_on = 1;
    for (int index = 0; index < 2; index++) {
        pthread_create(&threads[index], NULL, allocate, NULL);
    }
    Py_RETURN_NONE;
}

static PyObject *end(PyObject *self, PyObject *unused)
{
    goes_on = 0;
    for (int index = 0; index < 2; index++) {
        pthread_join(threads[index], NULL);
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"wrap", wrap, METH_O, 0}, {"begin", begin, METH_NOARGS, 0},
                                {"end", end, METH_NOARGS, 0}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "other_tool", 0, -1, methods};
PyMODINIT_FUNC PyInit_other_tool(void) { return PyModule_Create(&definition); }
"""


@pytest.fixture
def begin(tmp_path: Path) -> str:
    """Build the other tool; return the first lines of a program that uses it."""
    return f"""
{build_other_tool(OTHER_TOOL, tmp_path)}
from callgraph_lab import _native

def start():
    _native.start({str(tmp_path / "live")!r}, "{{}}", whole_program=False, memory=True)

def leaf():
    return bytearray(100_000), [bytes(index) for index in range(100)]

_native.stop()
"""


@pytest.mark.parametrize("domain", [0, 1, 2], ids=["raw", "mem", "object"])
def test_a_tool_that_wraps_one_domain_makes_no_circle(
    begin: str, domain: int, tmp_path: Path
) -> None:
    rounds = f"""
start()
leaf()
other_tool.wrap({domain})
leaf()
_native.stop()
for _ in range(3):
    start()
    leaf()
    _native.stop()
    leaf()
print("end")
"""
    ran = run(begin + rounds, tmp_path)
    assert (ran.status, ran.output, ran.errors) == (0, "end\n", "")


def test_threads_that_allocate_without_the_lock_bear_the_exchange(
    begin: str, tmp_path: Path
) -> None:
    rounds = """
other_tool.begin()
for _ in range(200):
    start()
    leaf()
    _native.stop()
other_tool.end()
print("end")
"""
    ran = run(begin + rounds, tmp_path)
    assert (ran.status, ran.output, ran.errors) == (0, "end\n", "")
