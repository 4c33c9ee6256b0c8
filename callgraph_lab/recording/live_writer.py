"""Write a live file from Python: an engine inside the target keeps its counters in the mapping.

Because the counters themselves lie in the shared mapping, nothing is ever flushed and nothing is
lost when the target is killed. This module runs inside the target and imports little.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_information import fitting_json
from callgraph_lab.recording.mapped_file import Extent, hold_owners_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIRST_EXTENT_BYTES = 256 * 1024
LARGEST_EXTENT_BYTES = 64 * 1024 * 1024
FUNCTIONS_BLOCK_BYTES = 64 * 1024
FIRST_CONTEXTS_BLOCK_BYTES = 4 * layout.PAGE_BYTES
LARGEST_CONTEXTS_BLOCK_BYTES = 1024 * 1024
FIRST_THREAD_BLOCK_BYTES = layout.PAGE_BYTES


class RecordingStoppedError(Exception):
    """The live file cannot grow any more; its header says why."""


def process_start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since boot, or 0 if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - pathlib is dear to import
            after_name = stat.read().rpartition(b")")[2]
    except OSError:
        return 0
    return int(after_name.split()[19])


def part_name(pid: int, start_time: int, number: int = 0) -> str:
    """Return the file name of a process's part of a recording.

    One that was recorded, and has run another program with ``exec`` since, has a ``number`` 1.
    """
    suffix = f"-{number}" if number else ""
    return f"{pid}-{start_time}{suffix}{layout.PART_SUFFIX}"


def _create(folder: str, pid: int, start_time: int) -> str:
    """Create the file of this process and return its path."""
    number = 0
    while True:
        # pathlib is dear to import.
        path = os.path.join(folder, part_name(pid, start_time, number))  # noqa: PTH118
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            number += 1
        else:
            return path


class Block:
    """A block of the file. ``words`` is its payload as 64-bit integers, ``bytes`` as bytes."""

    __slots__ = ("_extent", "_start", "bytes", "size", "words")

    def __init__(self, extent: Extent, start: int, size: int) -> None:
        self._extent = extent
        self._start = start
        self.size = size - layout.BLOCK_HEADER_BYTES
        payload = start + layout.BLOCK_HEADER_BYTES
        self.bytes = extent.bytes[payload : start + size]
        self.words = extent.words[payload // 8 : (start + size) // 8]

    def publish(self, used: int) -> None:
        """Let readers see ``used`` bytes (functions) or records (contexts) of the payload."""
        self._extent.words[(self._start + layout.BLOCK_USED_OFFSET) // 8] = used


class LiveWriter:
    """The live file of this process: functions, contexts and threads, each added once.

    Raises ``RecordingStoppedError`` from whatever needs room when there is none (a full disk, a
    limit on file sizes, a folder that can no longer be reached); what was written stays readable.
    With ``lasts_with_children`` forked children keep the run going that have no file yet.
    """

    def __init__(
        self,
        folder: str,
        *,
        information: Mapping[str, object],
        max_contexts: int,
        lasts_with_children: bool = True,
    ) -> None:
        # The threads of the target fill their own blocks, and share what the blocks are cut from.
        self._lock = allocate_lock()
        self.folder = folder
        self.information = information
        self.max_contexts = max_contexts
        pid = os.getpid()
        start_time = process_start_time(pid)
        self.path = _create(folder, pid, start_time)
        # A forked child has it mapped, too, until it has a file of its own and beyond.
        lock = layout.LOCK_OF_FAMILY if lasts_with_children else None
        extent = Extent(self.path, 0, FIRST_EXTENT_BYTES, lock=lock)
        self._owners_lock = hold_owners_lock(self.path)
        self._extent = extent
        # Kept for good: on 3.12 and before, the end of a mapping closes a descriptor, and by then
        # its number may be that of a file of the target, which is free to close all it finds.
        self._extents = [extent]
        self._header = extent.bytes
        self._header_words = extent.words
        extent.used = layout.HEADER_BYTES
        self._functions = 0
        self._contexts = 0
        self._threads = 0
        self._functions_block: Block | None = None
        self._functions_used = 0
        self._write_header(pid, start_time)

    def _write_header(self, pid: int, start_time: int) -> None:
        header = self._header
        now, wall = time.monotonic_ns(), time.time_ns()
        layout.ANCHORS.pack_into(
            header, layout.ANCHORS_OFFSET, now, now, wall, now, now, 1_000_000_000
        )
        layout.STATE.pack_into(header, layout.STATE_OFFSET, layout.STATE_RECORDING, 0)
        layout.IS_LOCKED.pack_into(header, layout.IS_LOCKED_OFFSET, self._owners_lock is not None)
        text = fitting_json(self.information)
        header[layout.INFORMATION_OFFSET : layout.INFORMATION_OFFSET + len(text)] = text
        self._publish_end(layout.HEADER_BYTES)
        layout.IDENTITY.pack_into(
            header,
            0,
            bytes(len(layout.MAGIC)),
            layout.FORMAT_VERSION,
            layout.HEADER_BYTES,
            pid,
            start_time,
            os.getppid(),
            layout.CLOCK_MONOTONIC_NS,
        )
        # Last and at once: a file without it is not read, and we may be killed in between.
        self._header_words[0] = int.from_bytes(layout.MAGIC, "little")

    def _publish_end(self, end: int) -> None:
        self._header_words[layout.END_OFFSET // 8] = end

    def _publish_totals(self) -> None:
        for position, total in enumerate((self._contexts, self._functions, self._threads)):
            self._header_words[layout.TOTALS_OFFSET // 8 + position] = total

    def stop(self, reason: str = "", error_number: int = 0) -> None:
        """Mark the recording of this process as ended, with the reason if it ended too early."""
        text = reason.encode()[: layout.STOP_REASON_BYTES - 1]
        self._header[layout.STOP_REASON_OFFSET : layout.STOP_REASON_OFFSET + len(text)] = text
        state = layout.STATE_STOPPED if reason else layout.STATE_FINISHED
        layout.STATE.pack_into(self._header, layout.STATE_OFFSET, state, error_number)
        if not reason:
            ended = time.monotonic_ns(), layout.ENDING_FINISHED
            layout.ENDED.pack_into(self._header, layout.ENDED_OFFSET, *ended)

    def note_folded_functions(self, functions: int) -> None:
        """Say that the budget of functions is used up."""
        self._header_words[layout.FUNCTIONS_FOLDED_FROM_OFFSET // 8] = functions

    @property
    def header(self) -> memoryview:
        """The memory of the file's header."""
        return self._header[: layout.HEADER_BYTES]

    def note_lost_child(self, error_number: int) -> None:
        """Say, in a forked child, that it cannot begin a file: this is the parent's."""
        at = layout.LOST_CHILDREN_OFFSET // 8
        self._header_words[at + 1] = error_number
        self._header_words[at] += 1

    def _new_block(self, kind: int, size: int, *, first: int = 0, thread: int = 0) -> Block:
        extent = self._extent
        if extent.size - extent.used < size:
            self._fill_rest_of_extent()
            extent = self._next_extent(size)
        start = extent.used
        extent.used += size
        layout.BLOCK_HEADER.pack_into(
            extent.bytes, start, layout.BLOCK_MAGIC, kind, size, 0, first, thread
        )
        return Block(extent, start, size)

    def publish_block(self) -> None:
        """Let readers see every block made so far."""
        self._publish_end(self._extent.offset + self._extent.used)

    def _fill_rest_of_extent(self) -> None:
        extent = self._extent
        rest = extent.size - extent.used
        if rest:
            layout.BLOCK_HEADER.pack_into(
                extent.bytes, extent.used, layout.BLOCK_MAGIC, layout.BLOCK_FILLER, rest, 0, 0, 0
            )
            extent.used = extent.size
            self.publish_block()

    def _next_extent(self, at_least: int) -> Extent:
        previous = self._extent
        size = max(min(previous.size * 2, LARGEST_EXTENT_BYTES), at_least)
        try:
            self._extent = Extent(self.path, previous.offset + previous.size, size)
        except OSError as error:
            self.stop(f"the recording could not grow: {error.strerror}", error.errno or 0)
            raise RecordingStoppedError from error
        self._extents.append(self._extent)
        return self._extent

    def add_function(self, strings: Sequence[str], *, line: int = 0, flags: int = 0) -> int:
        """Add a function (its six strings in the order of the layout) and return its id."""
        record = bytearray(layout.FUNCTION_HEADER.size)
        for text in strings:
            encoded = text.encode("utf-8", "backslashreplace")[: layout.LONGEST_STRING_BYTES]
            record += layout.STRING_LENGTH.pack(len(encoded)) + encoded
        record += bytes(-len(record) % 8)
        with self._lock:
            return self._append_function(record, line, flags)

    def _append_function(self, record: bytearray, line: int, flags: int) -> int:
        number = self._functions
        layout.FUNCTION_HEADER.pack_into(record, 0, len(record), number, line, flags)
        block = self._functions_block
        if block is None or block.size - self._functions_used < len(record):
            needed = len(record) + layout.BLOCK_HEADER_BYTES
            size = max(FUNCTIONS_BLOCK_BYTES, needed + -needed % layout.PAGE_BYTES)
            block = self._functions_block = self._new_block(layout.BLOCK_FUNCTIONS, size)
            self._functions_used = 0
            self.publish_block()
        used = self._functions_used + len(record)
        block.bytes[self._functions_used : used] = record
        # No call in between: a signal handler of the target can raise from any.
        self._functions_used, self._functions = used, number + 1
        block.publish(used)
        self._publish_totals()
        return number

    def add_thread(self, *, identifier: int, native_identifier: int) -> ThreadWriter:
        """Add a thread; give it its root context next."""
        with self._lock:
            number = self._threads
            self._threads += 1
            self._publish_totals()
        return ThreadWriter(self, number, identifier, native_identifier)

    def new_contexts_block(self, size: int, thread: int) -> tuple[Block, int]:
        """Return a block for contexts of a thread, and the id of the first that it will hold."""
        with self._lock:
            first = self._contexts
            if first >= self.max_contexts:
                self.stop(f"there are more than {self.max_contexts} contexts")
                raise RecordingStoppedError
            block = self._new_block(layout.BLOCK_CONTEXTS, size, first=first, thread=thread)
            self._contexts += block.size // layout.CONTEXT_BYTES
            self._publish_totals()
            self.publish_block()
        return block, first

    def new_thread_block(self, size: int, thread: int) -> Block:
        """Return a block for a thread and its stack, which readers see when it is published."""
        with self._lock:
            return self._new_block(layout.BLOCK_THREAD, size, thread=thread)


