"""In whatever order generators, coroutines and finalizers run: every call is counted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support_native import TARGETS, needs_native, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_native
TURMOIL = TARGETS.parent / "turmoil.py"
STEPS = "1500"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("stacks", ["one stack", "greenlets"])
@pytest.mark.parametrize(
    "options",
    [{}, {"c_calls": True}, {"memory": True}, {"lines": ["*.step", "*.inner", "*.waits"]}],
    ids=["plain", "c_calls", "memory", "lines"],
)
def test_every_call_in_turmoil_is_counted(
    options: dict[str, object], stacks: str, seed: int, tmp_path: Path
) -> None:
    if stacks == "greenlets":
        pytest.importorskip("greenlet")
    arguments = [str(seed), STEPS, stacks]
    plain = subprocess.run(
        [sys.executable, str(TURMOIL), *arguments], capture_output=True, timeout=60, check=False
    )
    if plain.returncode != 0:
        pytest.skip("crashes this Python untraced, too")
    script = TURMOIL.read_text(encoding="utf-8")
    ran = run(script, tmp_path, arguments=arguments, **options)
    assert (ran.status, ran.errors) == (0, "")
    expected: dict[str, int] = json.loads(ran.output)
    assert len(expected) > 12
    part = ran.part
    found: Counter[str] = Counter()
    for function, calls in zip(part.function, part.calls, strict=True):
        found[part.functions[function].qualname] += calls
    assert {name: found[name] for name in expected} == expected
    pairs = zip(part.suspensions, part.resumes, strict=True)
    assert sum(suspensions - resumes for suspensions, resumes in pairs) >= 0
    # Greenlets that have not ended are left in the middle of their calls.
    if stacks == "one stack":
        (thread,) = part.threads
        functions = [part.function[call.context] for call in thread.open_calls]
        names = [part.functions[function].qualname for function in functions]
        assert names == ["<module>", *(["_exit"] if "c_calls" in options else [])]
