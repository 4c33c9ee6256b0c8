"""Whether the native engine counts rightly under this interpreter: it is tried before use.

The engine reads the interpreter's own structures. They are fixed within a minor version by habit,
not by promise, so a known program is recorded once in every process that asks for the engine.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from callgraph_lab import _native
from callgraph_lab.errors import RecordingError
from callgraph_lab.recording.live_reader import read_part

_PROGRAM = """
class Plain:
    def __init__(self, value):
        self.value = value
    def method(self):
        return plain(self.value)

class Warm(Plain):
    pass

def plain(value):
    return value

def generator():
    for number in range(5):
        yield number

async def coroutine():
    return plain(1)

def raising():
    raise ValueError

def main():
    for _ in range(40):
        for kind in (Plain, Warm):
            kind(1).method()
    list(generator())
    awaited = coroutine()
    try:
        awaited.send(None)
    except StopIteration:
        pass
    for _ in range(9):
        try:
            raising()
        except ValueError:
            pass
"""
_EXPECTED = {
    "main": (1, 0),
    "Plain.__init__": (80, 0),
    "Plain.method": (80, 0),
    "plain": (81, 0),
    "generator": (1, 5),
    "coroutine": (1, 0),
    "raising": (9, 0),
}
"""Calls and resumes of each function."""


@functools.cache
def what_is_wrong() -> str | None:
    """Record a known program and return what was counted wrongly, or None."""
    if _native.status()["recording"]:
        return None  # this process is the target of a recording; it was asked before that began
    namespace: dict[str, Any] = {"__name__": "cglab_check"}
    exec(compile(_PROGRAM, "<check of the native engine>", "exec"), namespace)  # noqa: S102
    try:
        with tempfile.TemporaryDirectory(prefix="cglab-") as folder:
            path = _native.start(folder, "{}", whole_program=False)
            try:
                namespace["main"]()
            finally:
                _native.stop()
            part = read_part(Path(path))
    except (OSError, RuntimeError, RecordingError) as error:
        return f"its check could not be made ({error})"
    counted: Counter[str] = Counter()
    resumed: Counter[str] = Counter()
    for function, calls, resumes in zip(part.function, part.calls, part.resumes, strict=True):
        if part.functions[function].module == "cglab_check":
            counted[part.functions[function].qualname] += calls
            resumed[part.functions[function].qualname] += resumes
    for name, (calls, resumes) in _EXPECTED.items():
        if (counted[name], resumed[name]) != (calls, resumes):
            return (
                f"{counted[name]} calls and {resumed[name]} resumes of {name} were counted, and not"
                f" {calls} and {resumes} (Python {sys.version.split()[0]})"
            )
    return None
