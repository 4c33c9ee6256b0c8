"""What a function has allocated, freed and holds, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.render.text import count, size

if TYPE_CHECKING:
    from callgraph_lab.memory_model import NodeMemory


def memory_text(memory: NodeMemory) -> str:
    """Return ``1.10 MiB allocated in 12 blocks, 32 B freed, 1.10 MiB net, 1.10 MiB net inclusive``.

    Net is what it has allocated and nobody has freed.
    """
    return (
        f"{size(memory.allocated_bytes)} allocated in {count(memory.blocks, 'block')},"
        f" {size(memory.freed_bytes)} freed, {size(memory.net_bytes)} net,"
        f" {size(memory.inclusive_net_bytes)} net inclusive"
    )
