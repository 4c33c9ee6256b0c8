"""Recordings with values changed by hand and a right checksum: an answer, or one clean error."""

from __future__ import annotations

import os
import random
import secrets
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from click.testing import CliRunner
from support_hostile import FORBIDDEN, HOSTILE
from unit.recording.builders import small_recording

from callgraph_lab.cli.group import cglab
from callgraph_lab.errors import CallgraphLabError, OutputError
from callgraph_lab.recording import schema, store

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FILES = int(300 * float(os.environ.get("CGLAB_TEST_MUTATIONS", "1")))
"""Set CGLAB_TEST_MUTATIONS to 67 for twenty thousand."""
NUMBERS = (0, 1, -1, 255, 2**31, 2**53, 2**62, 2**63 - 1, -(2**63))
TEXTS = (
    "",
    HOSTILE,
    "/etc/passwd",
    "9999-12-31T23:59:59+00:00",
    "null",
    "[[1, 2]]",
    '{"a": 1}',
    "NaN",
)
QUESTIONS = (
    ("info", "x.cglab"),
    ("info", "x.cglab", "--format", "json"),
    ("functions", "x.cglab"),
    ("view", "x.cglab", "-o", "page.html"),
    ("actions", "x.cglab"),
    ("events", "x.cglab", "--format", "jsonl"),
    ("explain", "STOR", "--recording", "x.cglab"),
    ("resources", "x.cglab"),
    ("render", "x.cglab", "--format", "json", "-o", "-"),
)


def changed(tables: dict[str, list[Any]], chance: random.Random) -> dict[str, list[Any]]:
    """Return rows of which a few values, or a whole row, are others."""
    rows_of = {name: [list(row) for row in rows] for name, rows in tables.items()}
    for _ in range(chance.choice((1, 1, 2, 5))):
        rows = rows_of[chance.choice([name for name in rows_of if rows_of[name]])]
        if chance.random() < 0.1:
            rows.pop(chance.randrange(len(rows)))
            if not rows:
                continue
        row = chance.choice(rows)
        place = chance.randrange(len(row))
        if isinstance(row[place], str):
            row[place] = chance.choice(TEXTS)
        elif not isinstance(row[place], bytes):
            row[place] = chance.choice(NUMBERS)
    return {name: [tuple(row) for row in rows] for name, rows in rows_of.items()}


def test_is_answered_or_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.cglab"
    seed = secrets.randbits(32)
    chance = random.Random(seed)  # noqa: S311 - the same files for the same seed
    tables = store._rows_of(small_recording())
    refused = 0
    for number in range(FILES):
        path.unlink(missing_ok=True)
        try:
            with patch.object(store, "_rows_of", return_value=changed(tables, chance)):
                store.save(small_recording(), path)
        except (OverflowError, OutputError):
            continue  # SQLite does not take it either
        result = CliRunner().invoke(cglab, chance.choice(QUESTIONS), prog_name="cglab")
        error = result.exception
        assert error is None or isinstance(error, (CallgraphLabError, SystemExit)), (seed, number)
        assert not FORBIDDEN.search(result.output), (seed, number)
        refused += isinstance(error, CallgraphLabError)
    assert 0 < refused < FILES
    assert schema.COLUMNS.keys() >= tables.keys()
