"""Make crafted inputs, one after the other, and ask commands about each: one process's share."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support_crafted_folders import LiveFolders
from support_crafted_questions import (
    DRAWN,
    QUESTIONS,
    SECRET,
    Judge,
    Verdicts,
    chance_of,
    end_if_this_hangs,
    work_in,
)
from support_crafted_recordings import tables_of, write_changed

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

QUESTIONS_AN_INPUT = 1
_FOLDED = 0.15
"""Of the live folders so many are made one file first, as those of killed runs are."""
_DRAWN = 0.005
_MOST_BAD = 200


def in_another_process(ask: Callable[..., Verdicts], *arguments: Any) -> Verdicts:
    """Call a function of this kind where what an input does to its reader harms nobody else."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(ask, *arguments).result()


def ask_about(kind: str, base: Path, scratch: Path, seed: int, numbers: Iterable[int]) -> Verdicts:
    """Make the inputs of a kind that have these numbers, and ask about each of them.

    ``base`` is a recording or a live folder to begin with. Which input is under way stands in the
    file ``now`` of the folder ``scratch``, for whoever finds this process dead.
    """
    work_in(scratch / "work")
    elsewhere = scratch / "elsewhere"
    elsewhere.write_text(SECRET, encoding="utf-8")
    make = _recordings(base) if kind == "recording" else _live_folders(base, elsewhere)
    judge = Judge(Path())
    for number in numbers:
        if number % 50 == 0:
            end_if_this_hangs()
        chance = chance_of(seed, number)
        (scratch / "now").write_text(f"{kind} {seed}:{number}", encoding="utf-8")
        name, out, done = make(chance)
        for _ in range(QUESTIONS_AN_INPUT):
            question = DRAWN if chance.random() < _DRAWN else chance.choice(QUESTIONS)
            words = [word.replace("{}", name) for word in question]
            if question[0] not in ("render", "view"):
                words += ["-o", out]
            else:
                words += ["--out", out]
            if not judge.ask(words, f"{kind} {seed}:{number} {done}"):
                break
        if done.endswith("folded") and Path("out/x.cglab").exists():
            judge.check_folded(f"{kind} {seed}:{number} {done}")
        if elsewhere.read_text(encoding="utf-8") != SECRET:
            judge.verdicts.bad.append(f"another's file is changed: {kind} {seed}:{number} {done}")
            elsewhere.write_text(SECRET, encoding="utf-8")
        (scratch / "found").write_text(json.dumps(asdict(judge.verdicts), indent=1))
        if len(judge.verdicts.bad) > _MOST_BAD:
            break
    os.chdir("/")
    return judge.verdicts


def _recordings(base: Path) -> Callable[[random.Random], tuple[str, str, str]]:
    tables = tables_of(base)

    def make(chance: random.Random) -> tuple[str, str, str]:
        path = Path("out/x.cglab")
        _remove_all_in(path.parent)
        return "x.cglab", "out", write_changed(path, tables, chance)

    return make


def _live_folders(base: Path, elsewhere: Path) -> Callable[[random.Random], tuple[str, str, str]]:
    folders = LiveFolders(base, elsewhere)
    live_folder = Path("out/x.cglab.live")

    def make(chance: random.Random) -> tuple[str, str, str]:
        _remove_all_in(live_folder.parent, but=live_folder)
        done = folders.make(live_folder, chance)
        if chance.random() < _FOLDED:
            return "x.cglab", "out", done + " | folded"
        return str(live_folder), "empty", done

    return make


def _remove_all_in(folder: Path, but: Path | None = None) -> None:
    for item in folder.iterdir():
        if item == but:
            continue
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()
