"""Full disks, closed descriptors, deep stacks, too many contexts: the target goes on unharmed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support_native import PACKAGES, counts, needs_native, paths, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_native

# Each call path is a context of its own: 2 ** (DEPTH + 1) - 2 of them.
_BRANCHING = """
    def left(depth):
        if depth:
            left(depth - 1)
            right(depth - 1)
    def right(depth):
        if depth:
            left(depth - 1)
            right(depth - 1)
    left({depth})
    print("done")
"""


def branching(depth: int, first: str = "") -> str:
    """Return a program that does something ``first`` and then branches to a depth."""
    return textwrap.dedent(first) + textwrap.dedent(_BRANCHING).format(depth=depth)


def test_a_limit_on_file_size_stops_the_recording_only(tmp_path: Path) -> None:
    script = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    """
    script = branching(12, script)
    ran = run(script, tmp_path)
    assert (ran.status, ran.output, ran.errors) == (0, "done\n", "")
    assert "File too large" in ran.part.stop_reason
    assert counts(ran.part)["left"] > 100


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_full_disk_stops_the_recording_only(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(tmp_path / "live")],
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("cannot mount a small file system here")
    try:
        ran = run(branching(14), tmp_path)
    finally:
        subprocess.run(["/bin/umount", str(tmp_path / "live")], check=True)
    assert (ran.status, ran.output, ran.errors) == (0, "done\n", "")
    assert "No space left" in ran.part.stop_reason


def test_a_target_that_closes_every_descriptor(tmp_path: Path) -> None:
    script = """
        import os
        os.closerange(3, 1000)
        kept = [os.open("/dev/null", os.O_RDWR) for _ in range(500)]
    """
    script = branching(9, script)
    ran = run(script, tmp_path)
    assert (ran.status, ran.output, ran.errors) == (0, "done\n", "")
    assert ran.part.stop_reason == ""
    found = counts(ran.part)
    assert found["left"] + found["right"] == 2**10 - 1


def test_a_descriptor_that_means_another_file_by_now(tmp_path: Path) -> None:
    script = """
        import os
        os.closerange(3, 1000)
        with open("innocent", "wb") as file:
            file.write(b"x" * 100)
            for number in range(3, 600):
                if number != file.fileno():
                    os.dup2(file.fileno(), number)
    """
    script = branching(12, script)
    innocent = tmp_path / "innocent"
    script = script.replace('"innocent"', repr(str(innocent)))
    ran = run(script, tmp_path)
    assert (ran.status, ran.output, ran.errors) == (0, "done\n", "")
    assert innocent.read_bytes() == b"x" * 100
    assert ran.part.stop_reason == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the user")
def test_a_target_that_gives_up_its_rights(tmp_path: Path) -> None:
    script = """
        import os
        os.setgid(65534)
        os.setuid(65534)
        os.chdir("/")
    """
    script = branching(9, script)
    ran = run(script, tmp_path)
    assert (ran.status, ran.output, ran.errors) == (0, "done\n", "")
    assert ran.part.stop_reason == ""
    assert counts(ran.part)["right"] == 2**9 - 1


def test_past_the_budget_of_contexts_counts_are_by_caller_callee_and_depth(tmp_path: Path) -> None:
    whole, bounded = tmp_path / "whole", tmp_path / "bounded"
    whole.mkdir()
    bounded.mkdir()
    script = branching(11)
    everything = run(script, whole).part
    folded = run(script, bounded, max_contexts=100).part
    assert len(folded.calls) < 200
    assert (folded.folded_from, everything.folded_from) == (100, 0)

    def edges(part: object) -> Counter[tuple[str, str, int]]:
        found: Counter[tuple[str, str, int]] = Counter()
        for path, calls in paths(part).items():  # type: ignore[arg-type]
            names = path.split(" > ")
            if len(names) > 1:
                found[names[-2], names[-1], len(names)] += calls
        return found

    assert edges(folded) == edges(everything)


@pytest.mark.parametrize("where", ["main thread", "other thread"])
def test_recursion_without_end_raises(where: str, tmp_path: Path) -> None:
    script = f"""
        import sys, threading
        sys.setrecursionlimit(10**9)
        def recurse(depth):
            return recurse(depth + 1)
        def meet():
            for _ in range(3):
                try:
                    recurse(0)
                except RecursionError:
                    print("raised")
        if {where!r} == "main thread":
            meet()
        else:
            thread = threading.Thread(target=meet)
            thread.start()
            thread.join()
    """
    ran = run(script, tmp_path)
    if ran.status == -9:
        pytest.skip("not enough memory")
    assert (ran.status, ran.output, ran.errors) == (0, "raised\n" * 3, "")
    assert counts(ran.part)["recurse"] > 3 * 5000


def test_the_usual_recursion_limit_is_as_without(tmp_path: Path) -> None:
    script = """
        deepest = 0
        def recurse(depth):
            global deepest
            deepest = depth
            recurse(depth + 1)
        class Wrapped:
            def __repr__(self):
                return repr(inner)
        try:
            recurse(0)
        except RecursionError as error:
            print(deepest, error)
        inner = Wrapped()
        try:
            repr(inner)
        except RecursionError:
            print("repr")
        nested = []
        for _ in range(100_000):
            nested = [nested]
        try:
            repr(nested)
        except RecursionError as error:
            print("list")
    """
    ran = run(script, tmp_path)
    plain = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")], capture_output=True, text=True, check=False
    )
    assert (ran.status, ran.output) == (plain.returncode, plain.stdout)


KEPT = """
import resource, subprocess, sys, threading
sys.path.insert(0, {packages!r})
from callgraph_lab import _native
sys.path.pop(0)
_native.keep_stack({limit})

def recurse(depth):
    return 0 if depth == 0 else recurse(depth - 1) + 1

def deep():
    print(recurse(50_000))

sys.setrecursionlimit(60_000)
deep()
thread = threading.Thread(target=deep)
thread.start()
thread.join()
print(resource.getrlimit(resource.RLIMIT_STACK)[0] == {limit})
"""


def test_recursion_to_fifty_thousand_in_every_thread(tmp_path: Path) -> None:
    limit, most = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = 1 << 30
    if limit == resource.RLIM_INFINITY or wanted <= limit or most != resource.RLIM_INFINITY:
        pytest.skip("the limit of the stack cannot be raised")
    resource.setrlimit(resource.RLIMIT_STACK, (wanted, most))
    try:
        ran = run(KEPT.format(packages=str(PACKAGES), limit=limit), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, (limit, most))
    assert (ran.status, ran.output, ran.errors) == (0, "50000\n50000\nTrue\n", "")
    assert counts(ran.part)["recurse"] == 100_002
