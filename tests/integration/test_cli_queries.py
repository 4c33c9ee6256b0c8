"""``cglab functions``, ``find``, ``filters``, ``engines`` and ``doctor``: figures and reasons."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from support_cli import (
    FIBONACCI_CALLS,
    as_json,
    cglab,
    command,
    environment,
    only_recording,
    write_target,
)

from callgraph_lab.errors import LayoutError

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def functions(run: Run, folder: Path, *more: str) -> list[dict[str, Any]]:
    result = run("functions", "--format", "json", *more, folder=folder)
    document = json.loads(result.stdout)
    assert document["schema"] == 1
    return list(document["functions"])


def test_table_of_functions(fibonacci_folder: Path, cglab_here: Run) -> None:
    result = cglab_here("functions", folder=fibonacci_folder)
    header, *rows = result.stdout.splitlines()
    assert header.split() == ["function", "calls", "open", "inclusive", "self", "depth", "where"]
    cells = [re.split(r" {2,}", row) for row in rows]
    shown = {row[0]: (row[1], row[-2], row[-1]) for row in cells}
    assert shown == {
        "__main__.<module>": ("1", "1", "fibonacci.py:1"),
        "__main__.main": ("1", "2", "fibonacci.py:7"),
        "__main__.fibonacci": (str(FIBONACCI_CALLS), "3", "fibonacci.py:4"),
    }
    assert "filter no-stdlib" in result.stderr


@pytest.mark.parametrize(
    ("key", "figure", "is_descending"),
    [
        ("calls", "total_calls", True),
        ("inclusive", "inclusive_ns", True),
        ("self", "self_ns", True),
        ("depth", "min_depth", False),
        ("name", "name", False),
    ],
)
def test_sorting(
    key: str,
    figure: str,
    is_descending: bool,  # noqa: FBT001
    ftp_folder: Path,
    cglab_here: Run,
) -> None:
    found = [item[figure] for item in functions(cglab_here, ftp_folder, "--sort", key)]
    assert len(set(found)) > 1
    assert found == sorted(found, reverse=is_descending)


def test_limit_and_filters(ftp_folder: Path, cglab_here: Run) -> None:
    assert len(functions(cglab_here, ftp_folder, "--limit", "3")) == 3
    some = functions(cglab_here, ftp_folder, "-i", "FTPHandler.ftp_*")
    assert {item["qualname"] for item in some} >= {"FTPHandler.ftp_STOR", "FTPHandler.ftp_USER"}
    assert all(item["qualname"].startswith("FTPHandler.ftp_") for item in some)
    everything = functions(cglab_here, ftp_folder, "--filter", "none")
    assert len(everything) > len(functions(cglab_here, ftp_folder)) > len(some)


def test_a_closed_pipe_is_no_error(ftp_folder: Path) -> None:
    """As ``cglab functions | head -1``."""
    program = [sys.executable, "-m", "callgraph_lab", "functions", "--filter", "none"]
    with subprocess.Popen(
        program, cwd=ftp_folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"function")
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_a_stdout_without_all_characters(ftp_folder: Path) -> None:
    """Latin-2 has no micro sign: that must not cost the table."""
    result = cglab("functions", folder=ftp_folder, PYTHONIOENCODING="iso8859-2")
    assert r"\xb5s" in result.stdout


def test_find_answers_the_question_of_the_experiment(ftp_folder: Path, cglab_here: Run) -> None:
    """Where do the bytes of an upload arrive, where is that defined, and how is it reached?"""
    shown = cglab_here("find", "DTPHandler.handle_read", folder=ftp_folder).stdout
    assert re.search(r"defined at +\S*pyftpdlib/handlers\S*\.py:\d+\n", shown)
    assert re.search(r"class of self pyftpdlib\.handlers\S*\.DTPHandler\n", shown)
    assert "called by" in shown
    assert re.search(r"shortest path MainThread -> <module> -> .*DTPHandler\.handle_read\n", shown)
    document = json.loads(
        cglab_here("find", "handle_read", "--format", "json", folder=ftp_folder).stdout
    )
    found = next(
        item for item in document["functions"] if item["name"].endswith("DTPHandler.handle_read")
    )
    assert found["path"][0] == "MainThread"
    assert found["path"][-1] == found["name"]
    assert sum(caller["calls"] for caller in found["callers"]) == found["total_calls"] > 0


def test_find_tells_the_object_s_class_from_the_defining_class(
    ftp_folder: Path, cglab_here: Run
) -> None:
    """The step of the experiment where ``Epoll`` had no ``loop``, nor had its parent."""
    shown = cglab_here("find", "Epoll.loop", folder=ftp_folder).stdout
    assert "class of self pyftpdlib.ioloop.Epoll" in shown
    assert re.search(r"defined in +_IOLoop\n", shown)


def test_find_takes_globs_and_filters(ftp_folder: Path, cglab_here: Run) -> None:
    def names(*words: str) -> set[str]:
        result = cglab_here("find", *words, "--format", "json", folder=ftp_folder)
        return {item["name"] for item in json.loads(result.stdout)["functions"]}

    found = names("*.FTPHandler.ftp_*")
    assert any(name.endswith(".FTPHandler.ftp_STOR") for name in found)
    assert all(".ftp_" in name for name in found)
    # Hidden functions are found too, unless filters are given.
    hidden = "importlib._bootstrap._find_and_load"
    assert hidden in names("_find_and_load")
    nothing = cglab_here("find", hidden, "--filter", "auto", folder=ftp_folder, status=1)
    assert "no function matches" in nothing.stderr


def test_find_what_is_not_there(fibonacci_folder: Path, cglab_here: Run) -> None:
    result = cglab_here("find", "nowhere", folder=fibonacci_folder, status=1)
    assert "no function matches 'nowhere'" in result.stderr
    assert result.stdout == ""


def test_names_of_a_target_are_no_markup(tmp_path: Path, cglab_here: Run) -> None:
    write_target(
        tmp_path,
        r"""
        import types
        def work(): pass
        for name in ("[red]x[/red]", "a\nb", "\x1b[31mred", "<b>", "名", "\ud800", "n" * 4096):
            code = work.__code__.replace(co_name=name, co_qualname=name)
            types.FunctionType(code, {"__name__": "m\n" + name})()
        """,
    )
    words = ("run", "--format", "dot,svg,png,json", "--max-nodes", "99")
    cglab(*words, "target.py", folder=tmp_path)
    assert len(list((tmp_path / "out").iterdir())) == 5
    shown = cglab_here("functions", folder=tmp_path).stdout
    for expected in ("[red]x[/red]", r"a\nb", r"\x1b[31mred", "<b>", "名", r"\ud800", "n" * 4096):
        assert expected in shown
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 9
    assert len(functions(cglab_here, tmp_path)) == 8
    assert cglab_here("find", "名", folder=tmp_path).stdout.count("defined at") == 1
    cglab_here("filters", "explain", "名", folder=tmp_path)


def test_filters_list(cglab_here: Run, tmp_path: Path) -> None:
    shown = cglab_here("filters", "list", folder=tmp_path).stdout
    listed = json.loads(cglab_here("filters", "list", "--format", "json", folder=tmp_path).stdout)
    names = {item["name"] for item in listed["filters"]}
    assert names >= {"no-importlib", "no-logging", "ftp-server", "target-only", "http-server"}
    rows = {line.split()[0] for line in shown.splitlines()[1:]}
    assert rows == names | {"auto", "none"}
    assert all(item["description"] for item in listed["filters"])


def test_filters_show(cglab_here: Run, tmp_path: Path) -> None:
    shown = cglab_here("filters", "show", "no-importlib", folder=tmp_path).stdout
    for pattern in ("importlib._bootstrap*", "importlib._bootstrap_external*", "zipimport"):
        assert pattern in shown
    for name in json.loads(
        cglab_here("filters", "list", "--format", "json", folder=tmp_path).stdout
    )["filters"]:
        assert cglab_here("filters", "show", name["name"], folder=tmp_path).stdout.startswith(
            name["name"]
        )


def test_filters_explain(ftp_folder: Path, cglab_here: Run, tmp_path: Path) -> None:
    def explain(*words: str, folder: Path = ftp_folder) -> str:
        return str(cglab_here("filters", "explain", *words, folder=folder).stdout)

    shown = explain("FTPHandler.ftp_STOR")
    assert "auto chose ftp-server" in shown
    assert re.search(
        r"^pyftpdlib\.handlers\S*\.FTPHandler\.ftp_STOR shows, by: ", shown, re.MULTILINE
    )
    assert shown.count("=>") == 1
    hidden = explain("importlib._bootstrap._find_and_load", "--filter", "no-importlib")
    assert "_find_and_load is hidden, by: exclude importlib._bootstrap*" in hidden
    assert "hidden, by: --exclude *.ftp_STOR" in explain("ftp_STOR", "-e", "*.ftp_STOR")
    name = as_json("list", "--format", "json", folder=ftp_folder)["recordings"][0]["name"]
    assert explain("FTPHandler.ftp_STOR", name) == shown
    assert explain("FTPHandler.ftp_STOR", "--recording", name) == shown
    twice = ("f", name, "--recording", name)
    refused = cglab_here("filters", "explain", *twice, folder=ftp_folder, status=2)
    assert "Two recordings are named" in refused.stderr
    # Without any recording a name is judged as it stands.
    bare = explain("logging.Logger.info", "--filter", "no-logging", folder=tmp_path)
    assert "No recorded function matches logging.Logger.info" in bare
    assert "is hidden, by: exclude logging" in bare


def test_engines(cglab_here: Run, tmp_path: Path) -> None:
    listed = json.loads(cglab_here("engines", "--format", "json", folder=tmp_path).stdout)
    engines = {item["name"]: item for item in listed["engines"]}
    assert set(engines) == {"native", "pycallgraph2"}
    assert engines["pycallgraph2"]["available"]
    assert all(item["reason"] for item in engines.values())
    assert sum(item["chosen_by_auto"] for item in engines.values()) == 1
    shown = cglab_here("engines", folder=tmp_path).stdout
    assert re.search(r"^pycallgraph2 +yes", shown, re.MULTILINE)


def test_doctor(cglab_here: Run, tmp_path: Path) -> None:
    result = cglab_here("doctor", "--format", "json", folder=tmp_path)
    document = json.loads(result.stdout)
    assert document["works"] is True
    checks = {item["name"]: item for item in document["checks"]}
    assert sys.executable in checks["Python"]["text"]
    layout = checks["Graphviz"]["text"]
    assert re.match(r"\d+\.\d+\.\d+, by the (dot binary|pygraphviz|graphviz-pure) /", layout)
    for name in ("engine native", "engine pycallgraph2", "text font"):
        assert checks[name]["text"]
    cjk = checks["Chinese, Japanese, Korean font"]
    assert cjk["good"] or "pip install" in cjk["text"]
    shown = cglab_here("doctor", folder=tmp_path).stdout
    assert all(name in shown for name in checks)


def test_doctor_without_graphviz(
    monkeypatch: pytest.MonkeyPatch, cglab_here: Run, tmp_path: Path
) -> None:
    """It says what is missing and what to do, and exits 1."""

    def find_none() -> None:
        raise LayoutError("There is no Graphviz.", hint="Run: pip install pygraphviz")

    monkeypatch.setattr("callgraph_lab.render.describe.find_layout_program", find_none)
    result = cglab_here("doctor", folder=tmp_path, status=1)
    assert re.search(r"^Graphviz +no .*Run: pip install pygraphviz$", result.stdout, re.MULTILINE)
    assert result.stderr == ""


def test_a_table_is_fitted_to_a_terminal(ftp_folder: Path) -> None:
    line = " ".join(map(str, command("functions", "--limit", "9")))
    try:
        result = subprocess.run(
            ["script", "-qec", f"stty cols 70; {line} 2>/dev/null", "/dev/null"],  # noqa: S607
            cwd=ftp_folder,
            env={key: value for key, value in environment().items() if key != "COLUMNS"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("the program script, of util-linux, is not installed")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in result.stdout.splitlines()]
    assert lines[0].startswith("function")
    assert max(map(len, lines)) <= 70
    assert len(lines) > 10


def test_recordings_are_read_by_path_from_anywhere(
    fibonacci_folder: Path, tmp_path: Path, cglab_here: Run
) -> None:
    recording = only_recording(fibonacci_folder)
    assert "fibonacci" in cglab_here("functions", recording, folder=tmp_path).stdout


def test_process_shows_one_of_them(ftp_folder: Path) -> None:
    (process,) = as_json("info", "--format", "json", folder=ftp_folder)["processes"]
    pid = str(process["pid"])
    whole = as_json("functions", "--format", "json", folder=ftp_folder)["functions"]
    alone = as_json("functions", "--process", pid, "--format", "json", folder=ftp_folder)
    assert alone["functions"] == whole
    failed = cglab("functions", "--process", "1", folder=ftp_folder, status=2)
    assert f"it has {pid}" in failed.stderr
