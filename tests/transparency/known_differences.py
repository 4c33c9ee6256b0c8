"""Tests that may end otherwise under the engine native, each with its reason. Keep it short."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """Tests whose names a pattern finds, on the Pythons from ``first`` to ``last``."""

    pattern: str
    first: tuple[int, int]
    last: tuple[int, int]
    reason: str


KNOWN = (
    Known(
        r"test_sys_settrace\..*\.test_20_async_for_loop$",
        (3, 12),
        (3, 14),
        "one more event at the end of an async for: specialised sends are off under a hook",
    ),
    Known(
        r"test_sys\..*\.test_jit_is_active$",
        (3, 14),
        (3, 15),
        "the interpreter switches its JIT off where a hook is",
    ),
)


def reason_for(test: str) -> str | None:
    """Return why a test may differ on this Python, or None where it may not."""
    version = sys.version_info[:2]
    for known in KNOWN:
        if known.first <= version <= known.last and re.search(known.pattern, test):
            return known.reason
    return None
