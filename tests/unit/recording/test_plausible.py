"""Recordings with a right checksum whose values do not fit: refused where they are read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import small_recording

from callgraph_lab.errors import RecordingError
from callgraph_lab.heap_model import HeapSnapshot, HeapTotal
from callgraph_lab.recording import store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from callgraph_lab.model import Recording

CRAFTED: dict[str, Callable[[Recording], Recording]] = {
    "a thread of no process": lambda made: replace(
        made, threads=tuple(replace(item, pid=99) for item in made.threads)
    ),
    "no process at all": lambda made: replace(made, processes=()),
    "a root that is no thread's": lambda made: replace(made, threads=()),
    "a root of two threads": lambda made: replace(made, threads=made.threads * 2),
    "no threads of a kind": lambda made: replace(
        made, threads=(replace(made.threads[0], threads=0),)
    ),
    "a start that is no date": lambda made: replace(made, run=replace(made.run, started="x")),
    "a start without a zone": lambda made: replace(
        made, run=replace(made.run, started="2026-01-01T00:00:00")
    ),
    "the last of all years": lambda made: replace(
        made, run=replace(made.run, started="9999-12-31T23:59:59+00:00")
    ),
    "an end without end": lambda made: replace(made, run=replace(made.run, duration_ns=10**400)),
    "a mark in another age": lambda made: replace(
        made, events=(replace(made.events[0], moment_ns=-(2**63)),)
    ),
    "less than nothing of a type": lambda made: replace(
        made, heap=(HeapSnapshot(5, 42, "every", 1, {"C": HeapTotal(-(2**63), 10)}),)
    ),
    "an action that was done less than never": lambda made: replace(
        made, actions=(replace(made.actions[0], count=-1), *made.actions[1:])
    ),
    "a name without end": lambda made: replace(
        made,
        functions=[
            made.functions[0],
            *(replace(f, file="x" * 200_000) for f in made.functions[1:]),
        ],
    ),
}


@pytest.mark.parametrize("what", CRAFTED)
def test_is_refused_in_a_sentence(what: str, tmp_path: Path) -> None:
    store.save(CRAFTED[what](small_recording()), tmp_path / "x.cglab")
    with pytest.raises(RecordingError, match="is a damaged recording") as refused:
        store.load(tmp_path / "x.cglab")
    assert refused.value.hint
