"""The schema of a recording's SQLite file; its comments are its documentation.

They stay in the file, where ``.schema`` of the ``sqlite3`` program shows them.
"""

from __future__ import annotations

from callgraph_lab.ending_model import ENDINGS

SCHEMA_VERSION = 9
APPLICATION_ID = 0x43474C42  # "CGLB", so that file(1) and we can tell a recording from others

SCHEMA = """
CREATE TABLE run (
    -- One row: what was run.
    information TEXT NOT NULL,       -- JSON: the fields of callgraph_lab.model.RunInformation
    checksum INTEGER NOT NULL        -- CRC-32 of every other value in the file
);
CREATE TABLE process (
    -- One row a process, in the order in which they started.
    pid INTEGER NOT NULL, parent_pid INTEGER NOT NULL,
    argv TEXT NOT NULL,              -- JSON list
    stop_reason TEXT NOT NULL,       -- why recording ended before the process did, or empty
    ending TEXT NOT NULL,            -- one of callgraph_lab.ending_model.ENDINGS
    processes INTEGER NOT NULL,      -- more than 1: so many that have ended, merged into this row
    peak_bytes INTEGER               -- the most memory it held at once, or NULL: not counted
);
CREATE TABLE function (
    -- One row a function; its id is what the column "function" of the tree refers to.
    id INTEGER PRIMARY KEY,          -- from 0, without gaps
    module TEXT NOT NULL, qualname TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL,
    class_name TEXT,                 -- class of self or cls, "module:qualname"
    ancestors TEXT NOT NULL,         -- JSON list: classes along its method resolution order
    pycallgraph2_name TEXT NOT NULL,
    stdlib INTEGER NOT NULL,
    kind TEXT NOT NULL               -- "function", "c_function" for one written in C,
                                     -- or "thread" for a thread's root
);
CREATE TABLE thread (
    -- One row a root of the tree. Threads of one kind that followed each other share a root.
    pid INTEGER NOT NULL, name TEXT NOT NULL,
    root INTEGER NOT NULL,           -- index of its root context
    threads INTEGER NOT NULL, alive INTEGER NOT NULL,
    ending TEXT NOT NULL             -- how its process ended, as in the table process: so the calls
                                     -- ended that have not returned below the root
);
CREATE TABLE resource_column (
    -- What the target used, sampled from outside: one row a column, packed as the tree's are.
    name TEXT NOT NULL,              -- a field of callgraph_lab.resource_model.ResourceSeries
    item_bytes INTEGER NOT NULL, items INTEGER NOT NULL, content BLOB NOT NULL
);
CREATE TABLE heap_snapshot (
    -- One row a snapshot of a process's heap, in the order of their moments.
    moment_ns INTEGER NOT NULL,      -- since the start of the run
    pid INTEGER NOT NULL,
    cause TEXT NOT NULL,             -- "every", "exit", or "action": at the end of one
    duration_ns INTEGER NOT NULL,    -- how long the target stood still for it
    spent_ns INTEGER NOT NULL,       -- for all of this process up to it, with those not kept
    counter TEXT NOT NULL,           -- who counted: "gc" or "guppy3"
    action TEXT NOT NULL,            -- that has ended, or empty
    number INTEGER NOT NULL          -- so many times in this process by then, or 0
);
CREATE TABLE heap_type (
    -- One row a type of which objects were alive in a snapshot.
    snapshot INTEGER NOT NULL,       -- the place of its row in heap_snapshot, from 0
    name TEXT NOT NULL,              -- module.qualname; without the module for builtins
    objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL           -- as sys.getsizeof says, of all of them together
);
CREATE TABLE line (
    -- One row a source line that a process came to, of the functions whose lines were counted.
    pid INTEGER NOT NULL,
    function INTEGER NOT NULL,       -- id of the function that it is of
    line INTEGER NOT NULL,
    hits INTEGER NOT NULL,           -- how often it began
    inclusive_ns INTEGER NOT NULL,   -- with what it called; recursion counts once
    self_ns INTEGER NOT NULL,        -- without the functions it called
    -- Calls that have not returned and were at it, by how their process ended:
    open_running INTEGER NOT NULL, open_exited INTEGER NOT NULL, open_replaced INTEGER NOT NULL,
    open_killed INTEGER NOT NULL, open_stopped INTEGER NOT NULL,
    allocated_bytes INTEGER,         -- by what ran meanwhile in its thread; NULL: not counted
    net_bytes INTEGER                -- that less what was freed then; it may be negative
);
CREATE TABLE mark (
    -- One row a mark, in the order of their moments.
    name TEXT NOT NULL,
    moment_ns INTEGER NOT NULL       -- since the start of the run
);
CREATE TABLE mark_column (
    -- What columns of the tree held at each mark, mark by mark; packed as the tree's are.
    name TEXT NOT NULL,              -- a field of callgraph_lab.model.RecordedMark
    item_bytes INTEGER NOT NULL, items INTEGER NOT NULL, content BLOB NOT NULL
);
CREATE TABLE action (
    -- One row an action, what clients did, with its totals over all processes; the row's place,
    -- from 0, is what others call the action's index. In order of their first beginnings.
    name TEXT NOT NULL,
    background INTEGER NOT NULL,     -- 1 for startup, idle and shutdown, which serve no session
    once INTEGER NOT NULL,           -- 1 where a session has one at most, such as disconnect
    count INTEGER NOT NULL, ended INTEGER NOT NULL, sessions INTEGER NOT NULL,
    busy_ns INTEGER NOT NULL, cpu_ns INTEGER NOT NULL, bytes INTEGER NOT NULL,
    dropped INTEGER NOT NULL,        -- instances that the table "instance" has no room for
    duration_ns INTEGER NOT NULL,    -- sum over the ended instances, from begin to end
    sessions_at_least INTEGER NOT NULL -- 1 where there may have been more sessions
);
CREATE TABLE label (
    -- What the column "label" of the tree refers to, by the row's place; the first is none.
    action INTEGER,                  -- index of an action
    lane INTEGER NOT NULL,
    instance INTEGER                 -- index of the instance that the columns instance_* are of
);
CREATE TABLE instance (
    -- One row each time that a session did an action. Moments count from the start of the run.
    serial INTEGER NOT NULL, pid INTEGER NOT NULL,
    session INTEGER NOT NULL,        -- (pid that saw it first << 32) + a number
    action INTEGER NOT NULL, label INTEGER NOT NULL,
    begin_ns INTEGER NOT NULL, end_ns INTEGER,
    left_ns INTEGER,                 -- when its process ended, where it was open then
    ending TEXT,                     -- and how, as in the table process; NULL where it was not
    busy_ns INTEGER NOT NULL, cpu_ns INTEGER NOT NULL, bytes INTEGER NOT NULL,
    entries INTEGER NOT NULL, passes INTEGER NOT NULL, outcome INTEGER NOT NULL,
    abandoned INTEGER NOT NULL, late_work INTEGER NOT NULL, detail TEXT NOT NULL,
    phases TEXT NOT NULL     -- JSON list, by the phase's id: [begin, end or null: open] or null
);
CREATE TABLE event (
    -- One row a call that a sensor noticed, in order of time.
    serial INTEGER NOT NULL, pid INTEGER NOT NULL, sensor TEXT NOT NULL,
    moment_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL, session INTEGER NOT NULL,
    instance INTEGER NOT NULL,       -- serial of the instance in that process, or 0
    action INTEGER, context INTEGER, -- indices, or NULL
    fields TEXT NOT NULL             -- JSON list of [key, value]
);
CREATE TABLE event_map (
    -- One row: the rules that told actions apart, as far as questions need them.
    description TEXT NOT NULL,       -- JSON: callgraph_lab.action_model.RecordedEventMap
    events_dropped INTEGER NOT NULL  -- events that the table "event" has no room for
);
CREATE TABLE source (
    -- One row a file of Python source that the target ran, in the order of their names.
    file TEXT NOT NULL,
    digest TEXT NOT NULL             -- SHA-256 of its content when the recording was made, in hex
);
CREATE TABLE maker (
    -- One row: who vouches for the table "source".
    seal TEXT NOT NULL               -- HMAC-SHA-256 with a key of the user who made it, or empty
);
CREATE TABLE tree_column (
    -- The calling-context tree, one row a column; entry i of every column is context i. Contexts
    -- stand in preorder. Columns of memory are there where it was counted. Values are
    -- little-endian integers, compressed with zlib.
    name TEXT NOT NULL,              -- a field of callgraph_lab.model.CallTree
    item_bytes INTEGER NOT NULL, items INTEGER NOT NULL, content BLOB NOT NULL
);
"""

