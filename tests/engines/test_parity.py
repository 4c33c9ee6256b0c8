"""At every depth an engine's graph is stock pycallgraph2's: the same nodes, edges and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support_engines import (
    TARGETS,
    StockTracer,
    assert_counted_alike,
    closed_silently,
    every_engine,
    graph_counts,
    preimporting_folder,
    record_program,
    stock_tracer,
    without_calls_at_exit,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEPTHS = range(1, 9)
PROGRAMS = sorted((TARGETS / "parity").glob("*.py"))
# Imported before either tracer starts, so that the two see the same of what follows.
MODULES = {
    "asyncio_program": ("asyncio",),
    "context_managers": ("contextlib", "inspect"),
    "decorators": ("functools", "types", "typing", "weakref"),
    "finalizers": ("weakref",),
}
# asyncio imports logging, which has something to do when the interpreter ends.
BUSY_AT_EXIT = {"asyncio_program"}


@pytest.fixture(scope="module")
def stock() -> Iterator[StockTracer]:
    with stock_tracer() as tracer:
        yield tracer


def test_there_are_enough_programs() -> None:
    assert len(PROGRAMS) >= 12


@every_engine
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_graph_is_that_of_stock_pycallgraph2_at_every_depth(
    engine: str, program: Path, stock: StockTracer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = MODULES.get(program.stem, ())
    monkeypatch.setenv("PYTHONPATH", str(preimporting_folder(tmp_path, modules)))
    recording = record_program(program, folder=tmp_path, engine=engine)
    if program.stem in BUSY_AT_EXIT:
        recording = without_calls_at_exit(recording)
    left = closed_silently(engine, recording)
    for depth, expected in zip(DEPTHS, stock.graphs(program, DEPTHS, modules), strict=True):
        found = graph_counts(recording, depth)
        assert_counted_alike(found, expected, left, f"depth {depth}")
