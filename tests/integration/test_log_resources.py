"""``cglab run --log-resources``: each line of the server's log says what the server uses."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from support_cli import CLIENT, EXAMPLES, cglab, figures, only_recording, write_target

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--no-render", "--filter", "none")
READING = re.compile(r" \[cpu=\d+\.\d% rss=(\d+\.\d)M fds=(\d+) threads=(\d+)\]$")
SERVER = """
import logging, logging.config, sys, tempfile
{configure}
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

class Handler(FTPHandler):
    def on_login(self, username):
        late()

def late():
    {late}

def main():
    with tempfile.TemporaryDirectory() as home:
        authorizer = DummyAuthorizer()
        authorizer.add_user("user", "12345", home, perm="elradfmwMT")
        Handler.authorizer = authorizer
        FTPServer(("127.0.0.1", 0), Handler).serve_forever()

main()
"""
BASIC = "logging.basicConfig(level=logging.DEBUG, format='%(asctime)s basic %(message)s')"
DICT = """
logging.config.dictConfig({
    "version": 1,
    "formatters": {"dict": {"format": "dict %(levelname)s %(message)s"}},
    "handlers": {
        "screen": {"class": "logging.StreamHandler", "formatter": "dict"},
        "file": {"class": "logging.FileHandler", "filename": "server.log", "formatter": "dict"},
    },
    "root": {"level": "INFO", "handlers": ["screen", "file"]},
})
"""
LATE = """
class Late(logging.Formatter):
    def format(self, record):
        return "late " + super().format(record)
"""
SET_LATE = "logging.getLogger('pyftpdlib').handlers[0].setFormatter(Late())"
CONFIGURATIONS = {
    "pyftpdlib's own": ("", "pass", r"\[I \d"),
    "basicConfig": (BASIC, "pass", r"\d{4}-\d\d-\d\d .* basic "),
    "dictConfig": (DICT, "pass", "dict INFO "),
    "formatter set late": (LATE, SET_LATE, r"late |\[I \d"),
}


@pytest.mark.parametrize("engine", ["auto", "pycallgraph2"])
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_every_line_of_an_ftp_server(configuration: str, engine: str, tmp_path: Path) -> None:
    configure, late, begins = CONFIGURATIONS[configuration]
    write_target(tmp_path, SERVER.format(configure=configure, late=late), "server.py")
    drive = ("--drive", shlex.join(["python", str(CLIENT)]))
    words = (*RUN, "--engine", engine, "--log-resources", *drive, "server.py")
    result = cglab(*words, folder=tmp_path)
    lines = [line for line in result.stderr.splitlines() if not line.startswith("cglab: ")]
    # Start, login, two uploads, a download, goodbye, and the end, at the least.
    assert len(lines) > 8
    assert any("STOR" in line and "big.bin" in line for line in lines)
    wrong = [line for line in lines if not (re.match(begins, line) and READING.search(line))]
    assert wrong == []
    rss, threads = (
        {READING.search(line)[1] for line in lines},
        {  # type: ignore[index]
            READING.search(line)[3]
            for line in lines  # type: ignore[index]
        },
    )
    assert all(1 < float(item) < 500 for item in rss)
    assert threads == {"1"}
    if configuration == "formatter set late":
        assert {line.split()[0] for line in lines} == {"late", "[I"}
    if configuration == "dictConfig":
        written = (tmp_path / "server.log").read_text().splitlines()
        assert [READING.sub("", line) for line in written] == [
            READING.sub("", line) for line in lines
        ]
        assert all(map(READING.search, written))
    functions = figures(only_recording(tmp_path))
    assert functions["Handler.format"].total_calls >= len(lines)
    modules = {node.function.module for node in functions.values()}
    assert not [name for name in modules if name.startswith("callgraph_lab")]


def test_forked_workers_tell_of_themselves(tmp_path: Path) -> None:
    drive = ("--drive", shlex.join(["python", str(CLIENT)]))
    words = ("--log-resources-format", "pid={pid} cpu={cpu:>6}", *drive)
    result = cglab(*RUN, *words, EXAMPLES / "multiprocess_server.py", "0", folder=tmp_path)
    lines = [line for line in result.stderr.splitlines() if line.startswith("[I ")]
    assert lines
    found = [re.search(r" pid=(\d+) cpu= *(\d+\.\d)%$", line) for line in lines]
    assert None not in found
    pids = {match[1] for match in found if match}
    assert len(pids) > 1
    assert all(0 <= float(match[2]) < 1000 for match in found if match)


SEVERAL = """
import logging, logging.handlers, queue, sys

