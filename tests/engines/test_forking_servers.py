"""Servers that fork: every child counts, once, and their files do not pile up."""

from __future__ import annotations

import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support_engines import (
    PACKAGES,
    calls_by_name,
    column_by_name,
    every_engine,
    run_recorded,
    write_script,
)

from callgraph_lab.graph.processes import only_process
from callgraph_lab.recording import catalog
from callgraph_lab.recording.ended import MOST_ENDED_PARTS

if TYPE_CHECKING:
    from callgraph_lab.model import Recording

FTP_SERVER = """
import os, signal, sys, tempfile
import psutil
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import Poll
from pyftpdlib.servers import FTPServer, MultiprocessFTPServer

def main(kind, home):
    first = os.getpid()
    authorizer = DummyAuthorizer()
    authorizer.add_user("user", "12345", home, perm="elradfmwMT")
    FTPHandler.authorizer = authorizer
    FTPHandler.use_sendfile = False
    server_class = {"multiprocess": MultiprocessFTPServer, "prefork": FTPServer}[kind]
    # Workers made by a fork would share one epoll instance, and take each other's events: untraced,
    # too, a transfer hangs now and then.
    loop = Poll() if kind == "prefork" else None
    server = server_class(("127.0.0.1", 0), FTPHandler, ioloop=loop)
    try:
        server.serve_forever(**({"worker_processes": 4} if kind == "prefork" else {}))
    except KeyboardInterrupt:
        pass
    finally:
        if os.getpid() == first:
            # pyftpdlib leaves its workers to the terminal's Ctrl-C.
            for child in psutil.Process().children():
                child.send_signal(signal.SIGINT)
            psutil.wait_procs(psutil.Process().children(), 10)

main(*sys.argv[1:])
"""
CLIENTS = """
import ftplib, io, os, sys, threading

def session(name, uploads):
    with ftplib.FTP() as ftp:
        ftp.connect(os.environ["CGLAB_HOST"], int(os.environ["CGLAB_PORT"]), timeout=30)
        ftp.login("user", "12345")
        for number in range(uploads):
            ftp.storbinary(f"STOR {name}-{number}", io.BytesIO(b"x" * 1000))

def client(name):
    for round in range(int(sys.argv[2])):
        session(f"{name}-{round}", 3)

threads = [threading.Thread(target=client, args=(n,)) for n in range(int(sys.argv[1]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def processes_with(recording: Recording, qualname: str) -> int:
    """Return how many rows of the process list have calls of a function."""
    pids = {process.pid for process in recording.processes}
    return sum(
        column_by_name(only_process(recording, pid), "calls").get(qualname, 0) > 0 for pid in pids
    )


@every_engine
@pytest.mark.parametrize(("kind", "sessions"), [("multiprocess", 24), ("prefork", 5)])
def test_uploads_over_all_processes(engine: str, kind: str, sessions: int, tmp_path: Path) -> None:
    clients, home = 4, tmp_path / "home"
    home.mkdir()
    script = write_script(tmp_path, FTP_SERVER)
    client = [sys.executable, str(write_script(tmp_path, CLIENTS, "clients.py"))]
    recorded = run_recorded(
        script,
        kind,
        str(home),
        folder=tmp_path,
        engine=engine,
        drive=shlex.join([*client, str(clients), str(sessions)]),
    )
    assert recorded.drive_error is None
    recording = catalog.load(recorded.entry)
    uploads = clients * sessions * 3
    assert len(list(home.iterdir())) == uploads
    calls = column_by_name(recording, "calls")
    assert calls["FTPHandler.ftp_STOR"] == uploads
    processes = sum(process.processes for process in recording.processes)
    if kind == "multiprocess":
        assert processes == 1 + clients * sessions
        assert len(recording.processes) <= MOST_ENDED_PARTS + 2
    else:
        assert processes == 1 + 4
        assert processes_with(recording, "FTPHandler.ftp_STOR") >= 2


FORKS = """
import mmap, os, sys, time
from pathlib import Path

# How many forks were made, and how many there shall be: whoever recorded this may raise it.
counter = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 16)
files_at_most, folder = int(sys.argv[2]), Path(sys.argv[3])

def step():
    pass

def child(number):
    for _ in range(number % 7):
        step()

