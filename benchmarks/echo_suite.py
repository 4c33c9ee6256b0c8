"""What a traced asyncio server costs: CPU time of its process under the load of several clients."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.comparison import Comparison, take_turns
from benchmarks.served import serving

if TYPE_CHECKING:
    from argparse import Namespace

CLIENTS = 20
LINE = b"x" * 99 + b"\n"
WARM_UP = 20


def load(clients: list[socket.socket], rounds: int) -> None:
    """Let every client send a line, then each wait for it to come back."""
    for _ in range(rounds):
        for client in clients:
            client.sendall(LINE)
        for client in clients:
            missing = len(LINE)
            while missing:
                missing -= len(client.recv(missing)) or missing


def session(tracer: str, limit_s: float, rounds: int) -> dict[str, float]:
    """Return the CPU seconds of a server: to its start and first use, and for the load."""
    with serving("echo.py", tracer, limit_s) as server, ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), limit_s))
            for _ in range(CLIENTS)
        ]
        load(clients, WARM_UP)
        before = server.cpu_seconds()
        load(clients, rounds)
        return {
            "start and first use": before,
            f"{CLIENTS * rounds:,} lines": server.cpu_seconds() - before,
        }


def run(options: Namespace, tracers: list[str]) -> dict[str, object]:
    """Compare, print and return the figures."""
    comparison = Comparison("asyncio echo server: CPU time of its process", "s", tracers)

    def measure(tracer: str) -> dict[str, float]:
        return session(tracer, options.limit_s, options.echo_rounds)

    take_turns(comparison, measure, options.turns)
    comparison.print_table()
    return comparison.as_json()
