"""Files in a live folder that are not what they should be, and recordings of other users."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support_cli import cglab, only_recording, running, wait_until, write_target

from callgraph_lab.recording import catalog, removing

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
SOMEBODY = 1234
RUN = ("run", "--no-render", "--out", "out", "target.py")
PLANTS_PIPES = """
import os

def count():
    pass

for _ in range(100):
    count()
(part,) = {line.split()[-1] for line in open("/proc/self/maps") if line.rstrip().endswith(".part")}
folder = os.path.dirname(part)
os.makedirs(folder + "/marks/00000000000000000001-1-1")
os.makedirs(folder + "/heap")
for name in (
    "x.note", "1-2.part", "ended.json", "limit-x-1.note",
    "marks/00000000000000000001-1-1/name", "heap/00000000000000000001-1",
):
    os.mkfifo(folder + "/" + name)
if {spoils_all}:
    for name in ("run.json", "resources"):
        if os.path.exists(folder + "/" + name):
            os.unlink(folder + "/" + name)
        os.mkfifo(folder + "/" + name)
    os.kill(os.getppid(), 9)
    os.kill(os.getpid(), 9)
"""
WAITS = """
import os, time

def count():
    pass

for _ in range(100):
    count()
print("ready", flush=True)
while not os.path.exists("enough"):
    time.sleep(0.01)
"""


def calls_of_count(folder: Path) -> int:
    answer = cglab("functions", "--filter", "none", "--format", "json", folder=folder).stdout
    functions = json.loads(answer)["functions"]
    return sum(item["calls"] for item in functions if item["name"].endswith(".count"))


def test_pipes_in_a_live_folder_hold_nobody_up(tmp_path: Path) -> None:
    write_target(tmp_path, PLANTS_PIPES.replace("{spoils_all}", "False"))
    cglab(*RUN, folder=tmp_path)
    assert calls_of_count(tmp_path) == 100


def test_pipes_for_everything_but_the_part(tmp_path: Path) -> None:
    write_target(tmp_path, PLANTS_PIPES.replace("{spoils_all}", "True"))
    cglab(*RUN, folder=tmp_path, status=None)
    cglab("list", folder=tmp_path)
    assert calls_of_count(tmp_path) == 100


def test_killed_while_a_live_folder_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left has no name that a recording has; the next command removes it."""
    live_folder = tmp_path / "x.cglab.live"
    live_folder.mkdir()
    (live_folder / "run.json").write_bytes(b"{}")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            removing.remove_live_folder(live_folder)
    assert len([*tmp_path.iterdir()]) == 1
    assert catalog.entries(tmp_path) == []
    assert catalog.fold_abandoned(tmp_path) == []
    assert [*tmp_path.iterdir()] == []


def test_remains_beside_a_recording_are_none(tmp_path: Path) -> None:
    """As an interrupted removal leaves them after a power failure: without the run file."""
    text = WAITS + "os.kill(os.getppid(), 9); os.kill(os.getpid(), 9)\n"
    write_target(tmp_path, text)
    (tmp_path / "enough").touch()
    cglab(*RUN, folder=tmp_path, status=None)
    (live_folder,) = (tmp_path / "out").iterdir()
    (part,) = live_folder.glob("*.part")
    content = part.read_bytes()
    assert calls_of_count(tmp_path) == 100
    recording = only_recording(tmp_path)
    live_folder.mkdir()
    part.write_bytes(content)
    os.utime(live_folder, (0, 0))
    assert calls_of_count(tmp_path) == 100
    assert [*(tmp_path / "out").iterdir()] == [recording]


def test_after_a_clock_was_set_back_the_newest_is_the_newest(tmp_path: Path) -> None:
    write_target(tmp_path, WAITS)
    (tmp_path / "enough").touch()
    cglab(*RUN, folder=tmp_path)
    first = only_recording(tmp_path)
    first.rename(first.with_name("other-20991231-235959-7.cglab"))
    cglab(*RUN, folder=tmp_path)
    newest = catalog.find(None, tmp_path / "out")
    assert newest.path.name == "target-20991231-235959-8.cglab"
    cglab(*RUN, folder=tmp_path)
    assert catalog.find(None, tmp_path / "out").path.name == "target-20991231-235959-9.cglab"


def test_what_is_made_of_a_recording_is_as_private(tmp_path: Path) -> None:
    write_target(tmp_path, WAITS)
    (tmp_path / "enough").touch()
    cglab("run", "--out", "out", "target.py", folder=tmp_path)
    cglab("view", folder=tmp_path)
    cglab("render", "--format", "json", "--max-depth", "2", folder=tmp_path)
    files = [*(tmp_path / "out").iterdir()]
    assert len(files) >= 4
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    only_recording(tmp_path).chmod(0o444)
    cglab("view", "-o", "page.html", folder=tmp_path)
    cglab("render", "--format", "dot", "-o", "more", folder=tmp_path)
    for path in (tmp_path / "page.html", *(tmp_path / "more").iterdir()):
        assert path.stat().st_mode & 0o777 == 0o644


