"""Recordings and live folders that change while commands read them: an answer, or one error."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest
from support_changing_files import ask_meanwhile
from support_crafted_run import in_another_process
from support_native import needs_native

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = int(15 * float(os.environ.get("CGLAB_TEST_MUTATIONS", "1")))
"""Set CGLAB_TEST_MUTATIONS to 34 for five hundred."""


@needs_native
@pytest.mark.parametrize("kind", ["recording", "live folder"])
def test_is_answered_or_refused_in_a_sentence(
    kind: str, killed_run: dict[str, Path], tmp_path: Path
) -> None:
    scratch, seed = tmp_path / "asked", secrets.randbits(32)
    arguments = (kind, killed_run[kind], scratch, seed, range(ROUNDS))
    found = in_another_process(ask_meanwhile, *arguments)
    assert not found.bad, "\n".join(found.bad)
