"""A finished recording as one SQLite file. This is the only module that opens SQLite."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sqlite3
import stat
import zlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from callgraph_lab import cost
from callgraph_lab.ending_model import ENDINGS
from callgraph_lab.errors import OutputError, RecordingError, not_yours
from callgraph_lab.model import (
    FUNCTION_KINDS,
    NO_PARENT,
    Function,
    RecordedProcess,
    RecordedThread,
    Recording,
    RunInformation,
)
from callgraph_lab.recording.action_rows import ACTION_TABLES, actions_of_rows, rows_of_actions
from callgraph_lab.recording.guarded_file import check_not_hollow, open_guarded, opened_folder
from callgraph_lab.recording.heap_files import heap_of_rows, rows_of_heap
from callgraph_lab.recording.line_rows import lines_of_rows, rows_of_lines
from callgraph_lab.recording.marks import pack_mark, unpack_marks
from callgraph_lab.recording.open_folder import create_new, give_to_owner
from callgraph_lab.recording.plausible import check_recording, check_run
from callgraph_lab.recording.resource_file import pack_resources, unpack_resources
from callgraph_lab.recording.schema import (
    APPLICATION_ID,
    COLUMNS,
    MAY_BE_NEGATIVE,
    RUN_TYPES,
    SCHEMA,
    SCHEMA_VERSION,
)
from callgraph_lab.recording.tree_columns import pack_tree, unpack_tree
from callgraph_lab.source_model import RecordedSources

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from callgraph_lab.ending_model import Ending

_Row = tuple[Any, ...]
_ROWS_AT_ONCE = 1_000
# What a row takes beside its values: its place in the page, its size, its number, its head.
_LEAST_ROW_BYTES = 5
_HINT = "'cglab list' shows the recordings there are"


def save(recording: Recording, path: Path, made_of: Path | None = None) -> None:
    """Write a recording to ``path``, whole or not at all. Raise ``OutputError`` if that fails.

    Where root writes it, it belongs to the owner of the live folder that it was ``made_of``, or
    else to that of the folder it is in.
    """
    try:
        with opened_folder(path.parent) as folder:
            owners = os.fstat(folder)
            if made_of is not None and made_of.stat().st_uid != os.geteuid():
                owners = made_of.stat()
            _save_in(folder, owners, recording, path)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"cannot write the recording {path}: {reason}",
            hint="make room or choose another folder with --out; what was recorded is still there",
        ) from error


def _save_in(folder: int, owners: os.stat_result, recording: Recording, path: Path) -> None:
    temporary = f".{path.name}.{os.getpid()}.tmp"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)
    descriptor = create_new(temporary, folder)
    try:
        try:
            # SQLite opens files by their path. Who else can write to the folder could have put a
            # link there by then, so what is written there is made in memory.
            is_ours = _is_only_ours(os.fstat(folder))
            name = str(path.with_name(temporary)) if is_ours else ":memory:"
            with contextlib.closing(sqlite3.connect(name, isolation_level=None)) as database:
                _write(database, recording)
                if not is_ours:
                    with open(descriptor, "wb", closefd=False) as file:
                        file.write(database.serialize())
            give_to_owner(descriptor, owners)
            # Once it has its name, the live files it was made of are removed.
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _is_only_ours(folder: os.stat_result) -> bool:
    others_can_write = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return folder.st_uid == os.geteuid() and not others_can_write


def _write(database: sqlite3.Connection, recording: Recording) -> None:
    # The file is renamed into place when complete: a journal would guard nothing.
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    database.executescript(SCHEMA)
    database.execute("BEGIN")
    information = json.dumps(asdict(recording.run))
    tables = _rows_of(recording)
    tables["run"] = [(information, _checksum(information, tables))]
    for table, rows in tables.items():
        # As bytes, since a name may hold surrogates, which the module would refuse to encode.
        values = ", ".join(
            "CAST(? AS TEXT)" if kind is str or (isinstance(kind, tuple) and str in kind) else "?"
            for kind in COLUMNS[table].values()
        )
        database.executemany(
            f"INSERT INTO {table} VALUES ({values})",  # noqa: S608 - both are ours
            (tuple(map(_encoded, row)) for row in rows),
        )
    database.execute("COMMIT")


def _rows_of(recording: Recording) -> dict[str, list[_Row]]:
    return {
        "process": [
            (
                item.pid,
                item.parent_pid,
                json.dumps(item.argv),
                item.stop_reason,
                item.ending,
                item.processes,
                item.peak_bytes,
            )
            for item in recording.processes
        ],
        "function": [
            (
                number,
                item.module,
                item.qualname,
                item.file,
                item.line,
                item.class_name,
                json.dumps(item.ancestors),
                item.pycallgraph2_name,
                int(item.stdlib),
                item.kind,
            )
            for number, item in enumerate(recording.functions)
        ],
        "thread": [
            (item.pid, item.name, item.root, item.threads, int(item.alive), item.ending)
            for item in recording.threads
        ],
        **rows_of_actions(recording),
        "tree_column": list(pack_tree(recording.tree)),
        "resource_column": pack_resources(recording.resources),
        **rows_of_heap(recording.heap),
        "line": rows_of_lines(recording.lines),
        "source": list(recording.sources.digests),
        "maker": [(recording.sources.seal,)],
        "mark": [(mark.name, mark.moment_ns) for mark in recording.marks],
        "mark_column": [row for mark in recording.marks for row in pack_mark(mark)],
    }


def _encoded(value: object) -> object:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", "surrogatepass")


def _checksum(information: str, tables: dict[str, list[_Row]]) -> int:
    """Return a CRC-32: SQLite itself would not notice a flipped bit in a name or a number."""
    columns = [
        row for table in ("tree_column", "mark_column", "resource_column") for row in tables[table]
    ]
    # JSON is the same text on every version of Python, which repr() is not.
    checksum = zlib.crc32(json.dumps(information).encode())
    for part in (
        tables["process"],
        tables["function"],
        tables["thread"],
        *(tables[name] for name in ACTION_TABLES),
        tables["heap_snapshot"],
        tables["heap_type"],
        tables["line"],
        tables["mark"],
        tables["source"],
        tables["maker"],
        [row[:-1] for row in columns],
    ):
        for text in _json_of(part):
            checksum = zlib.crc32(text.encode(), checksum)
    for row in columns:
        checksum = zlib.crc32(row[-1], checksum)
    return checksum


def _json_of(rows: Sequence[_Row]) -> Iterator[str]:
    """Yield the JSON of rows piece by piece: all of it would take as much memory as they do."""
    yield "["
    for at in range(0, len(rows), _ROWS_AT_ONCE):
        yield (", " if at else "") + json.dumps(rows[at : at + _ROWS_AT_ONCE])[1:-1]
    yield "]"


def load(path: Path) -> Recording:
    """Read a recording. Raise ``RecordingError`` if it is none, is damaged, or is too new."""
    with _opened(path) as reader:
        return reader.read()


def load_guarded(path: Path) -> Recording:
    """Read a recording that lies in a live folder, as ``load`` does, but follow no link."""
    try:
        with open_guarded(path) as file:
            check_not_hollow(file, os.fstat(file.fileno()).st_size)
            data = file.read()
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}", hint=_HINT) from error
    with _problems_named(path), contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(data)
        _check_kind(database, path)
        return _Reader(database, len(data)).read()


def load_run(path: Path) -> RunInformation:
    """Read only what was run, which is quick however large the recording is."""
    with _opened(path) as reader:
        return _run_information(reader.rows("run"))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Reader]:
    """Open a recording; whatever then turns out to be wrong with it is a ``RecordingError``."""
    try:
        is_file, exists = path.is_file(), path.exists()
        size = path.stat().st_size if is_file else 0
    except (OSError, ValueError) as error:
        raise RecordingError(f"cannot open {path}: {error}", hint=_HINT) from error
    if not is_file:
        problem = "is not a file" if exists else "does not exist"
        if path.is_dir():
            problem = "is a directory, not a recording"
        raise RecordingError(f"{path} {problem}", hint=_HINT)
    if not os.access(path, os.R_OK):
        raise not_yours(path)
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    with (
        _problems_named(path),
        contextlib.closing(sqlite3.connect(uri, uri=True)) as database,
    ):
        _check_kind(database, path)
        yield _Reader(database, size)


@contextlib.contextmanager
def _problems_named(path: Path) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise cost.too_large() from error
    except (
        sqlite3.Error,
        zlib.error,
        ValueError,
        TypeError,
        LookupError,
        OverflowError,
        RecursionError,
        OSError,
    ) as error:
        raise RecordingError(
            f"{path} is a damaged recording: {error or type(error).__name__}", hint=_HINT
        ) from error


def _check_kind(database: sqlite3.Connection, path: Path) -> None:
    try:
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise RecordingError(
            f"{path} is not a recording, or is truncated ({error})", hint=_HINT
        ) from error
    if application != APPLICATION_ID:
        raise RecordingError(f"{path} is not a recording of cglab", hint=_HINT)
    if version > SCHEMA_VERSION:
        raise RecordingError(
            f"{path} was made by a newer version of cglab"
            f" (its schema is {version}, this one reads up to {SCHEMA_VERSION})",
            hint="upgrade with 'pip install --upgrade callgraph_lab'",
        )
    if version < SCHEMA_VERSION:
        raise RecordingError(
            f"{path} was made by an older version of cglab (its schema is {version},"
            f" this one reads {SCHEMA_VERSION})",
            hint="record again, or read it with the version that made it",
        )


def _check_schema(database: sqlite3.Connection) -> None:
    """Raise ``ValueError`` where anything is in a file beside our tables, or in place of one."""
    expected = _schema()
    found = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid")
    if found.fetchmany(len(expected) + 1) != expected:
        raise ValueError("its tables are not as they should be")


@functools.cache
def _schema() -> list[_Row]:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.executescript(SCHEMA)
        return database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()


class _Reader:
    """Reads the tables of a file that nobody vouches for."""

    def __init__(self, database: sqlite3.Connection, size: int) -> None:
        self._database = database
        # Rows cannot hold more than the file does. A file made to lead SQLite in circles, or one
        # with a view in place of a table, would otherwise have rows without end.
        self._bytes_left = size
        database.text_factory = _decoded
        database.execute("PRAGMA query_only = ON")
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA cell_size_check = ON")
        # A value whose pages lie in a circle would be as long as SQLite allows.
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(size, len(SCHEMA)))
        _check_schema(database)

    def rows(self, table: str) -> list[_Row]:
        """Return the rows of a table. Raise ``ValueError`` where it is not what it should be."""
        columns = COLUMNS[table]
        types = tuple(columns.values())
        counts = [place for place, name in enumerate(columns) if name not in MAY_BE_NEGATIVE]
        least_bytes = _LEAST_ROW_BYTES + len(types)
        rows = []
        query = f"SELECT * FROM {table} ORDER BY rowid"  # noqa: S608 - it is one of ours
        for row in self._database.execute(query):
            self._bytes_left -= least_bytes
            self._bytes_left -= sum(len(item) for item in row if isinstance(item, (str, bytes)))
            if self._bytes_left < 0:
                raise ValueError(f"its table {table} holds more than the file")
            if not all(map(isinstance, row, types)):
                raise ValueError(f"its table {table} holds a value of a wrong type")
            if any(isinstance(row[place], int) and row[place] < 0 for place in counts):
                raise ValueError(f"its table {table} counts less than nothing")
            rows.append(row)
        return rows

    def read(self) -> Recording:
        """Return the recording. Raise one of many exceptions where it is damaged."""
        tables = {name: self.rows(name) for name in COLUMNS}
        run = _run_information(tables["run"])
        ((information, checksum),) = tables["run"]
        if _checksum(information, tables) != checksum:
            raise ValueError("its checksum is wrong")
        functions = [_function(number, row) for number, row in enumerate(tables["function"])]
        tree = unpack_tree(tables["tree_column"], len(functions))
        threads = [
            RecordedThread(pid, name, root, threads, bool(alive), _ending(ending))
            for pid, name, root, threads, alive, ending in tables["thread"]
        ]
        for thread in threads:
            if thread.root < 0 or tree.parent[thread.root] != NO_PARENT:
                raise ValueError("a thread does not begin at a root")
        recorded_processes = [
            RecordedProcess(
                pid=pid,
                parent_pid=parent_pid,
                argv=_strings(json.loads(argv)),
                stop_reason=stop_reason,
                ending=_ending(ending),
                processes=processes,
                peak_bytes=peak_bytes,
            )
            for pid, parent_pid, argv, stop_reason, ending, processes, peak_bytes in tables[
                "process"
            ]
        ]
        actions = actions_of_rows(tables, contexts=len(tree))
        if max(tree.label, default=0) >= len(actions["labels"]):
            raise ValueError("a context names a label that is not there")
        marks = unpack_marks(tables["mark"], tables["mark_column"], len(tree))
        ((seal,),) = tables["maker"]
        resources = unpack_resources(tables["resource_column"])
        recording = Recording(
            run,
            functions,
            tree,
            tuple(threads),
            tuple(recorded_processes),
            marks=marks,
            resources=resources,
            heap=heap_of_rows(tables["heap_snapshot"], tables["heap_type"]),
            lines=lines_of_rows(tables["line"], len(functions)),
            sources=RecordedSources(tuple(tables["source"]), seal),
            **actions,
        )
        check_recording(recording)
        return recording


def _run_information(rows: Sequence[_Row]) -> RunInformation:
    ((text, _),) = rows
    fields = json.loads(text)
    if (
        not isinstance(fields, dict)
        or fields.keys() != RUN_TYPES.keys()
        or not all(isinstance(fields[name], kind) for name, kind in RUN_TYPES.items())
    ):
        raise ValueError("what was run cannot be read")
    fields.update({name: _strings(fields[name]) for name in ("argv", "notes")})
    run = RunInformation(**fields)
    check_run(run)
    return run


def _ending(text: str) -> Ending:
    for ending in ENDINGS:
        if text == ending:
            return ending
    raise ValueError("a process ended in no way that is known")


def _function(number: int, row: _Row) -> Function:
    identifier, module, qualname, file, line, class_name, ancestors, *rest = row
    pycallgraph2_name, stdlib, kind = rest
    if identifier != number or kind not in FUNCTION_KINDS:
        raise ValueError(f"its function {number} is damaged")
    return Function(
        module=module,
        qualname=qualname,
        file=file,
        line=line,
        class_name=class_name,
        ancestors=_strings(json.loads(ancestors)),
        pycallgraph2_name=pycallgraph2_name,
        stdlib=bool(stdlib),
        kind=kind,
    )


def _strings(items: object) -> tuple[str, ...]:
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError("a list of names is damaged")
    return tuple(items)
