"""``--heap``: when snapshots of the target's heap are to be taken."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.engines.choice import NATIVE
from callgraph_lab.errors import EngineError, OutputError, UsageError
from callgraph_lab.recording.heap_files import HEAP_FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHORTEST_S = 0.1
_LONGEST_S = 1e9
_EVERY = "every="


@dataclass(frozen=True, slots=True)
class HeapOptions:
    """When to take snapshots; seconds, 0 for not at regular times."""

    at_exit: bool = False
    every_s: float = 0.0


def parse_heap(words: Sequence[str]) -> HeapOptions | None:
    """Return what ``exit`` and ``every=10s`` mean. Raise ``UsageError`` for anything else."""
    at_exit, every_s = False, 0.0
    for word in words:
        if word == "exit":
            at_exit = True
        elif word.startswith(_EVERY):
            every_s = _seconds(word)
        else:
            raise _wrong(word)
    return HeapOptions(at_exit, every_s) if words else None


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
        hint=f"write exit, or every=10s ({SHORTEST_S:g} s at least)",
    )


def check_engine(options: HeapOptions | None, engine: str) -> None:
    """Raise ``EngineError`` where snapshots cannot be taken so."""
    if options is None:
        return
    if importlib.util.find_spec("callgraph_lab._native") is None:
        raise EngineError(
            "--heap needs the compiled extension, which this Python has not",
            hint="install cglab where there is a C compiler",
        )
    if options.every_s and engine != NATIVE:
        raise EngineError(
            f"--heap every= needs the engine {NATIVE}, and this is {engine}",
            hint="--heap exit works with any engine",
        )


def configure(options: HeapOptions | None, live_folder: Path) -> dict[str, object] | None:
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
    }
