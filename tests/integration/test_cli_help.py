"""Help: an example in each, options that exist, and nothing heavy imported to print it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import click
import pytest
from support_cli import CGLAB, environment

from callgraph_lab.cli.filters import filters
from callgraph_lab.cli.group import COMMANDS, cglab

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]
EVERY_COMMAND = [(name,) for name in COMMANDS] + [("filters", name) for name in filters.commands]
OPTIONS_OF_RUN = (
    *("--max-depth", "--include", "--exclude", "--filter", "--stdlib", "--no-stdlib"),
    *("--depth-by", "--engine", "--python", "--format", "--out", "--name", "--duration"),
    *("--drive", "--drive-timeout", "--no-render", "--links", "--max-nodes", "--module"),
    *("--follow-children", "--max-contexts", "--heartbeat", "--log-file"),
    "--heap",
    *("--log-resources", "--log-resources-format", "--log-resources-logger"),
    *("-i,", "-e,", "-f,", "-o,", "-m,"),
)
HEAVY = ("rich", "graphviz", "pygraphviz", "psutil", "sqlite3", "pycallgraph2", "fontTools")


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_help_has_an_example(command: tuple[str, ...], tmp_path: Path, cglab_here: Run) -> None:
    result = cglab_here(*command, "--help", folder=tmp_path)
    assert result.stderr == ""
    assert f"Usage: cglab {' '.join(command)}" in result.stdout
    examples = result.stdout.partition("Example")[2]
    assert f"cglab {' '.join(command)}" in examples


def test_help_of_the_whole(tmp_path: Path, cglab_here: Run) -> None:
    shown = cglab_here("--help", folder=tmp_path).stdout
    assert shown == cglab_here("-h", folder=tmp_path).stdout
    for name in COMMANDS:
        assert f"\n  {name} " in shown
    assert "Example: cglab run" in shown


def test_every_example_is_understood() -> None:
    """What --help shows names commands and options that exist."""
    seen = set()
    with click.Context(cglab) as context:
        for name in COMMANDS:
            command = cglab.get_command(context, name)
            inner = command.commands.values() if isinstance(command, click.Group) else ()
            for item in (command, *inner):
                assert item is not None
                # Up to what the shell takes for itself, or to the explanation beside it.
                for example in re.findall(
                    r"cglab ((?:[^|&>)#\n]|(?<=\S)#)+?)(?:   .*)?(?=[|&>)\n]| #|$)",
                    item.epilog,
                ):
                    words = shlex.split(example)
                    if words[0] in COMMANDS:
                        seen.add(words[0])
                        parse(words, context)
    assert seen == set(COMMANDS)


def parse(words: list[str], context: click.Context) -> None:
    command = cglab.get_command(context, words[0])
    if isinstance(command, click.Group):
        command, words = command.commands[words[1]], words[1:]
    assert command is not None
    command.make_context(words[0], words[1:])


def test_options_that_were_asked_for(tmp_path: Path, cglab_here: Run) -> None:
    shown = cglab_here("run", "--help", folder=tmp_path).stdout
    assert [option for option in OPTIONS_OF_RUN if option not in shown] == []
    assert "[default: 4" in shown
    assert "[default: dot,svg,png]" in shown.replace("\n                                  ", " ")


def test_version(tmp_path: Path) -> None:
    try:
        expected = version("callgraph_lab")
    except PackageNotFoundError:
        pytest.skip("callgraph_lab is not installed but run from its folder")
    shown = subprocess.check_output([*CGLAB, "--version"], cwd=tmp_path, text=True)
    assert shown == f"cglab, version {expected}\n"


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["sweep", "--help"]])
def test_help_imports_little(words: list[str], tmp_path: Path) -> None:
    program = f"""
import atexit, json, sys
atexit.register(lambda: sys.stderr.write(json.dumps(sorted(sys.modules))))
sys.argv = ["cglab", *{words!r}]
from callgraph_lab.cli import main
main()
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {name.partition(".")[0] for name in json.loads(result.stderr)}
    assert "click" in imported
    assert imported.isdisjoint(HEAVY)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str, tmp_path: Path, cglab_here: Run) -> None:
    script = cglab_here("completion", shell, folder=tmp_path).stdout
    assert "_CGLAB_COMPLETE" in script


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cglab fun", {"functions"}),
        ("cglab run --max", {"--max-contexts", "--max-depth", "--max-functions", "--max-nodes"}),
        ("cglab render --filter no-imp", {"no-importlib", "no-imports"}),
        ("cglab rm fib", {"fibonacci-"}),
        ("cglab info fib", {"fibonacci-"}),
    ],
)
def test_completion_of_words(line: str, expected: set[str], fibonacci_folder: Path) -> None:
    """As bash asks for it: the words so far in the environment, proposals on stdout."""
    variables = {
        "_CGLAB_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    # In place of the cglab program, which is only there when the package is installed.
    program = "import sys; sys.argv = ['cglab']; from callgraph_lab.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=fibonacci_folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=True,
    )
    offered = [item.partition(",")[2] for item in result.stdout.splitlines()]
    assert len(offered) == len(expected)
    assert all(word.startswith(tuple(expected)) for word in offered)


def test_python_dash_m(tmp_path: Path) -> None:
    shown = subprocess.check_output([*CGLAB, "--help"], cwd=tmp_path, text=True)
    assert shown.startswith("Usage: cglab ")
