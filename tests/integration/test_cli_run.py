"""``cglab run``: the target runs as ``python`` would run it, and is drawn as asked."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from support_cli import (
    FIBONACCI,
    FIBONACCI_CALLS,
    as_json,
    cglab,
    command,
    environment,
    figures,
    only_recording,
    recordings,
    write_target,
)

Run = Callable[..., "subprocess.CompletedProcess[str]"]

RUN = ("run", "--no-render")
ECHO = "import sys\nprint(sys.argv)\n"


def made(folder: Path) -> list[str]:
    """Return what is in ``out``, without the recordings."""
    return sorted(path.name for path in (folder / "out").iterdir() if path.suffix != ".cglab")


def test_draws_depth_4_into_out(tmp_path: Path) -> None:
    """What `cglab run SCRIPT` does when nothing else is said."""
    write_target(tmp_path, FIBONACCI, "fibonacci.py")
    result = cglab("run", "fibonacci.py", folder=tmp_path)
    assert result.stdout == "result 8\n"
    stem = "fibonacci.depth-4"
    assert made(tmp_path) == [f"{stem}.dot", f"{stem}.png", f"{stem}.svg"]
    recording = only_recording(tmp_path)
    assert recording.name.startswith("fibonacci-20")
    assert figures(recording)["fibonacci"].calls == FIBONACCI_CALLS
    ours = result.stderr.splitlines()
    assert all(line.startswith("cglab: ") for line in ours)
    assert f"cglab: recorded out/{recording.name} (engine " in ours[0]
    assert ours[-1] == f"cglab: wrote out/{stem}.dot, out/{stem}.svg, out/{stem}.png"
    assert "filter no-stdlib" in result.stderr
    assert (tmp_path / "out" / f"{stem}.png").read_bytes().startswith(b"\x89PNG")


def test_formats_depth_name_and_folder(tmp_path: Path) -> None:
    write_target(tmp_path, FIBONACCI)
    options = ("--format", "json,svg", "--max-depth", "3", "--name", "mine", "-o", "lab")
    result = cglab("run", *options, "target.py", folder=tmp_path)
    files = sorted(path.name for path in (tmp_path / "lab").iterdir())
    assert files[0].startswith("mine-20")
    assert files[1:] == ["mine.depth-3.json", "mine.depth-3.svg"]
    assert "wrote lab/mine.depth-3.json, lab/mine.depth-3.svg" in result.stderr
    graph = json.loads((tmp_path / "lab" / "mine.depth-3.json").read_text())
    calls = {node["qualname"]: node["calls"] for node in graph["nodes"]}
    # The first call is at depth 3, the others below it.
    assert calls == {"MainThread": 1, "<module>": 1, "main": 1, "fibonacci": 1}
    assert not (tmp_path / "out").exists()


def test_options_of_the_target_are_its_own(tmp_path: Path) -> None:
    write_target(tmp_path, ECHO)
    words = ("--max-depth", "9", "-m", "x", "--help", "--", "--no-render", "-o", "y")
    result = cglab(*RUN, "target.py", *words, folder=tmp_path)
    assert result.stdout == f"{['target.py', *words]}\n"
    assert made(tmp_path) == []
    # With and without a separator of our own.
    result = cglab(*RUN, "--", "target.py", "--", "-x", folder=tmp_path)
    assert result.stdout == "['target.py', '--', '-x']\n"


def test_module_with_options_of_its_own(tmp_path: Path) -> None:
    write_target(tmp_path, ECHO, "tool.py")
    for given in (("-m", "tool"), ("-mtool",)):
        result = cglab(*RUN, *given, "-p", "2121", "-w", "--engine", folder=tmp_path)
        assert result.stdout == f"{[str(tmp_path / 'tool.py'), '-p', '2121', '-w', '--engine']}\n"
    assert all(path.name.startswith("tool-20") for path in recordings(tmp_path))
    info = as_json("info", "--format", "json", folder=tmp_path)
    assert info["target"] == "-m tool"
    assert info["argv"] == ["-m", "tool", "-p", "2121", "-w", "--engine"]


def test_pyftpdlib_as_a_module(tmp_path: Path) -> None:
    """The second line of the README's tour, on a free port, until a client has said hello."""
    client = (
        "import ftplib, os; ftp = ftplib.FTP();"
        "ftp.connect(os.environ['CGLAB_HOST'], int(os.environ['CGLAB_PORT'])); ftp.quit()"
    )
    drive = ("--drive", shlex.join(["python", "-c", client]))
    words = ("-m", "pyftpdlib", "-i", "127.0.0.1", "-p", "0", "-w")
    result = cglab(*RUN, *drive, *words, folder=tmp_path)
    assert "starting FTP server on 127.0.0.1:" in result.stderr
    functions = figures(only_recording(tmp_path))
    assert functions["FTPServer.serve_forever"].calls == 1
    assert functions["FTPHandler.ftp_QUIT"].calls == 1


