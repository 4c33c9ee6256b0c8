"""What a function of a graph, or an action, has allocated, freed and holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ActionMemory:
    """What served an action has allocated and freed; ``net_bytes`` of it is still there."""

    allocated_bytes: int = 0
    freed_bytes: int = 0
    net_bytes: int = 0
    blocks: int = 0


@dataclass(slots=True)
class NodeMemory:
    """What the contexts of a graph's node add up to, in bytes as the target asked for them.

    ``freed_bytes`` were freed while it ran, whoever had allocated them; ``net_bytes`` it has
    allocated itself, and nobody has freed them. Recursion counts once in what is inclusive.
    """

    allocated_bytes: int = 0
    freed_bytes: int = 0
    net_bytes: int = 0
    blocks: int = 0
    """How many blocks were allocated."""
    inclusive_allocated_bytes: int = 0
    inclusive_net_bytes: int = 0
    peak_bytes: int | None = None
    """The most that a process held at once: of a thread's root, None of a function."""

    def add(self, other: NodeMemory) -> None:
        """Add what happened at other depths."""
        self.allocated_bytes += other.allocated_bytes
        self.freed_bytes += other.freed_bytes
        self.net_bytes += other.net_bytes
        self.blocks += other.blocks
        self.inclusive_allocated_bytes += other.inclusive_allocated_bytes
        self.inclusive_net_bytes += other.inclusive_net_bytes
