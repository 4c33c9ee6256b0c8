"""What a user wants to run, checked before anything is started."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from callgraph_lab.errors import TargetError
from callgraph_lab.launch.interpreter import find_interpreter, this_interpreter
from callgraph_lab.launch.target import Target, check_module, check_script

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_command_line() -> None:
    assert Target("x.py", ("-a", "b")).command("python") == ["python", "x.py", "-a", "b"]
    assert Target("-x.py").command("python") == ["python", "--", "-x.py"]
    module = Target("mod", ("-a",), is_module=True)
    assert module.command("python") == ["python", "-m", "mod", "-a"]
    assert (str(Target("x.py")), str(module)) == ("x.py", "-m mod")


@pytest.mark.parametrize(
    ("there", "asked", "hint"),
    [
        ("examples/ftpServer.py", "ftpServer.py", "did you mean examples/ftpServer.py?"),
        ("examples/ftpServer.py", "ftpServer", "did you mean examples/ftpServer.py?"),
        ("ftpServer.py", "ftpserver.py", "did you mean ftpServer.py?"),
        ("ftpServer.py", "ftpSevrer.py", "did you mean ftpServer.py?"),
        ("lab/server.py", "lab/serwer.py", "did you mean lab/server.py?"),
        ("unrelated.py", "ftpServer.py", "give the path of a Python file, or use -m MODULE"),
    ],
)
def test_near_script(there: str, asked: str, hint: str, folder: Path) -> None:
    (folder / there).parent.mkdir(exist_ok=True)
    (folder / there).touch()
    with pytest.raises(TargetError, match=f"there is no script {asked}") as error:
        check_script(asked)
    assert error.value.hint == hint
    check_script(there)


def test_directories(folder: Path) -> None:
    (folder / "lab").mkdir()
    with pytest.raises(TargetError, match="lab is a directory") as error:
        check_script("lab")
    assert error.value.hint == "name a script in it: lab/SCRIPT.py"
    (folder / "lab" / "__main__.py").touch()
    check_script("lab")


def test_modules(folder: Path) -> None:
    (folder / "package" / "inner").mkdir(parents=True)
    (folder / "package" / "__init__.py").write_text("open('ran', 'w').close()\n")
    (folder / "package" / "tool.py").touch()
    (folder / "package" / "inner" / "__main__.py").touch()
    for name in ("package.tool", "package.inner", "package.inner.__main__", "json.tool", "timeit"):
        check_module(name, sys.executable)
    # Looking for it must not run a part of it.
    assert not (folder / "ran").exists()
    for name, missing in (
        ("nowhere", "no module 'nowhere'"),
        ("nowhere.inner", "no module 'nowhere'"),
        ("package.nothing", "no module 'package.nothing'"),
        ("package.tool.deeper", "no module 'package.tool.deeper'"),
        ("package", "the package package cannot be run"),
    ):
        with pytest.raises(TargetError, match=missing) as error:
            check_module(name, sys.executable)
        assert error.value.hint


def test_package_that_finds_its_modules_elsewhere(folder: Path) -> None:
    """As namespace tricks of old do: only importing it tells, and that is tried last."""
    (folder / "package").mkdir()
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "tool.py").touch()
    (folder / "package" / "__init__.py").write_text("__path__.append('elsewhere')\n")
    check_module("package.tool", sys.executable)


def test_interpreters() -> None:
    assert find_interpreter(None) == this_interpreter()
    assert find_interpreter(sys.executable) == this_interpreter()
    for program in ("no/such/python", "/bin/false", "/bin/echo", "."):
        with pytest.raises(TargetError, match="is not a Python interpreter") as error:
            find_interpreter(program)
        assert error.value.hint
