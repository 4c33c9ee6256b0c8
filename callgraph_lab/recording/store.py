"""A finished recording as one SQLite file. This is the only module that opens SQLite.

The schema's comments are its documentation: they stay in the file, where ``.schema`` of the
``sqlite3`` program shows them.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
import zlib
from array import array
from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING

from callgraph_lab.errors import OutputError, RecordingError
from callgraph_lab.model import (
    NO_PARENT,
    TREE_COLUMNS,
    CallTree,
    Function,
    RecordedProcess,
    RecordedThread,
    Recording,
    RunInformation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA_VERSION = 1
APPLICATION_ID = 0x43474C42  # "CGLB", so that file(1) and we can tell a recording from others
_LARGEST_COLUMN_BYTES = 4 * 1024**3

_SCHEMA = """
CREATE TABLE run (
    -- One row: what was run. A JSON object with the fields of callgraph_lab.model.RunInformation.
    information TEXT NOT NULL
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
CREATE TABLE tree_column (
    -- The calling-context tree, one row a column; entry i of every column is context i. Contexts
    -- stand in preorder. Values are little-endian integers, compressed with zlib.
    name TEXT PRIMARY KEY,           -- a field of callgraph_lab.model.CallTree
    item_bytes INTEGER NOT NULL, items INTEGER NOT NULL, content BLOB NOT NULL
);
"""


def save(recording: Recording, path: Path) -> None:
    """Write a recording to ``path``, whole or not at all. Raise ``OutputError`` if that fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as database:
            # It is renamed into place when complete: a journal would guard nothing.
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            database.executescript(_SCHEMA)
            database.execute("BEGIN")
            _insert(database, recording)
            database.execute("COMMIT")
        temporary.replace(path)
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"cannot write the recording {path}: {reason}",
            hint="make room or choose another folder with --out; what was recorded is still there",
        ) from error


def _insert(database: sqlite3.Connection, recording: Recording) -> None:
    database.execute("INSERT INTO run VALUES (?)", (json.dumps(asdict(recording.run)),))
    database.executemany(
        "INSERT INTO process VALUES (?, ?, ?, ?, ?)",
        (
            (item.pid, item.parent_pid, json.dumps(item.argv), item.stop_reason, item.running)
            for item in recording.processes
        ),
    )
    database.executemany(
        "INSERT INTO function VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                number,
                item.module,
                item.qualname,
                item.file,
                item.line,
                item.class_name,
                json.dumps(item.ancestors),
                item.pycallgraph2_name,
                item.stdlib,
                item.kind,
            )
            for number, item in enumerate(recording.functions)
        ),
    )
    database.executemany(
        "INSERT INTO thread VALUES (?, ?, ?, ?, ?)",
        (
            (item.pid, item.name, item.root, item.threads, item.alive)
            for item in recording.threads
        ),
    )
    for column in TREE_COLUMNS:
        values: array[int] = getattr(recording.tree, column.name)
        database.execute(
            "INSERT INTO tree_column VALUES (?, ?, ?, ?)",
            (column.name, values.itemsize, len(values), zlib.compress(_little_endian(values), 1)),
        )


def _little_endian(values: array[int]) -> bytes:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def load(path: Path) -> Recording:
    """Read a recording. Raise ``RecordingError`` if it is none, is damaged, or is too new."""
    with _open_database(path) as database:
        try:
            return _read(database)
        except (sqlite3.Error, zlib.error, ValueError, TypeError, KeyError, IndexError) as error:
            raise _damaged(path, str(error)) from error


def load_run(path: Path) -> RunInformation:
    """Read only what was run, which is quick however large the recording is."""
    with _open_database(path) as database:
        try:
            return _read_run(database)
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            raise _damaged(path, str(error)) from error


def _damaged(path: Path, reason: str) -> RecordingError:
    return RecordingError(
        f"{path} is a damaged recording: {reason}",
        hint="'cglab list' shows the recordings there are",
    )


