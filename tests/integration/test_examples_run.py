"""Every script in examples/ runs as its docstring says, untraced.

The servers are driven by the example client, by ftplib, and by clients that nobody here wrote.
"""

import ftplib
import hashlib
import http.client
import io
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyftpdlib
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
TLS_SERVER = "tls_server.py"
THROTTLED_SERVER = "throttled_server.py"
FTP_SERVERS = (
    "ftpServer.py",
    "threaded_server.py",
    "multiprocess_server.py",
    THROTTLED_SERVER,
    TLS_SERVER,
    "copied_modules/ftpServer.py",
)
HTTP_SERVER = "http_server.py"
SERVERS = (*FTP_SERVERS, HTTP_SERVER)
CLIENT = "upload_client.py"
PROGRAMS = ("recursive_algorithm.py", "copied_modules/make_copies.py")

# So little that the throttled server lets it pass without a pause.
CONTENT = hashlib.shake_256(b"test").digest(90_000)
PATIENCE_SECONDS = 20.0

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
needs_lftp = pytest.mark.skipif(shutil.which("lftp") is None, reason="lftp is not installed")


@dataclass(frozen=True)
class Server:
    """An example server that is listening, as a process that leads a group of its own."""

    script: str
    process: subprocess.Popen[bytes]
    port: int
    output_file: Path
    error_file: Path

    @property
    def output(self) -> str:
        """What the server has written to its standard output so far."""
        return self.output_file.read_text(encoding="utf-8")

    @property
    def errors(self) -> str:
        """What the server has written to its standard error so far."""
        return self.error_file.read_text(encoding="utf-8")

    def announced(self, what: str) -> Path:
        """Return a path that the server printed when it started, as in `home folder /tmp/x`."""
        match = re.search(rf"^{what} (.+)$", self.output, re.MULTILINE)
        assert match, self.output
        return Path(match[1])

    @property
    def home(self) -> Path:
        """The folder that holds what clients upload."""
        return self.announced("home folder")

    def stop(self, *, whole_group: bool = True) -> None:
        """Interrupt the whole group, as a terminal does, or one process; expect status 0."""
        if whole_group:
            os.killpg(self.process.pid, signal.SIGINT)
        else:
            self.process.send_signal(signal.SIGINT)
        status = self.process.wait(PATIENCE_SECONDS)
        assert status == 0, self.errors
        assert "Traceback" not in self.errors
        assert "Traceback" not in self.output


@pytest.fixture(autouse=True, scope="module")
def _interrupts_are_delivered() -> Iterator[None]:
    """Let SIGINT reach the servers even where the tests run in the background of a shell.

    There it is ignored, and programs inherit that; but a signal that the parent handles is reset
    when a program starts.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def running(script: str | Path, folder: Path) -> Iterator[Server]:
    """Start an example on a free port, from another folder, and wait until it listens."""
    output_file, error_file = folder / "stdout", folder / "stderr"
    # Here even a server that has to be killed leaves nothing in /tmp.
    temporary_folder = folder / "temporary"
    temporary_folder.mkdir()
    with output_file.open("wb") as output, error_file.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, EXAMPLES / script, "0"],
            cwd=folder,
            env=os.environ | {"TMPDIR": str(temporary_folder)},
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    try:
        port = wait_for_port(process, output_file, error_file)
        yield Server(str(script), process, port, output_file, error_file)
    finally:
        if process.poll() is None:
            # Not waited for yet, so that the number still means the group that it leads.
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)


def wait_for_port(process: subprocess.Popen[bytes], output_file: Path, error_file: Path) -> int:
    """Return the port in the line that a server prints once it listens."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if match := re.search(
            r"^listening on 127\.0\.0\.1:(\d+)\n", output_file.read_text(), re.MULTILINE
        ):
            return int(match[1])
        if process.poll() is not None:
            break
        time.sleep(0.01)
    pytest.fail(f"no server: {output_file.read_text()}{error_file.read_text()}")


