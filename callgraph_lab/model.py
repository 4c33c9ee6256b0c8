"""Frozen value types that every part of the project shares: functions, contexts, graphs.

Times are integers in nanoseconds, named ``*_ns``. Nothing here does IO or imports outside the
standard library.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

from callgraph_lab.action_model import RecordedEventMap, RecordedLabel
from callgraph_lab.ending_model import NO_OPEN_CALLS
from callgraph_lab.resource_model import ResourceSeries
from callgraph_lab.source_model import RecordedSources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.action_model import ActionInstance, Nth, RecordedAction, RecordedEvent
    from callgraph_lab.ending_model import Ending, OpenCalls
    from callgraph_lab.heap_model import HeapSnapshot
    from callgraph_lab.line_model import RecordedLine
    from callgraph_lab.memory_model import NodeMemory

FunctionKind = Literal["function", "c_function", "thread"]
FUNCTION_KINDS: tuple[str, ...] = get_args(FunctionKind)
DepthBy = Literal["visible", "stack"]
Naming = Literal["cglab", "pycallgraph2"]

NO_PARENT = -1
"""The value in ``CallTree.parent`` of a thread's root context."""


@dataclass(frozen=True)
class Function:
    """A code object together with the class of ``self`` where there is one.

    A thread's root is a function too, of kind ``thread``: its ``qualname`` is the thread's name. A
    function written in C is of kind ``c_function``: it has neither file nor line, and the class of
    a method is in its ``qualname`` only (``socket.recv`` of module ``_socket``).

    ``module`` is ``__name__`` of the frame's globals, ``qualname`` is ``co_qualname``,
    ``class_name`` the class of ``self`` (or ``cls``) written ``module:qualname``, and ``ancestors``
    the classes along its method resolution order, written the same way, itself first and
    ``object`` left out. ``pycallgraph2_name`` is what stock pycallgraph2 would call the function.
    """

    module: str
    qualname: str
    file: str = ""
    line: int = 0
    class_name: str | None = None
    ancestors: tuple[str, ...] = ()
    pycallgraph2_name: str = ""
    stdlib: bool = False
    kind: FunctionKind = "function"

    @cached_property
    def own_name(self) -> str:
        """The last part of the qualified name: ``loop`` of ``_IOLoop.loop``."""
        return self.qualname.rpartition(".")[2]

    @cached_property
    def class_qualname(self) -> str | None:
        """The class of ``self`` without its module (``Epoll``), or None for a plain function."""
        return None if self.class_name is None else self.class_name.rpartition(":")[2]

    @cached_property
    def short_name(self) -> str:
        """The name without its module: ``Epoll.loop``, ``main``, ``f.<locals>.g``."""
        if self.kind == "thread" or self.defined_in is None:
            return self.qualname
        return f"{self.class_qualname}.{self.own_name}"

    @cached_property
    def name(self) -> str:
        """The full name, ``pyftpdlib.ioloop.Epoll.loop``: module, class of ``self``, function."""
        return f"{self.module}.{self.short_name}" if self.module else self.short_name

    @cached_property
    def defined_in(self) -> str | None:
        """The class whose body holds the function, where that is not the class of ``self``."""
        holder = self.qualname.rpartition(".")[0]
        if self.class_name is None or not holder or holder.endswith("<locals>"):
            return None
        return None if holder == self.class_qualname else holder


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a ``CallTree``: its field's name and the ``array`` type code of its items."""

    name: str
    typecode: str


TREE_COLUMNS = (
    Column("parent", "i"),
    Column("function", "I"),
    Column("calls", "Q"),
    Column("resumes", "Q"),
    Column("suspensions", "Q"),
    Column("inclusive_ns", "Q"),
    Column("self_ns", "Q"),
    Column("open_calls", "I"),
    Column("label", "I"),
    Column("instance_calls", "Q"),
    Column("instance_resumes", "Q"),
    Column("instance_ns", "Q"),
)
MEMORY_COLUMNS = (
    Column("allocated_bytes", "Q"),
    Column("blocks", "Q"),
    Column("freed_bytes", "Q"),
    Column("net_bytes", "Q"),
    Column("instance_allocated_bytes", "Q"),
    Column("instance_blocks", "Q"),
    Column("instance_freed_bytes", "Q"),
    Column("instance_net_bytes", "Q"),
)
"""Those that a tree has where memory was counted."""