def test_folder_with_a_main_module(tmp_path: Path) -> None:
    (tmp_path / "program").mkdir()
    write_target(tmp_path / "program", "def work(): print(__name__)\nwork()\n", "__main__.py")
    assert cglab(*RUN, "program", folder=tmp_path).stdout == "__main__\n"
    assert figures(only_recording(tmp_path))["work"].calls == 1


def test_standard_input_is_the_targets(tmp_path: Path) -> None:
    write_target(tmp_path, "import sys\nprint(sys.stdin.read().upper())\n")
    result = subprocess.run(
        command(*RUN, "target.py"),
        cwd=tmp_path,
        env=environment(),
        input="typed",
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "TYPED\n"


def test_recording_says_what_was_run(tmp_path: Path) -> None:
    write_target(tmp_path, FIBONACCI)
    cglab(*RUN, "target.py", "one", folder=tmp_path)
    info = as_json("info", "--format", "json", folder=tmp_path)
    assert (info["target"], info["argv"]) == ("target.py", ["target.py", "one"])
    assert info["python"] == sys.version.split()[0]
    assert info["duration_ns"] > 0
    assert [(item["name"], item["threads"]) for item in info["threads"]] == [("MainThread", 1)]


@pytest.mark.parametrize("kind", ["cglab.toml", "pyproject.toml"])
def test_defaults_from_a_file_of_settings(kind: str, tmp_path: Path, cglab_here: Run) -> None:
    top, own = ("", "[run]") if kind == "cglab.toml" else ("[tool.cglab]", "[tool.cglab.run]")
    (tmp_path / kind).write_text(f"""
        {top}
        out = "lab"
        format = ["json"]
        exclude = ["*fibonacci"]
        {own}
        max-depth = 2
        name = "named"
        """)
    inner = tmp_path / "inner"
    inner.mkdir()
    write_target(inner, FIBONACCI)
    cglab("run", "target.py", folder=inner)
    assert [path.name for path in (inner / "lab").glob("*.json")] == ["named.depth-2.json"]
    # The folder and the filter hold for every command, max-depth for run alone.
    functions = cglab_here("functions", folder=inner).stdout
    assert "main" in functions
    assert "fibonacci" not in functions
    cglab_here("render", folder=inner)
    assert (inner / "lab" / "named.depth-4.json").is_file()
    explained = cglab_here("filters", "explain", "fibonacci", folder=inner).stdout
    assert "__main__.fibonacci is hidden, by: --exclude *fibonacci" in explained
    # What the command line says goes first.
    cglab("run", "--max-depth", "1", "--name", "other", "target.py", folder=inner)
    assert (inner / "lab" / "other.depth-1.json").is_file()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("max-dept = 3", "max-dept is no option of cglab; did you mean 'max-depth'?"),
        ("[rnu]\nname = 'x'", "[rnu] is no command of cglab; did you mean 'run'?"),
        ("[run]\nnam = 'x'", "run.nam is no option of cglab; did you mean 'name'?"),
        ("max-depth = 0", "--max-depth"),
        ("max-depth = [1, 2]", "max-depth takes one value, not a list"),
        ("= 3", "cannot be read as TOML"),
    ],
)
def test_settings_that_are_wrong(
    settings: str, expected: str, tmp_path: Path, cglab_here: Run
) -> None:
    (tmp_path / "cglab.toml").write_text(settings)
    write_target(tmp_path, FIBONACCI)
    result = cglab_here("run", "target.py", folder=tmp_path, status=2)
    assert expected in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def other_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a virtual environment that has its own ``click`` and none of ours."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for name in ("click", "setuptools", "pycallgraph2"):
        (packages / f"{name}.py").write_text("origin = 'the target'\n")
    return folder / "bin" / "python"


