"""Children of the target: forked, made by multiprocessing; and processes that end in other ways."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support_engines import (
    calls_by_name,
    every_engine,
    record_program,
    run_recorded,
    write_script,
)

from callgraph_lab.recording import catalog

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.model import Recording


def counts_by_process(recording: Recording) -> list[tuple[Counter[str], Counter[str]]]:
    """Return calls and open calls of each process by qualified name, the first process first."""
    tree = recording.tree
    roots = sorted((thread.root, thread.pid) for thread in recording.threads)
    ends = [root for root, _ in roots[1:]] + [len(tree)]
    calls: dict[int, Counter[str]] = {process.pid: Counter() for process in recording.processes}
    still_open: dict[int, Counter[str]] = {pid: Counter() for pid in calls}
    for (root, pid), end in zip(roots, ends, strict=True):
        for context in range(root + 1, end):
            name = recording.functions[tree.function[context]].qualname
            calls[pid][name] += tree.calls[context]
            still_open[pid][name] += tree.open_calls[context]
    return [(calls[process.pid], still_open[process.pid]) for process in recording.processes]


FORK = """
import os, sys

def in_child():
    pass

def in_parent():
    pass

def both(how):
    in_parent()
    child = os.fork()
    if child == 0:
        for _ in range(3):
            in_child()
        if how == "exit":
            os._exit(0)
        return child
    os.waitpid(child, 0)
    in_parent()
    return child

child = both(sys.argv[1])
(in_child if child == 0 else in_parent)()
"""


@every_engine
def test_forked_child_counts_in_a_file_of_its_own(engine: str, tmp_path: Path) -> None:
    script = write_script(tmp_path, FORK)
    recording = record_program(script, "return", folder=tmp_path, engine=engine)
    (parent, parent_open), (child, child_open) = counts_by_process(recording)
    assert recording.processes[1].parent_pid == recording.processes[0].pid
    assert (parent["both"], parent["in_parent"], parent["in_child"]) == (1, 3, 0)
    # The call of both() was made by the parent; the child only returns from it.
    assert (child["both"], child["<module>"], child["in_parent"], child["in_child"]) == (0, 0, 0, 4)
    assert not +parent_open
    assert not +child_open


@every_engine
def test_child_that_leaves_at_once_keeps_its_inherited_calls_open(
    engine: str, tmp_path: Path
) -> None:
    script = write_script(tmp_path, FORK)
    recording = record_program(script, "exit", folder=tmp_path, engine=engine)
    (parent, parent_open), (child, child_open) = counts_by_process(recording)
    assert (parent["both"], parent["in_parent"], parent["in_child"]) == (1, 3, 0)
    # Besides, threading puts its locks in order after a fork.
    assert (child["in_child"], child["in_parent"], child["both"]) == (3, 0, 0)
    assert not +parent_open
    assert +child_open == {"<module>": 1, "both": 1}


GRANDCHILDREN = """
import os

def step(depth):
    return depth

def descend(depth):
    step(depth)
    if depth:
        child = os.fork()
        if child == 0:
            descend(depth - 1)
            os._exit(0)
        os.waitpid(child, 0)
        step(depth)

for _ in range(2):
    descend(3)
"""


@every_engine
def test_children_of_children(engine: str, tmp_path: Path) -> None:
    script = write_script(tmp_path, GRANDCHILDREN)
    recording = record_program(script, folder=tmp_path, engine=engine)
    assert len(recording.processes) == 1 + 2 * 3
    counts = [calls for calls, _ in counts_by_process(recording)]
    assert sum(calls["descend"] for calls in counts) == 2 * 4
    assert sum(calls["step"] for calls in counts) == 2 * (3 * 2 + 1)
    assert counts[0]["step"] == 4


POOL = """
import multiprocessing, sys

def work(number):
    return helper(number) + 1