@pytest.fixture(scope="module", params=FTP_SERVERS)
def ftp_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Each of the FTP servers in turn, one process for all tests that talk to it."""
    if request.param == TLS_SERVER:
        require_openssl()
    with running(request.param, tmp_path_factory.mktemp("server")) as server:
        yield server
        server.stop()


def require_openssl() -> None:
    """Skip what needs pyftpdlib's TLS handler where PyOpenSSL, an extra of its, is missing."""
    pytest.importorskip("OpenSSL", reason="PyOpenSSL is not installed")


@contextmanager
def session(server: Server) -> Iterator[ftplib.FTP]:
    """Log in with ftplib; with TLS, check the certificate against the one that was announced."""
    if server.script == TLS_SERVER:
        context = ssl.create_default_context(cafile=server.announced("certificate"))
        client: ftplib.FTP = ftplib.FTP_TLS(timeout=PATIENCE_SECONDS, context=context)
    else:
        client = ftplib.FTP(timeout=PATIENCE_SECONDS)
    with client:
        client.connect("127.0.0.1", server.port)
        client.login("user", "12345")
        if isinstance(client, ftplib.FTP_TLS):
            client.prot_p()
        yield client


def run(*command: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with some variables added to the environment."""
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def run_client(server: Server, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run upload_client.py against a server, told where it is by the environment."""
    options = ["--tls"] if server.script == TLS_SERVER else []
    address = {"CGLAB_HOST": "127.0.0.1", "CGLAB_PORT": str(server.port)}
    return run(sys.executable, EXAMPLES / CLIENT, *options, folder=folder, **address)


def test_every_example_has_a_test() -> None:
    """A new script in examples/ must be added to one of the lists above."""
    # Folders whose names begin with a dot hold what the scripts make, not what they are.
    relative = (path.relative_to(EXAMPLES) for path in EXAMPLES.rglob("*.py"))
    scripts = {
        path.as_posix() for path in relative if not any(part.startswith(".") for part in path.parts)
    }
    assert scripts == {*SERVERS, CLIENT, *PROGRAMS}


def test_upload_client_completes(ftp_server: Server, tmp_path: Path) -> None:
    start = time.monotonic()
    result = run_client(ftp_server, tmp_path)
    elapsed_seconds = time.monotonic() - start
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"connected to 127.0.0.1:{ftp_server.port}",
        "logged in as user",
        "put note.txt, 38 bytes",
        "put big.bin, 300000 bytes",
        "listed 2 files",
        "got big.bin, 300000 bytes, as sent",
        "quit",
    ]
    sizes = {path.name: path.stat().st_size for path in ftp_server.home.iterdir()}
    assert sizes == {"note.txt": 38, "big.bin": 300_000}
    if ftp_server.script == THROTTLED_SERVER:
        # 300,000 bytes pass the limit at least twice each way; the second time costs about 2 s.
        assert elapsed_seconds > 2


def test_ftplib_stores_what_it_sends(ftp_server: Server) -> None:
    received = bytearray()
    with session(ftp_server) as client:
        client.storbinary("STOR ftplib.bin", io.BytesIO(CONTENT))
        assert (ftp_server.home / "ftplib.bin").read_bytes() == CONTENT
        client.retrbinary("RETR ftplib.bin", received.extend)
        assert "ftplib.bin" in client.nlst()
        client.mkd("folder")
        client.rename("ftplib.bin", "folder/renamed.bin")
        assert (ftp_server.home / "folder" / "renamed.bin").read_bytes() == CONTENT
        client.delete("folder/renamed.bin")
        client.rmd("folder")
        client.quit()
    assert received == CONTENT
    assert not (ftp_server.home / "folder").exists()


