"""Contexts as the process that is recorded knows them, and the open calls of its threads.

This module runs inside the target.
"""

from __future__ import annotations

import time

from callgraph_lab.recording.live_writer import (
    FIRST_ENTRY_WORD,
    WORD_DEPTH,
    WORD_TICKS,
    WORDS_AN_ENTRY,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from callgraph_lab.engines.identity import CodeTraits
    from callgraph_lab.recording.live_writer import ThreadWriter

_now = time.monotonic_ns

Key = tuple[object, ...]
"""What tells functions apart: place of the code, module, and names of classes."""


class Function:
    """A function of the target as this process knows it; its number differs after a fork."""

    __slots__ = ("key", "line", "number", "strings", "traits")

    def __init__(self, key: Key, strings: tuple[str, ...], traits: CodeTraits, line: int) -> None:
        self.key = key
        self.strings = strings
        self.traits = traits
        self.line = line
        self.number = -1


class Node:
    """A context: its id, its record in the live file, and its callees' contexts by key."""

    __slots__ = ("callees", "function", "number", "words")

    def __init__(self, number: int, words: memoryview, function: Function) -> None:
        self.number = number
        self.words = words
        self.function = function
        self.callees: dict[Key, Node] = {}


Entry = tuple["FrameType", "Node | None", int]


class ThreadCalls:
    """A thread's tree, and its open calls (one stack, and more where greenlets switch stacks)."""

    __slots__ = (
        "_ended",
        "kind",
        "needs_bottom",
        "other_stacks",
        "raised",
        "root",
        "stack",
        "writer",
    )

    def __init__(
        self, ended: Callable[[ThreadCalls], None], kind: str, root: Node, writer: ThreadWriter
    ) -> None:
        self._ended = ended
        self.kind = kind
        self.root = root
        self.writer = writer
        self.stack: list[Entry] = []
        self.other_stacks: list[list[Entry]] = []
        self.needs_bottom = False
        self.raised = 0

    def __del__(self) -> None:
        # A thread's local values go when it ends; this is the only sign of it without a hook.
        self._ended(self)

    def find_caller(self, frame: FrameType | None) -> None:
        """Make the stack that holds ``frame``, or else the nearest of its callers, the current one.

        Frames that we were not told of stand in between where ``throw`` goes straight to an inner
        generator, or where the target had a trace function of its own for a while.
        """
        while frame is not None:
            if self.find_stack(frame):
                return
            frame = frame.f_back
        self.begin_stack()

    def find_stack(self, frame: FrameType) -> bool:
        """Make the stack that holds ``frame`` the current one, with that frame on top."""
        for stack in (self.stack, *self.other_stacks):
            for position in range(len(stack) - 1, -1, -1):
                if stack[position][0] is frame:
                    # What stood above it was left without our being told: until now.
                    now = _now()
                    for _, node, start in stack[position + 1 :]:
                        if node is not None:
                            node.words[WORD_TICKS] += now - start
                    del stack[position + 1 :]
                    self._switch_to(stack)
                    return True
        return False

    def begin_stack(self) -> None:
        """Go on with an empty stack: something runs that no frame we know has called."""
        if self.stack:
            self._switch_to([])

    def _switch_to(self, stack: list[Entry]) -> None:
        if stack is not self.stack:
            others = [other for other in self.other_stacks if other is not stack]
            if self.stack:
                others.append(self.stack)
            self.other_stacks = others
            self.stack = stack
        self.publish_stack()

    def publish_stack(self, flags: int = 0) -> None:
        """Write the whole stack of open calls anew."""
        shown = [(node, start) for _, node, start in self.stack if node is not None]
        while len(shown) > self.writer.capacity:
            self.writer.grow_stack()
        words = self.writer.words
        for position, (node, start) in enumerate(shown):
            at = FIRST_ENTRY_WORD + position * WORDS_AN_ENTRY
            words[at] = node.number | flags << 32
            words[at + 1] = start
        words[WORD_DEPTH] = len(shown)
