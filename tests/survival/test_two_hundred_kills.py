"""``kill -9`` of the target, of ``cglab``, or of both, at any moment: nothing that ran is lost."""

from __future__ import annotations

import os
import random
import secrets
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from support_cli import Running, wait_until, write_target
from support_engines import column_by_name
from support_native import needs_native

from callgraph_lab.recording import catalog
from callgraph_lab.recording.folding import DAMAGED_SUFFIX

pytestmark = needs_native

KILLS = 200
AT_ONCE = 4
LONGEST_START_S = 0.6
"""A moment before this may be before the target's first line; that is meant."""
LONGEST_RUN_S = 0.15
MOST_THREADS = 3

COUNTING = f"""
import mmap, sys, threading
with open(sys.argv[1], "r+b") as file:
    shared = mmap.mmap(file.fileno(), 4096)
counters = memoryview(shared).cast("Q")

def counted(number):
    counters[number] += 1
    inner(number)

def inner(number):
    counters[{MOST_THREADS} + number] += 1

def generator(number):
    while True:
        counters[2 * {MOST_THREADS} + number] += 1
        yield

def forever(number):
    suspended = generator(number)
    while True:
        counted(number)
        next(suspended)

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


@dataclass(frozen=True, slots=True)
class Counted:
    """What the target counted itself, and what was recorded: calls of each kind."""

    own: tuple[int, int, int]
    recorded: tuple[int, int, int]


def random_kill(chance: random.Random) -> Kill:
    is_early = chance.random() < 0.4
    return Kill(
        victims=chance.choice(("target", "cglab", "both")),
        is_early=is_early,
        wait_s=chance.uniform(0, LONGEST_START_S if is_early else LONGEST_RUN_S),
        rest_s=chance.uniform(0, LONGEST_RUN_S),
        threads=chance.choice((1, MOST_THREADS)),
    )


def own_counts(counter: Path) -> tuple[int, int, int]:
    words = memoryview(counter.read_bytes()).cast("Q")
    calls, inner, entered = (
        sum(words[kind * MOST_THREADS : (kind + 1) * MOST_THREADS]) for kind in range(3)
    )
    return calls, inner, entered


def child_of(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return None
    return int(text.split()[0]) if text else None


def carry_out(kill: Kill, folder: Path) -> Counted:
    """Run a target that counts, kill as told, and let the next command look at what is left."""
    folder.mkdir()
    counter = folder / "counter"
    counter.write_bytes(bytes(4096))
    script = write_target(folder, COUNTING)
    words = ("run", "--engine", "native", "--no-render", script, counter, str(kill.threads))
    run = Running(*words, folder=folder)
    cglab = run.process
    try:
        if not kill.is_early:
            wait_until(lambda: any(own_counts(counter)), "the target counts")
        time.sleep(kill.wait_s)
        if kill.victims == "both":
            os.killpg(cglab.pid, signal.SIGKILL)
        elif kill.victims == "cglab":
            cglab.kill()
            time.sleep(kill.rest_s)
        else:
            target = wait_until(lambda: child_of(cglab.pid), "there is a target")
            time.sleep(kill.rest_s if kill.is_early else 0)
            os.kill(target, signal.SIGKILL)
            assert cglab.wait(60) == 128 + signal.SIGKILL, run.errors
    finally:
        # What the target, too, is killed by where only cglab was.
        if group_is_there(cglab.pid):
            os.killpg(cglab.pid, signal.SIGKILL)
        cglab.wait(60)
        wait_until(lambda: not group_is_there(cglab.pid), "all of it has ended")
    return Counted(own_counts(counter), recorded_counts(folder / "out"))


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
    assert [error for _, error in catalog.fold_abandoned(out) if error] == []
    assert not list(out.glob(f"*{DAMAGED_SUFFIX}"))
    entries = catalog.entries(out) if out.exists() else []
    assert len(entries) <= 1
    if not entries:
        return 0, 0, 0
    assert entries[0].live_folder is None
    recording = catalog.load(entries[0])
    assert not recording.run.complete or not len(recording.tree)
    calls, resumes = column_by_name(recording, "calls"), column_by_name(recording, "resumes")
    return (
        calls.get("counted", 0),
        calls.get("inner", 0),
        calls.get("generator", 0) + resumes.get("generator", 0),
    )


def test_counts_are_off_by_no_more_than_the_call_in_flight_of_each_thread(tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    chance = random.Random(seed)  # noqa: S311 - so that a failure can be repeated
    kills = [random_kill(chance) for _ in range(KILLS)]
    folders = [tmp_path / str(number) for number in range(KILLS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(carry_out, kills, folders))
    for number, (kill, found) in enumerate(zip(kills, results, strict=True)):
        where = f"seed {seed}, kill {number}: {kill}, {found}"
        # A call is in the recording first, and only then in the target's own counter.
        missing = [recorded - own for own, recorded in zip(found.own, found.recorded, strict=True)]
        assert all(0 <= count <= kill.threads for count in missing), where
        assert sum(missing) <= kill.threads, where
    # Kills that come before the first call show only that nothing is left unreadable.
    assert sum(1 for found in results if found.own[0]) > KILLS / 2