def test_python_of_another_environment(other_environment: Path, tmp_path: Path) -> None:
    """The target gets the packages of its own interpreter, and none of cglab's."""
    target = write_target(
        tmp_path,
        """
        import importlib.util, os, sys
        import click, setuptools, pycallgraph2
        def work():
            print(click.origin, setuptools.origin, pycallgraph2.origin)
        work()
        print(sys.executable, sys.prefix)
        print([importlib.util.find_spec(name) for name in ("rich", "psutil", "graphviz")])
        print(sorted(name for name in sys.modules if "cglab" in name or "callgraph" in name))
        print(sys.path, sys.argv, sys.orig_argv, sorted(os.environ))
        """,
    )
    # The tests may themselves find the package through PYTHONPATH; the target must not.
    result = cglab(*RUN, "--python", other_environment, "target.py", folder=tmp_path)
    plain = subprocess.run(
        [other_environment, target.name],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == plain.stdout
    assert result.stdout.startswith("the target the target the target\n")
    assert figures(only_recording(tmp_path))["work"].calls == 1
    assert as_json("info", "--format", "json", folder=tmp_path)["exit_status"] == 0


def test_python_found_on_the_path(tmp_path: Path) -> None:
    write_target(tmp_path, "import sys\nprint(sys.executable)\n")
    name = Path(sys.executable).name
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    result = cglab(*RUN, "--python", name, "target.py", folder=tmp_path, PATH=path)
    assert Path(result.stdout.strip()) == Path(sys.executable)


def test_filters_on_the_command_line(tmp_path: Path, cglab_here: Run) -> None:
    write_target(
        tmp_path,
        """
        import json
        def keep(): json.dumps({})
        def drop(): keep()
        drop()
        """,
    )
    options = ("--format", "json", "--max-depth", "9")

    def shown(*more: str) -> set[str]:
        cglab_here("render", *options, *more, "-o", "x.json", folder=tmp_path)
        nodes = json.loads((tmp_path / "x.json").read_text())["nodes"]
        return {node["name"] for node in nodes if node["kind"] == "function"}

    result = cglab("run", *options, "-e", "*drop", "--stdlib", "target.py", folder=tmp_path)
    assert "hidden: 1 function, 1 call (1 function by --exclude *drop)" in result.stderr
    (file,) = (tmp_path / "out").glob("*.json")
    graph = json.loads(file.read_text())
    names = {node["name"] for node in graph["nodes"]}
    assert {"__main__.keep", "json.dumps"} <= names
    assert "__main__.drop" not in names
    bridge = next(edge for edge in graph["edges"] if edge["bridged"])
    assert bridge["skipped_frames"] == 1
    assert graph["hidden"]["by_rule"][0]["rule"].startswith("--exclude *drop")
    assert shown("-i", "*.keep", "-i", "json.dumps") == {"__main__.keep", "json.dumps"}
    assert shown() == {"__main__.<module>", "__main__.drop", "__main__.keep"}
    assert "json.dumps" in shown("--filter", "none")
    assert "json.dumps" not in shown("--filter", "none", "--no-stdlib")
    assert shown("--filter", "none", "--filter", "no-stdlib") == shown()
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\ndescription = "Only keep."\ninclude = ["__main__.keep"]\n'
    )
    assert shown("--filter", "mine.toml") == {"__main__.keep"}


def test_everything_filtered_out_is_said(fibonacci_folder: Path, tmp_path: Path) -> None:
    recording = only_recording(fibonacci_folder)
    words = (recording, "-e", "*", "--format", "dot", "-o", tmp_path)
    result = cglab("render", *words, folder=tmp_path)
    assert "nothing is left to show: --exclude * hid the most" in result.stderr


def test_a_name_without_its_module_is_told_how_to_write_it(
    fibonacci_folder: Path, tmp_path: Path
) -> None:
    words = (only_recording(fibonacci_folder), "-i", "fibonacci", "--format", "dot", "-o", tmp_path)
    result = cglab("render", *words, folder=tmp_path)
    assert "for __main__.fibonacci write --include '*.fibonacci'" in result.stderr


def test_render_failure_does_not_hide_the_status_of_the_target(tmp_path: Path) -> None:
    """The recording is there, and the target's own failure is what the exit status tells."""
    write_target(tmp_path, "import os, sys\nos.mkdir('out/target.depth-4.dot')\nsys.exit(5)\n")
    result = cglab("run", "target.py", folder=tmp_path, status=5)
    assert "cglab: error: Cannot write out/target.depth-4.dot" in result.stderr
    only_recording(tmp_path)
