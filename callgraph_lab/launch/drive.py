"""Drive a target with a client: wait until the target listens, run the client, say how it went."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from callgraph_lab.errors import TargetError
from callgraph_lab.launch.daemons import Daemons
from callgraph_lab.recording.marking import RECORDING_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

HOST_VARIABLE = "CGLAB_HOST"
PORT_VARIABLE = "CGLAB_PORT"
_DRAIN_WITHIN_S = 2.0
_END_WITHIN_S = 5.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


class DriveState(Enum):
    """How far the client has come."""

    WAITING = "waiting until the target listens"
    RUNNING = "running"
    DRAINING = "waiting until the target has closed its connections"
    DONE = "done"
    FAILED = "failed"
    CUT_SHORT = "stopped before it was done"
    NEVER_LISTENED = "the target never listened"


class Drive:
    """A client that starts when the target listens. ``poll`` moves it on and never waits."""

    def __init__(self, command: str, *, timeout_s: float, say: Callable[[str], None]) -> None:
        self._environment = dict(os.environ)
        # "python client.py" should mean the Python that cglab itself was installed for.
        here = str(Path(sys.executable).parent)
        self._environment["PATH"] = os.pathsep.join([here, self._environment.get("PATH", "")])
        self._command = _split(command, self._environment["PATH"])
        self._timeout_s = timeout_s
        self._say = say
        self._client: subprocess.Popen[bytes] | None = None
        self._deadline = 0.0
        self._daemons: Daemons | None = None
        self.state = DriveState.WAITING
        self.exit_status: int | None = None

    def tell_recording(self, live_folder: Path) -> None:
        """Have the client know the recording, so that it can put marks on it."""
        self._environment[RECORDING_VARIABLE] = str(live_folder.resolve())
        self._daemons = Daemons(live_folder.resolve())

    def begin(self) -> None:
        """Count the time that the target has until it listens from now."""
        self._deadline = time.monotonic() + self._timeout_s

    def poll(self, target_pid: int) -> DriveState:
        """Look at the target and the client, and do what is next."""
        if self.state is DriveState.WAITING:
            address = listening_address(self._processes(target_pid))
            if address is not None:
                self._start(address)
            elif time.monotonic() > self._deadline:
                self.state = DriveState.NEVER_LISTENED
        elif self.state is DriveState.RUNNING and self._client is not None:
            self.exit_status = self._client.poll()
            if self.exit_status is not None:
                self._deadline = time.monotonic() + _DRAIN_WITHIN_S
                self.state = DriveState.DRAINING
        elif self.state is DriveState.DRAINING and (
            time.monotonic() > self._deadline
            or not have_open_connections(self._processes(target_pid))
        ):
            self.state = DriveState.FAILED if self.exit_status else DriveState.DONE
        return self.state

    def _processes(self, target_pid: int) -> list[psutil.Process]:
        daemons = [] if self._daemons is None else self._daemons.processes()
        return [*family(target_pid), *daemons]

    def _start(self, address: tuple[str, int]) -> None:
        host, port = address
        self._say(f"the target listens on {host}:{port}; starting {shlex.join(self._command)}")
        environment = {**self._environment, HOST_VARIABLE: host, PORT_VARIABLE: str(port)}
        self._client = subprocess.Popen(
            self._command,
            env=environment,
            stdin=subprocess.DEVNULL,
            # The terminal's Ctrl-C is for the target.
            process_group=0,
            # The supervisor blocks signals that the client must be able to receive.
            preexec_fn=_unblock_signals,  # noqa: PLW1509 - this process has one thread
        )
        self.state = DriveState.RUNNING

    def end(self) -> None:
        """Stop a client that still runs; note the status of one that has just ended."""
        if self._client is None:
            return
        if self._client.poll() is None:
            self.state = DriveState.CUT_SHORT
            self._client.terminate()
            try:
                self._client.wait(_END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._client.kill()
        self.exit_status = self._client.wait()
        if self.state is DriveState.RUNNING:
            self.state = DriveState.FAILED if self.exit_status else DriveState.DONE


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _split(command: str, path: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise TargetError(
            f"--drive {command!r} is not a command: {error}", hint="--drive 'python client.py'"
        ) from error
    if not words:
        raise TargetError("--drive needs a command", hint="--drive 'python client.py'")
    if shutil.which(words[0], path=path) is None:
        raise TargetError(
            f"--drive: there is no command {words[0]!r}",
            hint="give a program on PATH, or its path",
        )
    return words


def family(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants; nothing where it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def listening_address(processes: list[psutil.Process]) -> tuple[str, int] | None:
    """Return host and port of a TCP socket on which one of the processes listens."""
    for process in processes:
        try:
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    host, port = connection.laddr
                    return _ANY_ADDRESS.get(host, host), port
        except psutil.Error:
            continue
    return None


def have_open_connections(processes: list[psutil.Process]) -> bool:
    """Say whether one of the processes has an open TCP connection."""
    for process in processes:
        try:
            for connection in process.net_connections(kind="tcp"):
                if connection.status in (psutil.CONN_ESTABLISHED, psutil.CONN_CLOSE_WAIT):
                    return True
        except psutil.Error:
            continue
    return False


def terminate_family(pid: int) -> None:
    """Kill a process and its descendants at once."""
    for process in reversed(family(pid)):
        try:
            process.kill()
        except psutil.Error:
            continue
