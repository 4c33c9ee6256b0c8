"""What tests of every kind share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support_cli import CLIENT, EXAMPLES, FIBONACCI, cglab, command, write_target

from callgraph_lab.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True, scope="session")
def _interrupts_are_delivered() -> Iterator[None]:
    """Let signals reach programs even where the tests run in the background of a shell, or nohup.

    There they are ignored, and programs inherit that.
    """
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGQUIT: signal.signal(signal.SIGQUIT, signal.SIG_DFL),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True, scope="session")
def _key_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have recordings sealed with a key that is not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def fibonacci_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one recording of FIBONACCI in ``out``. Only to be read."""
    folder = tmp_path_factory.mktemp("fibonacci")
    write_target(folder, FIBONACCI, "fibonacci.py")
    cglab("run", "--no-render", "fibonacci.py", folder=folder)
    return folder


@pytest.fixture(scope="session")
def ftp_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a recording of the FTP server and its client. Only to be read."""
    folder = tmp_path_factory.mktemp("ftp")
    drive = f"python {CLIENT}"
    cglab("run", "--no-render", "--drive", drive, EXAMPLES / "ftpServer.py", "0", folder=folder)
    return folder


@pytest.fixture
def cglab_here(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs ``cglab`` in a folder, but in this process: for the many cases.

    It runs what ``python -m callgraph_lab`` runs, and returns what that would.
    """

    def run(
        *arguments: str | Path | bytes, folder: Path, status: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        words = [os.fsdecode(word) for word in command(*arguments)]
        monkeypatch.setattr(sys, "argv", words[2:])
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "100")
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        returned = code if isinstance(code, int) else int(code is not None)
        output, errors = capfd.readouterr()
        assert status is None or returned == status, output + errors
        return subprocess.CompletedProcess(words, returned, output, errors)

    return run
