"""Reading filters from files: what is refused, and with which words."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from unit.filtering.builders import DUMPS, GET, MAIN

from callgraph_lab.errors import FilterError
from callgraph_lab.filtering import KEYS, Filter, build_filter_set, load_filter
from callgraph_lab.filtering.definition import line_of_key
from callgraph_lab.filtering.presets import load_with_parents

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, name: str, text: str) -> str:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusal(name_or_file: str) -> FilterError:
    with pytest.raises(FilterError) as caught:
        build_filter_set([name_or_file])
    return caught.value


def test_file_of_the_user(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "mine",
        """
        name = "my own"
        description = "What I want to see."
        include = ["json", "__main__"]
        exclude = ["json.loads"]
        extends = ["no-stdlib"]
        target = true
        import_code = false
        """,
    )
    assert load_filter(path) == Filter(
        name="my own",
        description="What I want to see.",
        include=("json", "__main__"),
        exclude=("json.loads",),
        extends=("no-stdlib",),
        target=True,
        import_code=False,
        source=path,
    )
    filter_set = build_filter_set([path])
    assert filter_set.names == ("my own",)
    assert filter_set.decide(DUMPS).rule == "include json (filter my own)"


def test_empty_file_is_a_filter_named_after_it(tmp_path: Path) -> None:
    path = write(tmp_path, "empty", "")
    assert load_filter(path) == Filter(name="empty", source=path)
    assert build_filter_set([path]).decide(DUMPS).visible


def test_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "mine", "exclude = ['json']")
    monkeypatch.chdir(tmp_path)
    assert build_filter_set(["mine.toml"]).names == ("mine",)
    assert build_filter_set(["./mine.toml"]).names == ("mine",)


def test_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "mine", "exclude = ['json']")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_filter("~/mine.toml").name == "mine"
    assert "no such filter file" in str(refusal("~nobody-of-that-name/mine.toml"))


def test_carriage_returns_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbfdescription = 'x'\r\nexclude = ['json']\r\n")
    assert load_filter(str(path)).exclude == ("json",)


# --- extends -------------------------------------------------------------------------------------


def test_extends_files_beside_it_and_names(tmp_path: Path) -> None:
    write(tmp_path, "base", "exclude = ['json']\nstdlib = false")
    path = write(tmp_path, "child", "extends = ['base.toml', 'no-tests']\nexclude = ['requests']")
    filter_set = build_filter_set([path])
    assert filter_set.names == ("child",)
    assert filter_set.decide(DUMPS).rule == "exclude json (filter base)"
    assert filter_set.decide(GET).rule == "exclude requests (filter child)"
    assert [one.name for one in load_with_parents(path)] == ["base", "no-tests", "child"]


@pytest.mark.parametrize(
    ("own", "parents", "hidden"),
    [
        ("", ["stdlib = false"], True),
        ("", ["stdlib = true"], False),
        ("", [""], False),
        ("", ["stdlib = true", "stdlib = false"], True),
        ("stdlib = true", ["stdlib = false"], False),
        ("stdlib = false", ["stdlib = true"], True),
    ],
)
def test_switch_is_taken_over_unless_set(
    tmp_path: Path,
    own: str,
    parents: list[str],
    hidden: bool,  # noqa: FBT001 - a table
) -> None:
    names = [f"parent{number}.toml" for number in range(len(parents))]
    for name, text in zip(names, parents, strict=True):
        write(tmp_path, name.removesuffix(".toml"), text)
    write(tmp_path, "middle", f"extends = {names}\n{own}")
    path = write(tmp_path, "child", "extends = ['middle.toml']")
    assert build_filter_set([path]).decide(DUMPS).visible is not hidden


def test_target_is_taken_over(tmp_path: Path) -> None:
    path = write(tmp_path, "child", "extends = ['target-only']\ninclude = ['json']")
    filter_set = build_filter_set([path])
    assert [filter_set.decide(f).visible for f in (MAIN, DUMPS, GET)] == [True, True, False]
    assert filter_set.decide(MAIN).rule == "target (filter target-only)"


def test_the_same_parent_twice_counts_once(tmp_path: Path) -> None:
    write(tmp_path, "base", "exclude = ['json']")
    write(tmp_path, "one", "extends = ['base.toml']")
    write(tmp_path, "two", "extends = ['./base.toml']")
    path = write(tmp_path, "child", "extends = ['one.toml', 'two.toml']")
    assert [one.name for one in load_with_parents(path)] == ["base", "one", "two", "child"]


def test_circle(tmp_path: Path) -> None:
    write(tmp_path, "a", "# first\nextends = [\n  'b.toml',\n]")
    write(tmp_path, "b", "extends = ['c.toml']")
    write(tmp_path, "c", "description = 'x'\nextends = ['a.toml']")
    message = str(refusal(str(tmp_path / "a.toml")))
    assert message.startswith(f"{tmp_path}/c.toml:2: 'extends'")
    assert message.endswith("filters extend each other in a circle: a -> b -> c -> a")


def test_filter_that_extends_itself(tmp_path: Path) -> None:
    path = write(tmp_path, "selfish", "extends = ['selfish.toml']")
    assert str(refusal(path)).endswith("in a circle: selfish -> selfish")


def test_unknown_parent(tmp_path: Path) -> None:
    path = write(tmp_path, "child", 'extends = [\n  "no-tests",\n  "no-logings",\n]')
    error = refusal(path)
    assert str(error) == (
        f"{path}:3: 'extends': no such filter 'no-logings'; did you mean 'no-logging'?"
    )
    assert error.hint
    assert "filters list" in error.hint


def test_missing_parent_file(tmp_path: Path) -> None:
    path = write(tmp_path, "child", "extends = ['gone.toml']")
    assert str(refusal(path)).startswith(f"{path}:1: 'extends': no such filter file")


@pytest.mark.parametrize("name", ["auto", "none"])
def test_reserved_name_is_no_parent(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, "child", f"extends = ['{name}']")
    assert str(refusal(path)) == f"{path}:1: 'extends': '{name}' cannot be extended"


def test_error_in_a_parent_names_the_parent(tmp_path: Path) -> None:
    parent = write(tmp_path, "base", "exlude = []")
    path = write(tmp_path, "child", "extends = ['base.toml']")
    assert str(refusal(path)).startswith(f"{parent}:1: unknown key 'exlude'")


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("ftp-sever", "ftp-server"),
        ("FTP-Server", "ftp-server"),
        ("no_stdlib", "no-stdlib"),
        ("non", "none"),
        ("atuo", "auto"),
    ],
)
def test_nearest_name_is_suggested(wrong: str, right: str) -> None:
    error = refusal(wrong)
    assert str(error) == f"no such filter {wrong!r}; did you mean {right!r}?"
    assert error.hint
    assert "cglab filters list" in error.hint
    assert error.exit_status == 2


@pytest.mark.parametrize("wrong", ["", "qqqqqqqq", "a\nb", "\0", "x" * 5000])
def test_name_that_is_near_nothing(wrong: str) -> None:
    assert str(refusal(wrong)) == f"no such filter {wrong!r}"


def test_preset_s_file_name_in_the_wrong_place(tmp_path: Path) -> None:
    path = tmp_path / "ftp-server.toml"
    assert str(refusal(str(path))) == (f"no such filter file '{path}'; did you mean 'ftp-server'?")


# --- broken files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("# a\n\nexlude = []", 3, "unknown key 'exlude'; did you mean 'exclude'?"),
        ("[Include]\n", 1, "unknown key 'Include'; did you mean 'include'?"),
        ("name='x'\n[[sensors]]\n", 2, "unknown key 'sensors'"),
        ("\n'qqq' = 1", 2, "unknown key 'qqq'"),
        ("a.b = 1", 1, "unknown key 'a'"),
        ("exclude = 'x'", 1, "'exclude' must be a list of globs"),
        ("\ninclude = [1]", 2, "'include' must be a list of globs"),
        ("include = ['']", 1, "'include' must be a list of globs"),
        ("extends = 'no-tests'", 1, "'extends' must be a list of filters"),
        ("extends = [['x']]", 1, "'extends' must be a list of filters"),
        ("stdlib = 'no'", 1, "'stdlib' must be true or false, not 'no'"),
        ("target = 1", 1, "'target' must be true or false, not 1"),
        ("import_code = []", 1, "'import_code' must be true or false"),
        ("description = 3", 1, "'description' must be text, not 3"),
        ("name = ''", 1, "'name' must be a line of text"),
        ("name = 'none'", 1, "'name' must be a line of text, and not auto or none"),
        ('name = "a\\nb"', 1, "'name' must be a line of text"),
        (f"stdlib = '{'x' * 500}'", 1, "..."),
        ("x = 1\nx = 2", 2, "not valid TOML"),
        ("exclude = [", 1, "not valid TOML"),
        ("\n\nexclude", 3, "not valid TOML"),
        ("\n= 3\n", 2, "not valid TOML"),
    ],
)
def test_mistake_is_told_with_file_and_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    path = write(tmp_path, "wrong", text)
    error = refusal(path)
    assert re.match(rf"{re.escape(path)}:{line}: ", str(error)), str(error)
    assert message in str(error)
    assert len(str(error)) < 400


def test_hint_lists_the_keys(tmp_path: Path) -> None:
    hint = refusal(write(tmp_path, "wrong", "qqq = 1")).hint
    assert hint == (
        f"the keys of a filter are {', '.join(KEYS)}; those of an event map event_map and sensor"
    )


def test_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b"name = 'x'\ndescription = '\xe9'\n")
    assert str(refusal(str(path))) == f"{path}:2: not valid UTF-8"


def test_nested_too_deeply(tmp_path: Path) -> None:
    path = write(tmp_path, "deep", f"exclude = {'[' * 100_000}{']' * 100_000}")
    # Which of the two it is depends on the parser's own limit.
    assert re.search("nested too deeply|not valid TOML", str(refusal(path)))


def test_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    assert str(refusal(str(folder))) == f"{folder} is a folder, not a filter file"


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    assert str(refusal(str(pipe))) == f"{pipe} is not a regular file"


def test_huge_file(tmp_path: Path) -> None:
    path = write(tmp_path, "huge", "#" * 1_000_001)
    assert "too large" in str(refusal(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = write(tmp_path, "secret", "")
    os.chmod(path, 0)  # noqa: PTH101 - a text
    assert str(refusal(path)).startswith("cannot read the filter file")


def test_path_that_no_system_takes() -> None:
    assert str(refusal("a\0b.toml")).startswith(("cannot read", "no such filter file"))
    assert str(refusal(f"{'x' * 5000}.toml")).startswith(("cannot read", "no such filter file"))


def test_line_of_a_key_that_is_not_found() -> None:
    assert line_of_key('"\\u0061" = 1', "a") == 1
