"""Processes that record into a live folder are known by locks that the kernel keeps for them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import ended_process, live_file, plant_part

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_writer import part_name, process_start_time
from callgraph_lab.recording.running import RunLock, has_running_process, is_running, is_written

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITER = """
import os, sys, time
from callgraph_lab.recording.live_writer import LiveWriter

writer = LiveWriter(sys.argv[1], information={}, max_contexts=10)
os.closerange(3, 4096)
"""
CHAIN = """
until = time.monotonic() + 3
print(until, flush=True)
while time.monotonic() < until:
    if os.fork():
        os._exit(0)
    time.sleep(0.0005)
"""
LEAVES_A_CHILD = """
if os.fork():
    os._exit(0)
print(flush=True)
sys.stdin.readline()
"""
RUNS_ANOTHER_PROGRAM = """
os.execv("/bin/sh", ["/bin/sh", "-c", "echo; read line"])
"""


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", f"{WRITER}print(flush=True)\nsys.stdin.readline()", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.communicate(b"\n")


def part_in(folder: Path) -> Path:
    (path,) = folder.glob(f"*{layout.PART_SUFFIX}")
    return path


def say_that_there_are_no_locks(part: Path) -> None:
    with part.open("r+b") as file:
        file.seek(layout.IS_LOCKED_OFFSET)
        file.write(layout.IS_LOCKED.pack(0))


def test_a_writer_is_there_until_it_is_killed_whatever_it_closes(
    tmp_path: Path, writing: subprocess.Popen[bytes]
) -> None:
    part = part_in(tmp_path)
    assert is_written(part)
    assert has_running_process(tmp_path)
    writing.kill()
    writing.wait()
    assert not is_written(part)
    assert not has_running_process(tmp_path)


def test_neither_a_pid_nor_a_start_time_says_who_is_there(
    tmp_path: Path, writing: subprocess.Popen[bytes]
) -> None:
    # As they are seen from another container: the one is nobody's there, the other somebody's.
    living = part_in(tmp_path).rename(tmp_path / part_name(*ended_process()))
    dead = plant_part(tmp_path, process=(os.getpid(), process_start_time(os.getpid())))
    assert writing.poll() is None
    assert is_written(living)
    assert not is_written(dead)


def test_a_chain_of_processes_that_fork_and_end_is_found_at_any_moment(tmp_path: Path) -> None:
    looks = 0
    with subprocess.Popen(
        [sys.executable, "-c", WRITER + CHAIN, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        until = float(process.stdout.readline())
        while True:
            is_found = has_running_process(tmp_path)
            if time.monotonic() > until:
                break
            assert is_found
            looks += 1
        process.stdout.read()  # until the last of them has ended
    assert looks > 3
    assert not has_running_process(tmp_path)


def test_a_child_without_a_file_keeps_the_run_going_but_not_its_parent(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER + LEAVES_A_CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.wait()
        assert not is_written(part_in(tmp_path))
        assert has_running_process(tmp_path)
        process.communicate(b"\n")
    assert not has_running_process(tmp_path)


def test_another_program_in_the_same_process_writes_no_more(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER + RUNS_ANOTHER_PROGRAM, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.poll() is None
        assert not is_written(part_in(tmp_path))
        process.communicate(b"\n")


def test_where_the_file_system_keeps_no_locks_the_pid_has_to_do(tmp_path: Path) -> None:
    made = live_file(tmp_path)
    mine = Path(made.path)
    del made  # and with it the lock
    say_that_there_are_no_locks(mine)
    assert is_written(mine)
    dead = plant_part(tmp_path, process=ended_process())
    say_that_there_are_no_locks(dead)
    assert not is_written(dead)


def test_cglab_itself_is_known_by_its_lock(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    assert is_running(tmp_path)
    lock.let_go()
    assert not is_running(tmp_path)