records = queue.SimpleQueue()
screen = logging.StreamHandler(sys.stdout)
screen.setFormatter(logging.Formatter("%(name)s: %(message)s"))
listener = logging.handlers.QueueListener(records, screen)
logging.getLogger("queued").addHandler(logging.handlers.QueueHandler(records))
logging.getLogger("queued").warning("through a queue")
listener.start()
listener.stop()
for name in ("shop", "shop.till", "shopping"):
    logger = logging.getLogger(name)
    logger.addHandler(screen)
    logger.propagate = False
    logger.warning("of %s", name)
try:
    {}["x"]
except KeyError:
    logger.exception("two\\nlines")
logging.getLogger("nobody").warning("configured this")
logger.warning("%s and %s", "too few")

class Odd(logging.Formatter):
    def format(self, record):
        return 7

screen.setFormatter(Odd())
logger.warning("no text")
"""


def test_which_lines_and_where(tmp_path: Path) -> None:
    """The first line of a record has it; one that went through a queue has it once."""
    write_target(tmp_path, SEVERAL)
    told = cglab(*RUN, "--log-resources", "target.py", folder=tmp_path)
    bare = cglab(*RUN, "target.py", folder=tmp_path)
    reading = re.compile(r" \[cpu=[^]]*\]$")
    out = told.stdout.splitlines()
    assert [reading.sub("", line) for line in out] == bare.stdout.splitlines()
    with_reading = [reading.sub("", line) for line in out if reading.search(line)]
    assert with_reading == [
        *("queued: through a queue", "shop: of shop", "shop.till: of shop.till"),
        *("shopping: of shopping", "shopping: two"),
    ]
    errors = [line for line in told.stderr.splitlines() if not line.startswith("cglab:")]
    assert reading.search(errors[0])
    assert errors[0].startswith("configured this")
    # A traceback of what cannot be formatted is the target's own; no line of ours is in it.
    expected = [line for line in bare.stderr.splitlines() if not line.startswith("cglab:")]
    assert [reading.sub("", line) for line in errors] == expected


def test_only_some_loggers(tmp_path: Path) -> None:
    write_target(tmp_path, SEVERAL)
    words = ("--log-resources-logger", "shop", "--log-resources-logger", "queued")
    result = cglab(*RUN, *words, "target.py", folder=tmp_path)
    found = [line.partition(" [cpu=")[0] for line in result.stdout.splitlines() if "[cpu=" in line]
    assert found == ["queued: through a queue", "shop: of shop", "shop.till: of shop.till"]
    assert "[cpu=" not in result.stderr


def test_formats_that_cannot_be(tmp_path: Path) -> None:
    write_target(tmp_path, "")
    for wrong in ("{cpus}", "{", "{0}", "{cpu.x}", "{cpu:d}", "a\nb"):
        result = cglab(
            *RUN, "--log-resources-format", wrong, "target.py", folder=tmp_path, status=2
        )
        assert "is no format for --log-resources-format" in result.stderr
        assert "{rss}" in result.stderr
    assert not (tmp_path / "out").exists()


def test_heartbeat(tmp_path: Path) -> None:
    beat = re.compile(
        r"heartbeat \d{4}-\d\d-\d\d \d\d:\d\d:\d\d target-\S+ after \d+ s:"
        r" cpu=\d+\.\d% rss=\d+\.\dM fds=\d+ threads=1 processes=1"
    )
    write_target(tmp_path, "import time\nend = time.time() + 1.5\nwhile time.time() < end: pass\n")
    result = cglab(*RUN, "--heartbeat", "0.5", "target.py", folder=tmp_path)
    beats = [line for line in result.stderr.splitlines() if "heartbeat" in line]
    assert len(beats) >= 2
    assert all(beat.fullmatch(line.removeprefix("cglab: ")) for line in beats)
    (tmp_path / "beats.log").write_text("before\n")
    words = ("--heartbeat", "0.5", "--log-file", "beats.log", "target.py")
    result = cglab(*RUN, *words, folder=tmp_path)
    assert "heartbeat" not in result.stderr
    first, *others = (tmp_path / "beats.log").read_text().splitlines()
    assert first == "before"
    assert len(others) >= 2
    assert all(map(beat.fullmatch, others))


def test_log_file_that_cannot_be_written(tmp_path: Path) -> None:
    write_target(tmp_path, "")
    words = ("--heartbeat", "1", "--log-file", "missing/beats.log", "target.py")
    result = cglab(*RUN, *words, folder=tmp_path, status=2)
    assert "cannot write to missing/beats.log" in result.stderr
    assert not list(tmp_path.glob("out/*"))
