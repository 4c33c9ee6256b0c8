"""Read from a live file what its contexts have allocated and freed."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_blocks import DamagedError, blocks
from callgraph_lab.recording.live_part import LiveMemory

if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGEST = 2**62
_WORDS_A_SIDE = 4
_WORDS = layout.MEMORY_BYTES // 8
_NOWHERE = -1


def read_memory(data: bytes, position_of: Sequence[int], contexts: int) -> LiveMemory | None:
    """Return the figures of the contexts at their positions, None where none were kept.

    ``position_of`` holds the position of each context id, negative where there is no such context;
    ``contexts`` is how many there are.
    """
    memory: LiveMemory | None = None
    for kind, start, end, used, first, _ in blocks(data):
        if kind != layout.BLOCK_MEMORY:
            continue
        if memory is None:
            nothing = array("Q", bytes(8 * contexts))
            memory = LiveMemory(nothing[:], nothing[:], nothing[:], nothing[:])
            memory.peak_bytes, memory.unlisted_blocks = layout.MEMORY_TOTALS.unpack_from(
                data, layout.MEMORY_TOTALS_OFFSET
            )
        count = min(used, (end - start) // layout.MEMORY_BYTES)
        words = array("Q", data[start : start + count * layout.MEMORY_BYTES])
        if first == layout.NO_CONTEXT:
            memory.outside = _sums(words[:_WORDS])
            continue
        _place(memory, words, position_of[first : first + count])
    if memory is not None and max(memory.peak_bytes, memory.unlisted_blocks) > _LARGEST:
        raise DamagedError("its figures of memory are damaged")
    return memory


def _place(memory: LiveMemory, words: array[int], positions: Sequence[int]) -> None:
    """Add the two sides of each record at its context's position."""
    for number, column in enumerate(memory.columns):
        locked = words[number::_WORDS]
        raw = words[number + _WORDS_A_SIDE :: _WORDS]
        for position, held, held_raw in zip(positions, locked, raw, strict=False):
            if position != _NOWHERE and (held or held_raw):
                column[position] = _checked(held + held_raw)


def _sums(words: array[int]) -> tuple[int, ...]:
    return tuple(
        _checked(words[number] + words[number + _WORDS_A_SIDE]) for number in range(_WORDS_A_SIDE)
    )


def _checked(figure: int) -> int:
    if figure > _LARGEST:
        raise DamagedError("its figures of memory are damaged")
    return figure
