"""Read from a live file what its contexts have allocated and freed."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_blocks import DamagedError, blocks
from callgraph_lab.recording.live_part import LiveMemory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LARGEST = 2**62
_WORDS_A_SIDE = 4
_WORDS = layout.MEMORY_BYTES // 8
_NOWHERE = -1
_Figures = tuple[int, ...]


def read_memory(data: bytes, position_of: Sequence[int], contexts: int) -> LiveMemory | None:
    """Return the figures of the contexts at their positions, None where none were kept.

    ``position_of`` holds the position of each context id, negative where there is no such context;
    ``contexts`` is how many there are.
    """
    memory: LiveMemory | None = None
    of_instances: list[tuple[int, int, _Figures]] = []
    for kind, start, end, used, first, _ in blocks(data):
        if kind == layout.BLOCK_INSTANCE_MEMORY:
            of_instances += _read_instances(data, start, end, used)
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
            if count:
                memory.outside = _sums(words[:_WORDS])
            continue
        _place(memory, words, position_of[first : first + count])
    if memory is not None and max(memory.peak_bytes, memory.unlisted_blocks) > _LARGEST:
        raise DamagedError("its figures of memory are damaged")
    if memory is not None and of_instances:
        _add_instances(memory, of_instances, position_of)
    return memory


def _read_instances(
    data: bytes, start: int, end: int, used: int
) -> Iterator[tuple[int, int, _Figures]]:
    """Yield a context's id, whether its instance is the one it counts for now, and four figures."""
    step = layout.INSTANCE_MEMORY_BYTES
    count = min(used, (end - start) // step)
    for at in range(start, start + count * step, step):
        context, is_current = layout.INSTANCE_MEMORY.unpack_from(data, at)
        if context != layout.NO_CONTEXT:
            figures = at + layout.INSTANCE_MEMORY_FIGURES_OFFSET
            words = array("Q", data[figures : figures + layout.MEMORY_BYTES])
            yield context, is_current, _sums(words)


def _add_instances(
    memory: LiveMemory,
    of_instances: Sequence[tuple[int, int, _Figures]],
    position_of: Sequence[int],
) -> None:
    """Add to each context what its instances have, and tell the present one's apart."""
    memory.of_instances = tuple(column[:] for column in memory.columns)
    for context, is_current, figures in of_instances:
        position = position_of[context] if context < len(position_of) else _NOWHERE
        if position == _NOWHERE:
            continue
        for column, present, figure in zip(
            memory.columns, memory.of_instances, figures, strict=True
        ):
            column[position] = _checked(column[position] + figure)
            if is_current:
                present[position] = figure


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