# The words of a thread block's payload, and of a context record, by name.
WORD_ROOT_AND_STATE = 2
WORD_THREADS = 3
WORD_DEPTH = 5
FIRST_ENTRY_WORD = layout.THREAD_ENTRIES_OFFSET // 8
WORDS_AN_ENTRY = layout.OPEN_ENTRY.size // 8
WORD_CALLS = 1
WORD_RESUMES = 2
WORD_SUSPENSIONS = 3
WORD_TICKS = 4


class ThreadWriter:
    """One thread's contexts and its stack of open calls in a live file."""

    def __init__(
        self, writer: LiveWriter, index: int, identifier: int, native_identifier: int
    ) -> None:
        self.process = writer
        self._index = index
        self._contexts_block: Block | None = None
        self._contexts_used = 0
        self._contexts_first = 0
        self._contexts_block_bytes = FIRST_CONTEXTS_BLOCK_BYTES
        self._identity = (identifier, native_identifier, time.monotonic_ns())
        self._root = layout.NO_CONTEXT
        self.threads = 1
        self._make_stack(FIRST_THREAD_BLOCK_BYTES)

    def _make_stack(self, size: int) -> None:
        block = self.process.new_thread_block(size, self._index)
        self.capacity = (block.size - layout.THREAD_ENTRIES_OFFSET) // layout.OPEN_ENTRY.size
        identifier, native_identifier, started = self._identity
        layout.THREAD.pack_into(
            block.bytes,
            0,
            identifier,
            native_identifier,
            self._root,
            layout.THREAD_ALIVE,
            self.threads,
            0,
            0,
            self.capacity,
            started,
        )
        self._block = block
        self.words = block.words

    def grow_stack(self) -> None:
        """Double the stack's capacity, keeping its entries."""
        old, depth, capacity = self.words, self.words[WORD_DEPTH], self.capacity
        self._make_stack((self._block.size + layout.BLOCK_HEADER_BYTES) * 2)
        last = FIRST_ENTRY_WORD + capacity * WORDS_AN_ENTRY
        self.words[FIRST_ENTRY_WORD:last] = old[FIRST_ENTRY_WORD:last]
        self.words[WORD_DEPTH] = depth
        self._publish()

    def _publish(self) -> None:
        self._block.publish(1)
        self.process.publish_block()

    def add_context(self, caller: int, function: int) -> tuple[int, memoryview]:
        """Add a context and return its id and its record's 64-bit words (see ``WORD_*``)."""
        block = self._contexts_block
        if block is None or (self._contexts_used + 1) * layout.CONTEXT_BYTES > block.size:
            block, self._contexts_first = self.process.new_contexts_block(
                self._contexts_block_bytes, self._index
            )
            self._contexts_block = block
            self._contexts_block_bytes = min(
                self._contexts_block_bytes * 2, LARGEST_CONTEXTS_BLOCK_BYTES
            )
            self._contexts_used = 0
        number = self._contexts_first + self._contexts_used
        first_word = self._contexts_used * layout.CONTEXT_BYTES // 8
        words = block.words[first_word : first_word + layout.CONTEXT_BYTES // 8]
        words[0] = caller | function << 32
        self._contexts_used += 1
        block.publish(self._contexts_used)
        return number, words

    def set_root(self, context: int) -> None:
        """Name the thread's root context, which makes the thread visible to readers."""
        self._root = context
        self.words[WORD_ROOT_AND_STATE] = context | layout.THREAD_ALIVE << 32
        self._publish()

    def end(self) -> None:
        """Say that the thread has ended; its block may serve the next one."""
        self.words[WORD_DEPTH] = 0
        self.words[WORD_ROOT_AND_STATE] = self._root | layout.THREAD_ENDED << 32

    def reuse(self) -> None:
        """Let another thread of the same kind go on in this block."""
        self.threads += 1
        self.words[WORD_THREADS] = self.threads
        self.words[WORD_ROOT_AND_STATE] = self._root | layout.THREAD_ALIVE << 32
