"""Recordings and live folders changed by hand, with right checksums: an answer, or one clean error.

Every command is asked about files of which something is otherwise than it should be: a value, a
row, a table, a field of a block, bytes, a file. See ``support_crafted_*``. A failure names the seed
and the number of its input; CGLAB_TEST_SEED repeats all inputs of a seed, or one: ``SEED:NUMBER``.
"""

from __future__ import annotations

import os
import secrets
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

import pytest
from support_crafted_run import ask_about, in_another_process
from support_native import needs_native

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = int(100 * float(os.environ.get("CGLAB_TEST_MUTATIONS", "1")))
"""Set CGLAB_TEST_MUTATIONS to 200 for twenty thousand of each kind."""
SEED, _, ONLY = os.environ.get("CGLAB_TEST_SEED", str(secrets.randbits(32))).partition(":")


@needs_native
@pytest.mark.parametrize("kind", ["recording", "live folder"])
def test_is_answered_or_refused_in_a_sentence(
    kind: str, killed_run: dict[str, Path], tmp_path: Path
) -> None:
    numbers = [int(ONLY)] if ONLY else [*range(INPUTS)]
    scratch = tmp_path / "asked"
    try:
        found = in_another_process(ask_about, kind, killed_run[kind], scratch, int(SEED), numbers)
    except BrokenProcessPool:
        pytest.fail(f"crashed or hung: {(scratch / 'now').read_text(encoding='utf-8')}")
    assert not found.bad, "\n".join(found.bad)
    assert ONLY or found.answered
