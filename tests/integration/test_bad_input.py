"""Bad input: what failed, on what, and what to do next, on stderr; status 2; nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support_cli import (
    FIBONACCI,
    FIBONACCI_CALLS,
    LISTENER,
    SLEEPER,
    as_json,
    cglab,
    command,
    figures,
    only_recording,
    recordings,
    running,
    write_target,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = ("run", "--no-render")
OTHER_PYTHONS = sorted(Path("~/.pyenv/versions").expanduser().glob("*/bin/python"))


Run = Callable[..., subprocess.CompletedProcess[str]]


def refused(*arguments: str | Path | bytes, folder: Path, run: Run = cglab) -> str:
    """Run ``cglab`` on bad input and return what it says, having checked the form of it."""
    result = run(*arguments, folder=folder, status=2)
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    message = [line for line in result.stderr.splitlines() if line]
    assert any(line.startswith(("cglab: error: ", "Error: ")) for line in message), message
    # Errors of usage tell where help is; ours have a second line that says what to do.
    assert len(message) > 1
    return result.stderr


@pytest.fixture(scope="module")
def empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a script in it and without a recording. Nothing may be added to it."""
    folder = tmp_path_factory.mktemp("empty")
    write_target(folder, "print('ran')\n", "script.py")
    write_target(folder, "print('ran')\n", "examples.py")
    (folder / "examples").mkdir()
    write_target(folder / "examples", "print('ran')\n", "ftpServer.py")
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").touch()
    (folder / "text.txt").write_text("no recording\n")
    (folder / "bad.toml").write_text('name = "bad"\nexcluded = ["x.*"]\n')
    return folder


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run", "ftpServer.py"), ("no script ftpServer.py", "examples/ftpServer.py?")),
        (("run", "scrip.py"), ("no script scrip.py", "script.py?")),
        (("run", "examples"), ("examples is a directory", "examples/ftpServer.py")),
        (("run", "x" * 4000), ("no script xxx", "File name too long")),
        (("run", "script.py/inner.py"), ("no script script.py/inner.py", "Not a directory")),
        (("run", "no\nsuch\x1b[31m.py"), (r"no script no\nsuch\x1b[31m.py",)),
        ((b"run", b"\xff\xfe.py"), (r"no script \udcff\udcfe.py",)),
        (("run", "没有这个.py"), ("no script 没有这个.py",)),
        (("run",), ("Name a script to run, or -m MODULE.",)),
        (("run", "-m"), ("Option '-m' requires an argument",)),
        (("run", "-m", "no_such_module"), ("no module 'no_such_module'", "pip install")),
        (("run", "-m", "json.no_such"), ("no module 'json.no_such'", "json is there")),
        (("run", "-m", "package"), ("the package package cannot be run", "-m PACKAGE.MODULE")),
        (("run", "--filter", "ftp-sever", "script.py"), ("ftp-sever", "ftp-server")),
        (("run", "--filter", "bad.toml", "script.py"), ("bad.toml", "excluded", "exclude")),
        (("run", "--engine", "natif", "script.py"), ("no engine 'natif'", "'native'")),
        (("run", "--max-depth", "0", "script.py"), ("--max-depth", "0 is not in the range x>=1")),
        (("run", "--format", "gif", "script.py"), ("'gif' is no format", "dot, svg, png, json")),
        (("run", "--duration", "nan", "script.py"), ("'nan' is no number of seconds",)),
        (("run", "--duration", "-1", "script.py"), ("-1", "not in the range")),
        (
            ("run", "--drive", "no-such-client", "script.py"),
            ("no command 'no-such-client'", "PATH"),
        ),
        (("run", "--drive", "'", "script.py"), ("is not a command", "No closing quotation")),
        (("run", "--drive", "", "script.py"), ("--drive needs a command",)),
        (("run", "--python", "no/python", "script.py"), ("no/python", "No such file", "venv")),
        (
            ("run", "--python", "/bin/false", "script.py"),
            ("/bin/false is not a Python", "status 1"),
        ),
        (("run", "--python", "/bin/echo", "script.py"), ("/bin/echo is not a Python", "version")),
        (("run", "--python", ".", "script.py"), (". is not a Python", "Permission denied")),
        (("run", "--out", "text.txt", "script.py"), ("text.txt", "is a file")),
        (("run", "--out", "text.txt/out", "script.py"), ("text.txt/out", "--out")),
        (("run", "--out", "/proc/out", "script.py"), ("/proc/out", "--out")),
        (("run", "--out", "n" * 300, "script.py"), ("nnn", "name too long", "--out")),
        (("sweep", "1..8"), ("no recording in out yet", "cglab run")),
        (("sweep", "8..1"), ("'8..1' runs backwards", "1..8")),
        (("sweep", "0"), ("depths begin at 1",)),
        (("sweep", "abc"), ("'abc' is no range of depths", "1..8, 3 or 1,2,4..6")),
        (("sweep", "1..8", "no_such.py"), ("no script no_such.py",)),
        (("sweep", "1..8", "--recording", "x", "script.py"), ("not both",)),
        (("sweep",), ("Missing argument 'DEPTHS'",)),
        (("render",), ("no recording in out yet", "cglab demo")),
        (("render", "no-such"), ("no recording no-such", "cglab run")),
        (("render", "text.txt"), ("text.txt", "not a recording")),
        (("render", "examples"), ("examples", "not a recording")),
        (("functions", "r" * 4000), ("rrr",)),
        (("info",), ("no recording in out yet",)),
        (("find", "main"), ("no recording in out yet",)),
        (("rm",), ("Name the recordings to delete, or give --keep N.",)),
        (("rm", "--keep", "-1"), ("--keep",)),
        (("rm", "no-such"), ("no recording no-such",)),
        (("rm", "script.py"), ("script.py is not called like a recording", "cglab list")),
        (("rm", "examples"), ("examples is not called like a recording",)),
        (("filters", "show", "no-loging"), ("no-loging", "no-logging")),
        (("filters", "explain", "f", "--filter", "nono"), ("nono",)),
        (("rund", "script.py"), ("No such command 'rund'", "'run'")),
        (("script.py",), ("No such command 'script.py'", "cglab run script.py")),
        (("--no-such-option",), ("No such option",)),
    ],
    ids=lambda value: " ".join(map(str, value))[:40] if isinstance(value[0], str) else None,
)
def test_is_refused(
    arguments: tuple[str, ...], expected: tuple[str, ...], empty_folder: Path, cglab_here: Run
) -> None:
    before = snapshot(empty_folder)
    message = refused(*arguments, folder=empty_folder, run=cglab_here)
    for part in expected:
        assert part in message
    assert snapshot(empty_folder) == before


