"""``--max-functions``: functions made and dropped have a budget, and the recording says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support_cli import as_json, cglab, write_target
from support_engines import every_engine

import callgraph_lab
from callgraph_lab.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

MANY_FUNCTIONS = """
class Base:
    def method(self):
        pass

def make(number):
    names = {"Base": Base}
    exec(f"class C{number}(Base): pass\\ndef f{number}(): pass", names)
    names[f"C{number}"]().method()
    names[f"f{number}"]()

for number in range(400):
    make(number)
"""


@every_engine
def test_max_functions(engine: str, tmp_path: Path) -> None:
    write_target(tmp_path, MANY_FUNCTIONS)
    options = ("--no-render", "--engine", engine, "--max-functions", "100")
    ran = cglab("run", *options, "target.py", folder=tmp_path)
    (note,) = as_json("info", "--format", "json", folder=tmp_path)["notes"]
    assert "past 100 functions all others are <more functions>" in note
    assert note in ran.stderr
    found = as_json("functions", "--limit", "1000", "--format", "json", folder=tmp_path)[
        "functions"
    ]
    calls: dict[str, int] = {}
    for item in found:
        name = item["name"].rpartition(".")[2]
        calls[name] = calls.get(name, 0) + item["total_calls"]
    assert len(found) < 150
    assert calls["make"] == 400
    assert calls["<more functions>"] > 900


@every_engine
def test_budgets_of_a_traced_block(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = compile(MANY_FUNCTIONS.replace("400", "1200"), "many.py", "exec")
    with callgraph_lab.trace("x.cglab", engine=engine, max_functions=100):
        exec(code, {"__name__": "many"})  # noqa: S102 - our own
    (note,) = callgraph_lab.open("x.cglab").run.notes
    assert "past 100 functions all others are <more functions>" in note
    with callgraph_lab.trace("y.cglab", engine=engine, max_contexts=1000):
        exec(code, {"__name__": "many"})  # noqa: S102 - our own
    (note,) = callgraph_lab.open("y.cglab").run.notes
    assert "1,000 contexts" in note or "1000 contexts" in note
    with pytest.raises(UsageError, match="max_contexts is 0"):
        callgraph_lab.trace("z.cglab", max_contexts=0)
