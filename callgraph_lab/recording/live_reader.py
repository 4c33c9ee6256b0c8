"""Read one process's live file at any moment: while it is written, or after the writer was killed.

Nothing in the file is trusted. Every length, offset and id is checked against the file's size, so
that a damaged file costs one ``RecordingError`` and no more time or memory than its own size.
"""

from __future__ import annotations

import json
import sys
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import live_format as layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WORDS_A_CONTEXT = layout.CONTEXT_BYTES // 8
_HALVES_A_CONTEXT = layout.CONTEXT_BYTES // 4
_UNSET = -1


@dataclass(frozen=True, slots=True)
class LiveFunction:
    """A function record as it stands in the file; ``is_thread`` marks a thread's root."""

    module: str
    qualname: str
    file: str
    class_name: str
    ancestors: str
    pycallgraph2_name: str
    line: int
    is_thread: bool


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that has not returned: its context (index into the columns) and when it began."""

    context: int
    is_inherited: bool
    start_ticks: int


@dataclass(frozen=True, slots=True)
class LiveThread:
    """A thread: the index of its root context, how many threads shared it, its open calls."""

    root: int
    threads: int
    alive: bool
    open_calls: tuple[OpenCall, ...]


@dataclass(frozen=True, slots=True)
class Clock:
    """How ticks of a live file become nanoseconds of CLOCK_MONOTONIC."""

    first_ticks: int
    first_ns: int
    realtime_ns: int
    ns_per_tick: float | None
    """None where ticks are nanoseconds."""

    def duration_ns(self, ticks: int) -> int:
        """Return a difference of ticks in nanoseconds."""
        return ticks if self.ns_per_tick is None else int(ticks * self.ns_per_tick)

    def monotonic_ns(self, ticks: int) -> int:
        """Return the moment ``ticks`` as CLOCK_MONOTONIC nanoseconds."""
        return self.first_ns + self.duration_ns(ticks - self.first_ticks)


def _unsigned(typecode: str) -> array[int]:
    return field(default_factory=lambda: array(typecode))


@dataclass(slots=True)
class LivePart:
    """What one process has recorded: columns of equal length in an order of callers first.

    ``parent`` holds indices into the columns (-1 for a root); ``ticks`` is the time inside calls
    that have ended.
    """

    pid: int
    start_time: int
    parent_pid: int
    information: dict[str, Any]
    clock: Clock
    finished: bool
    stop_reason: str
    functions: list[LiveFunction] = field(default_factory=list)
    threads: list[LiveThread] = field(default_factory=list)
    parent: array[int] = _unsigned("i")
    function: array[int] = _unsigned("I")
    calls: array[int] = _unsigned("Q")
    resumes: array[int] = _unsigned("Q")
    suspensions: array[int] = _unsigned("Q")
    ticks: array[int] = _unsigned("Q")


def read_part(path: Path) -> LivePart:
    """Read a live file. Raise ``RecordingError`` if it is not one or is damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror}") from error
    try:
        return _PartReader(data).read()
    except _DamagedError as damage:
        raise RecordingError(
            f"{path} is not a readable part of a recording: {damage}",
            hint="remove it with 'cglab rm', or record again",
        ) from None


class _DamagedError(Exception):
    """What is wrong with the bytes of a live file."""


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")


