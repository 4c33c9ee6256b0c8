"""Defaults of options from a file: which file, which keys, which values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from callgraph_lab.cli.configuration import load_defaults
from callgraph_lab.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "outer" / "inner")
    return tmp_path / "outer"


def test_nothing_without_a_file(folder: Path) -> None:
    assert load_defaults("run") is None
    (folder / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert load_defaults("run") is None
    assert load_defaults(None) is None


def test_the_nearest_file_holds(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.cglab]\nmax-depth = 7\n")
    assert load_defaults("run") == {"run": {"max_depth": "7"}}
    # One without a table of ours is passed by.
    (folder / "inner" / "pyproject.toml").write_text("[tool.other]\n")
    assert load_defaults("run") == {"run": {"max_depth": "7"}}
    (folder / "inner" / "cglab.toml").write_text("max-depth = 8\n")
    assert load_defaults("run") == {"run": {"max_depth": "8"}}


def test_common_keys_and_those_of_one_command(folder: Path) -> None:
    (folder / "cglab.toml").write_text(
        'out = "lab"\nexclude = ["a", "b"]\ninclude = "c"\nstdlib = false\n'
        '[run]\nout = "other"\nno-render = true\nduration = 2.5\n'
    )
    common = {"exclude": ["a", "b"], "include": ["c"], "stdlib": False}
    own = {"folder": "other", "no_render": True, "duration_s": "2.5"}
    assert load_defaults("run") == {"run": {**common, **own}}
    assert load_defaults("list") == {"list": {"folder": "lab"}}
    assert load_defaults("completion") == {"completion": {}}
    # Commands of a group take part too.
    filters = (load_defaults("filters") or {})["filters"]
    assert filters["explain"] == {"folder": "lab", **common}


def test_a_common_format_is_that_of_pictures(folder: Path) -> None:
    (folder / "cglab.toml").write_text('format = ["svg", "json"]\n[list]\nformat = "json"\n')
    assert load_defaults("run") == {"run": {"formats": "svg,json"}}
    assert load_defaults("functions") == {"functions": {}}
    assert load_defaults("list") == {"list": {"output_format": "json"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max-dept = 3", "max-dept is no option of cglab; did you mean 'max-depth'?"),
        ("max_depth = 3", "max_depth is no option of cglab; did you mean 'max-depth'?"),
        ("[sweeep]\n", "[sweeep] is no command of cglab; did you mean 'sweep'?"),
        ("[list]\nmax-depth = 3", "list.max-depth is no option of cglab"),
        ("zzz = 1", "zzz is no option of cglab"),
        ("name = ['a']", "name takes one value, not a list"),
        ("max-depth = ", "cannot be read as TOML"),
        ("max-depth = " + "9" * 5000, "cannot be read as TOML"),
        ('out = "a\\u0000"', "holds a null character"),
    ],
)
def test_wrong_settings_name_file_and_key(text: str, message: str, folder: Path) -> None:
    path = folder / "cglab.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        load_defaults("run")
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))
    assert error.value.hint


def test_a_pyproject_of_another_shape_is_none_of_ours(folder: Path) -> None:
    for text in ("tool = 3\n", "[tool]\ncglab = 3\n"):
        (folder / "pyproject.toml").write_text(text)
        assert load_defaults("run") is None
