"""All that ``cglab run`` does beside a target goes on when that has become a daemon."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from support_cli import (
    as_json,
    cglab,
    figures,
    only_recording,
    recordings,
    wait_until,
    write_target,
)
from support_engines import needs_native_engine

from callgraph_lab.recording import catalog
from callgraph_lab.recording.resource_file import read_resources
from callgraph_lab.recording.run_file import read_run_file

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--no-render")
BECOMES_DAEMON = """
import json, os, signal, sys, time

class Client:
    def on_get(self):
        pass

def wait_for(name):
    while not os.path.exists(name):
        time.sleep(0.02)

if os.fork():
    os._exit(3)
os.setsid()
if os.fork():
    os._exit(0)
nothing = os.open(os.devnull, os.O_RDWR)
for descriptor in range(3):
    os.dup2(nothing, descriptor)
os.closerange(3, 256)
began = time.monotonic()
"""
EVENT_MAP = """
[event_map]
pass = ":wait_for"

[[event_map.action]]
start = "Client.on_*"
name = "{*}"

[[sensor]]
name = "asked"
functions = "Client.on_get"
when = "exit"
"""


@needs_native_engine
def test_samples_heartbeats_and_events_go_on(tmp_path: Path) -> None:
    folder, scratch = tmp_path / "run", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    write_target(
        folder,
        BECOMES_DAEMON
        + """
wait_for("go")
Client().on_get()
wait_for("end")
with open("told", "w") as file:
    json.dump(time.monotonic() - began, file)
""",
    )
    write_target(folder, EVENT_MAP, "map.toml")
    options = ("--heartbeat", "0.1", "--log-file", "beats", "--log-events", "events")
    # It returns when the target's first process has, with its status.
    cglab(
        *(*RUN, "--engine", "native", *options, "--event-map", "map.toml", "target.py"),
        folder=folder,
        status=3,
        TMPDIR=str(scratch),
    )
    (live_folder,) = (folder / "out").glob("*.live")
    started_ns = read_run_file(live_folder).started_monotonic_ns
    returned_ns = time.monotonic_ns() - started_ns

    def samples_since() -> list[int]:
        moments = read_resources(live_folder, started_ns).moment_ns
        return [moment for moment in moments if moment > returned_ns]

    wait_until(lambda: len(samples_since()) >= 3, "the daemon has been sampled")
    beats = len((folder / "beats").read_text(encoding="utf-8").splitlines())
    wait_until(
        lambda: len((folder / "beats").read_text(encoding="utf-8").splitlines()) >= beats + 3,
        "heartbeats go on",
    )
    (folder / "go").touch()
    wait_until(lambda: "asked" in (folder / "events").read_text(encoding="utf-8"), "it is logged")
    (folder / "end").touch()
    # Nobody else has to finish it.
    wait_until(lambda: not list((folder / "out").glob("*.live")), "it is finished")
    recording = catalog.load(catalog.Entry(only_recording(folder), None, 0.0))
    lasted_s = json.loads((folder / "told").read_text(encoding="ascii"))
    assert recording.run.duration_ns >= lasted_s * 1e9
    assert recording.run.exit_status == 3
    assert recording.run.notes == ()
    assert recording.resources.moment_ns[-1] > returned_ns
    assert set(recording.resources.processes[-3:]) == {1}
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("ignored", "said"), [((), ""), (("SIGINT",), "SIGTERM"), (("SIGINT", "SIGTERM"), "SIGKILL")]
)
def test_a_daemon_is_stopped_in_steps(ignored: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """Also where no client is driven, but the time is up."""
    lines = [f"signal.signal(signal.{name}, signal.SIG_IGN)" for name in ignored]
    program = "\n".join([BECOMES_DAEMON.replace("_exit(3)", "_exit(0)"), *lines, "wait_for('x')"])
    write_target(tmp_path, program)
    words = (*RUN, "--duration", "1.5", "--stop-after", "0.5", "target.py")
    result = cglab(*words, folder=tmp_path)
    assert (f"sending {said}" in result.stderr) == bool(said)
    assert figures(only_recording(tmp_path))["wait_for"].calls == 1
    info = as_json("info", "--format", "json", folder=tmp_path)
    assert info["notes"] == ["stopped by --duration 1.5"]


def test_nobody_finishes_the_recording_of_a_daemon_that_runs(tmp_path: Path) -> None:
    write_target(tmp_path, BECOMES_DAEMON.replace("_exit(3)", "_exit(0)") + "wait_for('end')\n")
    cglab(*RUN, "target.py", folder=tmp_path)
    assert recordings(tmp_path) == []
    cglab("list", folder=tmp_path)
    assert recordings(tmp_path) == []
    (tmp_path / "end").touch()
    wait_until(lambda: not list((tmp_path / "out").glob("*.live")), "it is finished")
    assert figures(only_recording(tmp_path))["wait_for"].calls == 1
