"""Recordings with rows, values, tables or bytes changed by hand, and a right checksum."""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from itertools import groupby
from typing import TYPE_CHECKING, Any

from support_crafted import NUMBERS, TEXTS, changed_json, changed_number, flipped, number

from callgraph_lab.recording import schema, store

if TYPE_CHECKING:
    import random
    from pathlib import Path

Tables = dict[str, list[tuple[Any, ...]]]
_WITH_JSON = {"information", "argv", "ancestors", "phases", "fields", "description"}
_WRONG = (None, 1.5, float("nan"), float("inf"), -0.0, b"", b"\x00", b"\xff\xfe", "x", 1)
_OTHER_TABLES = (
    "DROP TABLE {0}",
    "ALTER TABLE {0} RENAME TO other",
    "ALTER TABLE {0} ADD COLUMN more",
    "ALTER TABLE {0} ADD COLUMN more AS (zeroblob(1000000000)) VIRTUAL",
    "ALTER TABLE {0} RENAME TO other; CREATE VIEW {0} AS SELECT * FROM other",
    "CREATE TABLE other AS SELECT * FROM {0}; DROP TABLE {0}; ALTER TABLE other RENAME TO {0}",
    "CREATE TRIGGER t INSERT ON {0} BEGIN DELETE FROM {0}; END",
    "CREATE INDEX i ON {0} (rowid)",
    "INSERT INTO {0} SELECT * FROM {0}",
    "DELETE FROM {0}",
    "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 2 WHERE name = '{0}'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'x' WHERE name = '{0}'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_master SET type = 'view' WHERE name = '{0}'",
    "PRAGMA user_version = 0",
    "PRAGMA user_version = 999",
    "PRAGMA application_id = 1",
    "PRAGMA encoding = 'UTF-16'",
)


def tables_of(path: Path) -> Tables:
    """Return all rows of a recording."""
    with store._opened(path) as reader:
        return {name: reader.rows(name) for name in schema.COLUMNS}


def write_changed(path: Path, tables: Tables, chance: random.Random) -> str:
    """Write a recording that is changed somewhere, with a right checksum; say what was done."""
    kind = chance.random()
    done = []
    changed = {name: list(rows) for name, rows in tables.items()}
    if kind < 0.75:
        done = [_change(changed, chance) for _ in range(chance.choice((1, 1, 1, 1, 2, 4)))]
    with contextlib.closing(_database(_EMPTY[chance.random() < 0.5])) as database:
        database.execute("BEGIN")
        for table, rows in changed.items():
            _insert(database, table, rows)
        database.execute("COMMIT")
        if 0.75 <= kind < 0.85:
            table = chance.choice([*schema.COLUMNS])
            done = [chance.choice(_OTHER_TABLES).format(table)]
            with contextlib.suppress(sqlite3.Error):
                database.executescript(done[0])
        _make_checksum_right(database)
        content = database.serialize()
    if kind >= 0.85:
        done, content = ["bytes"], flipped(content, chance)
        with (
            contextlib.suppress(sqlite3.Error, MemoryError),
            contextlib.closing(_database(content)) as database,
        ):
            _make_checksum_right(database)
            content = database.serialize()
    path.write_bytes(content)
    return "; ".join(done)


def _database(content: bytes) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.deserialize(content)
    database.text_factory = store._decoded
    return database


def _empty(*, plain: bool) -> bytes:
    """Return a recording without rows; ``plain`` columns take values of every type."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
        if plain:
            for table, columns in schema.COLUMNS.items():
                database.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
        else:
            database.executescript(schema.SCHEMA)
        return database.serialize()


_EMPTY = (_empty(plain=False), _empty(plain=True))


def _change(tables: Tables, chance: random.Random) -> str:
    table = chance.choice([name for name, rows in tables.items() if rows])
    rows, kind = tables[table], chance.random()
    at = chance.randrange(len(rows))
    if kind < 0.06:
        del rows[at]
        return f"{table}[{at}] deleted"
    if kind < 0.12:
        rows.insert(chance.randrange(len(rows) + 1), rows[at])
        return f"{table}[{at}] twice"
    if kind < 0.14:
        chance.shuffle(rows)
        return f"{table} shuffled"
    if kind < 0.15:
        rows.clear()
        return f"{table} empty"
    row = list(rows[at])
    column = chance.randrange(len(row))
    row[column] = _changed_value(table, row, column, rows, chance)
    rows[at] = tuple(row)
    name = [*schema.COLUMNS[table]][column]
    return f"{table}[{at}].{name} = {str(row[column])[:60]!r}"


def _changed_value(
    table: str, row: list[Any], column: int, rows: list[tuple[Any, ...]], chance: random.Random
) -> object:
    value, kind = row[column], chance.random()
    if kind < 0.05:
        changed: object = chance.choice(_WRONG)
    elif kind < 0.15:
        changed = chance.choice(rows)[column]
    elif [*schema.COLUMNS[table]][column] in _WITH_JSON and kind < 0.95:
        changed = changed_json(value, chance)
    elif isinstance(value, bytes) and len(row) == 4:
        changed = _changed_column(value, row[1], chance)
    elif isinstance(value, int) and kind < 0.95:
        changed = max(min(number(chance, value), 2**63 - 1), -(2**63))
    elif value is None and kind < 0.6:
        changed = chance.choice(NUMBERS)
    else:
        changed = chance.choice(TEXTS)
    return changed


def _changed_column(value: bytes, item_bytes: int, chance: random.Random) -> bytes:
    """Return a packed column with some of its numbers changed."""
    width = item_bytes if item_bytes in (1, 2, 4, 8) else 8
    try:
        data = bytearray(zlib.decompress(value))
    except zlib.error:  # changed before
        return flipped(value, chance)
    if not data or chance.random() < 0.1:
        return chance.choice((flipped(value, chance), zlib.compress(flipped(bytes(data), chance))))
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(data) // width) * width
        old = int.from_bytes(data[at : at + width], "little")
        new = changed_number(old, (1 << 8 * width) - 1, chance)
        data[at : at + width] = new.to_bytes(width, "little")
    return zlib.compress(bytes(data), 1)


def _insert(database: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Insert rows in their order; those that the table does not take are left out."""
    for is_text, alike in groupby(rows, key=lambda row: [isinstance(item, str) for item in row]):
        values = ", ".join("CAST(? AS TEXT)" if text else "?" for text in is_text)
        query = f"INSERT OR IGNORE INTO {table} VALUES ({values})"  # noqa: S608 - both are ours
        with contextlib.suppress(sqlite3.Error):
            database.executemany(query, (tuple(map(store._encoded, row)) for row in alike))


def _make_checksum_right(database: sqlite3.Connection) -> None:
    """Make the checksum right where the rows can be read at all."""
    # Not to be led on by what is made to lead others on.
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1 << 20)
    with contextlib.suppress(sqlite3.Error, ValueError, TypeError, LookupError, MemoryError):
        read = {
            name: database.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchmany(100_000)  # noqa: S608
            for name in schema.COLUMNS
        }
        checksum = store._checksum(read["run"][0][0], read)
        database.execute("UPDATE run SET checksum = ?", (checksum,))
