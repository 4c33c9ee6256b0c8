"""A server under a tracer, and the CPU time that it has used, read from outside in nanoseconds."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks import tracers
from benchmarks.comparison import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = Path(__file__).parent / "programs"
START_LIMIT_S = 60.0
# A server may still be busy when its client has the last reply.
SETTLE_S = 0.02
_CLOCK_OF_ALL_THREADS = 2


@dataclass(frozen=True)
class Server:
    """A server that listens, in a process of its own."""

    pid: int
    port: int
    home: Path

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads so far."""
        time.sleep(SETTLE_S)
        # The clock of another process, as clock_getcpuclockid() would name it.
        return time.clock_gettime((~self.pid << 3) | _CLOCK_OF_ALL_THREADS)

    def megabytes(self) -> float:
        """Return the memory that it has now."""
        return float(psutil.Process(self.pid).memory_info().rss) / 1e6


def _end(process: subprocess.Popen[str]) -> None:
    """End what was started and all its children, at once: the recording is not looked at."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    process.wait()


@contextmanager
def serving(script: str, tracer: str, limit_s: float) -> Iterator[Server]:
    """Run one of the servers; raise Failed where it does not come up or takes over ``limit_s``."""
    with tempfile.TemporaryDirectory() as name:
        home, folder = Path(name, "home"), Path(name, "recordings")
        home.mkdir()
        folder.mkdir()
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            tracers.command(tracer, folder, PROGRAMS / script, str(home)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        # A client of a server that is gone fails by itself, so ending the server is enough.
        limit = threading.Timer(limit_s, process.send_signal, [signal.SIGKILL])
        limit.start()
        try:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            words = process.stdout.readline().split()
            if len(words) != 2:
                raise Failed("the server did not start")
            yield Server(int(words[0]), int(words[1]), home)
        except (OSError, EOFError) as error:
            raise Failed(f"the session took over {limit_s:.0f} s or broke: {error!r}") from error
        finally:
            limit.cancel()
            _end(process)
