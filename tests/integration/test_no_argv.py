"""With --no-argv nothing that is kept has the arguments of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support_cli import ENGINE, as_json, cglab, running, write_target

from callgraph_lab.recording.live_information import without_arguments

if TYPE_CHECKING:
    from pathlib import Path

TARGET = """
import os, subprocess, sys, time

if sys.argv[1] == "child":
    print("child", sys.argv[2:], flush=True)
    sys.exit()
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
subprocess.run([sys.executable, __file__, "child", "s3cret-child"], check=True)
subprocess.run([sys.executable, "-c", "print('s3cret-code'.upper())"], check=True)
print("parent", sys.argv[1:], flush=True)
while not os.path.exists("stop"):
    time.sleep(0.02)
"""


def kept_with_secrets(folder: Path) -> list[str]:
    its_own = {"target.py", "stdout.txt", "stderr.txt"}
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in its_own)
    return [path.name for path in files if b"s3cret" in path.read_bytes()]


@pytest.mark.skipif(ENGINE == "pycallgraph2", reason="--follow-children all is tried with native")
def test_no_argument_is_kept_or_shown(tmp_path: Path) -> None:
    write_target(tmp_path, TARGET)
    words = ("run", "--no-render", "--no-argv", "--follow-children", "all", "target.py")
    with running(*words, "--password", "s3cret", folder=tmp_path) as run:
        run.wait_for("parent ['--password', 's3cret']")
        assert list(tmp_path.glob("out/*.live"))
        assert not kept_with_secrets(tmp_path)
        info = as_json("info", "--format", "json", folder=tmp_path)
        assert "s3cret" not in str(info)
        (tmp_path / "stop").touch()
        assert run.end() == 0
    shown = [
        cglab(*words, folder=tmp_path).stdout
        for words in (
            ("list", "--format", "json"),
            ("info", "--format", "json"),
            ("info",),
            ("render", "--format", "json", "-o", "graph.json"),
            ("view", "--output", "page.html"),
        )
    ]
    assert "s3cret" not in "".join(shown)
    assert (tmp_path / "page.html").is_file()
    assert not kept_with_secrets(tmp_path)
    info = as_json("info", "--format", "json", folder=tmp_path)
    commands = [process["argv"] for process in info["processes"]]
    assert ["target.py"] in commands  # what ran is still told
    assert ["-c"] in commands


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("target.py --password x", "target.py"),
        ("-m server --password x", "-m server"),
        ("-mserver x", "-mserver"),
        ("-Im server x", "-Im server"),
        ("-X dev -W error -u target.py x", "-X dev -W error -u target.py"),
        ("-Xdev -Werror target.py -c x", "-Xdev -Werror target.py"),
        ("-c secret x", "-c"),
        ("-csecret x", "-c"),
        ("-Ic secret", "-Ic"),
        ("-bbc secret", "-bbc"),
        ("-- -odd.py x", "-- -odd.py"),
        ("- x", "-"),
        ("--check-hash-based-pycs always target.py x", "--check-hash-based-pycs always target.py"),
        ("-X", "-X"),
        ("", ""),
    ],
)
def test_what_is_python_s_own_stays(words: str, kept: str) -> None:
    assert without_arguments(words.split()) == kept.split()
