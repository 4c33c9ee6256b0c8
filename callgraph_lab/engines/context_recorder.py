"""Turn call and return events of frames into a calling-context tree in a live file.

This module runs inside the target, once for every call: it trades beauty for speed in ``enter``
and ``leave`` and nowhere else.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from _thread import _local, get_ident, get_native_id
from opcode import opmap

from callgraph_lab.engines import identity, open_calls
from callgraph_lab.engines.identity import (
    CO_GENERATOR_LIKE,
    CodeTraits,
    class_name,
    classes_of,
    function_strings,
)
from callgraph_lab.engines.open_calls import Function, Key, Node, ThreadCalls
from callgraph_lab.recording import kernel_lock, live_writer, mapped_file
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.live_writer import (
    FIRST_ENTRY_WORD,
    WORD_CALLS,
    WORD_DEPTH,
    WORD_RESUMES,
    WORD_SUSPENSIONS,
    WORD_TICKS,
    WORDS_AN_ENTRY,
    LiveWriter,
    RecordingStoppedError,
    ThreadWriter,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

_YIELD_OPCODE = opmap["YIELD_VALUE"]
_NUMBER = re.compile(r"\d+")
MOST_NAMES_OF_ENDED_THREADS = 64
"""Past so many, a thread of another name takes over what one of its class has left."""
_MOST_WAYS_TO_YIELD = 64
MOST_LEVELS_A_FRAME = 8
ROOM_LEVELS = 28
"""Calls that must be possible below a frame for it to be recorded: ours, and a bit more."""
_dict_get = dict.get
_getpid = os.getpid
_getrecursionlimit = sys.getrecursionlimit
_now = time.monotonic_ns

_API_MODULE = "callgraph_lab.api"
_MODULES_OF_MARKS = frozenset(
    {
        "callgraph_lab",
        "callgraph_lab.recording",
        "callgraph_lab.recording.live_format",
        "callgraph_lab.recording.marking",
        "callgraph_lab.errors",
    }
)
"""What a target imports to put a mark: neither it nor what it calls is recorded."""
_HOUSEKEEPING_MODULES = frozenset(
    {"importlib._bootstrap", "importlib._bootstrap_external", "zipimport", "site", "encodings"}
)
"""Modules whose functions the interpreter itself calls, with no caller, around the target."""


class ContextRecorder:
    """Keeps the calling-context tree of this process. ``enter`` and ``leave`` are its only feed.

    ``watch_end`` has the end of the process written into the header of its file, where that can be
    done. ``stopped`` becomes true when the live file can no longer grow; events are ignored from
    then on.
    """

    def __init__(  # noqa: PLR0913 - by keyword
        self,
        folder: str,
        information: Mapping[str, object],
        *,
        whole_program: bool,
        follow_forks: bool,
        max_contexts: int,
        max_functions: int,
        watch_end: Callable[[memoryview], None] | None = None,
    ) -> None:
        self._folder = folder
        self._watch_end = watch_end
        self._information = information
        self._whole_program = whole_program
        self._follow_forks = follow_forks
        self._max_contexts = max_contexts
        self._max_functions = max_functions
        self.stopped = False
        self._traits: dict[tuple[str, int, str], CodeTraits] = {}
        self._functions: dict[Key, Function] = {}
        self._more_functions: dict[frozenset[int], Function] = {}
        self._parents_writers: list[LiveWriter] = []
        self._begin()

    def _begin(self) -> None:
        self._writer = LiveWriter(
            self._folder,
            information=self._information,
            max_contexts=self._max_contexts,
            lasts_with_children=self._follow_forks,
        )
        if self._watch_end is not None:
            self._watch_end(self._writer.header)
        self._main_thread = get_ident()
        self._idle: dict[str, list[tuple[Node, ThreadWriter]]] = {}
        self._local = _local()
        # Last: until then a child counts as one that has yet to begin, and leaves its parent's
        # file alone.
        self._process_id = os.getpid()

    def stop(self) -> None:
        """Mark the recording of this process as complete."""
        if not self.stopped:
            self.stopped = True
            self._writer.stop()

    def enter(self, frame: FrameType) -> None:
        """Count a call, or a resumption, of the frame's function."""
        if self.stopped:
            return
        if _getpid() != self._process_id and not self._go_on_in_child():
            return
        try:
            thread: ThreadCalls = self._local.thread
        except AttributeError:
            thread = self._add_thread()
        stack = thread.stack
        if not stack or stack[-1][0] is not frame.f_back:
            thread.find_caller(frame.f_back)
            stack = thread.stack
        node = stack[-1][1] if stack else self._bottom(thread, frame)
        try:
            callee = None if node is None else self._callee(thread, node, frame)
            if callee is None:
                stack.append((frame, None, 0))
                return
            writer = thread.writer
            depth = writer.words[WORD_DEPTH]
            if depth >= writer.capacity:
                writer.grow_stack()
        except RecordingStoppedError:
            self.stopped = True
            return
        words = writer.words
        at = FIRST_ENTRY_WORD + depth * WORDS_AN_ENTRY
        # A generator's frame keeps its trace function from its first call on.
        now = words[at + 1] = _now()
        if frame.f_trace is None:
            callee.words[WORD_CALLS] += 1
            words[at] = callee.number
        else:
            callee.words[WORD_RESUMES] += 1
            words[at] = callee.number | layout.OPEN_IS_RESUME << 32
        words[WORD_DEPTH] = depth + 1
        stack.append((frame, callee, now))

    def has_room(self, frame: FrameType) -> bool:
        """Say whether a call can be recorded before the interpreter's recursion limit is met."""
        thread = getattr(self._local, "thread", None)
        # A frame takes several levels where C code stands between (a sort key, a ``__repr__``).
        if thread is None or len(thread.stack) * MOST_LEVELS_A_FRAME < _getrecursionlimit():
            return True
        try:
            _descend(ROOM_LEVELS)
        except RecursionError:
            self.remark(
                f"calls from {frame.f_code.co_qualname} on, near the recursion limit of"
                f" {_getrecursionlimit()}, were not recorded"
            )
            return False
        return True

    def remark(self, text: str) -> None:
        """Have the recording say why something is missing from it."""
        if not self.stopped and _getpid() == self._process_id:
            self._writer.stop(text)

    def raised(self, frame: FrameType) -> None:
        """Remember that an exception has come up in a frame, where a ``yield`` looks the same."""
        if frame.f_code.co_flags & CO_GENERATOR_LIKE:
            thread = getattr(self._local, "thread", None)
            if thread is not None:
                thread.raised = id(frame)
                # The next line, if there is one, tells that the exception has been handled.
                frame.f_trace_lines = True

    def goes_on(self, frame: FrameType) -> None:
        """Forget the exception that came up in a frame."""
        frame.f_trace_lines = False
        thread = getattr(self._local, "thread", None)
        if thread is not None:
            thread.raised = 0

    def leave(self, frame: FrameType, value: object) -> None:
        """Add the time since the frame was entered to its context.

        ``value`` is what it returned or yielded, None where an exception ended it.
        """
        now = _now()
        if self.stopped:
            return
        if _getpid() != self._process_id and not self._go_on_in_child():
            return
        try:
            thread: ThreadCalls = self._local.thread
        except AttributeError:
            return
        stack = thread.stack
        if not stack or stack[-1][0] is not frame:
            if not thread.find_stack(frame):
                return
            stack = thread.stack
        # A signal handler may raise wherever something is called: the last line is none, so that
        # either all of this has happened, or nothing but what ``find_caller`` makes up for.
        _, node, start = stack[-1]
        if node is not None:
            words = node.words
            words[WORD_TICKS] += now - start
            if frame.f_lasti in node.function.traits.yields and (
                value is not None or thread.raised != id(frame)
            ):
                words[WORD_SUSPENSIONS] += 1
            thread.writer.words[WORD_DEPTH] -= 1
        del stack[-1]

    def _remark_on_threads(self, module: object, qualname: str) -> None:
        # Nobody sets a trace function for them. Python 3.11 has no auditing event of their start.
        self.remark(
            f"threads that {module}.{qualname} may start with _thread.start_new_thread are missing:"
            " the engine pycallgraph2 does not see them; the engine native does"
        )

    def _callee(self, thread: ThreadCalls, caller: Node, frame: FrameType) -> Node | None:
        """Return the context of the frame's function below ``caller``, made where it is new.

        None is for what is to be silent, with all that it calls.
        """
        code = frame.f_code
        module = _dict_get(frame.f_globals, "__name__", "")
        place = (code.co_filename, code.co_firstlineno, code.co_qualname)
        traits = self._traits.get(place)
        if traits is None:
            traits = CodeTraits(code, _YIELD_OPCODE)
            if len(self._traits) < self._max_functions:
                self._traits[place] = traits
            if "start_new_thread" in code.co_names:
                self._remark_on_threads(module, code.co_qualname)
        receiver, named = classes_of(frame, traits)
        # Classes are told apart by name: an address may mean another class tomorrow, and keeping
        # the class alive would be noticed.
        key: Key = (place, module)
        if receiver is not None or named is not None:
            key = (*key, receiver and class_name(receiver), named and class_name(named))
        callee = caller.callees.get(key)
        if callee is None:
            function = self._functions.get(key)
            if function is None and len(self._functions) >= self._max_functions:
                return self._past_budget(thread, caller, traits)
            if function is None:
                if module in _MODULES_OF_MARKS:
                    return None
                name = module if isinstance(module, str) else ""
                strings = function_strings(code, name, receiver, named)
                function = self._functions[key] = Function(key, strings, traits, place[1])
            callee = self._add_node(thread.writer, caller.number, function)
            caller.callees[key] = callee
        return callee

    def _past_budget(self, thread: ThreadCalls, caller: Node, traits: CodeTraits) -> Node:
        """Return the context of all functions past the budget, of generators and of others."""
        name = layout.MORE_FUNCTIONS
        self._writer.note_folded_functions(self._max_functions)
        # Where a generator's code yields tells a suspension from an end: few ways of it are kept.
        function = self._more_functions.get(traits.yields)
        if function is None:
            if len(self._more_functions) >= _MOST_WAYS_TO_YIELD:
                traits = _NO_TRAITS
            key: Key = ((name, len(self._more_functions), ""), "")
            function = Function(key, ("", name, "", "", "", name), traits, 0)
            function = self._more_functions.setdefault(traits.yields, function)
        callee = caller.callees.get(function.key)
        if callee is None:
            callee = self._add_node(thread.writer, caller.number, function)
            caller.callees[function.key] = callee
        return callee

    def _bottom(self, thread: ThreadCalls, frame: FrameType) -> Node | None:
        return None if self._is_outside(thread, frame) else thread.root

    def _is_outside(self, thread: ThreadCalls, frame: FrameType) -> bool:
        """Say whether a frame at the bottom of a stack is not the target's but around it."""
        module = _dict_get(frame.f_globals, "__name__", "")
        if frame.f_back is not None:
            # Leaving a trace() block is a call of ours, made by the block's own frame.
            is_end_of_block = module == _API_MODULE and frame.f_code.co_name == "__exit__"
            return thread.needs_bottom or is_end_of_block
        if module == "threading":
            return frame.f_code.co_name == "_shutdown"
        return module in _HOUSEKEEPING_MODULES

    def _add_node(
        self, writer: ThreadWriter, caller: int, function: Function, flags: int = 0
    ) -> Node:
        if function.number < 0:
            function.number = self._writer.add_function(
                function.strings, line=function.line, flags=flags
            )
        number, words = writer.add_context(caller, function.number)
        return Node(number, words, function)

    def _add_thread(self) -> ThreadCalls:
        identifier = get_ident()
        # current_thread() would register a stand-in for a thread that threading does not know.
        known = threading._active.get(identifier)  # type: ignore[attr-defined]  # noqa: SLF001
        name = f"thread {get_native_id()}" if known is None else known.name
        kind = _NUMBER.sub("N", name)
        if kind not in self._idle and len(self._idle) >= MOST_NAMES_OF_ENDED_THREADS:
            name = kind = f"* ({type(known).__name__})"
        try:
            root, writer = self._idle[kind].pop()
            writer.reuse()
        except LookupError:
            writer = self._writer.add_thread(
                identifier=identifier, native_identifier=get_native_id()
            )
            function = Function((), ("", name, "", "", "", name), _NO_TRAITS, 0)
            root = self._add_node(
                writer, layout.NO_CONTEXT, function, flags=layout.FUNCTION_IS_THREAD
            )
            root.words[WORD_CALLS] = 1
            writer.set_root(root.number)
        thread = ThreadCalls(self.thread_ended, kind, root, writer)
        thread.needs_bottom = self._whole_program and identifier == self._main_thread
        self._local.thread = thread
        return thread

    def thread_ended(self, thread: ThreadCalls) -> None:
        """Let the next thread of that kind use the tree of one that has ended."""
        if self.stopped or _getpid() != self._process_id:
            return
        # A daemon thread is cut off in the middle of its calls when the interpreter ends.
        if thread.writer.process is self._writer and not thread.stack:
            thread.writer.end()
            self._idle.setdefault(thread.kind, []).append((thread.root, thread.writer))

    def _go_on_in_child(self) -> bool:
        """Go on, after a fork, in a file of the child's own with the calls that were open.

        Return whether the child is recorded.
        """
        if not self._follow_forks:
            self.stopped = True
            return False
        parent = getattr(self._local, "thread", None)
        self._parents_writers.append(self._writer)
        for function in self._functions.values():
            function.number = -1
        try:
            self._begin()
            if parent is not None:
                self._inherit(parent)
        except OSError as error:
            # The parent goes on recording; this child has no room or no right to a file.
            self._parents_writers[-1].note_lost_child(error.errno or 0)
            self.stopped = True
        except RecordingStoppedError:
            self.stopped = True
        return not self.stopped

    def _inherit(self, parent: ThreadCalls) -> None:
        thread = self._add_thread()
        thread.needs_bottom = parent.needs_bottom
        now = _now()
        caller = thread.root
        for frame, parents_node, _ in parent.stack:
            node = None
            if parents_node is not None:
                node = self._add_node(thread.writer, caller.number, parents_node.function)
                caller.callees[node.function.key] = node
                caller = node
            thread.stack.append((frame, node, now))
        thread.publish_stack(layout.OPEN_IS_INHERITED)


def _descend(levels: int) -> None:
    """Go down through C code, which has a limit of its own on some versions."""
    if levels:
        for _ in map(_descend, (levels - 1,)):
            pass


_NO_TRAITS = CodeTraits((lambda: None).__code__, _YIELD_OPCODE)
OWN_GLOBALS = {
    id(vars(module)) for module in (identity, kernel_lock, live_writer, mapped_file, open_calls)
} | {id(globals())}
"""The modules that record: what they call is never recorded. Others of the kind add themselves."""
