"""Frozen value types of the heap by type."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeapTotal:
    """How many objects of a type are alive, and the bytes that they take by themselves."""

    objects: int
    bytes: int


@dataclass(frozen=True, slots=True)
class HeapSnapshot:
    """What was alive in a process at a moment, by the name of the type, ``module.qualname``.

    ``moment_ns`` counts from the start of the run. ``cause`` is ``every`` or ``exit``.
    """

    moment_ns: int
    pid: int
    cause: str
    duration_ns: int
    """How long the target stood still for it."""
    types: dict[str, HeapTotal]

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
