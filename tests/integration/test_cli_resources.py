"""``cglab resources`` on recordings that run, have ended, or have nothing to show."""

from __future__ import annotations

import shlex
from pathlib import Path

from support_cli import (
    CLIENT,
    EXAMPLES,
    as_json,
    cglab,
    only_recording,
    running,
    wait_until,
    write_target,
)

from callgraph_lab.recording import store
from callgraph_lab.resources.at_moment import resources_at

RUN = ("run", "--no-render")
GROWING = """
import os, time
print("ready", flush=True)
blocks = []
end = time.monotonic() + 1.5
while time.monotonic() < end:
    pass
blocks.append(b"x" * 80_000_000)
child = os.fork()
time.sleep(1.5)
if child == 0:
    os._exit(0)
os.wait()
"""


def test_what_a_target_used(tmp_path: Path) -> None:
    write_target(tmp_path, GROWING)
    cglab(*RUN, "target.py", folder=tmp_path)
    shown = as_json("resources", "--format", "json", folder=tmp_path)
    samples = shown["samples"]
    # Five a second, on a machine that may be busy.
    assert 6 <= len(samples) <= shown["duration_ns"] / 0.2e9 + 2
    moments = [item["moment_ns"] for item in samples]
    assert moments == sorted(moments)
    assert 0 < moments[0] < 1e9
    assert moments[-1] <= shown["duration_ns"]
    # Not the last one, which may be of a process that is just ending.
    largest = max(samples, key=lambda item: item["rss_bytes"])
    assert largest["rss_bytes"] > samples[0]["rss_bytes"] + 70_000_000
    assert max(item["processes"] for item in samples) == 2
    assert max(item["cpu_percent"] for item in samples) > 10
    assert shown["cpu_ns"] > 0.2e9
    recording = store.load(only_recording(tmp_path))
    then = resources_at(recording.resources, largest["moment_ns"])
    assert then is not None
    assert then.rss_bytes == largest["rss_bytes"]
    chart = cglab("resources", folder=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in chart if line[:1].isalpha()] == [
        *("cpu", "rss", "fds", "threads", "processes")
    ]


def test_while_it_runs_and_after_cglab_was_killed(tmp_path: Path) -> None:
    write_target(tmp_path, "import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    with running(*RUN, "target.py", folder=tmp_path) as run:
        run.wait_for("ready")

        def samples() -> int:
            return len(as_json("resources", "--format", "json", folder=tmp_path)["samples"])

        wait_until(lambda: samples() > 2, "there are samples")
        target = run.target_pid()
        run.process.kill()
        run.process.wait()
    wait_until(lambda: not _is_there(target), "the target has ended")
    assert len(as_json("resources", "--format", "json", folder=tmp_path)["samples"]) > 2
    only_recording(tmp_path)


def _is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_drawing_of_a_server(tmp_path: Path) -> None:
    drive = shlex.join(["python", str(CLIENT)])
    cglab(*RUN, "--drive", drive, EXAMPLES / "ftpServer.py", "0", folder=tmp_path)
    result = cglab("resources", "--draw", "use.svg", folder=tmp_path)
    assert result.stdout == ""
    assert "drew use.svg" in result.stderr
    drawn = (tmp_path / "use.svg").read_text(encoding="utf-8")
    assert "memory (RSS)" in drawn
    assert drawn.endswith("</svg>")


def test_what_cannot_be_shown(tmp_path: Path) -> None:
    assert "no recording" in cglab("resources", folder=tmp_path, status=2).stderr
    write_target(tmp_path, "")
    cglab(*RUN, "target.py", folder=tmp_path)
    result = cglab("resources", "--draw", "use.png", folder=tmp_path, status=2)
    assert "makes an SVG" in result.stderr
    result = cglab("resources", "--draw", "/proc/use.svg", folder=tmp_path, status=2)
    assert "Cannot write /proc/use.svg" in result.stderr