def fork(number):
    pid = os.fork()
    if pid == 0:
        child(number)
        os._exit(0)
    os.waitpid(pid, 0)
    counter[:8] = (number + 1).to_bytes(8, "little")

def wait_for_few_files():
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if len(list(folder.glob("*.live/*"))) <= files_at_most:
            return
        time.sleep(0.01)
    sys.exit("the files of ended processes stay where they are")

number = 0
while number < int.from_bytes(counter[8:], "little"):
    fork(number)
    number += 1
    if files_at_most and number % files_at_most == 0:
        wait_for_few_files()
"""


RECORDER = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from support_engines import run_recorded
recorded = run_recorded(
    {script!r}, {counter!r}, {files_at_most!r}, {out!r}, folder=Path({folder!r}), engine={engine!r}
)
sys.exit(recorded.outcome.status)
"""


def recorder(
    folder: Path, engine: str, forks: int, *, files_at_most: int = 0
) -> subprocess.Popen[bytes]:
    """Start recording, in a process of its own, a program that forks; return that process.

    After every ``files_at_most`` forks the program waits until there are no more files than that.
    """
    set_forks(folder, forks)
    program = RECORDER.format(
        paths=[PACKAGES, str(Path(__file__).parents[1])],
        script=str(write_script(folder, FORKS)),
        counter=str(folder / "counter"),
        files_at_most=str(files_at_most),
        out=str(folder / "out"),
        folder=str(folder),
        engine=engine,
    )
    return subprocess.Popen([sys.executable, "-c", program])


def set_forks(folder: Path, forks: int) -> None:
    """Say after how many forks the program shall end."""
    path = folder / "counter"
    if not path.exists():
        path.write_bytes(bytes(16))
    with path.open("r+b") as file:
        file.seek(8)
        file.write(forks.to_bytes(8, "little"))


def check(recording: Recording, forks: int) -> None:
    """Check that every fork and every call of the children is there once."""
    calls = calls_by_name(recording)
    assert calls["__main__.child"] == calls["__main__.fork"] == forks
    assert calls["__main__.step"] == sum(number % 7 for number in range(forks))
    assert sum(process.processes for process in recording.processes) == 1 + forks
    assert len(recording.processes) <= MOST_ENDED_PARTS + 2


@every_engine
def test_thousands_of_forks_leave_few_files_and_every_call(engine: str, tmp_path: Path) -> None:
    forks, files_at_most = 2000, 250
    with recorder(tmp_path, engine, forks, files_at_most=files_at_most) as process:
        # The program itself waits for the files to become few, and fails if they never do.
        assert process.wait() == 0
    (entry,) = catalog.entries(tmp_path / "out")
    check(catalog.load(entry), forks)


@every_engine
def test_readers_and_killed_helpers_while_children_come_and_go(engine: str, tmp_path: Path) -> None:
    """Kill ``cglab`` at random moments, and those who go on with what it did."""
    chance = random.Random(5)  # noqa: S311 - when to kill
    # The program forks for as long as it takes: a quick machine would be done before the last kill.
    process = recorder(tmp_path, engine, 1_000_000)
    counter, kills, killed = tmp_path / "counter", 4, 0

    def done() -> int:
        return int.from_bytes(counter.read_bytes()[:8], "little")

    merge = f"""
import sys
sys.path.insert(0, {PACKAGES!r})
from pathlib import Path
from callgraph_lab.recording import catalog
while True:
    catalog.fold_abandoned(Path({str(tmp_path / "out")!r}))
"""
    until = time.monotonic() + 120
    while killed < kills:
        assert time.monotonic() < until
        time.sleep(chance.uniform(0.3, 1.0))
        before = done()
        entries = catalog.entries(tmp_path / "out")
        if before and entries and entries[0].running:
            calls = calls_by_name(catalog.load(entries[0]))
            # The child of the fork that is being made may have begun.
            assert before <= calls["__main__.child"] <= done() + 1
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
            process = subprocess.Popen([sys.executable, "-c", merge])
    set_forks(tmp_path, done())
    process.kill()
    process.wait()
    while (entries := catalog.entries(tmp_path / "out"))[0].running:
        assert time.monotonic() < until
        time.sleep(0.1)
    catalog.fold_abandoned(tmp_path / "out")
    (entry,) = catalog.entries(tmp_path / "out")
    check(catalog.load(entry), done())
