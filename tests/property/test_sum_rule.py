"""No root has more inclusive time than its thread lived: of programs that nobody wrote.

``CGLAB_SUM_RULE_PROGRAMS=500`` tries so many, and others at each run.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support_engines import DrivenRecording, needs_native_engine, write_script
from support_lives import Lives, what_breaks_the_sum_rule

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import catalog
from callgraph_lab.recording.live_folder import is_running, read_live_folder
from callgraph_lab.recording.run_file import read_run_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from callgraph_lab.model import Recording

PROGRAMS = int(os.environ.get("CGLAB_SUM_RULE_PROGRAMS", "0"))
FUNCTIONS = ("first", "second", "third", "fourth")
KINDS = ("Worker", "Helper", "Reader")
ENDINGS = (
    "returns", "leaves", "kills itself", "is killed", "is killed asleep", "goes on as another",
    "raises", "leaves a thread",
)  # fmt: skip
PATIENCE_S = 60.0

# What a program tells is written at once, and by one system call, so it is there whoever is killed.
PRELUDE = '''\
"""Made by a test."""

import asyncio, json, multiprocessing, os, signal, sys, threading, time

told = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
now = time.monotonic_ns
fuel = 60
processes_left = 6
threads_left = 8
number = 0
parent = os.getppid()


class Oops(Exception):
    pass


def tell(pid=None, **said):
    os.write(told, (json.dumps({"pid": pid or os.getpid(), **said}) + "\\n").encode())


def spent():
    global fuel
    fuel -= 1
    return fuel < 0


def spin(milliseconds):
    until = now() + milliseconds * 1_000_000
    while now() < until:
        pass


def nap(milliseconds):
    time.sleep(milliseconds / 1000)


def live(work, level):
    try:
        work(level)
    except Oops:
        nap(1)


def for_ever():
    # Who was to end us may have been killed itself.
    while os.getppid() == parent:
        nap(20)
    os._exit(0)


class Client:
    def on_get(self, work, level):
        live(work, level)

    def on_put(self, work, level):
        spin(1)
        live(work, level)


def start_thread(kind, work, level, joined):
    global threads_left, number
    threads_left -= 1
    if threads_left < 0:
        return live(work, level)
    number += 1
    this = number

    def run():
        live(work, level)
        if not joined:
            for_ever()

    tell(thread=kind, number=this, began=now())
    thread = threading.Thread(target=run, name=kind, daemon=True)
    thread.start()
    if joined:
        thread.join()
        tell(thread=kind, number=this, ended=now())


def fork(work, level, how):
    global processes_left, threads_left, parent
    processes_left -= 1
    if processes_left < 0:
        return live(work, level)
    born, mine = now(), os.getpid()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        processes_left, threads_left, parent = processes_left // 2, 2, mine
        tell(born=born, awake=now())
        os.close(read)
        live(work, level)
        end(how, write)
    tell(pid, born=born)
    os.close(write)
    if how == "is killed" and level % 2:
        nap(3)
        os.kill(pid, signal.SIGKILL)
    elif how in ("is killed", "is killed asleep"):
        os.read(read, 1)
        nap(5)
        os.kill(pid, signal.SIGKILL)
    os.close(read)
    os.waitpid(pid, 0)
    tell(pid, gone=now())


def end(how, write):
    tell(sign=now())
    if how == "leaves":
        os._exit(0)
    if how == "kills itself":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "goes on as another":
        os.execv("/bin/sleep", ["sleep", "0.02"])
    if how == "raises":
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        raise ValueError("not caught")
    if how == "leaves a thread":
        start_thread("Worker", nap, 1, False)
    if how.startswith("is killed"):
        os.write(write, b".")
        if how == "is killed asleep":
            nap(1_000)
        for_ever()
    sys.exit()


def start_process(work, level):
    global processes_left
    processes_left -= 1
    if processes_left < 0:
        return live(work, level)
    born, mine = now(), os.getpid()

    def run():
        global processes_left, threads_left, parent
        processes_left, threads_left, parent = 0, 2, mine
        tell(born=born, awake=now())
        live(work, level)
        tell(sign=now())

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    pid = process.pid
    tell(pid, born=born)
    process.join()
    tell(pid, gone=now())


def generator(work, level):
    for step in range(3):
        live(work, level)
        yield step


async def coroutine(work, level):
    await asyncio.sleep(0.001)
    live(work, level)
    await asyncio.sleep(0.002)


async def together(work, level):
    await asyncio.gather(coroutine(work, level), coroutine(nap, 1))

'''


class Writer:
    """Writes one random program, line by line."""

    def __init__(self, draw: Callable[..., object]) -> None:
        self._draw = draw
        self.lines: list[str] = []

    def choose(self, *options: str) -> str:
        return str(self._draw(st.sampled_from(options)))

    def statement(self, work: str) -> str:
        """Return a statement that may call ``work``."""
        kind = self.choose(
            "spin", "nap", "call", "call", "thread", "thread", "fork", "fork", "fork", "process",
            "generator", "half", "coroutine", "raise", "action", "lambda",
        )  # fmt: skip
        joined = self.choose("True", "True", "False")
        return {
            "spin": "spin(2)",
            "nap": "nap(3)",
            "call": f"{work}(level + 1)",
            "thread": f"start_thread({self.choose(*KINDS)!r}, {work}, level + 1, {joined})",
            "fork": f"fork({work}, level + 1, {self.choose(*ENDINGS)!r})",
            "process": f"start_process({work}, level + 1)",
            "generator": f"list(generator({work}, level + 1))",
            "half": f"next(generator({work}, level + 1))",
            "coroutine": f"asyncio.run(together({work}, level + 1))",
            "raise": "if level % 3 == 2: raise Oops",
            "action": f"Client().on_{self.choose('get', 'put')}({work}, level + 1)",
            "lambda": f"(lambda: {work}(level + 1))()",
        }[kind]

    def program(self, end: str) -> str:
        for name in FUNCTIONS:
            self.lines += [f"def {name}(level):", "    if spent(): return None"]
            for _ in range(int(str(self._draw(st.integers(1, 4))))):
                self.lines.append(f"    {self.statement(self.choose(*FUNCTIONS))}")
            self.lines.append("")
        self.lines += ["tell(born=int(sys.argv[2]), awake=now())"]
        for name in FUNCTIONS:
            self.lines += [f"fuel = {self._draw(st.integers(3, 12))}", f"live({name}, 0)"]
        self.lines += ["tell(sign=now())", end]
        return PRELUDE + "\n".join(self.lines) + "\n"


END_OF_PROGRAM = {
    "returns": "",
    "is killed": "tell(sleeps=True)\nfor_ever()",
}
EVENT_MAP = """
[event_map]
pass = ":generator"

