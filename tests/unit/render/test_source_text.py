from __future__ import annotations

import hashlib
from pathlib import Path

from callgraph_lab.model import Function
from callgraph_lab.recording.source_files import SourceFiles
from callgraph_lab.render.source_text import source_of

LATER = "2999-01-01T00:00:00+00:00"
TEXT = """\
import os

@decorated
def f(a):

    return [
        a
    ]
# behind it

g = (lambda:
    1)
"""


def files_of(path: Path | str, started: str = LATER) -> SourceFiles:
    try:
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except (OSError, ValueError):
        digest = ""
    return SourceFiles({str(path): digest}, started)


def lines(path: Path, qualname: str, line: int, last_line: int) -> list[int]:
    found = source_of(Function("m", qualname, str(path), line), last_line, files_of(path))
    assert found.problem == ""
    return list(found.lines)


def test_a_function_with_its_decorators_up_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text(TEXT, encoding="utf-8")
    assert lines(path, "C.f", 3, 6) == [3, 4, 5, 6, 7, 8]
    assert lines(path, "<module>", 1, 3) == list(range(1, 13))
    assert lines(path, "<lambda>", 11, 12) == [11, 12]
    # What ran belongs to it, whatever the file says by now.
    assert lines(path, "f", 3, 10)[-1] == 10


def test_tabs_and_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_bytes("# coding: latin-1\ndef f():\n\treturn 'ä'\r\n".encode("latin-1"))
    found = source_of(Function("m", "f", str(path), 2), 3, files_of(path))
    assert found.lines == {2: "def f():", 3: "        return 'ä'"}


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for file, reason in (
        ("<string>", "<string> is no file that can be read"),
        ("", "its code is no file that can be read"),
        (str(tmp_path), "cannot be read: it is no file of source code"),
        (str(tmp_path / "gone.py"), "cannot be read: No such file or directory"),
        ("/a\0b.py", "cannot be read"),
    ):
        found = source_of(Function("m", "f", file, 1), 1, files_of(file))
        assert found.lines == {}
        assert reason in found.problem


def test_a_file_that_is_younger_than_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("def f():\n    pass\n", encoding="utf-8")
    for started in ("2001-01-01T00:00:00+00:00",):
        found = source_of(Function("m", "f", str(path), 1), 1, files_of(path, started))
        assert "has changed since it was recorded" in found.problem
        assert list(found.lines) == [1, 2]
