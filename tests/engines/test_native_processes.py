"""Killed, forked and threaded processes leave exact counts behind."""

from __future__ import annotations

import mmap
import os
import random
import shutil
import signal
import subprocess
import sysconfig
import textwrap
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support_native import counts, needs_native, paths, read_parts, run, start

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_reader import was_begun

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_native

KILLED = """
import mmap, sys, threading
with open(sys.argv[1], "r+b") as file:
    shared = mmap.mmap(file.fileno(), 4096)
counters = memoryview(shared).cast("Q")

def work(number):
    counters[number] += 1

def serve(number):
    while True:
        work(number)

for number in range(1, int(sys.argv[2])):
    threading.Thread(target=serve, args=(number,), daemon=True).start()
serve(0)
"""
KILLS = 12


@pytest.mark.parametrize("threads", [1, 3])
def test_kill_at_any_moment_costs_at_most_the_call_in_flight(threads: int, tmp_path: Path) -> None:
    moments = random.Random(threads)  # noqa: S311 - a seed for the same test every time
    for attempt in range(KILLS):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        counter = folder / "counter"
        counter.write_bytes(bytes(4096))
        process = start(KILLED, folder, arguments=[str(counter), str(threads)])
        while not any(counter.read_bytes()[:8]):
            time.sleep(0.001)
        time.sleep(moments.random() * 0.1)
        process.kill()
        process.communicate()
        with counter.open("r+b") as file, mmap.mmap(file.fileno(), 4096) as shared:
            done = sum(memoryview(bytes(shared)).cast("Q"))
        (part,) = read_parts(folder).values()
        assert 0 <= counts(part)["work"] - done <= threads
        assert not part.finished
        opened = [
            part.functions[part.function[call.context]].qualname
            for thread in part.threads
            for call in thread.open_calls
        ]
        assert opened.count("serve") == threads


