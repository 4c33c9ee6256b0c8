"""Ask every command about a crafted input, in this process, and judge what it says."""

from __future__ import annotations

import faulthandler
import gc
import io
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from support_hostile import FORBIDDEN

from callgraph_lab.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "what-stands-in-a-file-that-is-none-of-theirs"  # noqa: S105 - looked for in answers
MOST_CPU_S = 20.0
"""An answer takes a hundredth of a second; this is time of the processor, not of the clock."""
_HANGS_AFTER_S = 900.0
_MOST_GROWN_BYTES = 300 << 20
_ADDRESS_SPACE_BYTES = 4 << 30
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod")
_MAY_BE_NEGATIVE = re.compile(
    r"net|exit_status|moment|begin|start|differen|change|grow|more|signed"
)

JSON = ("--format", "json")
QUESTIONS: tuple[tuple[str, ...], ...] = (
    ("list", *JSON),
    ("list",),
    ("info", "{}"),
    ("info", "{}", *JSON),
    ("functions", "{}"),
    ("functions", "{}", "--filter", "none", *JSON),
    ("functions", "{}", "--sort", "net", *JSON),
    ("functions", "{}", "--action", "m1"),
    ("functions", "{}", "--action", "put", "--nth", "slowest"),
    ("find", "fib", "--recording", "{}"),
    ("find", "fib", "--recording", "{}", *JSON),
    ("actions", "{}"),
    ("actions", "{}", *JSON),
    ("explain", "put", "--recording", "{}"),
    ("explain", "put", "--recording", "{}", *JSON),
    ("events", "{}"),
    ("events", "{}", "--format", "jsonl"),
    ("path", "fib", "--recording", "{}"),
    ("path", "fib", "--recording", "{}", *JSON),
    ("callers", "fib", "--recording", "{}", *JSON),
    ("callees", "on_put", "--recording", "{}"),
    ("lines", "fib", "{}"),
    ("lines", "fib", "{}", *JSON),
    ("diff", "m1", "m2", "--recording", "{}"),
    ("diff", "put", "get", "--recording", "{}", *JSON),
    ("diff", "put", "m1", "--recording", "{}", "--draw", "answers/d.dot"),
    ("marks", "{}"),
    ("marks", "{}", *JSON),
    ("resources", "{}"),
    ("resources", "{}", *JSON),
    ("resources", "{}", "--draw", "answers/r.svg"),
    ("heap", "{}"),
    ("heap", "{}", *JSON),
    ("heap", "{}", "--diff", "first", "last", *JSON),
    ("render", "{}", "--format", "json", "-o", "-"),
    ("render", "{}", "--format", "dot", "-o", "-", "--filter", "none"),
    ("render", "{}", "--format", "dot", "--action", "put", "-o", "answers"),
    ("render", "{}", "--format", "dot", "--color", "memory", "--links", "file", "-o", "-"),
    ("sweep", "1..3", "--recording", "{}", "--format", "dot,json"),
    ("view", "{}", "-o", "-"),
    ("view", "{}", "--no-sources", "-o", "answers/page.html"),
    ("filters", "explain", "fib", "--recording", "{}"),
    ("mark", "again", "{}"),
    ("rm", "{}"),
)
DRAWN = ("render", "{}", "--format", "svg", "-o", "-", "--layout-timeout", "60")
"""Laid out by Graphviz, which takes its time: asked now and then."""


class HungError(BaseException):
    """A command did not end. It is no ``Exception``, so that nobody takes it for an answer."""


@dataclass(slots=True)
class Verdicts:
    """What came of asking: how many answers and refusals, and what was neither."""

    answered: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    bad: list[str] = field(default_factory=list)