@contextlib.contextmanager
def _open_database(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        problem = "is a directory, not a recording" if path.is_dir() else "does not exist"
        raise RecordingError(
            f"{path} {problem}", hint="'cglab list' shows the recordings there are"
        )
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        database = sqlite3.connect(uri, uri=True)
    except sqlite3.Error as error:
        raise RecordingError(f"cannot open {path}: {error}") from error
    with contextlib.closing(database):
        try:
            (application,) = database.execute("PRAGMA application_id").fetchone()
            (version,) = database.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            raise RecordingError(
                f"{path} is not a recording, or is truncated ({error})",
                hint="'cglab list' shows the recordings there are",
            ) from error
        if application != APPLICATION_ID:
            raise RecordingError(
                f"{path} is not a recording of cglab",
                hint="'cglab list' shows the recordings there are",
            )
        if version > SCHEMA_VERSION:
            raise RecordingError(
                f"{path} was made by a newer version of cglab"
                f" (its schema is {version}, this one reads up to {SCHEMA_VERSION})",
                hint="upgrade with 'pip install --upgrade callgraph_lab'",
            )
        yield database


def _read_run(database: sqlite3.Connection) -> RunInformation:
    (text,) = database.execute("SELECT information FROM run").fetchone()
    fields = json.loads(text)
    for name in ("argv", "notes"):
        fields[name] = tuple(fields[name])
    return RunInformation(**fields)


def _read(database: sqlite3.Connection) -> Recording:
    functions = [
        Function(
            module=module,
            qualname=qualname,
            file=file,
            line=line,
            class_name=class_name,
            ancestors=tuple(json.loads(ancestors)),
            pycallgraph2_name=pycallgraph2_name,
            stdlib=bool(stdlib),
            kind=kind,
        )
        for _, module, qualname, file, line, class_name, ancestors, pycallgraph2_name, stdlib, kind
        in database.execute("SELECT * FROM function ORDER BY id")
    ]
    tree = _read_tree(database, len(functions))
    return Recording(
        run=_read_run(database),
        functions=functions,
        tree=tree,
        threads=tuple(
            RecordedThread(pid=pid, name=name, root=root, threads=threads, alive=bool(alive))
            for pid, name, root, threads, alive in database.execute("SELECT * FROM thread")
        ),
        processes=tuple(
            RecordedProcess(
                pid=pid,
                parent_pid=parent_pid,
                argv=tuple(json.loads(argv)),
                stop_reason=stop_reason,
                running=bool(running),
            )
            for pid, parent_pid, argv, stop_reason, running
            in database.execute("SELECT * FROM process")
        ),
    )


def _read_tree(database: sqlite3.Connection, functions: int) -> CallTree:
    tree = CallTree()
    lengths = set()
    for column in TREE_COLUMNS:
        row = database.execute(
            "SELECT item_bytes, items, content FROM tree_column WHERE name = ?", (column.name,)
        ).fetchone()
        if row is None:
            raise ValueError(f"its column {column.name} is missing")
        item_bytes, items, content = row
        values: array[int] = array(column.typecode)
        size = item_bytes * items
        if item_bytes != values.itemsize or not 0 <= size <= _LARGEST_COLUMN_BYTES:
            raise ValueError(f"its column {column.name} has a wrong size")
        # Never more than was announced, whatever the compressed bytes would unfold into.
        data = zlib.decompressobj().decompress(content, size) if size else b""
        if len(data) != size:
            raise ValueError(f"its column {column.name} is cut off")
        values.frombytes(data)
        if sys.byteorder == "big":
            values.byteswap()
        setattr(tree, column.name, values)
        lengths.add(items)
    if len(lengths) != 1:
        raise ValueError("its columns differ in length")
    _check_tree(tree, functions)
    return tree


def _check_tree(tree: CallTree, functions: int) -> None:
    """Check what the graph relies on: callers before callees, in preorder, known functions."""
    parents = tree.parent
    if len(tree) and (max(tree.function) >= functions or min(parents) < NO_PARENT):
        raise ValueError("a context names what is not there")
    if len(tree) and parents[0] != NO_PARENT:
        raise ValueError("its first context is no root")
    for context, (previous_parent, parent) in enumerate(pairwise(parents), 1):
        if parent in (context - 1, previous_parent, NO_PARENT):
            continue
        ancestor = previous_parent
        while ancestor > parent:
            ancestor = parents[ancestor]
        if ancestor != parent:
            raise ValueError(f"context {context} is out of order")
