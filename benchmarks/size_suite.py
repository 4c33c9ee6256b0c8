"""Does a recording grow with the number of calls? The same loop, a million calls and many more."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison import Failed
from benchmarks.tracers import command

if TYPE_CHECKING:
    from argparse import Namespace

MILLION = 1_000_000
LOOP = Path(__file__).parent / "programs" / "loop.py"


def record(calls: int) -> dict[str, float]:
    """Record a loop of so many calls; return the size of the recording, live and finished."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        with subprocess.Popen(
            command("native", folder, LOOP, str(calls)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            assert process.stdin is not None  # noqa: S101 - likewise
            made = process.stdout.readline()
            seconds = time.perf_counter() - started
            live = sum(part.stat().st_size for part in folder.glob("*.live/*.part"))
            process.stdin.close()  # lets it end
            process.wait()
        finished = sum(file.stat().st_size for file in folder.glob("*.cglab") if file.is_file())
        if made.strip() != str(calls) or not live or not finished:
            raise Failed(f"the loop of {calls:,} calls was not recorded")
        return {
            "calls": calls,
            "seconds": seconds,
            "live_bytes": live,
            "finished_bytes": finished,
        }


def run(options: Namespace, _: list[str]) -> dict[str, object]:
    """Compare, print and return the figures."""
    print("Size of a recording")
    rows = []
    for calls in (MILLION, options.calls):
        print(f"  {calls:15,} calls ...", end="", flush=True)
        row = record(calls)
        rows.append(row)
        print(
            f" {row['seconds']:7.1f} s, live {row['live_bytes']:,} bytes,"
            f" finished {row['finished_bytes']:,} bytes"
        )
    same = rows[0]["live_bytes"] == rows[1]["live_bytes"]
    print("  the same size while it runs" if same else "  it GREW", file=sys.stdout)
    return {"title": "Size of a recording", "rows": rows, "same_size": same}
