"""Host and container with one volume: each knows by locks that the other's run goes on.

A container is a process in a PID and a mount namespace of its own; what it has no name for there is
the pid of whoever records on the other side.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from support_cli import as_json, cglab, command, environment, running, wait_until, write_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTAINER = ("unshare", "--pid", "--mount", "--fork", "--mount-proc")
TARGET = """
import os, time

def f(): pass

for _ in range(300): f()
print("ready", flush=True)
while not os.path.exists("stop"):
    time.sleep(0.02)
for _ in range(200): f()
"""


def may_unshare() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run([*CONTAINER, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not may_unshare(), reason="needs the right to unshare")


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    write_target(tmp_path, TARGET)
    (tmp_path / "elsewhere").mkdir()
    yield tmp_path
    (tmp_path / "stop").touch()


def in_container(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``cglab`` where the volume stands in another place."""
    inner = 'mount --bind "$PWD" elsewhere && cd elsewhere && exec "$@"'
    return subprocess.run(
        [*CONTAINER, "sh", "-c", inner, "sh", *command(*arguments)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def calls_of_f(folder: Path) -> int:
    listed = as_json("functions", "-f", "none", "--format", "json", folder=folder)["functions"]
    return int(next(item["calls"] for item in listed if item["name"] == "__main__.f"))


def test_a_container_leaves_the_host_s_run_alone(volume: Path) -> None:
    with running("run", "--no-render", "target.py", folder=volume) as run:
        run.wait_for("ready")
        for words in (("list",), ("list", "--format", "json"), ("functions",), ("info",)):
            seen = in_container(*words, folder=volume)
            assert seen.returncode == 0, seen.stderr
            assert "cglab had been killed" not in seen.stdout + seen.stderr
        assert "running" in in_container("list", folder=volume).stdout
        (volume / "stop").touch()
        assert run.end() == 0
    assert calls_of_f(volume) == 500


@pytest.mark.parametrize("has_proc", [True, False])
def test_the_host_leaves_a_container_s_run_alone(volume: Path, *, has_proc: bool) -> None:
    words = ("run", "--no-render", "target.py")
    setup = "true" if has_proc else "mount -t tmpfs none /proc"
    inner = f'{setup} && mount --bind "$PWD" elsewhere && cd elsewhere && exec "$@"'
    said = volume / "said.txt"
    with (
        said.open("w") as output,
        subprocess.Popen(
            [*CONTAINER, "sh", "-c", inner, "sh", *command(*words)],
            cwd=volume,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as run,
    ):
        wait_until(lambda: "ready" in said.read_text(encoding="utf-8"), "the target")
        listed = cglab("list", folder=volume)
        assert "running" in listed.stdout
        assert calls_of_f(volume) == 300
        (volume / "stop").touch()
        assert run.wait(timeout=60) == 0, said.read_text(encoding="utf-8")
    assert calls_of_f(volume) == 500
