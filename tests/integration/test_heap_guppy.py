"""``cglab run --heap-with guppy3``: the same questions, counted by guppy3."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING

import pytest
from support_cli import as_json, cglab, write_target

from callgraph_lab.launch.heap_options import HeapOptions, choose_counter

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--no-render", "--heap", "exit", "--heap", "action")
needs_guppy = pytest.mark.skipif(
    importlib.util.find_spec("guppy") is None, reason="guppy3 is not installed for this Python"
)
TARGET = """
import gc, sys

class Kept:
    pass

class Slotted:
    __slots__ = ("size",)

class Dropped:
    def __init__(self):
        self.itself = self

class Odd:
    def __sizeof__(self):
        raise SystemExit("nobody is to ask")

class Session:
    def on_keep(self):
        kept.append(Kept())

gc.disable()
kept, odd = [], Odd()
slotted = [Slotted() for _ in range(50)]
arrays = [bytearray(1000) for _ in range(7)]
for _ in range(20):
    Session().on_keep()
    Dropped()
print([name for name in sys.modules if "guppy" in name])
print(sorted(item for item in sys.path_importer_cache if "guppy" in item))
"""
OWN_MAP = """
[event_map]

[[event_map.action]]
start = "Session.on_*"
name = "{*}"
"""


def types(folder: Path, counter: str, *more: str) -> dict[str, tuple[int, int]]:
    write_target(folder, TARGET)
    write_target(folder, OWN_MAP, "own.toml")
    words = ("--event-map", "own.toml", "--heap-with", counter)
    result = cglab(*RUN, *words, "target.py", folder=folder)
    assert result.stdout == "[]\n[]\n"
    told = as_json("heap", *more, "--format", "json", folder=folder)
    assert {one["counter"] for one in told["snapshots"]} == {counter}
    rows = told["grown"] if more else told["types"]
    return {row["type"]: (row["objects"], row["bytes"]) for row in rows}


@needs_guppy
def test_the_same_objects_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    guppy, built_in = types(tmp_path / "one", "guppy3"), types(tmp_path / "other", "gc")
    for name in ("Kept", "Slotted", "Odd", "Session"):
        assert guppy.get(f"__main__.{name}") == built_in.get(f"__main__.{name}"), name
    assert guppy["__main__.Kept"][0] == 20
    assert guppy["__main__.Slotted"] == (50, 50 * sys.getsizeof(slotted()))
    assert guppy["bytearray"] == built_in["bytearray"]
    assert guppy["bytearray"][1] == 7 * sys.getsizeof(bytearray(1000))
    assert "__main__.Dropped" not in guppy
    assert not [name for name in guppy if name.startswith("guppy")]


def slotted() -> object:
    class Slotted:
        __slots__ = ("size",)

    return Slotted()


@needs_guppy
def test_what_grew(tmp_path: Path) -> None:
    found = types(tmp_path, "guppy3", "--diff", "keep#1", "keep#20")
    assert found["__main__.Kept"][0] == 19
    # It has the attributes of objects made into dictionaries, and counts these.
    others = {name: one for name, one in found.items() if name not in ("__main__.Kept", "dict")}
    assert sum(abs(objects) for objects, _ in others.values()) <= 10, others


@needs_guppy
def test_auto_takes_it_and_says_so() -> None:
    said: list[str] = []
    auto = HeapOptions(at_exit=True, counter="auto")
    assert choose_counter(auto, sys.executable, said.append)
    assert said[0].startswith("the heap is counted with guppy3 3.")
    assert not choose_counter(HeapOptions(at_exit=True), sys.executable, said.append)
    assert len(said) == 1


def test_without_it_the_built_in_counts(tmp_path: Path) -> None:
    write_target(tmp_path, "pass")
    (tmp_path / "shadow").mkdir()
    write_target(tmp_path / "shadow", "raise ImportError('broken')", "guppy.py")
    folders = [str(tmp_path / "shadow"), os.environ.get("PYTHONPATH", "")]
    path = {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
    words = ("run", "--no-render", "--heap", "exit")
    result = cglab(*words, "--heap-with", "auto", "target.py", folder=tmp_path, **path)
    assert "the heap is counted with the built-in: guppy3 does not work in" in result.stderr
    assert as_json("heap", "--format", "json", folder=tmp_path)["snapshots"][0]["counter"] == "gc"
    wanted = (*words, "--heap-with", "guppy3", "target.py")
    result = cglab(*wanted, folder=tmp_path, status=2, **path)
    assert "--heap-with guppy3: guppy3 does not work in" in result.stderr
    assert "pip install 'callgraph_lab[heap]'" in result.stderr