[[event_map.action]]
start = "Client.on_*"
name = "{*}"
"""


@st.composite
def programs(draw: Callable[..., object]) -> tuple[str, bool, dict[str, object]]:
    """Return a program, whether it is to be killed with all its family, and how to record it."""
    writer = Writer(draw)
    end = writer.choose("returns", "returns", "is killed")
    options: dict[str, object] = {}
    if writer.choose("lines", "no lines") == "lines":
        options["lines"] = [*FUNCTIONS, "live", "fork", "nap", "Client.*"]
    if writer.choose("memory", "no memory") == "memory":
        options["memory"] = True
    return writer.program(END_OF_PROGRAM[end]), end != "returns", options


def kill_family(pid: int) -> None:
    """Kill all at once, so that nobody sees the others end."""
    first = psutil.Process(pid)
    family = [first, *first.children(recursive=True)]
    for process in family:
        with suppress(psutil.Error):
            process.suspend()
    for process in reversed(family):
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


class Watched:
    """A program that runs, and what is wrong with what its recording shows meanwhile."""

    def __init__(self, folder: Path, text: str, options: dict[str, object]) -> None:
        self.told = folder / "told"
        self.out = folder / "out"
        event_map = write_script(folder, EVENT_MAP, "map.toml")
        self.driven = DrivenRecording(
            write_script(folder, text),
            str(self.told),
            str(time.monotonic_ns()),
            folder=folder,
            engine="native",
            event_maps=[str(event_map)],
            **options,
        )
        self.started_ns = 0
        self.looks = 0

    def wait_for_its_end(self, *, is_to_be_killed: bool) -> str:
        """Look at it again and again; return what cannot be."""
        deadline = time.monotonic() + PATIENCE_S
        while self.driven.process.poll() is None:
            assert time.monotonic() < deadline, "it does not end"
            if wrong := self.look():
                return wrong
            if is_to_be_killed and self.told.exists() and b"sleeps" in self.told.read_bytes():
                if wrong := self.look():
                    return wrong
                kill_family(self.driven.process.pid)
                break
            time.sleep(0.03)
        return ""

    def look(self) -> str:
        for live_folder in self.out.glob("*.live"):
            with suppress(RecordingError, FileNotFoundError):
                self.started_ns = read_run_file(live_folder).started_monotonic_ns
                before = Lives.told(self.told, self.started_ns)
                recording = read_live_folder(live_folder).recording
                until_ns = time.monotonic_ns()
                self.looks += bool(recording.threads)
                after = Lives.told(self.told, self.started_ns)
                # What has ended since it was looked at was running, and had no more than till now.
                for pid, life in after.processes.items():
                    if pid not in before.processes or before.processes[pid].gone_ns is None:
                        life.gone_ns = None
                return self.judge(recording, after, until_ns, is_over=False)
        return ""

    def look_at_the_end(self) -> str:
        """Look at the finished recording, of which every process has ended."""
        self.driven.process.communicate(timeout=PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while any(map(is_running, self.out.glob("*.live"))):
            assert time.monotonic() < deadline, "it does not end"
            time.sleep(0.02)
        until_ns = time.monotonic_ns()
        catalog.fold_abandoned(self.out)
        (entry,) = catalog.entries(self.out)
        assert entry.live_folder is None
        lives = Lives.told(self.told, self.started_ns)
        return self.judge(catalog.load(entry), lives, until_ns, is_over=True)

    def judge(self, recording: Recording, lives: Lives, until_ns: int, *, is_over: bool) -> str:
        when = "finished" if is_over else "running"
        wrong = what_breaks_the_sum_rule(recording, lives, until_ns, is_over=is_over)
        return "\n".join(f"{when}: {sentence}" for sentence in wrong)


@needs_native_engine
@settings(
    max_examples=PROGRAMS or 5,
    derandomize=not PROGRAMS,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(made=programs())
def test_no_root_has_more_time_than_its_thread_lived(
    made: tuple[str, bool, dict[str, object]],
) -> None:
    text, is_to_be_killed, options = made
    with tempfile.TemporaryDirectory() as name:
        watched = Watched(Path(name), text, options)
        wrong = watched.wait_for_its_end(is_to_be_killed=is_to_be_killed)
        wrong = wrong or watched.look_at_the_end()
        assert not wrong
        assert watched.looks
