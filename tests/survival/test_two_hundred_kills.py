"""``kill -9`` of the target, of ``cglab``, of both or of all: nothing that ran is lost."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from support_cli import Running, wait_until, write_target
from support_engines import column_by_name
from support_native import needs_native

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import catalog
from callgraph_lab.recording.folding import DAMAGED_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callgraph_lab.model import Recording

pytestmark = needs_native

KILLS = 200
AT_ONCE = 4
SPINNING_PROCESSES = 2
LONGEST_START_S = 0.6
"""A moment before this may be before the target's first line; that is meant."""
LONGEST_RUN_S = 0.15
MOST_THREADS = 3
WRITERS = MOST_THREADS + 1
"""Each thread of the target counts for itself; its children, one at a time, for themselves."""

COUNTING = f"""
import mmap, os, sys, threading
with open(sys.argv[1], "r+b") as file:
    shared = mmap.mmap(file.fileno(), 4096)
counters = memoryview(shared).cast("Q")

def counted(number):
    counters[number] += 1
    inner(number)

def inner(number):
    counters[{WRITERS} + number] += 1

def generator(number):
    while True:
        counters[2 * {WRITERS} + number] += 1
        yield

def count_in_child():
    pid = os.fork()
    if pid == 0:
        suspended = generator({MOST_THREADS})
        for _ in range(50):
            counted({MOST_THREADS})
            next(suspended)
        os._exit(0)
    os.waitpid(pid, 0)

def forever(number):
    suspended = generator(number)
    while True:
        for _ in range(500):
            counted(number)
            next(suspended)
        if number == 0 and sys.argv[3] == "forks":
            count_in_child()

for number in range(1, int(sys.argv[2])):
    threading.Thread(target=forever, args=(number,), daemon=True).start()
forever(0)
"""


@dataclass(frozen=True, slots=True)
class Kill:
    """Which is killed first, how long after what, and how long after that the other one is."""

    victims: str
    is_early: bool
    wait_s: float
    rest_s: float
    threads: int
    forks: bool

    @property
    def most_calls_in_flight(self) -> int:
        """How many threads, those of a child included, may be in the middle of counting."""
        return self.threads + self.forks


@dataclass(frozen=True, slots=True)
class Counted:
    """What the target counted itself, and what was recorded: calls of each kind."""

    own: tuple[int, int, int]
    recorded: tuple[int, int, int]
    reads: int


@dataclass(slots=True)
class Reader:
    """Reads a run as commands do, again and again, while it goes on and is killed."""

    out: Path
    reads: int = 0
    faults: list[str] = field(default_factory=list)
    _has_to_end: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def beside(self) -> Iterator[Reader]:
        thread = threading.Thread(target=self._read_on)
        thread.start()
        try:
            yield self
        finally:
            self._has_to_end.set()
            thread.join()

    def _read_on(self) -> None:
        most = 0
        while not self._has_to_end.wait(0.05):
            try:
                calls = self._calls()
            except RecordingError as error:
                # A run may have a folder and nothing in it yet.
                if most:
                    self.faults.append(str(error))
                continue
            if calls < most:
                self.faults.append(f"{calls} calls after {most}")
            most = max(most, calls)

    def _calls(self) -> int:
        entries = catalog.entries(self.out) if self.out.exists() else []
        if not entries:
            return 0
        (entry,) = entries
        self.reads += 1
        return column_by_name(catalog.load(entry), "calls").get("counted", 0)


def random_kill(chance: random.Random) -> Kill:
    is_early = chance.random() < 0.4
    return Kill(
        victims=chance.choice(("target", "cglab", "both", "all")),
        is_early=is_early,
        wait_s=chance.uniform(0, LONGEST_START_S if is_early else LONGEST_RUN_S),
        rest_s=chance.uniform(0, LONGEST_RUN_S),
        threads=chance.choice((1, MOST_THREADS)),
        forks=chance.random() < 0.5,
    )


def own_counts(counter: Path) -> tuple[int, int, int]:
    words = memoryview(counter.read_bytes()).cast("Q")
    calls, inner, entered = (sum(words[kind * WRITERS : (kind + 1) * WRITERS]) for kind in range(3))
    return calls, inner, entered


