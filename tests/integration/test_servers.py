"""Every example, recorded while a client that knows nothing of ``cglab`` uses it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from support_cli import (
    CLIENT,
    EXAMPLES,
    cglab,
    figures,
    only_recording,
    running,
)

from callgraph_lab.api import open_recording

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]

RUN = ("run", "--no-render")
UPLOADS, DOWNLOADS = 2, 1
"""What upload_client.py does."""
TLS_SERVER = "tls_server.py"
MULTIPROCESS_SERVER = "multiprocess_server.py"
FTP_SERVERS = (
    "ftpServer.py",
    "threaded_server.py",
    MULTIPROCESS_SERVER,
    "throttled_server.py",
    TLS_SERVER,
    "copied_modules/ftpServer.py",
)


def needs_openssl(script: str) -> None:
    if script == TLS_SERVER:
        pytest.importorskip("OpenSSL", reason="PyOpenSSL, for pyftpdlib's TLS, is not installed")


@pytest.fixture(scope="module", params=FTP_SERVERS)
def recorded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """Record each server while upload_client.py uses it; return its name and the folder."""
    script = request.param
    needs_openssl(script)
    folder = tmp_path_factory.mktemp("server")
    tls = ["--tls"] if script == TLS_SERVER else []
    client = shlex.join(["python", str(CLIENT), *tls])
    result = cglab(*RUN, "--drive", client, EXAMPLES / script, "0", folder=folder)
    assert "got big.bin, 300000 bytes, as sent" in result.stdout
    assert "Traceback" not in result.stderr
    return script, folder


def test_commands_of_the_client_are_counted(recorded: tuple[str, Path]) -> None:
    """Over all threads and processes."""
    _, folder = recorded
    functions = figures(only_recording(folder))
    expected = {"ftp_USER": 1, "ftp_PASS": 1, "ftp_STOR": UPLOADS, "ftp_RETR": DOWNLOADS}
    calls = {name: functions[f"FTPHandler.{name}"].total_calls for name in expected}
    assert calls == expected
    assert functions["FTPHandler.ftp_STOR"].open_calls == 0
    # Where the bytes of uploads arrive: at least once for each.
    assert functions["DTPHandler.handle_read"].total_calls >= UPLOADS


def test_auto_filter_shows_the_server(recorded: tuple[str, Path], cglab_here: Run) -> None:
    """The handler, the event loop and the target show; importlib and logging do not."""
    script, folder = recorded
    words = ("render", "--max-depth", "40", "--format", "json", "-o", "-")
    document = json.loads(cglab_here(*words, folder=folder).stdout)
    assert document["query"]["filters"] == ["ftp-server"]
    nodes = document["nodes"]
    shown = {node["qualname"] for node in nodes}
    assert {"FTPHandler.ftp_STOR", "DTPHandler.handle_read", "_IOLoop.loop", "main"} <= shown
    assert any(node["name"].endswith(".Epoll.poll") for node in nodes)
    modules = {node["module"] for node in nodes}
    assert not any(module.startswith(("importlib", "logging")) for module in modules)
    # Of the copies where there are copies: the classes by which the filter knows them stand there.
    copied = {"servers", "ioloop"}
    assert modules & copied == (copied if script.startswith("copied_modules") else set())


def test_each_session_has_the_root_that_its_server_gives_it(recorded: tuple[str, Path]) -> None:
    """A thread of its own, a process of its own, or neither."""
    script, folder = recorded
    recording = open_recording(only_recording(folder))
    roots = {
        node.function.name
        for node in recording.graph(max_depth=1, filters=["none"]).nodes
        if node.function.kind == "thread"
    }
    processes = json.loads(cglab("info", "--format", "json", folder=folder).stdout)["processes"]
    expected_processes = 2 if script == MULTIPROCESS_SERVER else 1
    assert len(processes) == expected_processes
    if script == MULTIPROCESS_SERVER:
        first, second = processes
        assert second["parent_pid"] == first["pid"]
    has_threads = script == "threaded_server.py"
    assert len(roots) == (2 if has_threads else 1)
    assert "MainThread" in roots


def test_uploads_of_forked_children_are_summed(tmp_path: Path) -> None:
    """Two sessions, so two children beside the first process, each with a part of its own."""
    twice = shlex.join(["sh", "-c", f"python {shlex.quote(str(CLIENT))} && python '{CLIENT}'"])
    server = EXAMPLES / MULTIPROCESS_SERVER
    cglab(*RUN, "--drive", twice, server, "0", folder=tmp_path)
    facts = json.loads(cglab("info", "--format", "json", folder=tmp_path).stdout)
    assert len(facts["processes"]) == 3
    assert {item["pid"] for item in facts["threads"]} == {
        item["pid"] for item in facts["processes"]
    }
    functions = figures(only_recording(tmp_path))
    assert functions["FTPHandler.ftp_STOR"].total_calls == 2 * UPLOADS
    # Counted where it ran, not again in the copies of the stack that the children inherited.
    assert functions["_SpawnerBase.serve_forever"].total_calls == 1
    assert functions["main"].total_calls == 1


@pytest.mark.parametrize("script", ["ftpServer.py", TLS_SERVER])
@pytest.mark.parametrize("program", ["curl", "lftp"])
def test_clients_that_nobody_here_wrote(program: str, script: str, tmp_path: Path) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    needs_openssl(script)
    sent, received = tmp_path / "sent.bin", tmp_path / "received.bin"
    sent.write_bytes(bytes(range(256)) * 400)
    with running(*RUN, EXAMPLES / script, "0", folder=tmp_path) as run:
        run.wait_for("listening on 127.0.0.1:")
        port = re.findall(r"listening on 127\.0\.0\.1:(\d+)", run.output)[0]
        for command in client_commands(program, port, sent, received, tls=script == TLS_SERVER):
            subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=30)
        run.process.send_signal(signal.SIGINT)
        assert run.end() == 0, run.errors
    assert received.read_bytes() == sent.read_bytes()
    functions = figures(only_recording(tmp_path))
    assert functions["FTPHandler.ftp_STOR"].total_calls == 1
    assert functions["FTPHandler.ftp_RETR"].total_calls == 1


def client_commands(
    program: str, port: str, sent: Path, received: Path, *, tls: bool
) -> list[list[str]]:
    if program == "curl":
        options = ["--disable", "--noproxy", "*", "--silent", "--user", "user:12345"]
        # The certificate was made a moment ago, and this is about calls, not about trust.
        options += ["--ssl-reqd", "--insecure"] if tls else []
        address = f"ftp://127.0.0.1:{port}/x.bin"
        return [
            ["curl", *options, "--upload-file", str(sent), address],
            ["curl", *options, "--output", str(received), address],
        ]
    security = "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes"
    steps = (
        "set cmd:fail-exit yes",
        security if tls else "set ftp:ssl-allow no",
        f"open -u user,12345 ftp://127.0.0.1:{port}",
        f"put {sent} -o x.bin",
        f"get x.bin -o {received}",
        "bye",
    )
    return [["lftp", "--norc", "-c", "; ".join(steps)]]


def test_http_server(tmp_path: Path, cglab_here: Run) -> None:
    """Not FTP: urllib is the client; each request has a thread, and their trees are one."""
    client = tmp_path / "client.py"
    client.write_text(
        "import os, urllib.request\n"
        "address = 'http://{CGLAB_HOST}:{CGLAB_PORT}'.format(**os.environ)\n"
        "for number in (360, 97, 360):\n"
        "    print(urllib.request.urlopen(f'{address}/factors/{number}').read().decode())\n"
        "print(urllib.request.urlopen(f'{address}/words', b'some more words').read().decode())\n"
    )
    drive = shlex.join(["python", str(client)])
    result = cglab(*RUN, "--drive", drive, EXAMPLES / "http_server.py", "0", folder=tmp_path)
    assert "2 2 2 3 3 5" in result.stdout
    functions = figures(only_recording(tmp_path))
    assert functions["Handler.do_GET"].total_calls == 3
    assert functions["Handler.do_POST"].total_calls == 1
    assert functions["prime_factors"].total_calls == 3
    # 360 has six factors and 97 has one; asked once more each, the generators end.
    assert functions["prime_factors"].resumes == 2 * 6 + 1
    shown = cglab_here("functions", folder=tmp_path)
    assert "auto chose no-stdlib" in shown.stderr
    assert "Handler.do_GET" in shown.stdout
    with_server = cglab_here("functions", "--filter", "http-server", folder=tmp_path).stdout
    assert "serve_forever" in with_server


def test_recursive_algorithm(tmp_path: Path) -> None:
    """Known numbers: 5! orders of five letters, and 61 calls thanks to the cache."""
    cglab(*RUN, EXAMPLES / "recursive_algorithm.py", folder=tmp_path)
    functions = figures(only_recording(tmp_path))
    assert functions["fibonacci"].total_calls == 61
    # One for each prefix of an order: 1 + 5 + 5*4 + 5*4*3 + 5*4*3*2 + 5!
    assert functions["permutations"].total_calls == 1 + 5 + 20 + 60 + 120 + 120
    assert functions["main"].total_calls == 1
    assert functions["permutations"].inclusive_ns <= functions["main"].inclusive_ns
