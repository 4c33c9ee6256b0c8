"""Read one process's live file at any moment: while it is written, or after the writer was killed.

Nothing in the file is trusted. Every length, offset and id is checked against the file's size, so
that a damaged file costs one ``RecordingError`` and no more time or memory than its own size.
"""

from __future__ import annotations

import json
import time
from array import array
from functools import lru_cache
from operator import lt
from typing import TYPE_CHECKING

from callgraph_lab import cost
from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.guarded_file import open_guarded
from callgraph_lab.recording.live_actions import read_actions
from callgraph_lab.recording.live_blocks import DamagedError, blocks, read_published
from callgraph_lab.recording.live_lines import read_lines
from callgraph_lab.recording.live_memory import read_memory
from callgraph_lab.recording.live_part import Clock, LiveFunction, LivePart
from callgraph_lab.recording.live_threads import ThreadsReader
from callgraph_lab.recording.running import is_written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WORDS_A_CONTEXT = layout.CONTEXT_BYTES // 8
_HALVES_A_CONTEXT = layout.CONTEXT_BYTES // 4
_ACTION_BLOCKS = range(layout.BLOCK_ACTIONS, layout.BLOCK_EVENTS + 1)
_MOST_FUNCTIONS_KNOWN = 10_000
_MOST_BLOCKS_KNOWN = 16
_MOST_BYTES_KNOWN = 256 * 1024
_UNSET = -1
_LARGEST_POSITION = 2**31 - 1
_LARGEST = 2**63 - 1
"""No pid, time or count that a process has seen is larger."""


def read_part(path: Path) -> LivePart:
    """Read a live file. Raise ``RecordingError`` if it is not one or is damaged."""
    try:
        return _PartReader(path).read()
    except OSError as error:
        reason = f"cannot read {path}: {error.strerror}"
    except MemoryError as error:
        raise cost.too_large() from error
    except DamagedError as damage:
        reason = f"{path} is not a readable part of a recording: {damage}"
    raise RecordingError(reason, hint="remove it with 'cglab rm', or record again")


def was_begun(path: Path) -> bool:
    """Say whether a live file has its first bytes, which its writer puts in last."""
    with open_guarded(path) as file:
        return file.read(len(layout.MAGIC)).strip(b"\0") != b""


def read_clock(header: bytes, kind: int) -> Clock:
    """Return the clock of a live file that begins so; ``kind`` is its kind as the header has it."""
    first_ticks, first_ns, realtime_ns, latest_ticks, latest_ns, ticks_a_second = (
        layout.ANCHORS.unpack_from(header, layout.ANCHORS_OFFSET)
    )
    if kind == layout.CLOCK_MONOTONIC_NS:
        return Clock(first_ticks, first_ns, realtime_ns, latest_ns, None)
    elapsed_ns, elapsed_ticks = latest_ns - first_ns, latest_ticks - first_ticks
    if elapsed_ns > 0 and elapsed_ticks > 0:
        return Clock(first_ticks, first_ns, realtime_ns, latest_ns, elapsed_ns / elapsed_ticks)
    return Clock(first_ticks, first_ns, realtime_ns, latest_ns, 1e9 / max(ticks_a_second, 1))


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")


