"""What a traced FTP server costs: its CPU time for a fixed work, and pyftpdlib's ftpbench."""

from __future__ import annotations

import ftplib
import re
import subprocess
import sys
import sysconfig
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison import Comparison, Failed, take_turns
from benchmarks.served import serving
from benchmarks.tracers import SLOW

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

GIBIBYTE = 1 << 30
_PIECE = bytes(1 << 20)
WARM_UP = 20


class Zeros:
    """A file of so many zero bytes, made as it is read."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int) -> bytes:
        """Return the next bytes, none at the end."""
        size = min(size, self.left)
        self.left -= size
        return _PIECE[:size]


def commands(client: ftplib.FTP, count: int) -> None:
    for _ in range(count):
        client.voidcmd("NOOP")


def uploads(client: ftplib.FTP, count: int) -> None:
    for number in range(count):
        client.storbinary(f"STOR small-{number % 10}", BytesIO(bytes(1024)))


def listings(client: ftplib.FTP, count: int) -> None:
    for _ in range(count):
        client.retrlines("LIST", callback=lambda _: None)


def large_upload(client: ftplib.FTP, size: int) -> None:
    client.storbinary("STOR large", Zeros(size), blocksize=len(_PIECE))


WORKS: dict[str, tuple[Callable[[ftplib.FTP, int], None], int, int]] = {
    "3,000 commands": (commands, WARM_UP, 3_000),
    "500 uploads of 1 KB": (uploads, WARM_UP, 500),
    "300 listings": (listings, WARM_UP, 300),
    "one upload of 1 GiB": (large_upload, len(_PIECE), GIBIBYTE),
}


def session(tracer: str, limit_s: float) -> dict[str, float]:
    """Return the CPU seconds of a server: to its start and first use, and then for each work."""
    with serving("ftp.py", tracer, limit_s) as server, ftplib.FTP() as client:  # noqa: S321
        client.connect("127.0.0.1", server.port, timeout=limit_s)
        client.login("user", "12345")
        for work, warm_up, _ in WORKS.values():
            work(client, warm_up)
        now = server.cpu_seconds()
        figures = {"start and first use": now}
        for name, (work, _, amount) in WORKS.items():
            before = now
            work(client, amount)
            now = server.cpu_seconds()
            figures[name] = now - before
        return figures


def ftpbench(tracer: str, limit_s: float, clients: int, file_size: str) -> dict[str, float]:
    """Return the wall seconds that ftpbench names for its concurrent clients."""
    script = Path(sysconfig.get_path("scripts"), "ftpbench")
    if not script.exists():
        raise Failed(f"no {script}")
    with serving("ftp.py", tracer, limit_s) as server:
        account = ["-u", "user", "-p", "12345", "-H", "127.0.0.1", "-P", str(server.port)]
        work = ["-b", "concurrence", "-n", str(clients), "-s", file_size]
        answer = subprocess.run(
            [sys.executable, "-W", "ignore", str(script), *account, *work],
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise Failed(f"ftpbench: {answer.stderr.strip().splitlines()[-1:]}")
        cpu = server.cpu_seconds()
    steps = re.findall(r"^(.*?)\s+([\d.]+) secs", answer.stdout, flags=re.MULTILINE)
    figures = {step: float(seconds) for step, seconds in steps}
    return {
        # Below a tenth of a second its two decimals say too little of one step.
        **{step: seconds for step, seconds in figures.items() if seconds > 0.1},
        "all its steps, wall": sum(figures.values()),
        "the server's CPU, start included": cpu,
    }


def run(options: Namespace, tracers: list[str]) -> dict[str, object]:
    """Compare the works one client asks for."""
    comparison = Comparison("FTP server: CPU time of its process", "s", tracers)
    take_turns(comparison, lambda tracer: session(tracer, options.limit_s), options.turns)
    comparison.print_table()
    return comparison.as_json()


def run_ftpbench(options: Namespace, tracers: list[str]) -> dict[str, object]:
    """Compare what pyftpdlib's own benchmark says of many clients at once."""
    title = f"pyftpdlib's ftpbench, {options.clients} concurrent clients: wall time"
    comparison = Comparison(title, "s", [tracer for tracer in tracers if tracer not in SLOW])

    def measure(tracer: str) -> dict[str, float]:
        return ftpbench(tracer, options.limit_s, options.clients, options.file_size)

    take_turns(comparison, measure, options.turns)
    comparison.print_table()
    return comparison.as_json()
