"""A terminal of its own, in whose foreground a command runs, with keys to press."""

from __future__ import annotations

import os
import pty
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from support_cli import command, environment, wait_until

if TYPE_CHECKING:
    from pathlib import Path


class Terminal:
    """A terminal of its own, in whose foreground ``cglab`` runs."""

    def __init__(self, *arguments: str, folder: Path, words: list[str] | None = None) -> None:
        """Run ``cglab`` with these arguments, or another command of these ``words``."""
        self.text = ""
        with warnings.catch_warnings():
            # Of other threads at a fork; but the child does nothing before it is another program.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            words = words or [os.fsdecode(word) for word in command(*arguments)]
            os.execvpe(words[0], words, environment())  # noqa: S606 - in a child of its own
        os.set_blocking(self._terminal, False)

    def wait_for(self, text: str, times: int = 1) -> None:
        wait_until(lambda: self.read().count(text) >= times, f"{text!r} is on the terminal")

    def read(self) -> str:
        """Return all that was printed up to now."""
        # BlockingIOError where there is nothing new, OSError where the other side is closed.
        with suppress(OSError):
            while self._terminal >= 0 and (new := os.read(self._terminal, 65536)):
                self.text += new.decode()
        return self.text

    def press_control_c(self) -> None:
        self.type("\x03")

    def type(self, keys: str) -> None:
        """Press keys; ``\x03`` is Ctrl-C, ``\x1a`` Ctrl-Z."""
        os.write(self._terminal, keys.encode())

    def close(self) -> None:
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1

    def end(self) -> int:
        def ended() -> tuple[int, int] | None:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return (pid, status) if pid else None

        status = os.waitstatus_to_exitcode(wait_until(ended, "cglab has ended")[1])
        self.close()
        return status
