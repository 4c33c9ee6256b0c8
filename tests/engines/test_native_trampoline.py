"""sys.activate_stack_trampoline under the engine: perf's evaluator goes below the engine's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support_native import counts, needs_native, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = [
    needs_native,
    pytest.mark.skipif(
        not hasattr(sys, "activate_stack_trampoline"),
        reason="sys.activate_stack_trampoline is new in Python 3.12",
    ),
]

WORK = """
import os, sys

def leaf():
    pass

def work():
    for _ in range(7):
        leaf()

def in_child():
    leaf()
"""
CHILD = """
sys.activate_stack_trampoline("perf")
work()
child = os.fork()
if child == 0:
    print(sys.is_stack_trampoline_active(), flush=True)
    in_child()
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.fixture
def maps() -> Iterator[dict[int, Path]]:
    """Where perf finds the names of a process's functions; removed when the test is over."""
    paths: dict[int, Path] = {}
    yield paths
    for path in paths.values():
        path.unlink(missing_ok=True)


def _maps_of(pids: Iterable[int], maps: dict[int, Path]) -> None:
    maps.update({pid: Path(f"/tmp/perf-{pid}.map") for pid in pids})  # noqa: S108


def test_it_is_active_and_counts_stay_exact(tmp_path: Path, maps: dict[int, Path]) -> None:
    script = WORK + (
        "work()\n"
        "sys.activate_stack_trampoline('perf')\nprint(sys.is_stack_trampoline_active())\nwork()\n"
        "sys.deactivate_stack_trampoline()\nprint(sys.is_stack_trampoline_active())\nwork()\n"
        # From 3.14 on that crashes by itself.
        "if sys.version_info < (3, 14):\n    sys.activate_stack_trampoline('perf')\nwork()\n"
    )
    ran = run(script, tmp_path)
    _maps_of(ran.parts, maps)
    (pid,) = ran.parts
    if "not supported" in ran.errors or "not available" in ran.errors:
        pytest.skip("this Python is built without the trampoline")
    assert (ran.status, ran.output, ran.errors) == (0, "True\nFalse\n", "")
    assert (counts(ran.part)["work"], counts(ran.part)["leaf"]) == (4, 28)
    assert ran.part.stop_reason == ""
    assert "py::work:" in maps[pid].read_text(encoding="utf-8")


def test_a_forked_child_has_it_too(tmp_path: Path, maps: dict[int, Path]) -> None:
    ran = run(WORK + CHILD, tmp_path)
    _maps_of(ran.parts, maps)
    assert (ran.status, ran.output, ran.errors) == (0, "True\n", "")
    (child,) = [pid for pid, part in ran.parts.items() if counts(part)["in_child"]]
    assert "py::in_child:" in maps[child].read_text(encoding="utf-8")
    assert sum(counts(part)["leaf"] for part in ran.parts.values()) == 8


def test_a_backend_that_is_none_is_refused_as_ever(tmp_path: Path) -> None:
    script = WORK + (
        "try:\n    sys.activate_stack_trampoline('none')\nexcept ValueError as error:\n"
        "    print(error)\nwork()\n"
    )
    ran = run(script, tmp_path)
    assert (ran.status, ran.output) == (0, "invalid backend: none\n")
    assert counts(ran.part)["leaf"] == 7