Types = dict[str, type | tuple[type, ...]]

_INT_OR_NULL = (int, type(None))

COLUMNS: dict[str, Types] = {
    "run": {"information": str, "checksum": int},
    "process": {
        "pid": int,
        "parent_pid": int,
        "argv": str,
        "stop_reason": str,
        "ending": str,
        "processes": int,
        "peak_bytes": _INT_OR_NULL,
    },
    "function": {
        "id": int,
        "module": str,
        "qualname": str,
        "file": str,
        "line": int,
        "class_name": (str, type(None)),
        "ancestors": str,
        "pycallgraph2_name": str,
        "stdlib": int,
        "kind": str,
    },
    "thread": {"pid": int, "name": str, "root": int, "threads": int, "alive": int, "ending": str},
    "resource_column": {"name": str, "item_bytes": int, "items": int, "content": bytes},
    "heap_snapshot": {
        "moment_ns": int,
        "pid": int,
        "cause": str,
        "duration_ns": int,
        "spent_ns": int,
        "counter": str,
        "action": str,
        "number": int,
    },
    "heap_type": {"snapshot": int, "name": str, "objects": int, "bytes": int},
    "line": {
        "pid": int,
        "function": int,
        "line": int,
        "hits": int,
        "inclusive_ns": int,
        "self_ns": int,
        **{f"open_{ending}": int for ending in ENDINGS},
        "allocated_bytes": _INT_OR_NULL,
        "net_bytes": _INT_OR_NULL,
    },
    "mark": {"name": str, "moment_ns": int},
    "mark_column": {"name": str, "item_bytes": int, "items": int, "content": bytes},
    "action": {
        "name": str,
        "background": int,
        "once": int,
        "count": int,
        "ended": int,
        "sessions": int,
        "busy_ns": int,
        "cpu_ns": int,
        "bytes": int,
        "dropped": int,
        "duration_ns": int,
        "sessions_at_least": int,
    },
    "label": {"action": _INT_OR_NULL, "lane": int, "instance": _INT_OR_NULL},
    "instance": {
        "serial": int,
        "pid": int,
        "session": int,
        "action": int,
        "label": int,
        "begin_ns": int,
        "end_ns": _INT_OR_NULL,
        "left_ns": _INT_OR_NULL,
        "ending": (str, type(None)),
        "busy_ns": int,
        "cpu_ns": int,
        "bytes": int,
        "entries": int,
        "passes": int,
        "outcome": int,
        "abandoned": int,
        "late_work": int,
        "detail": str,
        "phases": str,
    },
    "event": {
        "serial": int,
        "pid": int,
        "sensor": str,
        "moment_ns": int,
        "duration_ns": int,
        "session": int,
        "instance": int,
        "action": _INT_OR_NULL,
        "context": _INT_OR_NULL,
        "fields": str,
    },
    "event_map": {"description": str, "events_dropped": int},
    "source": {"file": str, "digest": str},
    "maker": {"seal": str},
    "tree_column": {"name": str, "item_bytes": int, "items": int, "content": bytes},
}
"""The columns of each table, with the types that Python gets."""

MAY_BE_NEGATIVE = frozenset({"moment_ns", "begin_ns", "end_ns", "left_ns", "net_bytes", "checksum"})
"""The columns of whole numbers that count from a moment, or are differences; others are counts."""

RUN_TYPES: Types = {
    "name": str,
    "target": str,
    "argv": list,
    "python": str,
    "engine": str,
    "started": str,
    "duration_ns": int,
    "complete": bool,
    "exit_status": (int, type(None)),
    "notes": list,
    "running": bool,
}
"""The fields of ``RunInformation``, with the types that JSON gives them."""
