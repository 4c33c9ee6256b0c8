"""Processes that hold a live folder are found, also those that only live for a moment."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from callgraph_lab.recording.running import has_running_process

if TYPE_CHECKING:
    from pathlib import Path

CHAIN = """
import mmap, os, sys, time
file = open(sys.argv[1], "r+b")
mapped = mmap.mmap(file.fileno(), 0)
until = time.monotonic() + 3
print(until, flush=True)
while time.monotonic() < until:
    if os.fork():
        os._exit(0)
    time.sleep(0.0005)
"""


def test_a_chain_of_processes_that_fork_and_end_is_found_at_any_moment(tmp_path: Path) -> None:
    mapped = tmp_path / "mapped"
    mapped.write_bytes(bytes(4096))
    looks = 0
    with subprocess.Popen(
        [sys.executable, "-c", CHAIN, str(mapped)], stdout=subprocess.PIPE
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
