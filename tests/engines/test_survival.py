"""A recording outlives its target, and a target its recording."""

from __future__ import annotations

import os
import random
import signal
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support_engines import (
    DrivenRecording,
    calls_by_name,
    column_by_name,
    every_engine,
    record_program,
    run_recorded,
    write_script,
)

from callgraph_lab.recording import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNTING = """
import mmap, os, sys

with open(sys.argv[1], "r+b") as file:
    shared = mmap.mmap(file.fileno(), 4096)
words = memoryview(shared).cast("Q")

def counted():
    words[0] += 1
    inner()

def inner():
    words[1] += 1

def generator():
    while True:
        words[2] += 1
        yield

def forever():
    suspended = generator()
    while True:
        counted()
        next(suspended)

words[3] = os.getpid()
forever()
"""


@every_engine
@pytest.mark.parametrize("attempt", range(4))
def test_kill_at_any_moment_leaves_exact_counts(engine: str, attempt: int, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_bytes(bytes(4096))
    driven = DrivenRecording(
        write_script(tmp_path, COUNTING), str(counter), folder=tmp_path, engine=engine
    )
    deadline = time.monotonic() + 20
    while struct.unpack_from("Q", counter.read_bytes(), 0)[0] < 100:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(random.Random(attempt).uniform(0.0, 0.3))  # noqa: S311 - any moment
    os.kill(struct.unpack_from("Q", counter.read_bytes(), 24)[0], signal.SIGKILL)
    driven.process.communicate(timeout=20)
    assert driven.process.returncode == 128 + signal.SIGKILL
    own_counts = struct.unpack_from("QQQ", counter.read_bytes())
    recording = driven.recording()
    calls, resumes = column_by_name(recording, "calls"), column_by_name(recording, "resumes")
    counts = (calls["counted"], calls["inner"], calls["generator"] + resumes["generator"])
    # The call in flight may be in the one and not yet in the other.
    for own, recorded in zip(own_counts, counts, strict=True):
        assert recorded - own in (0, 1)
    assert sum(counts) - sum(own_counts) in (0, 1)
    still_open = column_by_name(recording, "open_calls")
    assert still_open["<module>"] == still_open["forever"] == 1
    times = column_by_name(recording, "inclusive_ns")
    assert times["forever"] >= times["counted"] > times["inner"] > 0
    assert not recording.run.complete


OPEN = """
import time

def outer():
    inner()

def inner():
    time.sleep(0.3)
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)

outer()
"""


@every_engine
def test_open_calls_have_their_time_so_far(engine: str, tmp_path: Path) -> None:
    recorded = run_recorded(write_script(tmp_path, OPEN), folder=tmp_path, engine=engine)
    recording = catalog.load(recorded.entry)
    times = column_by_name(recording, "inclusive_ns")
    assert times["<module>"] >= times["outer"] >= times["inner"] >= 300_000_000
    still_open = column_by_name(recording, "open_calls")
    assert {name: count for name, count in still_open.items() if count} == {
        "<module>": 1,
        "outer": 1,
        "inner": 1,
    }


MANY_FUNCTIONS = """
{prelude}

def make(number):
    space = {{"__name__": "made"}}
    exec(f"def made_{{number}}(): return {{number}}", space)
    return space[f"made_{{number}}"]()

assert sum(make(number) for number in range(6000)) == 6000 * 5999 // 2
{epilogue}
print("the target is well")
"""
LIMITED_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
"""


@every_engine
def test_limit_on_file_sizes_stops_the_recording_and_not_the_target(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = write_script(tmp_path, MANY_FUNCTIONS.format(prelude=LIMITED_FILES, epilogue=""))
    recorded = run_recorded(script, folder=tmp_path, engine=engine)
    assert recorded.outcome.status == 0
    assert capfd.readouterr().out == "the target is well\n"
    recording = catalog.load(recorded.entry)
    (process,) = recording.processes
    assert "could not grow" in process.stop_reason
    assert any("could not grow" in note for note in recorded.notes)  # cglab run says it at once
    assert calls_by_name(recording)["__main__.make"] > 100


@every_engine
def test_recording_folder_that_disappears_stops_the_recording_and_not_the_target(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    prelude = f"import os, glob\nfor part in glob.glob({str(out)!r} + '/*/*.part'): os.remove(part)"
    script = write_script(tmp_path, MANY_FUNCTIONS.format(prelude=prelude, epilogue=""))
    recorded = run_recorded(script, folder=tmp_path, engine=engine)
    assert recorded.outcome.status == 0
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("the target is well\n", "")


CLOSED = """
import os
os.closerange(3, 4096)
handles = [open(f"{folder}/file-{{number}}", "w") for number in range(30)]
assert [handle.fileno() for handle in handles] == list(range(3, 33))
"""
WRITTEN = """
for number, handle in enumerate(handles):
    handle.write(f"number {number}")
child = os.fork()
if child == 0:
    make(6001)
    del handle, handles[:]
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@every_engine
def test_target_that_closes_every_descriptor_keeps_its_files_and_its_recording(
    engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    prelude = CLOSED.format(folder=tmp_path)
    script = write_script(tmp_path, MANY_FUNCTIONS.format(prelude=prelude, epilogue=WRITTEN))
    recording = record_program(script, folder=tmp_path, engine=engine)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("the target is well\n", "")
    for number in range(30):
        text = (tmp_path / f"file-{number}").read_text(encoding="utf-8")
        assert text.startswith(f"number {number}")
    calls = calls_by_name(recording)
    assert calls["__main__.make"] == 6001
    assert calls["made.made_5999"] == 1
    assert [process.stop_reason for process in recording.processes] == ["", ""]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to mount a file system")
@every_engine
def test_full_disk_stops_the_recording_and_not_the_target(engine: str, tmp_path: Path) -> None:
    small = tmp_path / "out"
    small.mkdir()
    mounted = os.system(f"mount -t tmpfs -o size=700k none {small} 2>/dev/null")  # noqa: S605
    if mounted != 0:
        pytest.skip("no file system can be mounted here")
    try:
        script = write_script(tmp_path, MANY_FUNCTIONS.format(prelude="", epilogue=""))
        driven = DrivenRecording(script, folder=tmp_path, engine=engine)
        out, _ = driven.process.communicate(timeout=60)
        assert out == "the target is well\n"
        # It stays in its live folder where there is no room for the finished file, either.
        (entry,) = catalog.entries(small)
        (process,) = catalog.load(entry).processes
        assert "could not grow: No space left on device" in process.stop_reason
    finally:
        os.system(f"umount -l {small}")  # noqa: S605


HUNGRY = """
import sys
with open(sys.argv[1] + "/cgroup.procs", "w") as group:
    group.write("0")

def eats():
    eaten = []
    while True:
        eaten.append(bite())

def bite():
    return b"x" * (1 << 20)

eats()
"""
ROOM_BYTES = 96 << 20


@pytest.fixture
def small_memory() -> Iterator[Path]:
    """Return a control group with little memory, where one can be made."""
    version_1, version_2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    is_first = (version_1 / "memory.limit_in_bytes").exists()
    group = (version_1 if is_first else version_2) / f"cglab-test-{os.getpid()}"
    limits = ("memory.limit_in_bytes",) if is_first else ("memory.max", "memory.swap.max")
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    try:
        for limit in limits:
            (group / limit).write_text("0" if "swap" in limit else str(ROOM_BYTES))
    except OSError as error:
        group.rmdir()
        pytest.skip(f"the memory of a control group cannot be limited: {error}")
    yield group
    group.rmdir()


@every_engine
def test_the_oom_killer_loses_no_call(engine: str, tmp_path: Path, small_memory: Path) -> None:
    script = write_script(tmp_path, HUNGRY)
    recorded = run_recorded(script, str(small_memory), folder=tmp_path, engine=engine)
    assert recorded.outcome.status == 128 + signal.SIGKILL
    recording = catalog.load(recorded.entry)
    calls = column_by_name(recording, "calls")
    assert 20 < calls["bite"] <= ROOM_BYTES >> 20
    assert column_by_name(recording, "open_calls")["eats"] == 1
    assert recording.processes[0].stop_reason == ""
