"""``--heap`` and ``--heap-with``: when snapshots of the target's heap are taken, and who counts."""

from __future__ import annotations

import importlib.util
import math
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from callgraph_lab.engines.choice import NATIVE
from callgraph_lab.errors import EngineError, OutputError, UsageError
from callgraph_lab.recording.heap_files import HEAP_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

HeapWith = Literal["auto", "guppy3", "gc"]
"""Who counts objects: guppy3, the built-in that asks the module ``gc``, or whichever there is."""

SHORTEST_S = 0.1
_LONGEST_S = 1e9
_EVERY, _ACTION, _EXIT = "every=", "action", "exit"
_EXTRA = "heap"
_ANSWER_WITHIN_S = 30.0
# It counts what is known, so that we hear of a version that it does not work with.
_TRY_GUPPY = """
from guppy import __version__, heapy
from guppy.heapy import heapyc
from guppy.sets import setsc
class Known: pass
known = [Known() for _ in range(20)]
view = heapyc.HeapView(heapyc.RootState, (setsc._NyHeapDefs_,))
found = view.cli_type().partition(view.heap())
assert len(found[Known]) == 20 and view.indisize_sum(found[list]) > 0
print(__version__)
"""


@dataclass(frozen=True, slots=True)
class HeapOptions:
    """When to take snapshots; seconds, 0 for not at regular times.

    ``actions`` are globs of the actions at whose ends one is taken, () for none.
    """

    at_exit: bool = False
    every_s: float = 0.0
    actions: tuple[str, ...] = ()
    counter: HeapWith = "gc"


def parse_heap(words: Sequence[str], counter: HeapWith | None = None) -> HeapOptions | None:
    """Return what ``exit``, ``action``, ``action=STOR`` and ``every=10s`` mean.

    Raise ``UsageError`` for anything else.
    """
    at_exit, every_s = False, 0.0
    actions: list[str] = []
    for word in words:
        kind, equals, glob = word.partition("=")
        if word == _EXIT:
            at_exit = True
        elif word == _ACTION:
            actions.append("*")
        elif kind == _ACTION and equals and glob:
            actions.append(glob)
        elif word.startswith(_EVERY):
            every_s = _seconds(word)
        else:
            raise _wrong(word)
    if counter is not None and not words:
        raise UsageError(
            f"--heap-with {counter} has nothing to count", hint="say when: --heap exit"
        )
    return HeapOptions(at_exit, every_s, tuple(actions), counter or "gc") if words else None


def _seconds(word: str) -> float:
    try:
        seconds = float(word.removeprefix(_EVERY).removesuffix("s"))
    except ValueError:
        raise _wrong(word) from None
    if not math.isfinite(seconds) or not SHORTEST_S <= seconds <= _LONGEST_S:
        raise _wrong(word)
    return seconds


def _wrong(word: str) -> UsageError:
    return UsageError(
        f"{word!r} is no moment for --heap",
        hint=f"write exit, action, action=STOR, or every=10s ({SHORTEST_S:g} s at least)",
    )


def check_engine(options: HeapOptions | None, engine: str, *, has_actions: bool) -> None:
    """Raise ``EngineError`` where snapshots cannot be taken so."""
    if options is None:
        return
    if importlib.util.find_spec("callgraph_lab._native") is None:
        raise EngineError(
            "--heap needs the compiled extension, which this Python has not",
            hint="install cglab where there is a C compiler",
        )
    if engine != NATIVE and (options.every_s or options.actions):
        moment = _EVERY if options.every_s else _ACTION
        raise EngineError(
            f"--heap {moment} needs the engine {NATIVE}, and this is {engine}",
            hint="--heap exit works with any engine",
        )
    if options.actions and not has_actions:
        raise EngineError(
            "--heap action needs an event map: without one there are no actions",
            hint="leave --event-map none away",
        )


def choose_counter(options: HeapOptions | None, python: str, say: Callable[[str], None]) -> bool:
    """Return whether guppy3 is to count in the interpreter ``python``; ``say`` which it is.

    Raise ``UsageError`` where it is wanted and not there.
    """
    if options is None or options.counter == "gc":
        return False
    version, reason = _guppy_in(python)
    if version:
        say(f"the heap is counted with guppy3 {version} (--heap-with gc: with the built-in)")
        return True
    hint = f"{python} -m pip install 'callgraph_lab[{_EXTRA}]'"
    if options.counter == "guppy3":
        raise UsageError(f"--heap-with guppy3: {reason}", hint=hint)
    say(f"the heap is counted with the built-in: {reason}")
    return False


def _guppy_in(python: str) -> tuple[str, str]:
    """Return the version of guppy3 that works in an interpreter, or why there is none."""
    try:
        answer = subprocess.run(
            [python, "-c", _TRY_GUPPY],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return "", f"guppy3 could not be tried ({error})"
    if answer.returncode == 0:
        return answer.stdout.strip(), ""
    if "ModuleNotFoundError" in answer.stderr:
        return "", f"guppy3 is not installed for {python}"
    return "", f"guppy3 does not work in {python}"


def configure(
    options: HeapOptions | None, live_folder: Path, *, with_guppy: bool
) -> dict[str, object] | None:
    """Make room for snapshots; return what the bootstrap is to know of them, if any are taken."""
    if options is None:
        return None
    folder = live_folder.resolve() / HEAP_FOLDER
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise OutputError(f"cannot write to {live_folder}: {error.strerror}") from error
    return {
        "folder": str(folder),
        "every_ns": round(options.every_s * 1e9),
        "at_exit": options.at_exit,
        "actions": list(options.actions),
        "with_guppy": with_guppy,
    }
