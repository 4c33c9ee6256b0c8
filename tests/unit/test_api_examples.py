"""The package from Python: its documented examples run, and its edges hold."""

from __future__ import annotations

import doctest
import gc
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import callgraph_lab
import callgraph_lab.api
from callgraph_lab.errors import (
    CallgraphLabError,
    EngineError,
    OutputError,
    RecordingError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    # A finalizer of what another test has left would be a call in the block that is traced.
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def examples(module: ModuleType) -> list[doctest.DocTest]:
    # As a program of a user's: what the module itself runs is not recorded.
    program = {"__name__": "__main__"}
    return [
        test for test in doctest.DocTestFinder().find(module, extraglobs=program) if test.examples
    ]


@pytest.mark.parametrize("module", [callgraph_lab, callgraph_lab.api], ids=lambda m: m.__name__)
def test_documented_examples_run(module: ModuleType, tmp_path: Path) -> None:
    found = examples(module)
    assert found
    for test in found:
        report: list[str] = []
        failures = doctest.DocTestRunner().run(test, out=report.append).failed
        assert failures == 0, "".join(report)
    assert list(tmp_path.glob("*.cglab"))
    assert not list(tmp_path.glob("*.live"))


@pytest.mark.parametrize("name", callgraph_lab.__all__)
def test_every_public_name_is_documented_with_an_example(name: str) -> None:
    """In its own docstring, or in the tour in the package's."""
    value = getattr(callgraph_lab, name)
    assert value.__doc__
    sources = [
        example.source
        for module in (callgraph_lab, callgraph_lab.api)
        for test in examples(module)
        for example in test.examples
    ]
    assert any(name in source for source in sources)


def test_public_names() -> None:
    assert set(callgraph_lab.__all__) <= set(dir(callgraph_lab))
    assert callgraph_lab.open is callgraph_lab.api.open_recording
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = callgraph_lab.nothing


def outer() -> int:
    return inner() + 1


def inner() -> int:
    return 1


def figures(path: str) -> dict[str, callgraph_lab.GraphNode]:
    graph = callgraph_lab.open(path).graph(max_depth=None, filters=["none"])
    return {node.function.qualname: node for node in graph.nodes}


def test_trace_records_a_block() -> None:
    with callgraph_lab.trace("x.cglab"):
        outer()
        outer()
    assert {name: node.calls for name, node in figures("x.cglab").items()} == {
        "MainThread": 1,
        "outer": 2,
        "inner": 2,
    }


def test_trace_keeps_the_recording_of_a_block_that_raises() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), callgraph_lab.trace("x.cglab"):
        fail()
    (function,) = (name for name in figures("x.cglab") if name.endswith("fail"))
    assert figures("x.cglab")[function].open_calls == 0
    # And the next block is not refused.
    with callgraph_lab.trace("y.cglab"):
        outer()


def test_trace_inside_trace_is_refused() -> None:
    with callgraph_lab.trace("x.cglab"):
        outer()
        with (
            pytest.raises(UsageError, match="being traced already"),
            callgraph_lab.trace("y.cglab"),
        ):
            pass
        inner()
    functions = figures("x.cglab")
    assert (functions["outer"].calls, functions["inner"].calls) == (1, 2)


def test_trace_covers_threads_that_start_in_the_block() -> None:
    def work() -> None:
        outer()

    with callgraph_lab.trace("x.cglab"):
        threads = [threading.Thread(target=work, name="worker") for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    functions = figures("x.cglab")
    assert functions["outer"].calls == 3
    assert "worker" in functions


def test_trace_replaces_a_recording_only_when_the_block_is_over() -> None:
    with callgraph_lab.trace("x.cglab"):
        inner()
    with callgraph_lab.trace("x.cglab"):
        assert figures("x.cglab")["inner"].calls == 1
        outer()
    assert figures("x.cglab")["outer"].calls == 1


def test_trace_into_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError), callgraph_lab.trace("file/x.cglab"):
        pass
    with pytest.raises(EngineError, match="natif"):
        callgraph_lab.trace("x.cglab", engine="natif")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    # A refused one is not in the way of the next.
    with callgraph_lab.trace("x.cglab"):
        inner()


def test_open_of_what_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"there is no recording missing\.cglab"):
        callgraph_lab.open("missing.cglab")
    (tmp_path / "text.cglab").write_text("text")
    with pytest.raises(RecordingError, match=r"text\.cglab"):
        callgraph_lab.open("text.cglab")
    assert issubclass(RecordingError, CallgraphLabError)


def test_graph_takes_filters_and_depth() -> None:
    with callgraph_lab.trace("x.cglab"):
        outer()
    recording = callgraph_lab.open("x.cglab")
    graph = recording.graph(max_depth=2, exclude=["*.outer"])
    assert [(edge.bridged, edge.skipped_frames) for edge in graph.edges] == [(True, 1)]
    assert graph.hidden_functions == 1
    assert [item.qualname for item in recording.functions(include=["*.inner"])] == ["inner"]
    with pytest.raises(UsageError, match="depths begin at 1"):
        recording.graph(max_depth=0)
    assert recording.run.complete


@pytest.mark.parametrize("ending", ["svg", "png", "dot"])
def test_render(ending: str, tmp_path: Path) -> None:
    with callgraph_lab.trace("x.cglab"):
        outer()
    drawn = callgraph_lab.open("x.cglab").render(tmp_path / "new" / f"x.y.{ending}")
    assert drawn == tmp_path / "new" / f"x.y.{ending}"
    assert drawn.stat().st_size > 0


def test_render_into_an_unknown_format() -> None:
    with callgraph_lab.trace("x.cglab"):
        outer()
    with pytest.raises(UsageError, match="gif"):
        callgraph_lab.open("x.cglab").render("x.gif")


def test_trace_finishes_what_a_killed_process_left(tmp_path: Path) -> None:
    program = (
        "import callgraph_lab, os, signal\n"
        "def work(): os.kill(os.getpid(), signal.SIGKILL)\n"
        "with callgraph_lab.trace('x.cglab'): work()\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False)
    assert [path.name for path in tmp_path.iterdir()] == ["x.cglab.live"]
    assert figures("x.cglab")["work"].open_calls == 1
    with callgraph_lab.trace("x.cglab"):
        inner()
    assert set(figures("x.cglab")) == {"MainThread", "inner"}