def _column(typecode: str) -> array[int]:
    return field(default_factory=lambda: array(typecode))


@dataclass(slots=True)
class CallTree:
    """The calling-context tree of a recording: columns of equal length, one entry a context.

    Contexts stand in preorder (a context's subtree follows it without a gap), thread after thread.
    ``parent`` is the index of the caller's context (``NO_PARENT`` for a thread's root),
    ``function`` an index into the recording's functions. ``inclusive_ns`` counts calls that have
    not returned (``open_calls``) until now, or until their process ended; ``self_ns`` is what is
    left of it without the callees. How the process ended is its thread's ``ending``.
    ``suspensions`` counts the times a generator or coroutine was left by a ``yield`` or ``await``.
    ``label`` is an index into the recording's labels: which action the calls serve. The columns
    ``instance_*`` hold what of calls, resumes, ``inclusive_ns`` and memory came with the label's
    instance.

    The last eight are empty where memory was not counted: bytes and blocks that were allocated
    while the context ran, bytes that were freed then, whoever had allocated them, and what is still
    there of what it has allocated; and the same four of the label's instance.
    """

    parent: array[int] = _column("i")
    function: array[int] = _column("I")
    calls: array[int] = _column("Q")
    resumes: array[int] = _column("Q")
    suspensions: array[int] = _column("Q")
    inclusive_ns: array[int] = _column("Q")
    self_ns: array[int] = _column("Q")
    open_calls: array[int] = _column("I")
    label: array[int] = _column("I")
    instance_calls: array[int] = _column("Q")
    instance_resumes: array[int] = _column("Q")
    instance_ns: array[int] = _column("Q")
    allocated_bytes: array[int] = _column("Q")
    blocks: array[int] = _column("Q")
    freed_bytes: array[int] = _column("Q")
    net_bytes: array[int] = _column("Q")
    instance_allocated_bytes: array[int] = _column("Q")
    instance_blocks: array[int] = _column("Q")
    instance_freed_bytes: array[int] = _column("Q")
    instance_net_bytes: array[int] = _column("Q")

    @property
    def has_memory(self) -> bool:
        """Whether memory was counted."""
        return len(self.allocated_bytes) > 0

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that it has."""
        return (*TREE_COLUMNS, *MEMORY_COLUMNS) if self.has_memory else TREE_COLUMNS

    def __len__(self) -> int:
        return len(self.parent)


@dataclass(frozen=True, slots=True)
class RecordedProcess:
    """One process of the target: its pid, its parent's, its command line, whether it still runs.

    Or several that ran the same program and have ended, which go by the pid of the first.
    """

    pid: int
    parent_pid: int
    argv: tuple[str, ...] = ()
    stop_reason: str = ""
    """Why recording stopped before the process did (a full disk, say); empty when it did not."""
    ending: Ending = "exited"
    processes: int = 1
    """How many there are in it."""
    peak_bytes: int | None = None
    """The most memory that it, or one of them, held at once; None where that was not counted."""

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self.ending == "running"


@dataclass(frozen=True, slots=True)
class RecordedThread:
    """One root of the tree. Threads of one name that followed each other share it (``threads``)."""

    pid: int
    name: str
    root: int
    """Index of its root context in the tree."""
    threads: int = 1
    alive: bool = False
    """Whether it goes on; not where its process has ended, or recording stopped."""
    ending: Ending = "exited"
    """How its process ended, or every one of those whose threads share it; ``exited``, too, where
    the thread did so before, in the midst of its calls."""


@dataclass(frozen=True, slots=True)
class RecordedMark:
    """A label put on the time line by hand: the tree's figures at that moment.

    ``moment_ns`` counts from the start of the run. The columns are parallel to the tree's.
    """

    name: str
    moment_ns: int
    calls: array[int]
    resumes: array[int]
    inclusive_ns: array[int]
    self_ns: array[int]


@dataclass(frozen=True, slots=True)
class RunInformation:
    """What a recording says of the run as a whole. ``started`` is ISO 8601 with a zone."""

    name: str
    target: str
    argv: tuple[str, ...]
    python: str
    engine: str
    started: str
    duration_ns: int
    complete: bool
    """False where the target was killed or is still running, so calls may be open."""
    exit_status: int | None = None
    notes: tuple[str, ...] = ()
    running: bool = False
    """Whether a process of it went on when it was read: so it is not complete yet."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a filter says of one function: whether it shows, by which rule, and why."""

    visible: bool
    rule: str
    """The rule as the user would write it: ``exclude logging.* (filter no-logging)``."""
    reason: str
    """One sentence for ``cglab filters explain``."""
    with_caller: bool = False
    """It shows only below a caller that shows, as a C function does."""