def children_of(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def kill_if_there(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def carry_out(kill: Kill, folder: Path) -> Counted:
    """Run a target that counts, kill as told, and let the next command look at what is left."""
    folder.mkdir()
    counter = folder / "counter"
    counter.write_bytes(bytes(4096))
    script = write_target(folder, COUNTING)
    run = Running(
        *("run", "--engine", "native", "--no-render", script, counter, str(kill.threads)),
        "forks" if kill.forks else "alone",
        folder=folder,
    )
    cglab = run.process
    out = folder / "out"
    try:
        with Reader(out).beside() as reader:
            if not kill.is_early:
                wait_until(lambda: any(own_counts(counter)), "the target counts")
            time.sleep(kill.wait_s)
            strike(kill, run)
    finally:
        # What the target, too, is killed by where only cglab was.
        if group_is_there(cglab.pid):
            os.killpg(cglab.pid, signal.SIGKILL)
        cglab.wait(60)
        wait_until(lambda: not group_is_there(cglab.pid), "all of it has ended")
    assert reader.faults == []
    return Counted(own_counts(counter), recorded_counts(out), reader.reads)


def strike(kill: Kill, run: Running) -> None:
    cglab = run.process
    if kill.victims == "all":
        os.killpg(cglab.pid, signal.SIGKILL)
    elif kill.victims == "cglab":
        cglab.kill()
        time.sleep(kill.rest_s)
    else:
        # A process that watches signals comes after it.
        target, *_ = wait_until(lambda: children_of(cglab.pid), "there is a target")
        time.sleep(kill.rest_s if kill.is_early else 0)
        if kill.victims == "both":
            cglab.kill()
        os.kill(target, signal.SIGKILL)
        if kill.victims == "target":
            assert cglab.wait(60) == 128 + signal.SIGKILL, run.errors


def group_is_there(group: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        # The first thread of a process may end before the others.
        has_ended = fields[0] == b"X" or (fields[0] == b"Z" and int(fields[17]) <= 1)
        if int(fields[2]) == group and not has_ended:
            return True
    return False


def recorded_counts(out: Path) -> tuple[int, int, int]:
    """Finish what was left, as every command does first; there must be one recording at most."""
    with ThreadPoolExecutor(2) as two:
        for folded in two.map(catalog.fold_abandoned, [out, out]):
            assert [error for _, error in folded if error] == []
    assert not list(out.glob(f"*{DAMAGED_SUFFIX}"))
    entries = catalog.entries(out) if out.exists() else []
    assert len(entries) <= 1
    if not entries:
        return 0, 0, 0
    assert entries[0].live_folder is None
    recording = catalog.load(entries[0])
    assert not recording.run.complete or not len(recording.tree)
    assert not any(process.running for process in recording.processes)
    return counts_in(recording)


def counts_in(recording: Recording) -> tuple[int, int, int]:
    calls, resumes = column_by_name(recording, "calls"), column_by_name(recording, "resumes")
    return (
        calls.get("counted", 0),
        calls.get("inner", 0),
        calls.get("generator", 0) + resumes.get("generator", 0),
    )


@contextlib.contextmanager
def load() -> Iterator[None]:
    """Keep the processors busy with something else."""
    spin = "import os\nwhile os.getppid() == {}: pass"
    words = [sys.executable, "-c", spin.format(os.getpid())]
    spinning = [subprocess.Popen(words) for _ in range(SPINNING_PROCESSES)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def test_counts_are_off_by_no_more_than_the_call_in_flight_of_each_thread(tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    chance = random.Random(seed)  # noqa: S311 - so that a failure can be repeated
    kills = [random_kill(chance) for _ in range(KILLS)]
    folders = [tmp_path / str(number) for number in range(KILLS)]
    with load(), ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(carry_out, kills, folders))
    for number, (kill, found) in enumerate(zip(kills, results, strict=True)):
        where = f"seed {seed}, kill {number}: {kill}, {found}"
        # A call is in the recording first, and only then in the target's own counter.
        missing = [recorded - own for own, recorded in zip(found.own, found.recorded, strict=True)]
        assert all(0 <= count <= kill.most_calls_in_flight for count in missing), where
        assert sum(missing) <= kill.most_calls_in_flight, where
    # Kills that come before the first call show only that nothing is left unreadable.
    assert sum(1 for found in results if found.own[0]) > KILLS / 2
    assert sum(found.reads for found in results) > KILLS