def helper(number):
    return number * 2

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        assert pool.map(work, range(10)) == [number * 2 + 1 for number in range(10)]
        pool.close()
        pool.join()
    process = context.Process(target=work, args=(3,))
    process.start()
    process.join()
    sys.exit(process.exitcode)
"""


@every_engine
def test_multiprocessing_with_fork_is_recorded_in_every_process(
    engine: str, tmp_path: Path
) -> None:
    recording = record_program(write_script(tmp_path, POOL), "fork", folder=tmp_path, engine=engine)
    assert calls_by_name(recording)["__main__.work"] == 11
    assert calls_by_name(recording)["__main__.helper"] == 11
    assert len(recording.processes) == 4
    assert counts_by_process(recording)[0][0]["work"] == 0


@every_engine
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_multiprocessing_with_new_interpreters_works(
    engine: str, method: str, tmp_path: Path
) -> None:
    script = write_script(tmp_path, POOL)
    recorded = run_recorded(script, method, folder=tmp_path, engine=engine)
    assert recorded.outcome.status == 0
    calls, _ = counts_by_process(catalog.load(recorded.entry))[0]
    assert calls["<module>"] >= 1


ENDINGS = """
import ctypes, os, signal, sys

def counted():
    pass

def last():
    counted()
    if sys.argv[1] == "_exit":
        os._exit(3)
    if sys.argv[1] == "exec":
        os.execv(sys.executable, [sys.executable, "-c", "import sys; sys.exit(4)"])
    if sys.argv[1] == "abort":
        os.abort()
    if sys.argv[1] == "segfault":
        ctypes.string_at(0)
    if sys.argv[1] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)

for _ in range(41):
    counted()
last()
"""


@every_engine
@pytest.mark.parametrize(
    ("ending", "status"),
    [("_exit", 3), ("exec", 4), ("abort", 128 + 6), ("kill", 128 + 9), ("segfault", 128 + 11)],
)
def test_abrupt_end_loses_no_call(
    engine: str, ending: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONFAULTHANDLER", "")
    recorded = run_recorded(write_script(tmp_path, ENDINGS), ending, folder=tmp_path, engine=engine)
    assert recorded.outcome.status == status
    ((calls, still_open),) = counts_by_process(catalog.load(recorded.entry))
    assert calls["counted"] == 42
    del still_open["string_at"]  # what reads at the address 0 is in C, but called from Python
    assert +still_open == {"<module>": 1, "last": 1}


THREADS_AND_FORK = """
import os, threading

def busy():
    while not done.is_set():
        step()

def step():
    pass

def in_child():
    step_of_child()

def step_of_child():
    pass

done = threading.Event()
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(5):
    child = os.fork()
    if child == 0:
        in_child()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
done.set()
for thread in threads:
    thread.join()
"""


@every_engine
@pytest.mark.skipif(sys.platform != "linux", reason="forks with threads running")
def test_fork_while_other_threads_run(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Since 3.12 Python warns of a fork in a process with threads; it is the target's affair.
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    script = write_script(tmp_path, THREADS_AND_FORK)
    recording = record_program(script, folder=tmp_path, engine=engine)
    (parent, _), *children = counts_by_process(recording)
    assert parent["step_of_child"] == 0
    assert parent["busy"] == 3
    assert len(children) == 5
    for calls, _ in children:
        assert calls["step"] == 0
        assert (calls["in_child"], calls["step_of_child"]) == (1, 1)


WITHOUT_RIGHTS = """
import os

def child():
    pass

os.setgid(65534)
os.setuid(65534)
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        child()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""


@every_engine
@pytest.mark.skipif(os.geteuid() != 0, reason="changes the user")
def test_children_that_cannot_begin_a_file_are_told_of(engine: str, tmp_path: Path) -> None:
    recording = record_program(
        write_script(tmp_path, WITHOUT_RIGHTS), folder=tmp_path, engine=engine
    )
    (process,) = recording.processes
    assert recording.run.notes == (
        f"process {process.pid}: 3 forked children are not recorded: Permission denied",
    )
