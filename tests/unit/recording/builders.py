"""Recordings, live files and live folders as runs leave them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from callgraph_lab.action_model import (
    ActionInstance,
    RecordedAction,
    RecordedEvent,
    RecordedEventMap,
    RecordedLabel,
    RecordedPhase,
    RecordedSensor,
)
from callgraph_lab.model import (
    NO_PARENT,
    CallTree,
    Function,
    RecordedProcess,
    RecordedThread,
    Recording,
    RunInformation,
)
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_writer import (
    FIRST_ENTRY_WORD,
    WORD_CALLS,
    WORD_DEPTH,
    WORD_TICKS,
    WORDS_AN_ENTRY,
    LiveWriter,
    part_name,
    process_start_time,
)
from callgraph_lab.recording.run_file import RunFile, ended_now, started_now, write_run_file

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.recording.live_writer import ThreadWriter

RUN = RunInformation(
    name="x-20261123-141502",
    target="x.py",
    argv=("x.py", "--port", "2121"),
    python="3.11.7",
    engine="pycallgraph2",
    started="2026-11-23T14:15:02.000+01:00",
    duration_ns=1_500_000_000,
    complete=True,
    exit_status=0,
    notes=("stopped by Ctrl-C",),
)


def small_recording(**run: object) -> Recording:
    """Return a recording of a main thread that calls two functions."""
    functions = [
        Function(module="", qualname="MainThread", kind="thread", pycallgraph2_name="MainThread"),
        Function(
            module="server",
            qualname="Base.loop",
            file="/srv/server.py",
            line=10,
            class_name="__main__:Server",
            ancestors=("__main__:Server", "server:Base"),
            pycallgraph2_name="server.Server.loop",
        ),
        Function(module="socket", qualname="accept", file="/lib/socket.py", line=2, stdlib=True),
    ]
    tree = CallTree(
        parent=array("i", [NO_PARENT, 0, 1, 1]),
        function=array("I", [0, 1, 2, 1]),
        calls=array("Q", [1, 1, 2**64 - 1, 3]),
        resumes=array("Q", [0, 0, 4, 0]),
        suspensions=array("Q", [0, 0, 5, 0]),
        inclusive_ns=array("Q", [100, 100, 40, 30]),
        self_ns=array("Q", [0, 30, 40, 30]),
        open_calls=array("I", [0, 1, 0, 0]),
        label=array("I", [0, 1, 2, 2]),
        instance_calls=array("Q", [0, 0, 3, 0]),
        instance_resumes=array("Q", [0, 0, 0, 0]),
        instance_ns=array("Q", [0, 0, 0, 0]),
    )
    return Recording(
        run=replace(RUN, **run),  # type: ignore[arg-type]
        functions=functions,
        tree=tree,
        threads=(RecordedThread(pid=42, name="MainThread", root=0, threads=3, alive=True),),
        processes=(RecordedProcess(42, 1, ("x.py",), "a full disk", ending="running"),),
        actions=(
            RecordedAction("STOR", count=2, ended=1, sessions=1, busy_ns=30, cpu_ns=20, bytes=7),
            RecordedAction("disconnect", once=True, count=1, dropped=3, duration_ns=5),
            RecordedAction("idle", background=True),
        ),
        labels=(RecordedLabel(), RecordedLabel(2), RecordedLabel(0, lane=1, instance=0)),
        instances=(
            ActionInstance(
                serial=1,
                pid=42,
                session=42 << 32 | 1,
                action=0,
                label=2,
                begin_ns=-5,
                end_ns=60,
                busy_ns=30,
                outcome=226,
                late_work=True,
                detail="/srv/a\n.txt",
                phases=((1, 2), (2, None), (3, 60), *(None,) * 5),
            ),
            ActionInstance(serial=2, pid=42, session=7, action=0, label=0, begin_ns=70),
        ),
        events=(
            RecordedEvent(1, 42, "upload", 9, 0, 5, 1, 0, 2, (("file", "a"), ("user", "\udcff"))),
            RecordedEvent(2, 42, "loop-stalled", 11, duration_ns=300),
        ),
        events_dropped=4,
        event_map=RecordedEventMap(
            maps=("ftp-server",),
            phases=(RecordedPhase(0, "bytes", "They move.", ("DTPHandler.handle_read",)),),
            sensors=(RecordedSensor(0, "upload", ("FTPHandler.on_file_received",)),),
            stall_ns=100,
        ),
    )


@dataclass
class LiveFile:
    """A live file of this process, and what writes it: MainThread calls ``serve``, twice ``f``."""

    writer: LiveWriter
    thread: ThreadWriter
    contexts: dict[str, int]

    @property
    def path(self) -> str:
        return self.writer.path

    def add(self, caller: str, name: str, *, calls: int = 1, ticks: int = 0) -> int:
        function = self.writer.add_function(
            ("m", name, "/srv/m.py", "m:C", "m:C\nm:B", f"m.{name}"), line=7
        )
        number, words = self.thread.add_context(self.contexts[caller], function)
        words[WORD_CALLS], words[WORD_TICKS] = calls, ticks
        self.contexts[name] = number
        return number

    def open_calls(self, *names: str) -> None:
        """Have calls open, outermost first, since now."""
        words = self.thread.words
        for position, name in enumerate(names):
            words[FIRST_ENTRY_WORD + position * WORDS_AN_ENTRY] = self.contexts[name]
            words[FIRST_ENTRY_WORD + position * WORDS_AN_ENTRY + 1] = time.monotonic_ns()
        words[WORD_DEPTH] = len(names)


def live_file(folder: Path, *, calls_open: bool = False, has_called: bool = True) -> LiveFile:
    folder.mkdir(exist_ok=True)
    writer = LiveWriter(
        str(folder),
        information={"argv": ["x.py"], "stdlib": ["/lib"], "engine": "none"},
        max_contexts=layout.DEFAULT_MAX_CONTEXTS,
    )
    root_function = writer.add_function(
        ("", "MainThread", "", "", "", "MainThread"), flags=layout.FUNCTION_IS_THREAD
    )
    thread = writer.add_thread(identifier=1, native_identifier=1)
    root, words = thread.add_context(layout.NO_CONTEXT, root_function)
    words[WORD_CALLS] = 1
    thread.set_root(root)
    made = LiveFile(writer, thread, {"root": root})
    if not has_called:
        return made
    made.add("root", "serve", ticks=0 if calls_open else 5_000)
    made.add("serve", "f", calls=2, ticks=3_000)
    if calls_open:
        made.open_calls("serve")
    return made


def ended_process() -> tuple[int, int]:
    """Return pid and start time of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        start_time = process_start_time(process.pid)
        process.communicate(b"\n")
    return process.pid, start_time


