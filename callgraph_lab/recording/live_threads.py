"""Read from a live file its threads, and the calls of each that have not returned."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.guarded_file import open_guarded
from callgraph_lab.recording.live_blocks import DamagedError, blocks
from callgraph_lab.recording.live_part import LiveThread, OpenCall
from callgraph_lab.recording.running import is_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

_LARGEST = 2**63 - 1
"""No number of threads that a process has had is larger."""
_NO_CALLER = -1
_MOST_LOOKS = 100
"""How often a file is looked at again whose writer was in the middle of changing a stack."""
_LOOKS_AT_ONCE = 5
_PAUSE_S = 0.001
"""Before any further look: the writer may be waiting for a processor."""


class _Block(NamedTuple):
    """The payload of a thread's block, field by field."""

    root: int
    state: int
    threads: int
    sequence: int
    depth: int
    began: int
    entries: list[tuple[int, int, int]]
    """Context, flags and ticks of each place that an open call has had, also where none has now."""

    @classmethod
    def parse(cls, payload: bytes) -> _Block:
        """Return the fields of a payload that is long enough for them."""
        _, _, root, state, threads, sequence, depth, capacity, began = layout.THREAD.unpack_from(
            payload
        )
        first = layout.THREAD_ENTRIES_OFFSET
        room = min(capacity, (len(payload) - first) // layout.OPEN_ENTRY.size)
        # Most places have never been used.
        used_bytes = len(payload[: first + room * layout.OPEN_ENTRY.size].rstrip(b"\0")) - first
        used = max(-(-used_bytes // layout.OPEN_ENTRY.size), min(depth, room))
        last = first + used * layout.OPEN_ENTRY.size
        entries = list(layout.OPEN_ENTRY.iter_unpack(memoryview(payload)[first:last]))
        return cls(root, state, threads, sequence, depth, began, entries)


@dataclass(slots=True)
class ThreadsReader:
    """Reads the threads of one live file, whose contexts have been read.

    ``position`` gives the place of a context's id in ``parents``, None where it is not there.
    """

    path: Path
    data: bytes
    parents: Sequence[int]
    position: Callable[[int], int | None]
    is_running: bool = False
    """Whether the file is written on. Then stacks are read after all else: a call that is open in
    them has not been counted before as one that has ended."""
    _roots: set[int] = field(default_factory=set)
    _looks_left: int = _MOST_LOOKS

    def read(self) -> list[LiveThread]:
        """Return every thread, in the order of their numbers. Raise ``DamagedError``."""
        places: dict[int, tuple[int, int]] = {}
        for kind, start, end, used, _, number in blocks(self.data):
            if kind == layout.BLOCK_THREAD and used and end - start >= layout.THREAD.size:
                # A later block of a thread replaces the earlier one, once it has all of it.
                places[number] = start, end
        payloads = self._payloads(places.values()) if self.is_running else {}
        found = [
            self._read_thread(start, end, payloads.get(start, self.data[start:end]))
            for start, end in places.values()
        ]
        threads = [thread for thread in found if thread is not None]
        if len(self._roots) < self.parents.count(_NO_CALLER):
            # What a root was reached from is kept, whose thread is damaged or was only being added.
            threads += [
                LiveThread(root, threads=1, alive=False, open_calls=())
                for root, parent in enumerate(self.parents)
                if parent == _NO_CALLER and root not in self._roots
            ]
        return threads

    def _payloads(self, places: Iterable[tuple[int, int]]) -> dict[int, bytes]:
        """Return what stands at some places of the file by now, by where they start."""
        payloads = {}
        with suppress(OSError), open_guarded(self.path) as file:
            for start, end in places:
                payload = os.pread(file.fileno(), end - start, start)
                if len(payload) == end - start:
                    payloads[start] = payload
        return payloads

    def _read_thread(self, start: int, end: int, payload: bytes) -> LiveThread | None:
        block = _Block.parse(payload)
        root = self.position(block.root)
        if root is None or self.parents[root] != _NO_CALLER or root in self._roots:
            return None
        if block.threads > _LARGEST:
            raise DamagedError("the number of its threads is damaged")
        self._roots.add(root)
        open_calls, is_whole = self._open_calls(root, block)
        while not is_whole and self._looks_left and is_written(self.path):
            # The writer was changing the stack. If it is killed at that, it stays so.
            self._looks_left -= 1
            if self._looks_left < _MOST_LOOKS - _LOOKS_AT_ONCE:
                time.sleep(_PAUSE_S)
            payload = self._payloads([(start, end)]).get(start, b"")
            if not payload:
                break
            again = _Block.parse(payload)
            looked, is_whole = self._open_calls(root, again)
            if is_whole or len(looked) > len(open_calls):
                open_calls, block = looked, again
        # Entries of calls that have returned stay until the next one at their depth.
        latest_ticks = max(
            (
                ticks
                for context_id, _, ticks in block.entries
                if ticks and self.position(context_id) is not None
            ),
            default=0,
        )
        alive = block.state == layout.THREAD_ALIVE
        # One that was killed in its beginning is there, and not counted yet.
        threads = max(block.threads, 1)
        return LiveThread(root, threads, alive, tuple(open_calls), latest_ticks, block.began)

    def _open_calls(self, root: int, block: _Block) -> tuple[list[OpenCall], bool]:
        """Return the open calls, outermost first, and whether another look would find no more."""
        open_calls: list[OpenCall] = []
        caller = root
        for context_id, flags, start_ticks in block.entries[: block.depth]:
            context = self.position(context_id)
            if context is None:
                # It has come since the contexts were read.
                return open_calls, True
            if self.parents[context] != caller:
                # It was being changed while it was read.
                return open_calls, False
            inherited = bool(flags & layout.OPEN_IS_INHERITED)
            open_calls.append(OpenCall(context, inherited, start_ticks))
            caller = context
        return open_calls, block.sequence % 2 == 0
