"""What functions, and a whole run, have allocated and hold, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.render.text import count, size

if TYPE_CHECKING:
    from callgraph_lab.memory_model import NodeMemory
    from callgraph_lab.resources.seen_memory import SeenMemory


def memory_text(memory: NodeMemory) -> str:
    """Return ``1.10 MiB allocated in 12 blocks, 32 B freed, 1.10 MiB net, 1.10 MiB net inclusive``.

    Net is what it has allocated and nobody has freed.
    """
    return (
        f"{size(memory.allocated_bytes)} allocated in {count(memory.blocks, 'block')},"
        f" {size(memory.freed_bytes)} freed, {size(memory.net_bytes)} net,"
        f" {size(memory.inclusive_net_bytes)} net inclusive"
    )


def seen_memory_document(seen: SeenMemory | None) -> dict[str, int | None] | None:
    """Return it as a JSON-ready dictionary."""
    if seen is None:
        return None
    return {
        "net_bytes": seen.net_bytes,
        "peak_bytes": seen.peak_bytes,
        "rss_bytes": seen.rss_bytes,
        "unseen_bytes": seen.unseen_bytes,
    }


def seen_memory_text(seen: SeenMemory, *, running: bool) -> str:
    """Return a sentence: what Python's allocators gave out, and what they did not see."""
    text = (
        f"Python's allocators: {size(seen.net_bytes)} held {'now' if running else 'at the end'},"
        f" {size(seen.peak_bytes)} at most"
    )
    if not seen.is_of_one_process:
        text += " by one process"
    if seen.rss_bytes is None:
        return text
    text += f"; resident, as sampled, were {size(seen.rss_bytes)} at most"
    if seen.unseen_bytes is None:
        return f"{text} by all processes together"
    return (
        f"{text}, so that {size(seen.unseen_bytes)} is not what functions are charged with: the"
        " interpreter, C libraries, stacks, cglab's own tables"
    )
