from __future__ import annotations

import dataclasses
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import zlib
from array import array
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import RUN, small_recording

from callgraph_lab.errors import OutputError, RecordingError
from callgraph_lab.model import RunInformation
from callgraph_lab.recording import store
from callgraph_lab.recording.schema import COLUMNS, RUN_TYPES, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "x.cglab"
    store.save(small_recording(), path)
    return path


def refusal(path: Path) -> str:
    """Return why ``load`` refuses a file, having seen that it says what to do next."""
    with pytest.raises(RecordingError) as caught:
        store.load(path)
    assert caught.value.hint
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_what_is_saved_is_loaded(saved: Path) -> None:
    assert store.load(saved) == small_recording()
    assert store.load_run(saved) == RUN


@pytest.mark.parametrize("name", ["a b#?%.cglab", "日本.cglab", "e\udce9.cglab", "-x.cglab"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    store.save(small_recording(), tmp_path / name)
    assert store.load(tmp_path / name) == small_recording()


def test_saving_replaces_and_leaves_nothing_else(saved: Path) -> None:
    store.save(small_recording(name="other"), saved)
    assert store.load_run(saved).name == "other"
    assert list(saved.parent.iterdir()) == [saved]


def test_the_schema_says_what_it_holds() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(SCHEMA)
        for table, columns in COLUMNS.items():
            found = database.execute(f"PRAGMA table_info({table})").fetchall()
            assert [row[1] for row in found] == list(columns)
    assert list(RUN_TYPES) == [field.name for field in dataclasses.fields(RunInformation)]


def test_missing(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "x.cglab")
    assert "cannot open" in refusal(tmp_path / ("x" * 300))


def test_directory(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path)


def test_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is not a file" in refusal(tmp_path / "pipe")


@pytest.mark.parametrize("content", [b"", b"hello\n", bytes(9_999), b"SQLite format 3\0", b"\x89"])
def test_not_a_recording(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.cglab"
    path.write_bytes(content)
    assert "is not a recording" in refusal(path)


def test_another_database(tmp_path: Path) -> None:
    path = tmp_path / "x.cglab"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE run (information)")
    assert "is not a recording of cglab" in refusal(path)


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA writable_schema = ON")
        yield database


@pytest.mark.parametrize(
    ("version", "told", "what_to_do"), [(999, "newer version", "upgrade"), (1, "older", "again")]
)
def test_another_version(saved: Path, version: int, told: str, what_to_do: str) -> None:
    with changing(saved) as database:
        database.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(RecordingError, match=told) as caught:
        store.load(saved)
    assert what_to_do in str(caught.value.hint)


ENDLESS_VIEW = """
DROP TABLE thread;
CREATE VIEW thread AS
    WITH RECURSIVE endless(pid, name, root, threads, alive)
    AS (SELECT 1, 'x', 0, 1, 1 UNION ALL SELECT * FROM endless) SELECT * FROM endless
"""
LARGE_COLUMN = """
DROP TABLE thread;
CREATE TABLE thread (
    pid INTEGER, name TEXT, root INTEGER, threads INTEGER, alive AS (zeroblob(900000000))
)
"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE function SET module = x'00ff' WHERE id = 1",
        "UPDATE function SET module = 'other' WHERE id = 1",
        "UPDATE function SET line = 'ten' WHERE id = 1",
        "UPDATE function SET line = 11 WHERE id = 1",
        "UPDATE function SET ancestors = '{}' WHERE id = 1",
        "UPDATE function SET ancestors = '[1]' WHERE id = 1",
        "UPDATE function SET ancestors = '[' WHERE id = 1",
        "UPDATE function SET kind = 'method' WHERE id = 1",
        "UPDATE function SET id = 7 WHERE id = 1",
        "UPDATE function SET class_name = 1.5 WHERE id = 1",
        "DELETE FROM function",
        "DELETE FROM function WHERE id = 2",
        "DELETE FROM thread",
        "DELETE FROM run",
        "INSERT INTO run SELECT * FROM run",
        "UPDATE run SET information = '[]'",
        "UPDATE run SET information = '{}'",
        "UPDATE run SET information = '1'",
        "UPDATE run SET information = x'ff'",
        "UPDATE run SET information = replace(information, '\"x.py\"', '5')",
        "UPDATE run SET information = replace(information, 'true', '\"true\"')",
        "UPDATE run SET information = replace(information, '2121', '2122')",
        f"UPDATE run SET information = '{'[' * 100_000}'",  # noqa: S608 - meant to do harm
        "UPDATE run SET checksum = checksum + 1",
        "UPDATE run SET checksum = 'x'",
        "UPDATE thread SET root = 1",
        "UPDATE thread SET root = 99",
        "UPDATE thread SET root = -1",
        "UPDATE thread SET threads = -1",
        "UPDATE process SET argv = 'null'",
        "UPDATE process SET pid = 'x'",
        "DELETE FROM tree_column WHERE name = 'calls'",
        "INSERT INTO tree_column SELECT * FROM tree_column WHERE name = 'calls'",
        "UPDATE tree_column SET name = 'call' WHERE name = 'calls'",
        "UPDATE tree_column SET items = items + 1 WHERE name = 'calls'",
        "UPDATE tree_column SET items = items - 1",
        "UPDATE tree_column SET items = -1",
        "UPDATE tree_column SET items = 9223372036854775807",
        "UPDATE tree_column SET item_bytes = 4",
        "UPDATE tree_column SET item_bytes = 0",
        "UPDATE tree_column SET content = x''",
        "UPDATE tree_column SET content = 'text'",
        "UPDATE tree_column SET content = substr(content, 1, length(content) - 1)",
        "UPDATE tree_column SET content = content || x'00'",
        "DROP TABLE process",
        "ALTER TABLE process ADD COLUMN more",
        "ALTER TABLE thread RENAME COLUMN name TO nome",
        "ALTER TABLE thread RENAME TO threads; CREATE VIEW thread AS SELECT * FROM threads",
        ENDLESS_VIEW,
        LARGE_COLUMN,
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE run (' WHERE name = 'run'",
        "UPDATE sqlite_schema SET rootpage = 99 WHERE name = 'run'",
        "UPDATE sqlite_schema SET rootpage = 1 WHERE name = 'function'",
    ],
)
def test_what_a_database_should_not_hold(saved: Path, statement: str) -> None:
    with changing(saved) as database:
        database.executescript(statement)
    assert "damaged" in refusal(saved)


def sealed(path: Path) -> None:
    """Make the checksum right again, as somebody would who means harm."""
    with changing(path) as database:
        tables = {
            table: database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - ours
            for table in COLUMNS
        }
        ((information, _),) = tables.pop("run")
        checksum = store._checksum(information, tables)
        database.execute("UPDATE run SET checksum = ?", (checksum,))


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("UPDATE function SET line = 'ten'", ()),
        ("UPDATE function SET kind = 'method'", ()),
        ("UPDATE function SET ancestors = '[1]'", ()),
        ("UPDATE thread SET root = 1", ()),
        ("UPDATE thread SET root = 99", ()),
        ("UPDATE process SET argv = '{}'", ()),
        ("UPDATE tree_column SET items = 3 WHERE name = 'calls'", ()),
        (
            "UPDATE tree_column SET content = ? WHERE name = 'function'",
            (zlib.compress(array("I", [0, 1, 2, 3]).tobytes()),),
        ),
        *(
            (
                "UPDATE tree_column SET content = ? WHERE name = 'parent'",
                (zlib.compress(array("i", parents).tobytes()),),
            )
            for parents in (
                [0, 0, 1, 1],
                [-1, 1, 1, 1],
                [-1, 2, 1, 1],
                [-1, 3, 0, 0],
                [-1, -2, 0, 0],
                [-1, 0, 0, 1],
                [-1, -1, 0, 0],
            )
        ),
    ],
)
def test_a_right_checksum_helps_nobody(
    saved: Path, statement: str, values: tuple[bytes, ...]
) -> None:
    with changing(saved) as database:
        database.execute(statement, values)
    sealed(saved)
    assert "checksum is wrong" not in refusal(saved)


@pytest.fixture(scope="session")
def bomb() -> bytes:
    """Return 64 kB that unfold into 64 MB."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(64)) + packer.flush()


@pytest.mark.parametrize("items", [4, 100_000, 2**23, 2**24, 2**40])
def test_a_bomb_does_not_go_off(saved: Path, bomb: bytes, items: int) -> None:
    content = bomb
    with changing(saved) as database:
        database.execute("UPDATE tree_column SET content = ?, items = ?", (content, items))
    sealed(saved)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak
    before = peak_kilobytes()
    assert "damaged" in refusal(saved)
    assert peak_kilobytes() - before < 16 * 1024


def peak_kilobytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def test_truncated_anywhere(saved: Path) -> None:
    content = saved.read_bytes()
    for size in {*range(0, len(content), 97), *range(200), len(content) - 1}:
        saved.write_bytes(content[:size])
        refusal(saved)


def test_flipped_bits_are_noticed_or_mean_nothing(saved: Path) -> None:
    """All bits of a file would take a minute; other ones are tried in every run."""
    content = bytearray(saved.read_bytes())
    chance = random.Random()  # noqa: S311 - no secret
    refused = 0
    with saved.open("r+b") as file:
        places = [place for place, byte in enumerate(content) if byte]
        for place in chance.sample(places, k=1_500):
            file.seek(place)
            file.write(bytes([content[place] ^ 1 << chance.randrange(8)]))
            file.flush()
            try:
                assert store.load(saved) == small_recording()
            except RecordingError as error:
                assert error.hint  # noqa: PT017 - most are refused, some change a comment
                refused += 1
            file.seek(place)
            file.write(content[place : place + 1])
            file.flush()
    assert store.load(saved) == small_recording()
    assert refused > 200


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file") as caught:
        store.save(small_recording(), tmp_path / "no" / "x.cglab")
    assert caught.value.hint


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Mount a file system of its own, as only root may."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607


def large_recording(contexts: int = 60_000) -> object:
    recording = small_recording()
    tree = recording.tree
    chance = random.Random(1)  # noqa: S311 - no secret
    for column in dataclasses.fields(tree):
        values = getattr(tree, column.name)
        values.extend(values[3:] * contexts)
    tree.calls[4:] = array("Q", (chance.getrandbits(60) for _ in range(contexts)))
    return recording


def test_full_disk(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=200k") as disk:
        path = disk / "x.cglab"
        store.save(small_recording(), path)
        with pytest.raises(OutputError, match=r"full|No space") as caught:
            store.save(large_recording(), path)  # type: ignore[arg-type]
        assert "make room" in str(caught.value.hint)
        assert store.load(path) == small_recording()
        assert list(disk.iterdir()) == [path]


def test_read_only_disk(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=200k") as disk:
        store.save(small_recording(), disk / "x.cglab")
        command = ["mount", "-o", "remount,ro", str(disk)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("remounting is not allowed here")
        assert store.load(disk / "x.cglab") == small_recording()
        with pytest.raises(OutputError, match="Read-only"):
            store.save(small_recording(), disk / "y.cglab")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        store.save(small_recording(), folder / "x.cglab")


def test_limit_on_file_sizes(tmp_path: Path) -> None:
    """A process of its own, since the limit is one of the process."""
    program = """
import resource, sys
from pathlib import Path
from unit.recording.test_store import large_recording
from callgraph_lab.errors import OutputError
from callgraph_lab.recording import store
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store.save(large_recording(), Path(sys.argv[1]))
except OutputError as error:
    print("refused:", error)
"""
    result = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "x.cglab"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.startswith("refused: cannot write")
    assert list(tmp_path.iterdir()) == []