@dataclass(frozen=True, slots=True)
class GraphQuery:
    """What a graph was asked to show. ``max_depth`` None means every depth."""

    max_depth: int | None = 4
    depth_by: DepthBy = "visible"
    naming: Naming = "cglab"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    stdlib: bool | None = None
    process: int | None = None
    """The pid of the one process to show; None for all of them."""
    action: str | None = None
    """The action, or mark, that the recording was cut down to before it was asked."""
    nth: Nth | None = None
    """Which one instance of it; None for all of them."""
    excerpt: str = ""
    """What was picked out of the recording by hand, as one statement; empty for all of it."""


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A function in a graph, with its figures at depths up to the query's.

    ``calls`` and ``resumes`` count what happened at depth <= max_depth, ``total_calls`` at any
    depth. ``min_depth`` is the shallowest depth it was called at (0 for a thread's root). Of
    processes that ended differently, ``unreturned`` tells their open calls apart.
    """

    id: str
    function: Function
    name: str
    calls: int
    total_calls: int
    resumes: int
    suspended: int
    inclusive_ns: int
    self_ns: int
    min_depth: int
    unreturned: OpenCalls = NO_OPEN_CALLS
    memory: NodeMemory | None = None
    """None where memory was not counted."""
    note: str = ""
    """What a picture is to say of it beside its figures."""

    @property
    def open_calls(self) -> int:
        """How many calls have not returned, whatever became of their processes."""
        return self.unreturned.total


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """Caller to callee; a bridged one crosses hidden frames, at most ``skipped_frames`` of them."""

    source: str
    target: str
    calls: int
    resumes: int
    inclusive_ns: int
    bridged: bool
    skipped_frames: int


@dataclass(frozen=True, slots=True)
class HiddenByRule:
    """How many functions, and calls of them at any depth, one rule of a filter hid."""

    rule: str
    functions: int
    calls: int


@dataclass(frozen=True, slots=True)
class CallGraph:
    """The answer to a ``GraphQuery``: nodes by id, edges, and what the filter hid."""

    query: GraphQuery
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    hidden: tuple[HiddenByRule, ...] = ()
    deepest: int = 0
    """The greatest depth at which anything visible was called, whatever ``max_depth`` says."""

    @property
    def hidden_functions(self) -> int:
        """How many functions the filter hid."""
        return sum(rule.functions for rule in self.hidden)

    @property
    def hidden_calls(self) -> int:
        """How many calls, at any depth, went to functions that the filter hid."""
        return sum(rule.calls for rule in self.hidden)


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole run in memory: what it was, its functions, threads and calling-context tree.

    ``labels`` are what the tree's column of that name refers to; the first is none. ``marks`` come
    in the order of their moments, ``actions`` in that of their first instances. What a query leaves
    of a recording (one process, one action) is a recording again.
    """

    run: RunInformation
    functions: Sequence[Function]
    tree: CallTree
    threads: tuple[RecordedThread, ...]
    processes: tuple[RecordedProcess, ...]
    actions: tuple[RecordedAction, ...] = ()
    labels: tuple[RecordedLabel, ...] = (RecordedLabel(),)
    instances: tuple[ActionInstance, ...] = ()
    events: tuple[RecordedEvent, ...] = ()
    events_dropped: int = 0
    """How many events there were beyond those that the recording holds."""
    event_map: RecordedEventMap = RecordedEventMap()
    marks: tuple[RecordedMark, ...] = ()
    resources: ResourceSeries = field(default_factory=ResourceSeries)
    heap: tuple[HeapSnapshot, ...] = ()
    lines: tuple[RecordedLine, ...] = ()
    """Of the functions whose lines were asked for; each line of a process once."""
    sources: RecordedSources = RecordedSources()
