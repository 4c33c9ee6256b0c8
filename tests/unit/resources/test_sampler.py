"""Samples of real processes, and the file that they are kept in."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from callgraph_lab.errors import OutputError
from callgraph_lab.recording import resource_file
from callgraph_lab.recording.resource_file import (
    MAGIC,
    RESOURCES_FILE,
    ResourceWriter,
    pack_resources,
    read_resources,
    unpack_resources,
)
from callgraph_lab.resource_model import ResourceSeries
from callgraph_lab.resources.heartbeat import Heartbeat
from callgraph_lab.resources.sampler import ResourceSampler
from callgraph_lab.resources.watch import ResourceWatch, line_writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAMILY = """
import os, sys, threading, time
child = os.fork()
if child == 0:
    os.read(0, 1)
    os._exit(0)
files = [open(os.devnull) for _ in range(20)]
block = bytearray(50_000_000)
threading.Thread(target=lambda: time.sleep(60), daemon=True).start()
def busy():
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
busy()
short = os.fork()
if short == 0:
    busy()
    os._exit(0)
os.waitpid(short, 0)
print("ready", flush=True)
os.read(0, 1)
os.waitpid(child, 0)
"""


@pytest.fixture
def family() -> Iterator[subprocess.Popen[bytes]]:
    """Give a process with a child, twenty files, two threads, and 0.6 s of CPU behind it."""
    process = subprocess.Popen(
        [sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.stdin.write(b"..")
    process.stdin.close()
    process.stdout.close()
    process.wait()


def test_children_are_included(family: subprocess.Popen[bytes], tmp_path: Path) -> None:
    said: list[str] = []
    sampler = ResourceSampler(tmp_path, say=said.append)
    began_ns = time.monotonic_ns()
    assert 0 < sampler.poll(family.pid) <= 0.2
    assert sampler.latest is not None
    moment_ns, cpu_ns, rss_bytes, descriptors, threads, processes = sampler.latest
    assert began_ns <= moment_ns <= time.monotonic_ns()
    # Of a child, too, that has ended before anybody looked.
    assert 0.55e9 < cpu_ns < 2e9
    assert 60_000_000 < rss_bytes < 500_000_000
    assert descriptors >= 26
    assert (threads, processes) == (3, 2)
    assert not said
    # Not before it is due.
    latest = sampler.latest
    sampler.poll(family.pid)
    assert sampler.latest is latest
    sampler.close()
    series = read_resources(tmp_path, began_ns)
    assert list(series.moment_ns) == [moment_ns - began_ns]
    assert list(series.cpu_ns) == [cpu_ns]


def test_a_process_that_is_gone(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    sampler = ResourceSampler(tmp_path, say=pytest.fail)
    assert sampler.poll(process.pid) > 0
    sampler.close()
    assert not len(read_resources(tmp_path, 0))


def test_a_process_that_nobody_has_waited_for_yet(tmp_path: Path) -> None:
    """It has no memory any more: a sample would say that the target had none at the end."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    sampler = ResourceSampler(tmp_path, say=pytest.fail)
    sampler.poll(process.pid)
    sampler.close()
    assert not len(read_resources(tmp_path, 0))
    process.wait()


def test_a_file_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    said: list[str] = []
    sampler = ResourceSampler(tmp_path / "missing", say=said.append)
    for _ in range(3):
        time.sleep(sampler.poll(os.getpid()))
    assert said == ["the use of resources is not recorded any more: No such file or directory"]
    assert sampler.latest is not None


def sample(number: int) -> tuple[int, int, int, int, int, int]:
    return number * 10, number * 4, 1000 + number % 7, number % 5, number % 3, 1


def test_a_long_run_is_thinned_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_file, "MOST_SAMPLES", 100)
    writer = ResourceWriter(tmp_path)
    for number in range(1, 1234):
        writer.append(sample(number))
        # Readable at any moment.
        if number % 100 == 0:
            assert 50 <= len(read_resources(tmp_path, 0)) <= 100
    writer.close()
    series = read_resources(tmp_path, 0)
    assert 50 <= len(series) <= 100
    # The CPU stays exact, and so do the peaks.
    assert (series.moment_ns[-1], series.cpu_ns[-1]) == (12330, 4932)
    assert all(
        cpu * 10 == moment * 4 for moment, cpu in zip(series.moment_ns, series.cpu_ns, strict=False)
    )
    assert (max(series.rss_bytes), max(series.descriptors), max(series.threads)) == (1006, 4, 2)
    assert [path.name for path in tmp_path.iterdir()] == [RESOURCES_FILE]


