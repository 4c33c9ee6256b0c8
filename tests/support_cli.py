"""Run ``cglab`` as a user does: another process, a folder of its own, signals, a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callgraph_lab.api import open_recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from callgraph_lab.model import GraphNode

EXAMPLES = Path(__file__).parents[1] / "examples"
CLIENT = EXAMPLES / "upload_client.py"
CGLAB = (sys.executable, "-m", "callgraph_lab")
PATIENCE_S = 120.0
ENGINE = os.environ.get("CGLAB_TEST_ENGINE", "auto")
"""The engine that recordings are made with, so that one suite can run on each."""

FIBONACCI = """
import sys

def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

def main():
    print("result", fibonacci(6))

if __name__ == "__main__":
    main()
"""
"""A target whose calls are known: fibonacci(6) is 25 calls, 7 deep below <module> and main."""
FIBONACCI_CALLS = 25

SLEEPER = """
import sys, time

def work():
    print("ready", flush=True)
    while True:
        time.sleep(0.05)

def main():
    work()

main()
"""
"""A target that never returns, and ends of the first SIGINT with Python's own traceback."""

LISTENER = """
import socket

def serve():
    server = socket.create_server(("127.0.0.1", 0))
    print("ready", flush=True)
    while True:
        connection, _ = server.accept()
        connection.sendall(b"hello")
        connection.close()

try:
    serve()
except KeyboardInterrupt:
    print("bye", flush=True)
"""
"""A server of a few lines that ends well on the first SIGINT."""


def write_target(folder: Path, text: str, name: str = "target.py") -> Path:
    """Write a program into a folder and return its path."""
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def command(*arguments: str | Path | bytes) -> list[str | bytes]:
    """Return the command line of ``cglab`` with these arguments, and the engine under test."""
    words = [item if isinstance(item, bytes) else str(item) for item in arguments]
    if ENGINE != "auto" and words[0] in ("run", "demo"):
        words[1:1] = ["--engine", ENGINE]
    elif ENGINE != "auto" and words[0] == "sweep" and len(words) > 2:
        words[2:2] = ["--engine", ENGINE]
    return [*CGLAB, *words]


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with some changes, and nothing that alters output."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CGLAB_")}
    return {**kept, "COLUMNS": "100", **changes}


def cglab(
    *arguments: str | Path | bytes,
    folder: Path,
    status: int | None = 0,
    **changes: str,
) -> subprocess.CompletedProcess[str]:
    """Run ``cglab`` in ``folder`` to its end and check its exit status (None: any)."""
    result = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=2 * PATIENCE_S,
        check=False,
    )
    assert status is None or result.returncode == status, result.stdout + result.stderr
    return result


def as_json(*arguments: str | Path, folder: Path) -> Any:
    """Run ``cglab`` and return the JSON that it prints."""
    return json.loads(cglab(*arguments, folder=folder).stdout)


def recordings(folder: Path) -> list[Path]:
    """Return the finished recordings in the folder ``out`` of ``folder``."""
    return sorted((folder / "out").glob("*.cglab"))


def only_recording(folder: Path) -> Path:
    """Return the one finished recording, having checked that no live files are left."""
    live = list((folder / "out").glob("*.live"))
    assert not live
    (path,) = recordings(folder)
    return path


def figures(recording: Path) -> dict[str, GraphNode]:
    """Return the functions of a recording by their qualified names, nothing hidden."""
    graph = open_recording(recording).graph(max_depth=None, filters=["none"])
    return {node.function.qualname: node for node in graph.nodes}


def wait_until(is_true: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
    """Return the first true answer, or fail."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if answer := is_true():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited in vain until {what}")


class Running:
    """A ``cglab run`` under way in a session of its own, with its output in two files."""

    def __init__(self, *arguments: str | Path | bytes, folder: Path, **changes: str) -> None:
        self.folder = folder
        self._output_path, self._errors_path = folder / "stdout.txt", folder / "stderr.txt"
        with self._output_path.open("wb") as output, self._errors_path.open("wb") as errors:
            self.process = subprocess.Popen(
                command(*arguments),
                cwd=folder,
                env=environment(**changes),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What stands on stdout so far."""
        return self._output_path.read_text(encoding="utf-8")

    @property
    def errors(self) -> str:
        """What stands on stderr so far."""
        return self._errors_path.read_text(encoding="utf-8", errors="backslashreplace")

    def wait_for(self, text: str) -> None:
        """Wait until the target has printed a text."""
        wait_until(lambda: text in self.output or self.process.poll() is not None, text)
        assert text in self.output, self.errors

    def target_pid(self) -> int:
        """Return the pid of the target, the only child of ``cglab``."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(wait_until(children.read_text, "the target has started").split()[0])

    def end(self) -> int:
        """Wait for the end of ``cglab`` and return its exit status."""
        return self.process.wait(PATIENCE_S)


@contextmanager
def running(*arguments: str | Path | bytes, folder: Path, **changes: str) -> Iterator[Running]:
    """Start ``cglab`` and leave nothing of it behind, whatever happens."""
    run = Running(*arguments, folder=folder, **changes)
    try:
        yield run
    finally:
        # The whole session: also a target whose cglab a test has killed.
        with suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait(PATIENCE_S)