def test_wrong_password_is_refused(tmp_path: Path) -> None:
    """On one server only, as pyftpdlib waits for three seconds before it says no."""
    with running("ftpServer.py", tmp_path) as server:
        client = ftplib.FTP(timeout=PATIENCE_SECONDS)
        with client:
            client.connect("127.0.0.1", server.port)
            with pytest.raises(ftplib.error_perm, match="530"):
                client.login("user", "wrong")
        server.stop()


@needs_curl
def test_curl_stores_what_it_sends(ftp_server: Server, tmp_path: Path) -> None:
    sent, received = tmp_path / "sent.bin", tmp_path / "received.bin"
    sent.write_bytes(CONTENT)
    options = ["--disable", "--noproxy", "*", "--silent", "--show-error", "--user", "user:12345"]
    if ftp_server.script == TLS_SERVER:
        options += ["--ssl-reqd", "--cacert", str(ftp_server.announced("certificate"))]
    address = f"ftp://127.0.0.1:{ftp_server.port}"
    for direction, file in (("--upload-file", sent), ("--output", received)):
        result = run("curl", *options, direction, file, f"{address}/curl.bin", folder=tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
    assert (ftp_server.home / "curl.bin").read_bytes() == received.read_bytes() == CONTENT
    listing = run("curl", *options, f"{address}/", folder=tmp_path)
    assert "curl.bin" in listing.stdout


@needs_lftp
def test_lftp_stores_what_it_sends(ftp_server: Server, tmp_path: Path) -> None:
    sent, received = tmp_path / "lftp.bin", tmp_path / "received.bin"
    sent.write_bytes(CONTENT)
    # lftp protects no more than it is told to, and takes certificates from the system's list only.
    security = "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes"
    commands = (
        security if ftp_server.script == TLS_SERVER else "set ftp:ssl-allow no",
        f"open -u user,12345 ftp://127.0.0.1:{ftp_server.port}",
        f"put {sent.name}",
        f"get {sent.name} -o {received.name}",
        "bye",
    )
    result = run(
        "lftp", "--norc", "-c", "set cmd:fail-exit yes; " + "; ".join(commands), folder=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert (ftp_server.home / "lftp.bin").read_bytes() == received.read_bytes() == CONTENT


@pytest.mark.parametrize("whole_group", [True, False], ids=["ctrl-c", "one-process"])
@pytest.mark.parametrize("script", SERVERS)
def test_server_ends_on_an_interrupt(script: str, whole_group: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """In the middle of a session too: status 0, no traceback, nothing left behind."""
    if script == TLS_SERVER:
        require_openssl()
    with running(script, tmp_path) as server:
        if script == HTTP_SERVER:
            server.stop(whole_group=whole_group)
        else:
            with session(server) as client:
                client.storbinary("STOR note.txt", io.BytesIO(CONTENT))
                assert server.home.is_dir()
                server.stop(whole_group=whole_group)
                client.close()
        assert not list((tmp_path / "temporary").iterdir())


def test_tls_server_insists_on_tls(tmp_path: Path) -> None:
    require_openssl()
    with running(TLS_SERVER, tmp_path) as server:
        client = run(sys.executable, EXAMPLES / CLIENT, str(server.port), folder=tmp_path)
        assert client.returncode == 1
        assert "SSL/TLS required" in client.stderr
        server.stop()


def test_handler_of_the_copied_modules_says_what_happens(tmp_path: Path) -> None:
    with running("copied_modules/ftpServer.py", tmp_path) as server:
        assert run_client(server, tmp_path).returncode == 0
        server.stop()
        events = server.output.partition(f":{server.port}\n")[2].splitlines()
    assert events == [
        "login user",
        "received note.txt",
        "received big.bin",
        "sent big.bin",
        "disconnected",
    ]


def test_copies_differ_from_the_originals_in_imports_only(tmp_path: Path) -> None:
    result = run(sys.executable, EXAMPLES / "copied_modules" / "make_copies.py", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    folder = Path(result.stdout.strip())
    for name in ("servers.py", "ioloop.py"):
        original = (Path(pyftpdlib.__file__).parent / name).read_text(encoding="utf-8").splitlines()
        copy = (folder / name).read_text(encoding="utf-8").splitlines()
        different = [line for line, other in zip(copy, original, strict=False) if line != other]
        assert different
        assert all(
            re.match(r"from (ioloop|pyftpdlib\.\w+) import \w+$", line) for line in different
        )
        # What comes after the last line of the original is the note that says where it comes from.
        assert "make_copies.py" in copy[-1]
        assert all(line.startswith("#") or not line for line in copy[len(original) :])


def test_copies_use_each_other(tmp_path: Path) -> None:
    folder = run(
        sys.executable, EXAMPLES / "copied_modules" / "make_copies.py", folder=tmp_path
    ).stdout.strip()
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "import ioloop, servers, pyftpdlib.servers as original;"
        "print(servers.Acceptor is ioloop.Acceptor);"
        "print(issubclass(servers.FTPServer, original.FTPServer))"
    )
    result = run(sys.executable, "-W", "ignore", "-c", program, folder, folder=tmp_path)
    assert (result.stdout, result.stderr) == ("True\nFalse\n", "")


def test_client_notices_wrong_bytes(tmp_path: Path) -> None:
    """One byte of the stored file is changed behind the client's back."""
    script = tmp_path / "lossy_server.py"
    script.write_text(
        "import runpy\n"
        "from pyftpdlib.handlers import FTPHandler\n"
        "def spoil(self, file):\n"
        "    with open(file, 'r+b') as stored:\n"
        "        stored.write(b'?')\n"
        "FTPHandler.on_file_received = spoil\n"
        f"runpy.run_path({str(EXAMPLES / 'ftpServer.py')!r}, run_name='__main__')\n"
    )
    with running(script, tmp_path) as server:
        result = run_client(server, tmp_path)
        server.stop()
    assert result.returncode == 1
    assert "big.bin came back different" in result.stderr


def test_client_without_a_server_says_so(tmp_path: Path) -> None:
    with running("ftpServer.py", tmp_path) as server:
        server.stop()
    result = run_client(server, tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(f"upload_client.py: 127.0.0.1:{server.port}: ")
    assert len(result.stderr.splitlines()) == 1


def test_http_server_answers(tmp_path: Path) -> None:
    with running(HTTP_SERVER, tmp_path) as server:
        assert request(server, "GET", "/factors/360") == (200, "2 2 2 3 3 5\n")
        assert request(server, "GET", "/factors/999999937") == (200, "999999937\n")
        assert request(server, "GET", "/factors/0")[0] == 404
        assert request(server, "GET", "/")[0] == 404
        assert request(server, "POST", "/words", b"two words") == (200, "2\n")
        server.stop()


def request(server: Server, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    """Make one request; return the status and the body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


@needs_curl
def test_http_server_answers_curl(tmp_path: Path) -> None:
    options = ["--disable", "--noproxy", "*", "--silent", "--show-error", "--fail"]
    with running(HTTP_SERVER, tmp_path) as server:
        address = f"http://127.0.0.1:{server.port}"
        factors = run("curl", *options, f"{address}/factors/360", folder=tmp_path)
        words = run("curl", *options, "--data", "some words", f"{address}/words", folder=tmp_path)
        server.stop()
    assert (factors.stdout, words.stdout) == ("2 2 2 3 3 5\n", "2\n")


def test_recursive_algorithm_prints_the_same_each_time(tmp_path: Path) -> None:
    result = run(sys.executable, EXAMPLES / "recursive_algorithm.py", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "queens on a 6 x 6 board: 4 solutions, the first is (1, 3, 5, 0, 2, 4)",
        "fibonacci(60) = 1548008755920",
        "orders of 'graph': 120, the last is hparg",
    ]