class Judge:
    """Runs commands below the present folder and says what is wrong with how they ended."""

    def __init__(self, folder: Path) -> None:
        self.verdicts = Verdicts()
        self._folder = str(folder.resolve())
        self._touched: list[str] = []
        self._is_watching = False
        sys.addaudithook(self._hear)
        self._forget_peak()
        self._before_bytes = _peak_bytes()

    def ask(self, words: list[str], case: str) -> bool:
        """Run one command; return whether it answered. What is wrong is noted with the ``case``."""
        output, status, wrong = self._run(words)
        out, errors = output
        wrong = wrong or next(self._complaints(words, status, out, errors), "")
        self.verdicts.answered += status == 0
        self.verdicts.refused += status != 0
        if (grown := _peak_bytes() - self._before_bytes) > _MOST_GROWN_BYTES:
            wrong = wrong or f"it takes {grown >> 20} MiB"
            self._forget_peak()
        if wrong:
            self.verdicts.bad.append(f"{wrong}\n    by: {' '.join(words)}\n    of: {case}")
        return status == 0

    def check_folded(self, case: str) -> None:
        """Note a recording that was made of a live folder and cannot be read."""
        _, status, _ = self._run(["info", "x.cglab", "-o", "out"])
        if status != 0:
            self.verdicts.bad.append(f"what was folded cannot be read\n    of: {case}")

    def _run(self, words: list[str]) -> tuple[tuple[str, str], int, str]:
        out, errors = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
        status, wrong = -1, ""
        self._touched.clear()
        with (
            patch.object(sys, "argv", ["cglab", *words]),
            patch.object(sys, "stdout", out),
            patch.object(sys, "stderr", errors),
            _limited_time(),
        ):
            try:
                self._is_watching = True
                main()
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            except HungError:
                wrong = "hangs: " + _where(sys.exc_info()[1])
            except BaseException as error:  # noqa: BLE001 - what a user would get as a traceback
                wrong = f"{type(error).__name__}: {str(error)[:100]!r} {_where(error)}"
            finally:
                self._is_watching = False
            out.flush()
            errors.flush()
        used_s = _limited_time.used_s  # type: ignore[attr-defined]
        self.verdicts.slowest_s = max(self.verdicts.slowest_s, used_s)
        texts = (out.buffer.getvalue(), errors.buffer.getvalue())
        decoded = tuple(text.decode("utf-8", "surrogateescape") for text in texts)
        return (decoded[0], decoded[1]), status, wrong

    def _complaints(self, words: list[str], status: int, out: str, errors: str) -> Iterator[str]:
        told = [line for line in errors.split("\n") if line.startswith(("cglab: error:", "Error:"))]
        if status not in (0, 1, 2):
            yield f"exit status {status}"
        if len(told) > 1:
            yield f"several errors: {told}"
        if status == 2 and not told:
            yield f"no error is told: {errors[-200:]!r}"
        if "Traceback" in errors:
            yield "a traceback is printed"
        if self._touched:
            yield f"touched {self._touched[:3]}"
        if SECRET in out or SECRET in errors:
            yield "it shows a file that is none of theirs"
        shown = errors if words[0] == "view" else out + errors
        # A graph in DOT is indented with tabs, by a program that makes every name visible.
        if found := FORBIDDEN.search(re.sub("\n\t+", "\n", shown)):
            yield f"prints {found.group()!r}: {shown[max(found.start() - 80, 0) : found.end()]!r}"
        if status == 0 and out and (wrong := _judge_json(words, out)):
            yield wrong

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what a command opens for writing, or changes, outside of the folder."""
        if not self._is_watching:
            return
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, (str, bytes)):
                return
            if isinstance(flags, int) and flags & _WRITING and self._is_outside(path):
                self._touched.append(f"written: {os.fsdecode(path)}")
            elif os.fsdecode(path).startswith("/etc/passwd"):
                self._touched.append("read: /etc/passwd")
        elif event in _CHANGES:
            self._touched += [
                f"{event}: {os.fsdecode(path)}"
                for path in arguments[:2]
                if isinstance(path, (str, bytes)) and self._is_outside(path)
            ]
        elif event == "subprocess.Popen" and Path(os.fsdecode(arguments[0])).name not in (
            "dot",
            "nop",
            Path(sys.executable).name,
        ):
            self._touched.append(f"started: {arguments[0]}")

    def _is_outside(self, path: str | bytes) -> bool:
        whole = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - quick, and links stay
        return not whole.startswith((self._folder, "/dev/null", "/proc/self"))

    def _forget_peak(self) -> None:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _judge_json(words: list[str], out: str) -> str:
    is_lines = "jsonl" in words
    if not is_lines and "json" not in words[-3:] and words[-1] != "json":
        return ""
    if words[0] in ("render", "sweep") and words[-1] != "-":
        return ""
    try:
        for text in out.splitlines() if is_lines else [out]:
            value = json.loads(text, parse_constant=_refuse)
            if found := _negative(value, ""):
                return f"answers with less than nothing: {found}"
    except ValueError as error:
        return f"its JSON is none: {error}"
    return ""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _negative(value: Any, place: str) -> str:
    if isinstance(value, dict):
        return next(
            filter(None, (_negative(item, f"{place}.{key}") for key, item in value.items())), ""
        )
    if isinstance(value, list):
        return next(filter(None, (_negative(item, place) for item in value)), "")
    if isinstance(value, (int, float)) and value < 0 and not _MAY_BE_NEGATIVE.search(place):
        return f"{place} = {value}"
    return ""


@contextmanager
def _limited_time() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise HungError

    before = signal.signal(signal.SIGPROF, ring)
    began = resource.getrusage(resource.RUSAGE_SELF)
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        ended = resource.getrusage(resource.RUSAGE_SELF)
        _limited_time.used_s = ended.ru_utime - began.ru_utime  # type: ignore[attr-defined]


def _where(error: BaseException | None) -> str:
    frames = traceback.extract_tb(None if error is None else error.__traceback__)
    ours = [frame for frame in frames if "callgraph_lab" in frame.filename] or frames
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in ours[:-4:-1])


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def end_if_this_hangs() -> None:
    """End this process in a while, unless this is called again before.

    Where the C of a library hangs, or something is waited for, no handler of a signal is run.
    """
    faulthandler.dump_traceback_later(_HANGS_AFTER_S, exit=True, file=2)


def work_in(folder: Path) -> None:
    """Make folders for the inputs and the answers in a new one, and go there for good.

    What goes wrong is kept from the machine: memory, and files of bytecode beside the sources.
    """
    folder.mkdir(parents=True)
    os.chdir(folder)
    for name in ("out", "answers", "empty", "temporary"):
        Path(name).mkdir()
    tempfile.tempdir = str(folder / "temporary")
    sys.dont_write_bytecode = True
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, most))


def chance_of(seed: int, number: int) -> random.Random:
    """Return what decides about one input: the same for the same two numbers."""
    return random.Random(f"{seed}:{number}")  # noqa: S311 - to be repeated, not to be secret
