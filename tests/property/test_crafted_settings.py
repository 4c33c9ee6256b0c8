"""Filters, event maps and files of settings changed by hand: taken, or refused in a sentence."""

from __future__ import annotations

import json
import os
import random
import re
import secrets
from typing import TYPE_CHECKING

import pytest
from support_crafted import NUMBERS, TEXTS, flipped
from support_hostile import FORBIDDEN
from unit.recording.builders import small_recording

from callgraph_lab.actions.compile import compile_maps, recorded_event_map
from callgraph_lab.actions.load import load_event_maps
from callgraph_lab.errors import CallgraphLabError
from callgraph_lab.recording import store
from callgraph_lab.shipped import shipped_folder

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

FILES = int(60 * float(os.environ.get("CGLAB_TEST_MUTATIONS", "1")))
"""Set CGLAB_TEST_MUTATIONS to 34 for two thousand of each kind."""
SETTINGS = """
max-depth = 3
filter = ["none"]
format = "dot"
out = "out"
[functions]
limit = 5
stdlib = true
sort = "calls"
[render]
max-nodes = 20
color = "time"
[filters]
format = "json"
[run]
duration = 1.5
"""
QUESTIONS = (
    ("functions", "x"),
    ("render", "x", "--format", "json", "-o", "-"),
    ("filters", "show", "f.toml"),
    ("filters", "list"),
)
OTHER_VALUES = (
    *("true", "[]", "{}", "nan", "-inf", "1e400", "0x7f", "1979-05-27T07:32:00Z", "07:32:00"),
    *(
        "[[]]",
        "[1, 'a']",
        "[" * 1500,
        "[" * 300 + "]" * 300,
        "9" * 5000,
        "'''\n'''",
        "{a = {b = 1}}",
    ),
)


def changed(text: str, chance: random.Random) -> bytes:
    """Return a TOML file with other lines, values, keys or bytes."""
    if chance.random() < 0.15:
        return flipped(text.encode(), chance)
    lines = text.split("\n")
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(lines))
        key, is_pair, _ = lines[at].partition("=")
        kind = chance.random()
        if kind < 0.1:
            del lines[at : at + 1]
        elif kind < 0.2:
            lines.insert(chance.randrange(len(lines) + 1), lines[at])
        elif kind < 0.3:
            lines[at] = (
                lines[at].replace(key.strip(), chance.choice(TEXTS)[:200]) if key.strip() else "["
            )
        elif kind < 0.6 and is_pair:
            lines[at] = f"{key}= {other_value(chance)}"
        else:
            lines[at] = re.sub(r'"[^"]*"', lambda _: json.dumps(chance.choice(TEXTS)), lines[at])
        if not lines:
            break
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def other_value(chance: random.Random) -> str:
    return chance.choice(
        (*OTHER_VALUES, json.dumps(chance.choice(TEXTS)), str(chance.choice(NUMBERS)))
    )


def shipped(chance: random.Random) -> str:
    path = chance.choice(sorted(shipped_folder("filters").glob("*server.toml")))
    return path.read_text(encoding="utf-8")


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("CGLAB_TEST_SEED", secrets.randbits(32)))
    print("CGLAB_TEST_SEED:", seed)  # noqa: T201 - shown where the test fails
    return random.Random(seed)  # noqa: S311 - the same files for the same seed


@pytest.mark.parametrize("kind", ["filter", "settings"])
def test_files_of_the_command_line(
    kind: str,
    chance: random.Random,
    tmp_path: Path,
    cglab_here: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    (tmp_path / "out").mkdir()
    store.save(small_recording(), tmp_path / "out" / "x.cglab")
    path = tmp_path / ("f.toml" if kind == "filter" else "cglab.toml")
    statuses = []
    for number in range(FILES):
        content = changed(shipped(chance) if kind == "filter" else SETTINGS, chance)
        path.write_bytes(content)
        words = list(chance.choice(QUESTIONS))
        if kind == "filter" and words[0] != "filters":
            words += ["--filter", "f.toml"]
        result = cglab_here(*words, folder=tmp_path, status=None)
        statuses.append(result.returncode)
        wrong = (number, words, content[:2000], result.stderr)
        assert result.returncode in (0, 1, 2), wrong
        errors = [
            line
            for line in result.stderr.split("\n")
            if line.startswith(("cglab: error:", "Error:"))
        ]
        assert len(errors) == (result.returncode == 2), wrong
        assert not FORBIDDEN.search(result.stdout + result.stderr), wrong
    assert 0 < statuses.count(2) < FILES


def test_event_maps(chance: random.Random, tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    refused = 0
    for number in range(FILES):
        content = changed(shipped(chance), chance)
        path.write_bytes(content)
        try:
            maps = load_event_maps([str(path)])
            recorded = recorded_event_map(maps)
            text = json.dumps(compile_maps(maps, keep_instances=10))
        except CallgraphLabError:
            refused += 1
            continue
        except Exception as error:
            raise AssertionError((number, content)) from error  # which one it is
        assert json.loads(text), (number, content)
        assert recorded.maps, (number, content)
    assert 0 < refused < FILES