class _PartReader:
    def __init__(self, path: Path) -> None:
        self._path = path
        # First: where it is not, nothing of what is read next will change.
        self._is_running = is_written(path)
        self._data = read_published(path)
        self._position_of: array[int] = array("i")

    def read(self) -> LivePart:
        data = self._data
        part = self._read_header()
        context_blocks: list[tuple[int, int, int]] = []
        for kind, start, end, used, first, _ in blocks(data):
            if kind == layout.BLOCK_CONTEXTS:
                count = min(used, (end - start) // layout.CONTEXT_BYTES)
                context_blocks.append((first, start, count))
        self._read_contexts(part, sorted(context_blocks))
        part.memory = read_memory(data, self._position_of, len(part.parent))
        part.functions = _read_functions(data)
        largest = max(part.function, default=-1)
        if largest >= len(part.functions):
            # The writer went on while the file was being read, and a function's block stands
            # before the contexts that it added meanwhile: by now the function is there.
            part.functions = _read_functions(read_published(self._path))
        if largest >= len(part.functions):
            raise DamagedError("a context names a function that is not there")
        part.lines = read_lines(data, len(part.functions))
        if any(block[0] in _ACTION_BLOCKS for block in blocks(data)) or any(part.label):
            self._read_actions(part)
        part.looked_ns = time.monotonic_ns()
        threads = ThreadsReader(
            self._path, data, part.parent, self._position, is_running=self._is_running
        )
        part.threads = threads.read()
        return part

    def _read_header(self) -> LivePart:
        data = self._data
        _, version, header_bytes, pid, start_time, parent_pid, clock = layout.IDENTITY.unpack_from(
            data
        )
        ended_ns, ended_by = layout.ENDED.unpack_from(data, layout.ENDED_OFFSET)
        if version > layout.FORMAT_VERSION:
            raise DamagedError(f"it is of format {version}, newer than this cglab knows")
        if (
            header_bytes != layout.HEADER_BYTES
            or max(pid, start_time, parent_pid, ended_ns) > _LARGEST
        ):
            raise DamagedError("its header is damaged")
        state, _ = layout.STATE.unpack_from(data, layout.STATE_OFFSET)
        if state == layout.STATE_STOPPED and ended_by == layout.ENDING_UNKNOWN:
            # Its file was cut short, and the process may well have gone on.
            ended_by = layout.ENDING_FINISHED
        lost_children, error = layout.LOST_CHILDREN.unpack_from(data, layout.LOST_CHILDREN_OFFSET)
        pythons, of_multiprocessing, went_on = layout.OTHER_PYTHONS.unpack_from(
            data, layout.OTHER_PYTHONS_OFFSET
        )
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
            clock=read_clock(data, clock),
            finished=state == layout.STATE_FINISHED,
            ended_ns=ended_ns,
            ended_by=ended_by,
            is_running=self._is_running and not ended_ns,
            stop_reason=_text(data[layout.STOP_REASON_OFFSET : reason_end]),
            lost_children=lost_children,
            lost_children_error=error,
            other_pythons=pythons,
            other_pythons_of_multiprocessing=of_multiprocessing,
            went_on_as_python=bool(went_on),
            functions_folded_from=layout.FOLDED_FROM.unpack_from(
                data, layout.FUNCTIONS_FOLDED_FROM_OFFSET
            )[0],
            folded_from=layout.FOLDED_FROM.unpack_from(data, layout.FOLDED_FROM_OFFSET)[0],
        )

    def _read_contexts(self, part: LivePart, blocks: list[tuple[int, int, int]]) -> None:
        """Fill the columns from ``blocks`` (first id, offset, count), which are in order of ids."""
        parents: array[int] = array("I")
        largest_id = len(self._data) // layout.CONTEXT_BYTES
        position_of = self._position_of
        for first, start, count in blocks:
            if first < len(position_of) or first + count > largest_id:
                raise DamagedError(f"the contexts at offset {start} have wrong ids")
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
            part.label.extend(halves[10::_HALVES_A_CONTEXT])
            part.base_resumes.extend(halves[11::_HALVES_A_CONTEXT])
            part.base_calls.extend(words[6::_WORDS_A_CONTEXT])
            part.base_ticks.extend(words[7::_WORDS_A_CONTEXT])
        if len(position_of) == len(parents) <= _LARGEST_POSITION:
            self._take_parents(part, parents)
            return
        known = len(position_of)
        for position, parent_id in enumerate(parents):
            if parent_id == layout.NO_CONTEXT:
                part.parent.append(_UNSET)
                continue
            parent = position_of[parent_id] if parent_id < known else position
            if not 0 <= parent < position:
                raise DamagedError("a context names a caller that is not there")
            part.parent.append(parent)

    def _take_parents(self, part: LivePart, parent_ids: array[int]) -> None:
        """Take ids of callers for positions, which they are where no id is left out."""
        parents = array("i", parent_ids.tobytes())  # what stands for no caller is -1 then
        if min(parents, default=_UNSET) < _UNSET or not all(map(lt, parents, range(len(parents)))):
            raise DamagedError("a context names a caller that is not there")
        part.parent = parents

    def _read_actions(self, part: LivePart) -> None:
        data = self._data
        part.actions, part.labels, part.instances, part.events = read_actions(
            data, self._read_again(), self._position
        )
        if max(part.label, default=0) > len(part.labels):
            raise DamagedError("a context has a label that is not there")
        made, dropped = layout.EVENT_TOTALS.unpack_from(data, layout.EVENT_TOTALS_OFFSET)
        if max(made, dropped) > _LARGEST:
            raise DamagedError("the number of its events is damaged")
        part.events_made, part.events_dropped = made, dropped

    def _read_again(self) -> bytes:
        """Return the file as it is now: it may have grown since it was read first."""
        again = read_published(self._path)
        if len(again) < len(self._data):
            raise DamagedError("it is truncated")
        return again

    def _position(self, context_id: int) -> int | None:
        if context_id >= len(self._position_of) or self._position_of[context_id] == _UNSET:
            return None
        return self._position_of[context_id]