def test_is_refused_by_the_command_itself(empty_folder: Path) -> None:
    """What the other cases show inside this process."""
    message = refused("sweep", "1..8", folder=empty_folder)
    assert message == (
        "cglab: error: there is no recording in out yet\n"
        "       make one: cglab run SCRIPT.py, or cglab demo\n"
    )


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def damaged(fibonacci_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of a recording, to be spoiled."""
    (tmp_path / "out").mkdir()
    return Path(shutil.copy(only_recording(fibonacci_folder), tmp_path / "out"))


def test_truncated_recording(damaged: Path, tmp_path: Path, cglab_here: Run) -> None:
    whole = damaged.read_bytes()
    for size in (0, 10, 100, 5000, len(whole) // 2):
        damaged.write_bytes(whole[:size])
        assert damaged.name in refused("functions", damaged, folder=tmp_path, run=cglab_here)
    assert "damaged" in cglab_here("list", folder=tmp_path).stdout
    # It can still be got rid of.
    cglab_here("rm", damaged.name, folder=tmp_path)
    assert not damaged.exists()


def test_recording_of_a_newer_version(damaged: Path, tmp_path: Path, cglab_here: Run) -> None:
    connection = sqlite3.connect(damaged)
    connection.execute("PRAGMA user_version = 999")
    connection.commit()
    connection.close()
    message = refused("render", folder=tmp_path, run=cglab_here)
    assert damaged.name in message
    assert "newer" in message


def test_another_database(tmp_path: Path, cglab_here: Run) -> None:
    path = tmp_path / "other.cglab"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE run (x)")
    connection.commit()
    connection.close()
    assert "other.cglab" in refused("info", path, folder=tmp_path, run=cglab_here)


def test_python_of_another_version(tmp_path: Path, cglab_here: Run) -> None:
    """However old: the message says which it is, and where cglab should be installed."""
    write_target(tmp_path, "print('ran')\n")
    others = [path for path in OTHER_PYTHONS if version_of(path) not in ("", own_version())]
    if not others:
        pytest.skip("there is no Python of another version in ~/.pyenv")
    oldest_and_newest = sorted(
        others, key=lambda path: tuple(map(int, version_of(path).split(".")))
    )
    for python in (oldest_and_newest[0], oldest_and_newest[-1]):
        words = (*RUN, "--python", python, "target.py")
        message = refused(*words, folder=tmp_path, run=cglab_here)
        assert version_of(python) in message
        assert f"install cglab there: {python} -m pip install callgraph_lab" in message
    assert not (tmp_path / "out").exists()


def own_version() -> str:
    return "{}.{}".format(*sys.version_info)


def version_of(python: Path) -> str:
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    run = [str(python), "-c", program]
    return subprocess.run(run, capture_output=True, text=True, check=False).stdout.strip()


def test_target_that_never_listens(tmp_path: Path) -> None:
    write_target(tmp_path, SLEEPER)
    drive = ("--drive", "true", "--drive-timeout", "0.5")
    result = cglab(*RUN, *drive, "target.py", folder=tmp_path, status=2)
    assert "did not listen on a TCP port within 0.5 s, so true was not started" in result.stderr
    assert "--drive-timeout" in result.stderr
    assert figures(only_recording(tmp_path))["work"].calls == 1


def test_folder_that_may_not_be_written(tmp_path: Path, cglab_here: Run) -> None:
    """A read-only disk where the tests run as root, whom no permission stops."""
    write_target(tmp_path, "print('ran')\n")
    place = tmp_path / "locked"
    with disk(place, "ro") if os.geteuid() == 0 else locked_folder(place):
        for folder in ("locked", "locked/out"):
            words = (*RUN, "--out", folder, "target.py")
            message = refused(*words, folder=tmp_path, run=cglab_here)
            assert f"cannot write to {folder}: " in message
            assert "--out" in message


@contextmanager
def locked_folder(place: Path) -> Iterator[Path]:
    place.mkdir(mode=0o555)
    yield place
    place.chmod(0o755)


@contextmanager
def disk(place: Path, options: str) -> Iterator[Path]:
    """Mount a file system in memory."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"cannot mount a disk: {error}")
    if done.returncode:
        pytest.skip(f"cannot mount a disk: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)  # noqa: S607 - as above


def fill(full: Path, *, leave: int = 0) -> None:
    free = os.statvfs(full)
    size = free.f_bavail * free.f_frsize - leave
    (full / "ballast").write_bytes(b"\0" * max(size, 0))


def test_full_disk_while_rendering(fibonacci_folder: Path, tmp_path: Path) -> None:
    """The recording stays, pictures of before stay, and no half a picture is left."""
    with disk(tmp_path / "out", "size=1m") as full:
        recording = Path(shutil.copy(only_recording(fibonacci_folder), full))
        before = recording.read_bytes()
        cglab("render", "--format", "svg", "--max-depth", "2", folder=tmp_path)
        (picture,) = full.glob("*.svg")
        drawn = picture.read_bytes()
        fill(full)
        files = sorted(full.iterdir())
        message = refused_after_output("render", "--max-depth", "2", folder=tmp_path)
        assert "No space left on device" in message
        assert "Free some space" in message
        refused_after_output("sweep", "1..4", "--format", "dot,svg,json", folder=tmp_path)
        assert sorted(full.iterdir()) == files
        assert (recording.read_bytes(), picture.read_bytes()) == (before, drawn)


def refused_after_output(*arguments: str, folder: Path) -> str:
    """As ``refused``, for what can only fail after something has been said."""
    result = cglab(*arguments, folder=folder, status=2)
    assert "Traceback" not in result.stderr
    assert "cglab: error: " in result.stderr
    return result.stderr


def test_full_disk_before_recording(tmp_path: Path) -> None:
    write_target(tmp_path, "print('ran')\n")
    with disk(tmp_path / "out", "size=100k") as full:
        fill(full)
        message = refused(*RUN, "target.py", folder=tmp_path)
        assert "No space left on device" in message
        assert [path.name for path in full.iterdir()] == ["ballast"]


def test_full_disk_at_the_end_of_a_recording(tmp_path: Path) -> None:
    """What was recorded waits as it is, and is finished when there is room again."""
    write_target(tmp_path, LISTENER)
    with disk(tmp_path / "out", "size=1m") as full:
        with running(*RUN, "target.py", folder=tmp_path) as run:
            run.wait_for("ready")
            fill(full)
            run.process.send_signal(signal.SIGINT)
            assert run.end() == 0, "the exit status is the target's"
            assert "No space left on device" in run.errors
            assert "Traceback" not in run.errors
        (full / "ballast").unlink()
        cglab("list", folder=tmp_path)
        assert figures(only_recording(tmp_path))["serve"].calls == 1


def test_target_that_fills_the_disk_goes_on(tmp_path: Path) -> None:
    """Recording stops with a sentence; the target does not notice; what was recorded is kept."""
    write_target(
        tmp_path,
        """
        import os
        def work(): pass
        work()
        free = os.statvfs("out")
        with open("out/ballast", "wb") as ballast:
            ballast.write(bytes(free.f_bavail * free.f_frsize))
        source = "".join(f"def function_{n}(): pass\\nfunction_{n}()\\n" for n in range(3000))
        exec(source)
        os.unlink("out/ballast")
        print("done")
        """,
    )
    with disk(tmp_path / "out", "size=1m"):
        result = cglab(*RUN, "target.py", folder=tmp_path)
        assert result.stdout == "done\n"
        assert figures(only_recording(tmp_path))["work"].calls == 1
        info = as_json("info", "--format", "json", folder=tmp_path)
        assert "No space left on device" in info["processes"][0]["stop_reason"]
        assert "No space left on device" in cglab("info", folder=tmp_path).stdout


HOSTILE_WORDS = (
    b"two words",
    b"new\nline",
    b"quote\"s and 'more'",
    b"\xff\xfe not UTF-8",
    "引數".encode(),
    b"<script>alert(1)</script>",
    b"$(touch owned) `touch owned` ; touch owned",
    b"--max-depth",
    b"-m",
    b"--",
    b"",
    b"x" * 4096,
    b"\x1b[31mred",
)


def test_hostile_arguments_reach_the_target_unchanged(tmp_path: Path) -> None:
    target = """
        import os, sys
        for word in sys.argv[1:]:
            sys.stdout.buffer.write(os.fsencode(word) + b"\\0")
        """
    write_target(tmp_path, target)
    words = [*command("run", "target.py", *HOSTILE_WORDS)]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert tuple(result.stdout.split(b"\0")[:-1]) == HOSTILE_WORDS
    assert not (tmp_path / "owned").exists()
    recording = only_recording(tmp_path)
    argv = as_json("info", "--format", "json", folder=tmp_path)["argv"]
    assert [os.fsencode(word) for word in argv[1:]] == list(HOSTILE_WORDS)
    # What the standard library is was written down although the arguments took so much room.
    assert any(node.function.stdlib for node in figures(recording).values())
    shown = cglab("info", recording, folder=tmp_path).stdout
    assert r"new\nline" in shown
    assert "\x1b" not in shown
    as_json("render", "--format", "json", "-o", "-", folder=tmp_path)


def test_more_arguments_than_a_variable_of_the_environment_holds(tmp_path: Path) -> None:
    write_target(tmp_path, "import sys\nprint(len(sys.argv))\n")
    files = [f"a-rather-long-name-of-a-file-{number:06}.txt" for number in range(5000)]
    result = cglab(*RUN, "target.py", *files, folder=tmp_path)
    assert result.stdout == "5001\n"
    only_recording(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "two words \n quote\"'s <b>&amp; %(name)s a\\nb {braces} [glob]*.py",
        os.fsdecode(b"\xff\xfe.py"),
        "服务器" * 28 + ".py",
        "x" * 252 + ".py",
        "-m.py",
    ],
    ids=["quotes", "bytes", "Chinese", "long", "option"],
)
def test_hostile_names_of_scripts(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FIBONACCI)
    words = ("--", name) if name.startswith("-") else (name,)
    result = cglab("run", "--format", "dot,svg,json", *words, folder=tmp_path)
    assert result.stdout == "result 8\n"
    assert figures(only_recording(tmp_path))["fibonacci"].calls == FIBONACCI_CALLS
    made = {path.suffix for path in (tmp_path / "out").iterdir()}
    assert made == {".cglab", ".dot", ".svg", ".json"}
    assert "Traceback" not in result.stderr


def test_hostile_names_of_folders(tmp_path: Path) -> None:
    write_target(tmp_path, FIBONACCI)
    folder = "two words\nquote'\"s 新資料夾"
    options = ("--out", folder, "--name", "na/me \n'\"")
    cglab("run", "--format", "svg", *options, "target.py", folder=tmp_path)
    assert "fibonacci" in cglab("functions", "--out", folder, folder=tmp_path).stdout
    assert {path.suffix for path in (tmp_path / folder).iterdir()} == {".cglab", ".svg"}


def test_output_of_render_that_cannot_be_written(fibonacci_folder: Path, tmp_path: Path) -> None:
    recording = only_recording(fibonacci_folder)
    (tmp_path / "file").touch()
    for place in ("file/x.svg", "/proc/x.svg", "n" * 300 + ".svg"):
        refused_after_output("render", str(recording), "-o", place, folder=tmp_path)
    assert recordings(fibonacci_folder) == [recording]
