"""Change a recording or a live folder while commands read it: cut, replace, remove, finish."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from support_crafted_questions import (
    QUESTIONS,
    Judge,
    Verdicts,
    chance_of,
    end_if_this_hangs,
    work_in,
)

from callgraph_lab.errors import CallgraphLabError
from callgraph_lab.recording import catalog

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

_LONGEST_WAIT_S = 0.05
RECORDING, LIVE_FOLDER = Path("out/x.cglab"), Path("out/x.cglab.live")


def ask_meanwhile(
    kind: str, base: Path, scratch: Path, seed: int, numbers: Iterable[int]
) -> Verdicts:
    """Ask about copies of ``base`` while another process changes them, a round for each number."""
    work_in(scratch)
    judge = Judge(Path())
    for number in numbers:
        end_if_this_hangs()
        chance = chance_of(seed, number)
        shutil.rmtree("out")
        Path("out").mkdir()
        if kind == "recording":
            shutil.copy(base, RECORDING)
        else:
            shutil.copytree(base, LIVE_FOLDER)
        case = f"{kind} {seed}:{number}"
        changer = _start_changing(kind, base, chance)
        question = chance.choice(QUESTIONS)
        out = "--out" if question[0] in ("render", "view") else "-o"
        # By its path a live folder is read as it is; by its name it is finished first.
        name = str(LIVE_FOLDER) if kind == "live folder" and chance.random() < 0.5 else "x.cglab"
        folder = "out" if name == "x.cglab" else "answers"
        judge.ask([word.replace("{}", name) for word in question] + [out, folder], case)
        _, status = os.waitpid(changer, 0)
        if status:
            judge.verdicts.bad.append(f"who changes files ended with {status}\n    of: {case}")
    os.chdir("/")
    return judge.verdicts


def _start_changing(kind: str, base: Path, chance: random.Random) -> int:
    """Start a process that waits for moments and changes something at each; return its pid."""
    ways = _WAYS[kind]
    steps = [
        (chance.choice(ways), chance.random() * _LONGEST_WAIT_S, chance.random()) for _ in range(3)
    ]
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for way, wait_s, where in steps:
            time.sleep(wait_s)
            # Another step, or the command, may have removed it.
            with contextlib.suppress(OSError, CallgraphLabError):
                way(base, where)
        status = 0
    finally:
        os._exit(status)


def _some_file(where: float) -> Path:
    files = sorted(path for path in LIVE_FOLDER.rglob("*") if path.is_file())
    return files[int(where * len(files))] if files else RECORDING


def _cut(_base: Path, where: float) -> None:
    path = _some_file(where)
    os.truncate(path, int(where * path.stat().st_size))


def _remove(_base: Path, where: float) -> None:
    path = _some_file(where)
    # A folder of a mark as well as a file.
    shutil.rmtree(path.parent) if where < 0.3 and LIVE_FOLDER in path.parents else path.unlink()


def _replace(_base: Path, where: float) -> None:
    path = _some_file(where)
    new = path.with_name(".new")
    new.write_bytes(os.urandom(5000) if where < 0.5 else path.read_bytes()[::-1])
    new.replace(path)


def _replace_by_itself(base: Path, _where: float) -> None:
    new = Path("out/.new")
    shutil.copy(base, new)
    new.replace(RECORDING)


def _move_away(_base: Path, where: float) -> None:
    whole = LIVE_FOLDER if LIVE_FOLDER.exists() else RECORDING
    whole.rename(whole.with_name(f".gone{where}"))


def _finish(*_: object) -> None:
    catalog.fold(catalog.find("x.cglab", Path("out")))


def _finish_and_remove(*_: object) -> None:
    _finish()
    catalog.remove(catalog.find("x.cglab", Path("out")))


_WAYS = {
    "recording": (_cut, _remove, _replace, _replace_by_itself, _move_away),
    "live folder": (_cut, _remove, _replace, _move_away, _finish, _finish_and_remove),
}
