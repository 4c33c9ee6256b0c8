"""Recursion under ``cglab run``: as deep as untraced programs go, and ``RecursionError`` beyond."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support_engines import (
    DrivenRecording,
    column_by_name,
    every_engine,
    needs_native_engine,
    write_script,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEGABYTE = 1024 * 1024


def run(
    text: str,
    *arguments: str,
    folder: Path,
    engine: str,
    prepare: Callable[[], None] | None = None,
    is_module: bool = False,
) -> tuple[str, dict[str, int]]:
    """Record a program that must succeed; return what it wrote, and calls by qualified name."""
    script = write_script(folder, text)
    driven = DrivenRecording(
        script.stem if is_module else script,
        *arguments,
        folder=folder,
        engine=engine,
        is_module=is_module,
        working_folder=folder,
        prepare=prepare,
    )
    output, errors = driven.process.communicate(timeout=300)
    assert (driven.process.returncode, errors) == (0, "")
    return output, column_by_name(driven.recording(), "calls")


DEEP = """
import sys, threading

def recurse(depth):
    return 0 if depth == 0 else recurse(depth - 1) + 1

def deep():
    print(recurse(50_000))

sys.setrecursionlimit(60_000)
deep()
thread = threading.Thread(target=deep)
thread.start()
thread.join()
"""


@every_engine
def test_fifty_thousand_calls_deep(engine: str, tmp_path: Path) -> None:
    output, calls = run(DEEP, folder=tmp_path, engine=engine)
    assert output == "50000\n50000\n"
    assert calls["recurse"] == 2 * 50_001


@needs_native_engine
def test_fifty_thousand_calls_deep_in_a_module(tmp_path: Path) -> None:
    output, _ = run(DEEP, folder=tmp_path, engine="native", is_module=True)
    assert output == "50000\n50000\n"


ENDLESS = """
import sys, threading

def recurse(depth):
    return recurse(depth + 1)

class Chain:
    def __getattr__(self, name):
        return getattr(self, name)

def meet():
    for action in (lambda: recurse(0), lambda: recurse(0), lambda: Chain().x):
        try:
            action()
        except RecursionError:
            print("raised")

sys.setrecursionlimit(10**9)
if sys.argv[1] == "main thread":
    meet()
else:
    thread = threading.Thread(target=meet)
    thread.start()
    thread.join()
"""


@needs_native_engine
@pytest.mark.parametrize("where", ["main thread", "other thread"])
def test_recursion_without_end_raises(where: str, tmp_path: Path) -> None:
    output, calls = run(ENDLESS, where, folder=tmp_path, engine="native")
    assert output == "raised\n" * 3
    assert calls["recurse"] > 2 * 50_000


SMALL_STACKS = """
import sys, threading

def recurse(depth):
    return 0 if depth == 0 else 1 + recurse(depth - 1)

def meet(depth):
    print(depth, recurse(depth))

answers = [threading.stack_size()]
sys.setrecursionlimit(20_000)
for kilobytes in (32, 64, 256, 1024):
    try:
        answers.append(threading.stack_size(kilobytes * 1024))
    except ValueError as error:
        print(error)  # 3.14 wants more
    try:
        threading.stack_size(1)
    except ValueError as error:
        print(error)
    for depth in (50, 900, 15_000):
        thread = threading.Thread(target=meet, args=[depth])
        thread.start()
        thread.join()
print(*answers, threading.stack_size(), threading.stack_size())
"""


@needs_native_engine
def test_threads_with_a_small_stack_recurse_as_deep_as_untraced(tmp_path: Path) -> None:
    untraced = subprocess.run(
        [sys.executable, "-c", SMALL_STACKS], capture_output=True, text=True, check=True
    ).stdout
    output, calls = run(SMALL_STACKS, folder=tmp_path, engine="native")
    assert output == untraced
    assert calls["recurse"] == 4 * (51 + 901 + 15_001)


LIMITS = """
import os, resource, subprocess, sys, threading
print(resource.getrlimit(resource.RLIMIT_STACK), threading.stack_size())
code = "import resource; print(resource.getrlimit(resource.RLIMIT_STACK))"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
print(subprocess.run(["sh", "-c", "ulimit -s; ulimit -Hs"], capture_output=True, text=True).stdout)
sys.stdout.flush()
pid = os.fork()
if pid == 0:
    print(resource.getrlimit(resource.RLIMIT_STACK), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""


def lower_both() -> None:
    """Set both limits on the stack to less than we would raise them to."""
    resource.setrlimit(resource.RLIMIT_STACK, (4 * MEGABYTE, 20 * MEGABYTE))


def lift() -> None:
    """Take the soft limit away."""
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))


@every_engine
@pytest.mark.parametrize("prepare", [None, lower_both, lift], ids=["usual", "low", "none"])
def test_limits_are_those_of_an_untraced_program(
    engine: str, prepare: Callable[[], None] | None, tmp_path: Path
) -> None:
    output, _ = run(LIMITS, folder=tmp_path, engine=engine, prepare=prepare)
    plain = subprocess.run(
        [sys.executable, str(tmp_path / "target.py")],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=prepare,
    )
    assert output == plain.stdout


THREADS = """
import threading
done = threading.Event()
threads = [threading.Thread(target=done.wait, daemon=True) for _ in range(100)]
for thread in threads:
    thread.start()
print(threading.active_count())
done.set()
for thread in threads:
    thread.join()
"""


def limit_memory() -> None:
    """Allow what a hundred threads need that are as large as the limit on the stack says."""
    resource.setrlimit(resource.RLIMIT_STACK, (8 * MEGABYTE, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (2000 * MEGABYTE, resource.RLIM_INFINITY))


@every_engine
def test_threads_start_where_memory_is_limited(engine: str, tmp_path: Path) -> None:
    output, _ = run(THREADS, folder=tmp_path, engine=engine, prepare=limit_memory)
    assert output == "101\n"


@needs_native_engine
def test_a_thousand_threads(tmp_path: Path) -> None:
    text = THREADS.replace("range(100)", "range(1000)")
    output, _ = run(text, folder=tmp_path, engine="native")
    assert output == "1001\n"
