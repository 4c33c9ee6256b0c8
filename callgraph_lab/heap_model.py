"""Frozen value types of the heap by type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class HeapTotal:
    """How many objects of a type are alive, and the bytes that they take by themselves."""

    objects: int
    bytes: int


@dataclass(frozen=True, slots=True)
class HeapSnapshot:
    """What was alive in a process at a moment, by the name of the type, ``module.qualname``.

    ``moment_ns`` counts from the start of the run. ``cause`` is ``every``, ``exit`` or ``action``:
    the end of an ``action``, of which ``number`` have ended in this process by then.
    """

    moment_ns: int
    pid: int
    cause: str
    duration_ns: int
    """How long the target stood still for it."""
    types: dict[str, HeapTotal]
    spent_ns: int = 0
    """The same of all snapshots of its process up to this one, with those that were dropped."""
    counter: str = "gc"
    """Who counted: ``gc``, the built-in, or ``guppy3``."""
    action: str = ""
    number: int = 0

    @property
    def label(self) -> str:
        """What it is called, beside its number in the list: ``STOR#12``, ``every`` or ``exit``."""
        return f"{self.action}#{self.number}" if self.action else self.cause

    @property
    def total(self) -> HeapTotal:
        """All types together."""
        totals = self.types.values()
        return HeapTotal(sum(one.objects for one in totals), sum(one.bytes for one in totals))


def grown(first: HeapSnapshot, last: HeapSnapshot) -> dict[str, HeapTotal]:
    """Return what there is more of in ``last``, or less (negative), by type; nothing else."""
    nothing = HeapTotal(0, 0)
    differences = {}
    for name in first.types.keys() | last.types.keys():
        before, after = first.types.get(name, nothing), last.types.get(name, nothing)
        if before != after:
            differences[name] = HeapTotal(
                after.objects - before.objects, after.bytes - before.bytes
            )
    return differences


def dropped(snapshots: Sequence[HeapSnapshot]) -> dict[str, int]:
    """Return how many snapshots of each action were taken and not kept."""
    numbers: dict[tuple[str, int], set[int]] = {}
    for one in snapshots:
        if one.action and one.number > 0:
            numbers.setdefault((one.action, one.pid), set()).add(one.number)
    missing: dict[str, int] = {}
    for (action, _), kept in numbers.items():
        missing[action] = missing.get(action, 0) + max(kept) - len(kept)
    return {action: count for action, count in missing.items() if count}


def spent_ns(snapshots: Iterable[HeapSnapshot]) -> int:
    """Return how long the target's processes stood still for all of their snapshots."""
    last = {one.pid: one.spent_ns for one in snapshots}
    return sum(last.values())