def test_a_segfault_or_exit_loses_nothing(tmp_path: Path) -> None:
    for name, death in {
        "exit": "import os; os._exit(3)",
        "abort": "import os; os.abort()",
        "segfault": "import ctypes; ctypes.string_at(0)",
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        ran = run(f"def f(): pass\nfor _ in range(100): f()\n{death}", folder)
        assert ran.status != 0
        assert counts(ran.part)["f"] == 100


def test_forked_children_have_their_own_parts(tmp_path: Path) -> None:
    script = """
        import os, sys
        def before(): pass
        def in_child(count):
            for _ in range(count): leaf()
        def in_parent(): pass
        def leaf(): pass
        def forks():
            pid = os.fork()
            if pid == 0:
                in_child(7)
            else:
                in_parent()
                os.waitpid(pid, 0)
            return pid
        for _ in range(5): before()
        if forks() == 0:
            in_child(3)
            if os.fork() == 0:
                in_child(2)
            else:
                os.wait()
    """
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    parent, child, grandchild = sorted(ran.parts.values(), key=lambda part: part.start_time)
    assert (child.parent_pid, grandchild.parent_pid) == (parent.pid, child.pid)
    assert paths(parent) == {
        "MainThread": 1,
        "MainThread > <module>": 1,
        "MainThread > <module> > before": 5,
        "MainThread > <module> > forks": 1,
        "MainThread > <module> > forks > in_parent": 1,
    }
    assert paths(child) == {
        "MainThread": 1,
        "MainThread > <module> > forks > in_child": 1,
        "MainThread > <module> > forks > in_child > leaf": 7,
        "MainThread > <module> > in_child": 1,
        "MainThread > <module> > in_child > leaf": 3,
    }
    assert paths(grandchild) == {
        "MainThread": 1,
        "MainThread > <module> > in_child": 1,
        "MainThread > <module> > in_child > leaf": 2,
    }


def test_a_part_of_a_child_is_as_small_as_what_it_did(tmp_path: Path) -> None:
    script = """
        import os, threading
        def branch(depth):
            if depth:
                branch(depth - 1)
                other(depth - 1)
        def other(depth):
            branch(depth)
        def deep(depth):
            if depth:
                return deep(depth - 1)
            pid = os.fork()
            if pid == 0:
                leaf()
                os._exit(0)
            os.waitpid(pid, 0)
        def leaf(): pass
        branch(12)
        deep(500)
    """
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    parent, child = sorted(ran.parts.values(), key=lambda part: part.start_time)
    assert len(parent.calls) > 8000
    assert paths(child)[" > ".join(["MainThread", "<module>", *["deep"] * 501, "leaf"])] == 1
    assert "branch" not in {function.qualname for function in child.functions}
    assert len(child.threads[0].open_calls) == 502


def test_calls_open_at_a_fork_are_inherited(tmp_path: Path) -> None:
    script = """
        import os, signal
        def forks():
            if os.fork() == 0:
                called()
                os.kill(os.getpid(), signal.SIGKILL)
            os.wait()
        def called(): pass
        forks()
    """
    ran = run(script, tmp_path)
    child = max(ran.parts.values(), key=lambda part: part.start_time)
    opened = [
        (child.functions[child.function[call.context]].qualname, call.is_inherited)
        for call in child.threads[0].open_calls
    ]
    assert opened == [("<module>", True), ("forks", True)]


def test_a_thread_that_forks(tmp_path: Path) -> None:
    script = """
        import os, threading, time
        def busy(stop):
            while not stop.is_set(): pass
        def forks():
            for _ in range(20):
                pid = os.fork()
                if pid == 0:
                    in_child()
                    os._exit(0)
                os.waitpid(pid, 0)
        def in_child():
            for _ in range(10): leaf()
        def leaf(): pass
        stop = threading.Event()
        others = [threading.Thread(target=busy, args=(stop,)) for _ in range(2)]
        for other in others: other.start()
        forking = threading.Thread(target=forks, name="forking")
        forking.start()
        forking.join()
        stop.set()
    """
    ran = run(script, tmp_path, python=["-W", "ignore"])
    assert (ran.status, ran.errors) == (0, "")
    assert len(ran.parts) == 21
    for part in ran.parts.values():
        found = paths(part)
        if part.parent_pid in ran.parts:
            assert found["forking > Thread.run > forks > in_child > leaf"] == 10
            assert counts(part)["busy"] == 0


def test_multiprocessing(tmp_path: Path) -> None:
    script = """
        import multiprocessing
        def work(number):
            return sum(leaf() for _ in range(number))
        def leaf(): return 1
        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(3) as pool:
                assert sum(pool.map(work, range(40))) == 780
    """
    ran = run(script, tmp_path, python=["-W", "ignore"])
    assert (ran.status, ran.errors) == (0, "")
    total: Counter[str] = Counter()
    for part in ran.parts.values():
        total.update(counts(part))
    assert (total["work"], total["leaf"]) == (40, 780)


def preload(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have programs that are started from now on find these C functions before any others."""
    compiler = shutil.which(str(sysconfig.get_config_var("CC")).split()[0])
    if compiler is None:
        pytest.skip("there is no C compiler")
    path, library = folder / "preloaded.c", folder / "preloaded.so"
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, path], check=True)
    # The sanitizers' libraries, where there are any, must stay the first.
    monkeypatch.setenv("LD_PRELOAD", f"{os.environ.get('LD_PRELOAD', '')} {library}".strip())


def test_a_process_that_is_killed_while_it_begins_its_file_has_not_begun_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Asked for between the header's first field and its last.
    source = """
        #include <signal.h>
        #include <unistd.h>
        pid_t getppid(void) { kill(getpid(), SIGKILL); return 0; }
    """
    preload(source, tmp_path, monkeypatch)
    ran = run("pass", tmp_path)
    assert ran.status == -signal.SIGKILL
    (path,) = (tmp_path / "live").glob("*.part")
    assert path.stat().st_size >= layout.HEADER_BYTES
    assert not was_begun(path)
    assert ran.parts == {}


def test_a_process_that_is_killed_while_its_stack_of_open_calls_grows_has_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The clock is read when the larger block is there, and nothing in it yet.
    source = """
        #define _GNU_SOURCE 1
        #include <signal.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>
        static int armed;
        void arm(void) { armed = 1; }
        int clock_gettime(clockid_t clock, struct timespec *now)
        {
            if (armed && clock == CLOCK_REALTIME) kill(getpid(), SIGKILL);
            return (int)syscall(SYS_clock_gettime, clock, now);
        }
    """
    preload(source, tmp_path, monkeypatch)
    script = """
        import ctypes
        arm = ctypes.CDLL(None).arm
        def down(depth):
            if depth == 220:
                arm()
            down(depth + 1)
        down(0)
    """
    part = run(script, tmp_path).part
    (thread,) = part.threads
    names = [part.functions[part.function[call.context]].qualname for call in thread.open_calls]
    assert names == ["<module>"] + ["down"] * (len(names) - 1)
    assert len(names) > 220


def test_children_that_are_killed_while_they_begin_leave_nothing_damaged(tmp_path: Path) -> None:
    script = """
        import os, random, signal, time
        dice = random.Random(1)
        def leaf(): pass
        def work():
            while True: leaf()
        for _ in range(500):
            child = os.fork()
            if child == 0:
                work()
            until = time.perf_counter() + dice.random() * 0.003
            while time.perf_counter() < until: pass
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    """
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    # Those that had begun have been read.
    assert sum(counts(part)["leaf"] > 0 for part in ran.parts.values()) > 1


def test_a_child_that_has_room_for_a_header_only_goes_on(tmp_path: Path) -> None:
    script = """
        import os, resource
        def leaf(depth): return leaf(depth - 1) if depth else 7
        def work():
            child = os.fork()
            if child == 0:
                resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
                os._exit(sum(leaf(3) for _ in range(6)))
            leaf(0)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(work())
    """
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors, ran.output) == (0, "", "42\n")
    parent, child = sorted(ran.parts.values(), key=lambda part: part.began)
    assert counts(parent)["leaf"] == 1
    assert "a forked process could not be recorded: File too large" in child.stop_reason


def test_a_child_that_only_becomes_another_program_leaves_no_part(tmp_path: Path) -> None:
    script = """
        import os
        pid = os.fork()
        if pid == 0:
            os.execv("/bin/true", ["true"])
        os.waitpid(pid, 0)
        import subprocess
        subprocess.run(["/bin/true"], check=True)
    """
    ran = run(script, tmp_path)
    assert (ran.status, ran.errors) == (0, "")
    assert len(ran.parts) == 1


def test_every_thread_has_a_root(tmp_path: Path) -> None:
    script = """
        import _thread, threading, time
        def work(): leaf()
        def leaf(): pass
        class Own(threading.Thread):
            def run(self): leaf()
        for number in range(300):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        own = Own(name="mine")
        own.start()
        own.join()
        done = _thread.allocate_lock()
        done.acquire()
        def raw():
            leaf()
            done.release()
        _thread.start_new_thread(raw, ())
        done.acquire()
    """
    part = run(script, tmp_path).part
    found = paths(part)
    roots = [part.functions[part.function[thread.root]].qualname for thread in part.threads]
    assert roots[0] == "MainThread"
    assert found["mine > Own.run > leaf"] == 1
    # Threads of the same name but for its number share a tree when they follow each other.
    shared = [name for name in roots if name.endswith("(work)")]
    assert len(shared) <= 3
    assert sum(thread.threads for thread in part.threads) == 303
    assert sum(found[f"{name} > Thread.run > work > leaf"] for name in shared) == 300
    assert counts(part)["leaf"] == 302


def test_many_threads_at_once(tmp_path: Path) -> None:
    script = """
        import threading
        def work():
            for _ in range(200): leaf()
            barrier.wait()
        def leaf(): pass
        barrier = threading.Barrier(100)
        threads = [threading.Thread(target=work) for _ in range(100)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """
    ran = run(script, tmp_path)
    assert ran.status == 0
    assert counts(ran.part)["leaf"] == 20_000
    assert len(ran.part.threads) == 101


def test_ctrl_c_in_a_loop(tmp_path: Path) -> None:
    script = """
        import sys
        def work(): pass
        def serve():
            print("ready", flush=True)
            while True: work()
        try:
            serve()
        except KeyboardInterrupt:
            work()
    """
    process = start(script, tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0
    (part,) = read_parts(tmp_path).values()
    assert counts(part)["serve"] == 1
    assert paths(part)["MainThread > <module> > work"] == 1
    assert not any(thread.open_calls for thread in part.threads)