def _read_functions(data: bytes) -> list[LiveFunction]:
    functions: list[LiveFunction] = []
    for kind, start, end, used, _, _ in blocks(data):
        if kind == layout.BLOCK_FUNCTIONS:
            payload = data[start : min(start + used, end)]
            read = _functions_of_block if len(payload) <= _MOST_BYTES_KNOWN else _functions_in
            functions += read(payload, len(functions))
    return functions


def _functions_in(payload: bytes, known: int) -> list[LiveFunction]:
    """Return what stands in a block of a file of which so many functions are ``known`` before."""
    functions: list[LiveFunction] = []
    read_functions_block(payload, 0, len(payload), functions, known)
    return functions


_functions_of_block = lru_cache(maxsize=_MOST_BLOCKS_KNOWN)(_functions_in)
"""The thousands of children of a server have the same ones, mostly in the same order."""


def read_functions_block(
    data: bytes, start: int, end: int, functions: list[LiveFunction], known: int = 0
) -> None:
    """Append the functions that stand between two offsets of a block. Raise ``DamagedError``.

    ``known`` are those of the file before the first in ``functions``.
    """
    at = start
    while at + layout.FUNCTION_HEADER.size <= end:
        size, number, line, flags = layout.FUNCTION_HEADER.unpack_from(data, at)
        if number != known + len(functions) or not layout.FUNCTION_HEADER.size <= size <= end - at:
            raise DamagedError(f"the function at offset {at} is damaged")
        functions.append(_function(data[at + layout.FUNCTION_HEADER.size : at + size], line, flags))
        at += size


@lru_cache(maxsize=_MOST_FUNCTIONS_KNOWN)
def _function(names: bytes, line: int, flags: int) -> LiveFunction:
    """Return a function. The thousands of children of a server have the same ones."""
    module, qualname, file, class_name, ancestors, pycallgraph2_name = _strings(names)
    return LiveFunction(
        module=module,
        qualname=qualname,
        file=file,
        class_name=class_name,
        ancestors=ancestors,
        pycallgraph2_name=pycallgraph2_name,
        line=line,
        is_thread=bool(flags & layout.FUNCTION_IS_THREAD),
        is_c=bool(flags & layout.FUNCTION_IS_C),
    )


def _strings(data: bytes) -> Iterator[str]:
    at = 0
    for _ in range(layout.FUNCTION_STRINGS):
        if at + layout.STRING_LENGTH.size > len(data):
            raise DamagedError("a function is cut off")
        (length,) = layout.STRING_LENGTH.unpack_from(data, at)
        at += layout.STRING_LENGTH.size
        if length > len(data) - at:
            raise DamagedError("a name of a function is cut off")
        yield data[at : at + length].decode("utf-8", "replace")
        at += length
