"""The schema of a recording's SQLite file; its comments are its documentation.

They stay in the file, where ``.schema`` of the ``sqlite3`` program shows them.
"""

from __future__ import annotations

SCHEMA_VERSION = 1
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
    running INTEGER NOT NULL         -- 1 where it still ran when this file was written
);
CREATE TABLE function (
    -- One row a function; its id is what the column "function" of the tree refers to.
    id INTEGER PRIMARY KEY,          -- from 0, without gaps
    module TEXT NOT NULL, qualname TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL,
    class_name TEXT,                 -- class of self or cls, "module:qualname"
    ancestors TEXT NOT NULL,         -- JSON list: classes along its method resolution order
    pycallgraph2_name TEXT NOT NULL,
    stdlib INTEGER NOT NULL,
    kind TEXT NOT NULL               -- "function", or "thread" for a thread's root
);
CREATE TABLE thread (
    -- One row a root of the tree. Threads of one kind that followed each other share a root.
    pid INTEGER NOT NULL, name TEXT NOT NULL,
    root INTEGER NOT NULL,           -- index of its root context
    threads INTEGER NOT NULL, alive INTEGER NOT NULL
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
CREATE TABLE tree_column (
    -- The calling-context tree, one row a column; entry i of every column is context i. Contexts
    -- stand in preorder. Values are little-endian integers, compressed with zlib.
    name TEXT NOT NULL,              -- a field of callgraph_lab.model.CallTree
    item_bytes INTEGER NOT NULL, items INTEGER NOT NULL, content BLOB NOT NULL
);
"""

Types = dict[str, type | tuple[type, ...]]

COLUMNS: dict[str, Types] = {
    "run": {"information": str, "checksum": int},
    "process": {"pid": int, "parent_pid": int, "argv": str, "stop_reason": str, "running": int},
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
    "thread": {"pid": int, "name": str, "root": int, "threads": int, "alive": int},
    "mark": {"name": str, "moment_ns": int},
    "mark_column": {"name": str, "item_bytes": int, "items": int, "content": bytes},
    "tree_column": {"name": str, "item_bytes": int, "items": int, "content": bytes},
}
"""The columns of each table, with the types that Python gets."""

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
}
"""The fields of ``RunInformation``, with the types that JSON gives them."""