def test_damage_ends_the_series(tmp_path: Path) -> None:
    writer = ResourceWriter(tmp_path)
    for number in range(1, 11):
        writer.append(sample(number))
    writer.close()
    path = tmp_path / RESOURCES_FILE
    good = path.read_bytes()
    assert len(read_resources(tmp_path, 0)) == 10
    path.write_bytes(good[:-1])
    assert len(read_resources(tmp_path, 0)) == 9
    path.write_bytes(good[: len(MAGIC) + 48 * 4] + bytes(48) + good[len(MAGIC) + 48 * 5 :])
    assert len(read_resources(tmp_path, 0)) == 4
    path.write_bytes(good[: len(MAGIC) + 48 * 4] + b"\xff" * 96)
    assert len(read_resources(tmp_path, 0)) == 4
    # A run that began after them: they are another's.
    path.write_bytes(good)
    assert len(read_resources(tmp_path, 10_000)) == 0
    for content in (b"", b"CGLAB", b"something else" * 100):
        path.write_bytes(content)
        assert len(read_resources(tmp_path, 0)) == 0
    path.unlink()
    assert read_resources(tmp_path, 0) == ResourceSeries()


def test_packed_columns_are_checked(tmp_path: Path) -> None:
    writer = ResourceWriter(tmp_path)
    for number in range(1, 5):
        writer.append(sample(number))
    series = read_resources(tmp_path, 0)
    rows = pack_resources(series)
    assert unpack_resources(rows) == series
    assert unpack_resources(pack_resources(ResourceSeries())) == ResourceSeries()
    backwards = ResourceSeries(*([series.moment_ns[::-1]] * 6))
    huge = [(name, size, 10**9, content) for name, size, _, content in rows]
    for wrong in (
        rows[:-1],
        rows[::-1],
        [],
        [*rows[:-1], rows[0]],
        huge,
        pack_resources(backwards),
    ):
        with pytest.raises(ValueError, match="resources"):
            unpack_resources(wrong)


def test_heartbeat_says_what_was_used_since_the_last() -> None:
    lines: list[str] = []
    heartbeat = Heartbeat("x-1", 0.05, lines.append)
    assert heartbeat.poll(None) > 0
    first = (1_000_000_000, 0, 1024 * 1024, 7, 1, 1)
    assert 0 < heartbeat.poll(first) <= 0.05
    time.sleep(0.06)
    # Nothing new is known.
    assert heartbeat.poll(first) > 0
    assert lines == []
    assert heartbeat.poll((3_000_000_000, 500_000_000, 3 * 1024**2, 8, 2, 1)) > 0
    assert lines[0].endswith(": cpu=25.0% rss=3.0M fds=8 threads=2 processes=1")
    assert " x-1 after 0 s: " in lines[0]
    assert len(lines) == 1


def test_watch_writes_heartbeats(tmp_path: Path) -> None:
    write = line_writer(tmp_path / "beats", "--log-file")
    heartbeat = Heartbeat("x", 0.01, write)
    watch = ResourceWatch(tmp_path, say=pytest.fail, heartbeat=heartbeat)
    deadline = time.monotonic() + 20
    while "rss=" not in (tmp_path / "beats").read_text() and time.monotonic() < deadline:
        time.sleep(watch.attend(os.getpid()))
    watch.close()
    assert "rss=" in (tmp_path / "beats").read_text()
    with pytest.raises(OutputError, match="cannot write to"):
        line_writer(tmp_path / "missing" / "beats", "--log-file")


def test_what_costs_much_is_done_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where there are thousands of processes to look at."""

    def burn(_self: ResourceSampler) -> None:
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass

    monkeypatch.setattr(ResourceSampler, "_take", burn)
    sampler = ResourceSampler(tmp_path, say=pytest.fail)
    began = time.monotonic()
    patience_s = sampler.poll(os.getpid())
    assert time.monotonic() - began + patience_s >= 20 * 0.05
