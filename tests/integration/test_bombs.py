"""What is made to cost its reader dear is answered within limits, or refused in a sentence."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import support_bombs as bombs
from support_cli import CGLAB
from unit.recording.builders import abandoned_run, small_recording

from callgraph_lab import cost
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from callgraph_lab.model import Recording

COMMANDS = (
    ("info", "x.cglab"),
    ("functions", "x.cglab"),
    ("find", "function_7", "--recording", "x.cglab", "--format", "json"),
    ("actions", "x.cglab"),
    ("explain", "STOR", "--recording", "x.cglab"),
    ("events", "x.cglab"),
    ("events", "x.cglab", "--follow"),
    ("path", "function_7", "--recording", "x.cglab"),
    ("callees", "function_7", "--recording", "x.cglab"),
    ("lines", "function_7", "x.cglab"),
    ("diff", "x.cglab", "x.cglab"),
    ("marks", "x.cglab"),
    ("resources", "x.cglab"),
    ("heap", "x.cglab"),
    ("render", "x.cglab", "--format", "dot"),
    ("render", "x.cglab", "--format", "json", "-o", "x.json"),
    ("view", "x.cglab", "-o", "page.html"),
)


def answered(folder: Path, *arguments: str) -> tuple[int, str, float]:
    """Run a command; return its status, what it said, and the megabytes it had at its peak."""
    with (folder / "stderr").open("w+") as errors, (folder / "stdout").open("w") as output:
        child = subprocess.Popen([*CGLAB, *arguments], cwd=folder, stdout=output, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        return child.returncode, errors.read(), usage.ru_maxrss / 1000


@pytest.mark.parametrize("make", bombs.RECORDINGS)
def test_a_bomb_is_answered_from_within_limits_or_refused(
    make: Callable[[], Recording], tmp_path: Path
) -> None:
    store.save(make(), tmp_path / "x.cglab")
    # Each command with a bomb or more.
    command = COMMANDS[bombs.RECORDINGS.index(make) % len(COMMANDS)]
    status, said, megabytes = answered(tmp_path, *command)
    assert status in (0, 1, 2), said
    assert "Traceback" not in said
    assert status != 2 or said.count("cglab: error: ") == 1, said
    assert megabytes <= cost.MOST_MEGABYTES


def ours(
    folder: Path, limits: str, load: str = "", arguments: Sequence[str] = ("info", "x.cglab")
) -> subprocess.CompletedProcess[str]:
    """Run ``cglab`` with other limits, and maybe in place of reading something else."""
    program = f"""
import sys
from callgraph_lab import cli, cost
from callgraph_lab.recording import catalog
{limits}
{load}
sys.argv = ["cglab", *{arguments!r}]
cli.main()
"""
    return subprocess.run(
        [CGLAB[0], "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )


def test_memory_beyond_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(bombs.many_ancestors(), tmp_path / "x.cglab")
    limits = "cost.MOST_MEGABYTES = 40"
    done = ours(tmp_path, limits)
    assert done.returncode == 2
    assert "more than 40 MB of memory" in done.stderr
    assert "CGLAB_NO_LIMITS=1" in done.stderr
    assert "damaged" not in done.stderr
    assert "Traceback" not in done.stderr
    monkeypatch.setenv("CGLAB_NO_LIMITS", "1")
    done = ours(tmp_path, limits)
    assert (done.returncode, done.stderr) == (0, "")


ENDLESS = """
def load(entry):
    while True:
        try:
            sum(range(1000))
        except Exception:  # as something else may take it for an error of its own
            load.errors += 1
            if load.errors == 2:
                raise
load.errors = 0
catalog.load = load
"""


def test_computing_without_end_is_stopped(tmp_path: Path) -> None:
    """The limit counts what the process itself computes, so a busy machine makes no difference."""
    store.save(small_recording(), tmp_path / "x.cglab")
    done = ours(tmp_path, "cost.MOST_CPU_S = cost._AGAIN_AFTER_S = 0.2", ENDLESS)
    assert done.returncode == 2
    assert "more than 0.2 s of computing" in done.stderr
    assert "Traceback" not in done.stderr


def grown(part: Path, size: int, *, is_sparse: bool) -> None:
    """Have a live file say that it is of a size, and be so."""
    with part.open("r+b") as file:
        if is_sparse:
            file.truncate(size)
        else:
            os.posix_fallocate(file.fileno(), 0, size)
        file.seek(layout.END_OFFSET)
        file.write(size.to_bytes(8, sys.byteorder))


def test_a_live_file_that_is_too_large_is_not_taken_for_damaged(tmp_path: Path) -> None:
    """It stays where it is, for who has the memory, and other recordings can be asked."""
    live_folder = abandoned_run(tmp_path)
    (part,) = live_folder.glob("*.part")
    grown(part, 100_000_000, is_sparse=False)
    store.save(small_recording(), tmp_path / "x.cglab")
    done = ours(tmp_path, "cost.MOST_MEGABYTES = 60", arguments=("list", "--out", "."))
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert f"{live_folder.name} was not finished" in done.stderr
    assert "x.cglab" in done.stdout
    assert [*live_folder.glob("*.part")] == [part]
    assert not [*tmp_path.glob("*.damaged")]


def test_a_live_file_of_holes_costs_nothing(tmp_path: Path) -> None:
    (part,) = abandoned_run(tmp_path).glob("*.part")
    grown(part, 100_000_000_000, is_sparse=True)
    status, said, megabytes = answered(tmp_path, "list", "--out", ".")
    assert (status, "a hole for the most part" in said) == (0, True), said
    assert megabytes <= cost.MOST_MEGABYTES


def test_a_target_gets_none_of_the_limits(tmp_path: Path) -> None:
    """``sweep`` reads recordings, and records as well."""
    (tmp_path / "t.py").write_text(
        "import resource, signal\n"
        "print(resource.getrlimit(resource.RLIMIT_DATA))\n"
        "print(signal.getitimer(signal.ITIMER_PROF), int(signal.getsignal(signal.SIGPROF)))\n"
    )
    done = subprocess.run(
        [*CGLAB, "sweep", "--format", "dot", "1", "t.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    assert done.stdout.splitlines()[:2] == [str(limits), "(0.0, 0.0) 0"]


@pytest.mark.parametrize("spoil", bombs.SPOILED_FILES)
def test_a_file_that_is_more_than_our_tables_is_refused(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "x.cglab"
    store.save(small_recording(), path)
    spoil(path)
    status, said, megabytes = answered(tmp_path, "info", "x.cglab")
    assert status == 2
    assert "its tables are not as they should be" in said
    assert megabytes <= cost.MOST_MEGABYTES
