"""Whatever a recording holds comes back from its file."""

from __future__ import annotations

import tempfile
from array import array
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgraph_lab.ending_model import ENDINGS
from callgraph_lab.model import (
    NO_PARENT,
    CallTree,
    Function,
    RecordedProcess,
    RecordedThread,
    Recording,
    RunInformation,
)
from callgraph_lab.recording import store

if TYPE_CHECKING:
    from collections.abc import Iterator

# Every character there is: NUL, surrogates (of names that were not UTF-8), right to left, emoji.
TEXTS = st.one_of(
    st.text(st.characters(codec=None, categories=None), max_size=12),
    st.sampled_from(["\0", "a\0b", "\udcff\ud800", "\ufeff", "e\u0301", "x" * 5_000, "\u202eb"]),
)
TEXT_TUPLES = st.lists(TEXTS, max_size=3).map(tuple)
NUMBERS = st.integers(0, 2**63 - 1)
FUNCTIONS = st.builds(
    Function,
    module=TEXTS,
    qualname=TEXTS,
    file=TEXTS,
    line=st.integers(0, 2**32),
    class_name=st.none() | TEXTS,
    ancestors=TEXT_TUPLES,
    pycallgraph2_name=TEXTS,
    stdlib=st.booleans(),
    kind=st.sampled_from(["function", "thread"]),
)
RUNS = st.builds(
    RunInformation,
    name=TEXTS,
    target=TEXTS,
    argv=TEXT_TUPLES,
    python=TEXTS,
    engine=TEXTS,
    started=TEXTS,
    duration_ns=st.integers(0, 2**80),
    complete=st.booleans(),
    exit_status=st.none() | st.integers(-64, 255),
    notes=TEXT_TUPLES,
)
PROCESSES = st.builds(
    RecordedProcess,
    pid=NUMBERS,
    parent_pid=NUMBERS,
    argv=TEXT_TUPLES,
    stop_reason=TEXTS,
    ending=st.sampled_from(ENDINGS),
)


@st.composite
def trees(draw: st.DrawFn, functions: int) -> CallTree:
    """Return a tree in preorder: each context is called by one of those that led to the last."""
    sizes = st.one_of(st.integers(0, 30), st.sampled_from([0, 1, 300]))
    count = draw(sizes) if functions else 0
    # How many calls are left before the next is made: 0 makes chains, many make new threads.
    steps = draw(st.lists(st.integers(0, 3) | st.just(99), min_size=1, max_size=10))
    tree, path = CallTree(), array("i")
    large = st.integers(0, 2**64 - 1)
    figures = draw(st.lists(large, min_size=1, max_size=8))
    for context in range(count):
        del path[max(len(path) - steps[context % len(steps)], 0) :]
        tree.parent.append(path[-1] if path else NO_PARENT)
        path.append(context)
        tree.function.append(context * 7 % functions)
        for position, column in enumerate(
            (
                tree.calls,
                tree.resumes,
                tree.suspensions,
                tree.inclusive_ns,
                tree.self_ns,
                tree.instance_calls,
                tree.instance_resumes,
                tree.instance_ns,
            )
        ):
            column.append(figures[(context + position) % len(figures)])
        tree.open_calls.append(figures[context % len(figures)] % 2**32)
        tree.label.append(0)
    return tree


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    functions = draw(st.lists(FUNCTIONS, max_size=5))
    tree = draw(trees(len(functions)))
    roots = [context for context, parent in enumerate(tree.parent) if parent == NO_PARENT]
    return Recording(
        run=draw(RUNS),
        functions=functions,
        tree=tree,
        threads=tuple(
            RecordedThread(
                draw(NUMBERS),
                draw(TEXTS),
                root,
                draw(NUMBERS),
                draw(st.booleans()),
                draw(st.sampled_from(ENDINGS)),
            )
            for root in roots[:3]
        ),
        processes=tuple(draw(st.lists(PROCESSES, max_size=2))),
    )


@settings(max_examples=150)
@pytest.fixture(autouse=True, scope="module")
def _anything_goes() -> Iterator[None]:
    """Read back what no run can have been like, too: whether it can is another question."""
    with patch.object(store, "check_recording"), patch.object(store, "check_run"):
        yield


@given(recording=recordings())
def test_what_is_saved_is_loaded(recording: Recording) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.cglab"
        store.save(recording, path)
        assert store.load(path) == recording
        assert store.load_run(path) == recording.run


def test_a_deep_tree(tmp_path: Path) -> None:
    """A recursion of 200,000 calls, which no recursive function of ours would survive."""
    depth = 200_000
    numbers = array("Q", range(depth))
    tree = CallTree(
        parent=array("i", range(-1, depth - 1)),
        function=array("I", bytes(4 * depth)),
        calls=numbers,
        resumes=array("Q", bytes(8 * depth)),
        suspensions=array("Q", bytes(8 * depth)),
        inclusive_ns=numbers[::-1],
        self_ns=array("Q", [1]) * depth,
        open_calls=array("I", bytes(4 * depth)),
        label=array("I", bytes(4 * depth)),
        instance_calls=numbers,
        instance_resumes=numbers,
        instance_ns=numbers,
    )
    run = RunInformation("x", "x.py", (), "3", "none", "", 0, complete=True)
    recording = Recording(run, [Function("m", "f")], tree, (RecordedThread(1, "f", 0),), ())
    store.save(recording, tmp_path / "x.cglab")
    assert store.load(tmp_path / "x.cglab") == recording
