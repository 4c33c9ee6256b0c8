"""``cglab explain`` of real servers: what an upload, a download and a listing are."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support_cli import ENGINE, EXAMPLES, as_json, cglab, write_target

from callgraph_lab.engines.choice import availability

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    ENGINE == "pycallgraph2" or not availability("native").available,
    reason="automatic actions need the engine native",
)

CLIENT = """
import ftplib, io, os, sys
ftp = ftplib.FTP_TLS() if "--tls" in sys.argv else ftplib.FTP()
ftp.connect("127.0.0.1", int(os.environ["CGLAB_PORT"]), timeout=30)
ftp.login("user", "12345")
if "--tls" in sys.argv:
    ftp.prot_p()
ftp.set_pasv("--active" not in sys.argv)
ftp.storbinary("STOR file", io.BytesIO(b"x" * 150_000))
ftp.storbinary("STOR other", io.BytesIO(b"x" * 10))
ftp.retrbinary("RETR file", lambda data: None)
ftp.retrlines("LIST", lambda line: None)
ftp.quit()
"""
SERVERS = [
    ("ftpServer.py", "--passive"),
    ("ftpServer.py", "--active"),
    ("throttled_server.py", "--passive"),
    ("threaded_server.py", "--passive"),
    ("tls_server.py", "--tls"),
]
PHASES = ["control command", "data connection", "bytes", "completion"]


@pytest.fixture(scope="module", params=SERVERS, ids=" ".join)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Record a server while a client uses it in one way; return the folder and the way."""
    script, way = request.param
    if script == "tls_server.py":
        pytest.importorskip("OpenSSL", reason="PyOpenSSL, for pyftpdlib's TLS, is not installed")
    folder: Path = tmp_path_factory.mktemp("explain")
    client = write_target(folder, CLIENT, "client.py")
    drive = shlex.join([sys.executable, str(client), way])
    cglab("run", "--no-render", "--drive", drive, EXAMPLES / script, "0", folder=folder)
    return folder, way


def explained(folder: Path, action: str, *options: str) -> dict[str, Any]:
    found = as_json("explain", action, "--format", "json", *options, folder=folder)
    assert found["schema"] == 1
    phases = found["phases"]
    assert [phase["name"] for phase in phases if phase["name"] != "other work"] == PHASES
    return {**found, "by_name": {phase["name"]: phase for phase in phases}}


def calls(phase: dict[str, Any], *, prepared: bool = False) -> dict[str, int]:
    """Return the calls of a phase's functions by their own names."""
    found: dict[str, int] = {}
    works = [phase, *phase["prepared"]] if prepared else [phase]
    for item in (item for work in works for item in work["functions"]):
        name = item["qualname"].rpartition(".")[2]
        found[name] = found.get(name, 0) + item["calls"]
        assert item["line"] > 0
        assert item["file"].endswith(".py")
    return found


def test_an_upload(served: tuple[Path, str]) -> None:
    folder, _ = served
    upload = explained(folder, "STOR")
    phases = upload["by_name"]
    assert (upload["count"], upload["bytes"]) == (2, 150_010)
    assert calls(phases["control command"])["ftp_STOR"] == 2
    assert calls(phases["data connection"])["enable_receiving"] == 2
    moved = calls(phases["bytes"])
    assert moved["handle_read"] >= 4
    assert "ftp_STOR" not in moved
    done = calls(phases["completion"])
    assert done["handle_close"] >= 2
    assert done["_on_dtp_close"] == 2
    assert phases["control command"]["passes"] == 2
    assert 2 <= phases["bytes"]["passes"] <= upload["passes"]
    assert all(phase["time_ns"] > 0 for phase in upload["phases"])
    begins = [phases[name]["begins_after_ns"] for name in PHASES]
    assert begins == sorted(begins)


def test_the_phases_are_all_of_the_action(served: tuple[Path, str]) -> None:
    folder, _ = served
    listed = as_json("actions", "--format", "json", folder=folder)["actions"]
    whole = {item["name"]: item for item in listed}
    for action in ("STOR", "RETR", "LIST"):
        phases = explained(folder, action)["phases"]
        assert sum(phase["calls"] for phase in phases) == whole[action]["calls"]
        assert sum(phase["time_ns"] for phase in phases) == whole[action]["wall_ns"]


def test_who_opened_the_data_connection(served: tuple[Path, str]) -> None:
    folder, way = served
    for action, times in (("STOR", 2), ("RETR", 1), ("LIST", 1)):
        connection = explained(folder, action)["by_name"]["data connection"]
        (prepared,) = connection["prepared"]
        assert prepared["action"] == ("PORT" if way == "--active" else "PASV")
        assert (prepared["count"], prepared["for_this"]) == (4, times)
        opened = calls(connection, prepared=True)
        # Whichever of the two the connection came first to.
        assert opened["handle_connect" if way == "--active" else "handle_accepted"] >= 1
        assert opened["__init__"] >= 1
    text = cglab("explain", "STOR", folder=folder).stdout
    assert f"Prepared for it by {prepared['action']} of the same session" in text
    assert "of which 2 were for STOR" in text


def test_a_download_and_a_listing(served: tuple[Path, str]) -> None:
    folder, way = served
    download = explained(folder, "RETR")["by_name"]
    assert calls(download["control command"])["ftp_RETR"] == 1
    assert calls(download["data connection"])["push_with_producer"] >= 1
    sent = calls(download["bytes"])
    assert sent.get("initiate_sendfile", 0) + sent.get("send", 0) >= 1
    assert calls(download["completion"])["on_file_sent"] == 1
    listing = explained(folder, "LIST")["by_name"]
    assert calls(listing["control command"])["ftp_LIST"] == 1
    assert calls(listing["bytes"])["format_list"] == 1
    if way == "--tls":
        shaken = calls(download["data connection"], prepared=True)
        assert shaken["_do_ssl_handshake"] >= 1


def test_one_upload_alone(served: tuple[Path, str]) -> None:
    folder, _ = served
    first = explained(folder, "STOR", "--nth", "first")
    assert (first["count"], first["bytes"]) == (1, 150_000)
    assert calls(first["by_name"]["control command"])["ftp_STOR"] == 1


def test_work_for_no_session_was_not_done_so_many_times(served: tuple[Path, str]) -> None:
    folder, _ = served
    head, *_ = cglab("explain", "idle", folder=folder).stdout.splitlines()
    assert head == "idle: work that serves no session"


def test_what_cannot_be_explained_is_said(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = served
    wrong = cglab("explain", "DELE", folder=folder, status=2)
    assert "STOR" in wrong.stderr
    write_target(tmp_path, "print('ready')\n")
    cglab("run", "--no-render", "--event-map", "none", "target.py", folder=tmp_path)
    wrong = cglab("explain", "STOR", folder=tmp_path, status=2)
    assert "--event-map none" in wrong.stderr
    cglab("run", "--no-render", "--engine", "pycallgraph2", "target.py", folder=tmp_path)
    wrong = cglab("explain", "STOR", folder=tmp_path, status=2)
    assert "engine pycallgraph2" in wrong.stderr