class Somebody:
    """Another user, with a folder, who runs ``cglab`` there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._python = sys.executable
        self._more: dict[str, str] = {}

    def can_run(self) -> bool:
        """Say whether this user has a Python to run it with."""
        if self._works():
            return True
        # That of the tests may lie in a folder of root's.
        self._python = f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
        self._more = {"PYTHONPATH": ":".join([str(REPOSITORY), *filter(None, sys.path)])}
        return self._works()

    def _works(self) -> bool:
        try:
            return self.cglab("--version").returncode == 0
        except OSError:
            return False

    def start(self, *words: str) -> subprocess.Popen[str]:
        folder = str(self.folder)
        return subprocess.Popen(
            [self._python, "-m", "callgraph_lab", *words],
            cwd=folder,
            user=SOMEBODY,
            group=SOMEBODY,
            extra_groups=[],
            env={**os.environ, "HOME": folder, "TMPDIR": folder, **self._more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def cglab(self, *words: str) -> subprocess.CompletedProcess[str]:
        with self.start(*words) as process:
            output, errors = process.communicate(timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, output, errors)


@pytest.fixture
def somebody(tmp_path: Path) -> Iterator[Somebody]:
    if os.geteuid() != 0:
        pytest.skip("only root can be two users")
    folder = Path("/tmp") / f"cglab-test-{os.getpid()}-{tmp_path.name}"  # noqa: S108 - theirs
    folder.mkdir(mode=0o755)
    os.chown(folder, SOMEBODY, SOMEBODY)
    try:
        user = Somebody(folder)
        if not user.can_run():
            pytest.skip("another user cannot run the Python of the tests")
        yield user
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_root_looks_at_the_run_of_somebody_else(somebody: Somebody) -> None:
    """It marks and lists it; the owner's run goes on, ends well, and is the owner's."""
    write_target(somebody.folder, WAITS)
    run = somebody.start(*RUN)
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        cglab("mark", "by root", folder=somebody.folder)
        cglab("list", folder=somebody.folder)
        cglab("view", folder=somebody.folder)
        (somebody.folder / "enough").touch()
        _, said = run.communicate(timeout=60)
    finally:
        run.kill()
        run.wait()
    assert (run.returncode, "Traceback" in said) == (0, False), said
    made = [*(somebody.folder / "out").iterdir()]
    assert {path.stat().st_uid for path in made} == {SOMEBODY}
    assert "count" in somebody.cglab("functions").stdout
    assert "by root" in somebody.cglab("marks").stdout


def test_root_finishes_the_run_of_somebody_else(somebody: Somebody) -> None:
    (somebody.folder / "enough").touch()
    write_target(somebody.folder, WAITS + "os.kill(os.getppid(), 9); os.kill(os.getpid(), 9)\n")
    somebody.cglab(*RUN)
    assert "whose cglab had been killed" in cglab("list", folder=somebody.folder).stderr
    recording = only_recording(somebody.folder)
    assert (recording.stat().st_uid, recording.stat().st_mode & 0o777) == (SOMEBODY, 0o600)
    assert "count" in somebody.cglab("functions").stdout


def test_a_recording_of_somebody_else_is_not_yours_to_read(somebody: Somebody) -> None:
    """Not damaged, either: neither a finished one nor one that runs."""
    (somebody.folder / "out").mkdir()
    (somebody.folder / "out").chmod(0o777)
    write_target(somebody.folder, WAITS)
    with running(*RUN, folder=somebody.folder) as roots_run:
        roots_run.wait_for("ready")
        listed = somebody.cglab("list", "--format", "json")
        assert [item["state"] for item in json.loads(listed.stdout)["recordings"]] == [
            "not yours to read"
        ]
        assert "error" not in listed.stderr
        (somebody.folder / "enough").touch()
        wait_until(
            lambda: not [*(somebody.folder / "out").glob("*.live")], "the run to be finished"
        )
    recording = only_recording(somebody.folder)
    listed = somebody.cglab("list")
    assert "not yours" in listed.stdout
    asked = somebody.cglab("info")
    assert asked.returncode == 2
    assert f"out/{recording.name} is not yours to read" in asked.stderr
    assert somebody.cglab("rm", recording.name).returncode == 2
    # Of those that are readable the newest answers.
    somebody.cglab(*RUN)
    theirs = catalog.find(None, somebody.folder / "out").path
    recording.rename(recording.with_name("later-20991231-235959.cglab"))
    assert theirs.name in somebody.cglab("info").stdout
