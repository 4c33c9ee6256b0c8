"""Files that were damaged anywhere, or by somebody who means harm: refused, or read as valid."""

from __future__ import annotations

import multiprocessing
import os
import secrets
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from support_mutation import read_mutated
from support_native import needs_native, run
from unit.recording.builders import live_file, small_recording

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import store

if TYPE_CHECKING:
    from pathlib import Path

TIMES = float(os.environ.get("CGLAB_TEST_MUTATIONS", "1"))
"""Set CGLAB_TEST_MUTATIONS to 10 for ten times as many files."""
MOST_GROWN_BYTES = 32 << 20
"""Of files with less than 1 MiB, each read."""
PROCESSES = 2

NATIVE_TARGET = """
import os, threading
class Thing:
    def method(self):
        return [leaf(number) for number in range(3)]
def leaf(number):
    return number
def numbers():
    yield leaf(1)
    yield leaf(2)
def work():
    Thing().method()
    list(numbers())
work()
thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A file to be changed: how it is read, and how many times."""

    kind: str
    files: int


CASES = {
    "live file": Case("part", 68_000),
    "live file of several blocks": Case("part", 2_000),
    "live file of the native engine": Case("part", 10_000),
    "recording": Case("recording", 10_000),
    "recording with a right checksum": Case("unsealed recording", 10_000),
}


def small_file(case: str, folder: Path) -> Path:
    """Write the file of a case, as small as it can be."""
    if "recording" in case:
        store.save(small_recording(), folder / "x.cglab")
        return folder / "x.cglab"
    if "native" in case:
        run(NATIVE_TARGET, folder)
        (path,) = (folder / "live").iterdir()
    else:
        made = live_file(folder / "live", calls_open=True)
        if "several" in case:
            for number in range(300):
                made.add("f" if number % 3 else "serve", f"g{number}", ticks=number)
            made.thread.grow_stack()
            made.writer.stop("the disk is full", 28)
        (path,) = (folder / "live").iterdir()
    content = path.read_bytes()
    end = int.from_bytes(content[layout.END_OFFSET : layout.END_OFFSET + 8], "little")
    copy = folder / "copy.part"
    copy.write_bytes(content[:end])
    return copy


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=needs_native if "native" in case else ()) for case in CASES]
)
def test_is_refused_or_valid_at_a_bounded_price(case: str, tmp_path: Path) -> None:
    kind, files = CASES[case].kind, int(CASES[case].files * TIMES)
    content = small_file(case, tmp_path).read_bytes()
    seeds = [secrets.randbits(32) for _ in range(PROCESSES)]
    copies = [tmp_path / str(seed) for seed in seeds]
    for copy in copies:
        copy.write_bytes(content)
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        readings = [
            pool.submit(read_mutated, kind, copy, seed=seed, files=files // PROCESSES)
            for copy, seed in zip(copies, seeds, strict=True)
        ]
        found = [reading.result() for reading in readings]
    for seed, reading in zip(seeds, found, strict=True):
        assert 0 < reading.valid < reading.files, f"seed {seed}"
        assert reading.grown_bytes < MOST_GROWN_BYTES, f"seed {seed}"


def test_there_are_a_hundred_thousand() -> None:
    assert sum(case.files for case in CASES.values()) == 100_000