def plant_part(live_folder: Path, *, process: tuple[int, int], **calls: bool) -> Path:
    """Leave a part of an ended process in a live folder, with ``calls`` as in ``live_file``."""
    made = live_file(live_folder, **calls)
    pid, start_time = process
    path = live_folder / part_name(pid, start_time)
    os.rename(made.path, path)  # noqa: PTH104
    with path.open("r+b") as file:
        layout_bytes = bytearray(file.read(layout.IDENTITY.size))
        fields = list(layout.IDENTITY.unpack(layout_bytes))
        fields[3:5] = pid, start_time
        file.seek(0)
        file.write(layout.IDENTITY.pack(*fields))
    return path


def abandoned_run(folder: Path, name: str = "x-20260101-120000", **run: object) -> Path:
    """Leave the live folder of a run in which ``cglab`` and the target were killed."""
    live_folder = folder / f"{name}.cglab.live"
    live_folder.mkdir(parents=True)
    pid, start_time = ended_process()
    begun = replace(
        started_now(name=name, target="x.py", argv=("x.py",), python="3.11", engine="none"),
        supervisor_pid=pid,
        supervisor_start_time=start_time,
    )
    write_run_file(live_folder, replace(begun, **run))  # type: ignore[arg-type]
    plant_part(live_folder, process=ended_process(), calls_open=True)
    return live_folder


def ended_run(run: RunFile) -> RunFile:
    return ended_now(run, exit_status=0)
