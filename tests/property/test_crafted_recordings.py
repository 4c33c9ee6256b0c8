"""Recordings and live folders changed by hand, with right checksums: an answer, or one clean error.

Every command is asked about files of which something is otherwise than it should be: a value, a
row, a table, a field of a block, bytes, a file. See ``support_crafted_*``. A failure names the seed
and the number of its input; CGLAB_TEST_SEED repeats all inputs of a seed, or one: ``SEED:NUMBER``.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

import pytest
from support_crafted_base import made_in
from support_crafted_run import ask_about
from support_native import needs_native

if TYPE_CHECKING:
    from pathlib import Path

    from support_crafted_questions import Verdicts

INPUTS = int(100 * float(os.environ.get("CGLAB_TEST_MUTATIONS", "1")))
"""Set CGLAB_TEST_MUTATIONS to 200 for twenty thousand of each kind."""
SEED, _, ONLY = os.environ.get("CGLAB_TEST_SEED", str(secrets.randbits(32))).partition(":")


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    live_folder, recording = made_in(tmp_path_factory.mktemp("run"))
    return {"live folder": live_folder, "recording": recording}


@needs_native
@pytest.mark.parametrize("kind", ["recording", "live folder"])
def test_is_answered_or_refused_in_a_sentence(
    kind: str, bases: dict[str, Path], tmp_path: Path
) -> None:
    numbers = [int(ONLY)] if ONLY else [*range(INPUTS)]
    scratch = tmp_path / "asked"
    arguments = (kind, bases[kind], scratch, int(SEED), numbers)
    # In a process of its own: what an input does to its reader is not to be done to the tests.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            found: Verdicts = pool.submit(ask_about, *arguments).result()
        except BrokenProcessPool:
            pytest.fail(f"crashed or hung: {(scratch / 'now').read_text(encoding='utf-8')}")
    assert not found.bad, "\n".join(found.bad)
    assert ONLY or (found.answered and found.refused)
