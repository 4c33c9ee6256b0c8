"""``--c-calls``: functions written in C are leaves of the graph, with calls and time."""

from __future__ import annotations

import shlex
import signal
import sys
from typing import TYPE_CHECKING

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
from support_native import needs_native

from callgraph_lab.api import open_recording, trace

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.model import CallGraph

RUN = ("run", "--engine", "native", "--c-calls", "--no-render")


def _callees(graph: CallGraph, caller: str) -> set[str]:
    names = {node.id: node.name for node in graph.nodes}
    return {
        names[edge.target]
        for edge in graph.edges
        if names[edge.source].endswith(caller) and not edge.bridged
    }


@needs_native
def test_an_ftp_server_and_a_client(tmp_path: Path) -> None:
    client = shlex.join(["python", str(CLIENT)])
    ran = cglab(*RUN, "--drive", client, EXAMPLES / "ftpServer.py", "0", folder=tmp_path)
    assert "got big.bin, 300000 bytes, as sent" in ran.stdout
    # As it comes, with the filter that auto chooses.
    graph = open_recording(only_recording(tmp_path)).graph(max_depth=None)
    assert graph.query.filters == ("ftp-server",)
    nodes = {node.name: node for node in graph.nodes}
    for name in ("_socket.socket.recv", "select.epoll.poll", "posix.sendfile"):
        assert nodes[name].function.kind == "c_function"
        assert nodes[name].calls > 0
        assert nodes[name].open_calls == 0
        assert nodes[name].inclusive_ns == nodes[name].self_ns > 0
    # An upload of 300,000 bytes comes in pieces of 64 KiB at most.
    assert nodes["_socket.socket.recv"].calls >= 300_000 // 65_536
    assert "select.epoll.poll" in _callees(graph, "Epoll.poll")
    assert "posix.sendfile" in _callees(graph, "DTPHandler.initiate_sendfile")
    assert "_socket.socket.recv" in _callees(graph, "DTPHandler.recv")
    # What is hidden takes the C functions that it calls with it.
    c_functions = {node.id for node in graph.nodes if node.function.kind == "c_function"}
    assert not any(edge.bridged for edge in graph.edges if edge.target in c_functions)
    assert any("C functions" in rule.rule for rule in graph.hidden)


@needs_native
def test_a_running_server_waits_in_poll(tmp_path: Path) -> None:
    with running(*RUN, EXAMPLES / "ftpServer.py", "0", folder=tmp_path) as process:

        def waits_in_poll() -> bool:
            words = ("functions", "--format", "json")
            ran = cglab(*words, folder=tmp_path, status=None)
            return ran.returncode == 0 and any(
                node["open_calls"] == 1 and node["kind"] == "c_function"
                for node in as_json(*words, folder=tmp_path)["functions"]
                if node["name"] == "select.epoll.poll"
            )

        wait_until(waits_in_poll, "epoll.poll to be open")
        process.process.send_signal(signal.SIGINT)
        process.end()
    graph = open_recording(only_recording(tmp_path)).graph(max_depth=None)
    assert not any(node.open_calls for node in graph.nodes if node.name == "select.epoll.poll")


@needs_native
def test_what_the_target_loses_is_said(tmp_path: Path) -> None:
    write_target(tmp_path, "print(len('abc'))\n")
    ran = cglab(*RUN, "target.py", folder=tmp_path)
    assert ran.stdout == "3\n"
    lost = "sys.monitoring" if sys.version_info >= (3, 12) else "sys.setprofile"
    (note,) = as_json("info", "--format", "json", folder=tmp_path)["notes"]
    assert lost in note
    shown = " ".join(cglab("run", "--help", folder=tmp_path).stdout.split())
    assert "sys.monitoring" in shown
    found = cglab("find", "builtins.len", folder=tmp_path).stdout
    assert "defined at    in C" in found
    assert "called by     __main__.<module> (1)" in found


@needs_native
def test_sweep_records_them_too(tmp_path: Path) -> None:
    write_target(tmp_path, "def f():\n    return len('abc')\nf()\n")
    options = ("--engine", "native", "--c-calls", "--format", "json")
    cglab("sweep", "1..3", *options, "target.py", folder=tmp_path)
    functions = open_recording(only_recording(tmp_path)).functions()
    assert [item.name for item in functions] == ["__main__.<module>", "__main__.f", "builtins.len"]


@needs_native
def test_from_python(tmp_path: Path) -> None:
    path = tmp_path / "block.cglab"
    with trace(path, c_calls=True):
        for _ in range(3):
            len("abc")
        sorted([2, 1], key=lambda number: number)
    graph = open_recording(path).graph(max_depth=None, filters=["none"])
    calls = {node.name: node.calls for node in graph.nodes if node.function.kind == "c_function"}
    assert calls == {"builtins.len": 3, "builtins.sorted": 1}
    (callback,) = _callees(graph, "builtins.sorted")
    assert callback.endswith("test_from_python.<locals>.<lambda>")