class _PartReader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position_of: array[int] = array("i")
        self._thread_blocks: dict[int, tuple[int, int]] = {}

    def read(self) -> LivePart:
        part = self._read_header()
        context_blocks: list[tuple[int, int, int]] = []
        for kind, start, end, used, first, thread in self._blocks():
            if kind == layout.BLOCK_FUNCTIONS:
                self._read_functions(part, start, min(used, end - start))
            elif kind == layout.BLOCK_CONTEXTS:
                count = min(used, (end - start) // layout.CONTEXT_BYTES)
                context_blocks.append((first, start, count))
            elif kind == layout.BLOCK_THREAD and end - start >= layout.THREAD.size:
                # A later block of a thread replaces the earlier one.
                self._thread_blocks[thread] = (start, end)
        self._read_contexts(part, sorted(context_blocks))
        for start, end in self._thread_blocks.values():
            self._read_thread(part, start, end)
        return part

    def _read_header(self) -> LivePart:
        data = self._data
        if len(data) < layout.HEADER_BYTES or sys.byteorder != "little":
            raise _DamagedError("it is too short")
        magic, version, header_bytes, pid, start_time, parent_pid, clock = (
            layout.IDENTITY.unpack_from(data)
        )
        if magic != layout.MAGIC or header_bytes != layout.HEADER_BYTES:
            raise _DamagedError("it does not begin as one")
        if version > layout.FORMAT_VERSION:
            raise _DamagedError(f"it is of format {version}, newer than this cglab knows")
        state, _ = layout.STATE.unpack_from(data, layout.STATE_OFFSET)
        reason_end = layout.STOP_REASON_OFFSET + layout.STOP_REASON_BYTES
        try:
            information = json.loads(
                _text(data[layout.INFORMATION_OFFSET : layout.HEADER_BYTES]) or "{}"
            )
        except (ValueError, RecursionError):
            information = {}
        return LivePart(
            pid=pid,
            start_time=start_time,
            parent_pid=parent_pid,
            information=information if isinstance(information, dict) else {},
            clock=self._read_clock(clock),
            finished=state == layout.STATE_FINISHED,
            stop_reason=_text(data[layout.STOP_REASON_OFFSET : reason_end])
            if state == layout.STATE_STOPPED
            else "",
        )

    def _read_clock(self, kind: int) -> Clock:
        first_ticks, first_ns, realtime_ns, latest_ticks, latest_ns, ticks_a_second = (
            layout.ANCHORS.unpack_from(self._data, layout.ANCHORS_OFFSET)
        )
        if kind == layout.CLOCK_MONOTONIC_NS:
            return Clock(first_ticks, first_ns, realtime_ns, None)
        elapsed_ns, elapsed_ticks = latest_ns - first_ns, latest_ticks - first_ticks
        if elapsed_ns > 0 and elapsed_ticks > 0:
            return Clock(first_ticks, first_ns, realtime_ns, elapsed_ns / elapsed_ticks)
        return Clock(first_ticks, first_ns, realtime_ns, 1e9 / max(ticks_a_second, 1))

    def _blocks(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        """Yield kind, start and end of the payload, used, first id and thread of each block."""
        data = self._data
        end_of_blocks = int.from_bytes(
            data[layout.END_OFFSET : layout.END_OFFSET + 8], sys.byteorder
        )
        if end_of_blocks > len(data):
            raise _DamagedError("it is truncated")
        at = layout.HEADER_BYTES
        while at + layout.BLOCK_HEADER_BYTES <= end_of_blocks:
            magic, kind, size, used, first, thread = layout.BLOCK_HEADER.unpack_from(data, at)
            if magic != layout.BLOCK_MAGIC:
                raise _DamagedError(f"there is no block at offset {at}")
            if size < layout.BLOCK_HEADER_BYTES or size % layout.PAGE_BYTES or at + size > len(data):
                raise _DamagedError(f"the block at offset {at} has a wrong size")
            yield kind, at + layout.BLOCK_HEADER_BYTES, at + size, used, first, thread
            at += size

    def _read_functions(self, part: LivePart, start: int, used: int) -> None:
        data, at, end = self._data, start, start + used
        while at + layout.FUNCTION_HEADER.size <= end:
            size, number, line, flags = layout.FUNCTION_HEADER.unpack_from(data, at)
            if number != len(part.functions) or not layout.FUNCTION_HEADER.size <= size <= end - at:
                raise _DamagedError(f"the function at offset {at} is damaged")
            strings: list[str] = []
            text_at, record_end = at + layout.FUNCTION_HEADER.size, at + size
            for _ in range(layout.FUNCTION_STRINGS):
                if text_at + 4 > record_end:
                    raise _DamagedError(f"the function at offset {at} is cut off")
                (length,) = layout.STRING_LENGTH.unpack_from(data, text_at)
                text_at += 4
                if length > record_end - text_at:
                    raise _DamagedError(f"a name at offset {text_at} is cut off")
                strings.append(data[text_at : text_at + length].decode("utf-8", "replace"))
                text_at += length
            part.functions.append(
                LiveFunction(
                    *strings, line=line, is_thread=bool(flags & layout.FUNCTION_IS_THREAD)
                )
            )
            at += size

    def _read_contexts(self, part: LivePart, blocks: list[tuple[int, int, int]]) -> None:
        """Fill the columns from ``blocks`` (first id, offset, count), which are in order of ids."""
        parents: array[int] = array("I")
        largest_id = len(self._data) // layout.CONTEXT_BYTES
        position_of = self._position_of
        for first, start, count in blocks:
            if first < len(position_of) or first + count > largest_id:
                raise _DamagedError(f"the contexts at offset {start} have wrong ids")
            payload = self._data[start : start + count * layout.CONTEXT_BYTES]
            words, halves = array("Q", payload), array("I", payload)
            position_of.extend([_UNSET] * (first - len(position_of)))
            position_of.extend(range(len(parents), len(parents) + count))
            parents.extend(halves[0::_HALVES_A_CONTEXT])
            part.function.extend(halves[1::_HALVES_A_CONTEXT])
            part.calls.extend(words[1::_WORDS_A_CONTEXT])
            part.resumes.extend(words[2::_WORDS_A_CONTEXT])
            part.suspensions.extend(words[3::_WORDS_A_CONTEXT])
            part.ticks.extend(words[4::_WORDS_A_CONTEXT])
        if part.function and max(part.function) >= len(part.functions):
            raise _DamagedError("a context names a function that is not there")
        known = len(position_of)
        for position, parent_id in enumerate(parents):
            if parent_id == layout.NO_CONTEXT:
                part.parent.append(_UNSET)
                continue
            parent = position_of[parent_id] if parent_id < known else position
            if not 0 <= parent < position:
                raise _DamagedError("a context names a caller that is not there")
            part.parent.append(parent)

    def _read_thread(self, part: LivePart, start: int, end: int) -> None:
        _, _, root_id, state, threads, _, depth, capacity, _ = layout.THREAD.unpack_from(
            self._data, start
        )
        root = self._position(root_id)
        if root is None or part.parent[root] != _UNSET:
            return
        first = start + layout.THREAD_ENTRIES_OFFSET
        shown = min(depth, capacity, (end - first) // layout.OPEN_ENTRY.size)
        open_calls: list[OpenCall] = []
        caller = root
        for entry in range(shown):
            context_id, flags, start_ticks = layout.OPEN_ENTRY.unpack_from(
                self._data, first + entry * layout.OPEN_ENTRY.size
            )
            context = self._position(context_id)
            # An entry that does not continue the chain was being changed while it was read.
            if context is None or part.parent[context] != caller:
                break
            inherited = bool(flags & layout.OPEN_IS_INHERITED)
            open_calls.append(OpenCall(context, inherited, start_ticks))
            caller = context
        alive = state == layout.THREAD_ALIVE
        part.threads.append(LiveThread(root, threads, alive, tuple(open_calls)))

    def _position(self, context_id: int) -> int | None:
        if context_id >= len(self._position_of) or self._position_of[context_id] == _UNSET:
            return None
        return self._position_of[context_id]
