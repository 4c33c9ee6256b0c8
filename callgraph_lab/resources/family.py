"""A process and those that it has started, and they in turn."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def family_of(pid: int) -> list[int]:
    """Return a process and its descendants, parents before their children."""
    family = [pid]
    for member in family:
        with suppress(OSError):
            for children in Path(f"/proc/{member}/task").glob("*/children"):
                family.extend(map(int, children.read_text(encoding="ascii").split()))
    return family
