"""``--lines`` and ``cglab lines``: tables of source lines, from the command line."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any

from support_cli import (
    CLIENT,
    EXAMPLES,
    as_json,
    cglab,
    only_recording,
    running,
    wait_until,
    write_target,
)
from support_native import needs_native

from callgraph_lab.api import open_recording, trace
from callgraph_lab.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

RUN = ("run", "--engine", "native", "--no-render")
_MORE_BYTES = sys.getsizeof(bytearray(1000)) - 1000
PROGRAM = """\
kept = []


def hold(size):
    # What is kept is held.
    for _ in range(3):
        kept.append(bytearray(size))
\tif not size:
\t    return None

    return bytearray(size)


class Worker:
    def work(self):
        return hold(1_000_000)


def main():
    for _ in range(2):
        Worker().work()


main()
""".replace("\t", "    ")


def lines_of(*arguments: str, folder: Path) -> dict[int, dict[str, Any]]:
    """Return the lines of the only function that is meant, by their numbers."""
    (table,) = as_json("lines", *arguments, "--format", "json", folder=folder)["functions"]
    return {line["line"]: line for line in table["lines"]}


def open_lines(names: tuple[str, ...], folder: Path) -> dict[int, dict[str, Any]]:
    """Return the lines of the first function once each of them is at a line, else nothing."""
    found = []
    for name in names:
        ran = cglab("lines", name, "--format", "json", folder=folder, status=None)
        tables = json.loads(ran.stdout)["functions"]
        found.append({line["line"]: line for table in tables for line in table["lines"]})
    are_open = (any(line["open_calls"] for line in lines.values()) for lines in found)
    return found[0] if all(are_open) else {}


@needs_native
def test_a_table_with_the_source(tmp_path: Path) -> None:
    write_target(tmp_path, PROGRAM)
    options = ("--lines", "__main__.hold", "--lines", "Worker.*", "--memory")
    cglab(*RUN, *options, "target.py", folder=tmp_path)
    head, titles, *shown = cglab("lines", "hold", folder=tmp_path).stdout.splitlines()
    assert head == "__main__.hold (target.py:4): 2 calls"
    assert titles.split() == [
        *("line", "hits", "time", "per", "hit", "self", "%", "time", "allocated", "net", "source")
    ]
    assert len(shown) == 8
    assert [row.split()[0] for row in shown] == [str(number) for number in range(4, 12)]
    assert shown[1].split(maxsplit=1)[1] == "# What is kept is held."
    assert shown[2].endswith("    for _ in range(3):")
    assert shown[2].split()[1] == "8"
    kept = shown[3]
    assert kept.endswith("        kept.append(bytearray(size))")
    assert kept.split()[1] == "6"
    assert kept.count("5.72 MiB") == 2
    found = lines_of("hold", folder=tmp_path)
    assert set(found) == {6, 7, 8, 11}
    assert found[7]["hits"] == 6
    assert 6 * (1_000_000 + _MORE_BYTES) <= found[7]["net_bytes"] < 6_001_000
    assert found[7]["source"] == "        kept.append(bytearray(size))"
    assert 0 < found[7]["self_ns"] <= found[7]["inclusive_ns"]
    assert found[11]["hits"] == 2
    worker = lines_of("Worker.work", folder=tmp_path)
    assert worker[16]["hits"] == 2
    assert worker[16]["inclusive_ns"] > found[7]["inclusive_ns"]
    assert worker[16]["self_ns"] < worker[16]["inclusive_ns"]
    assert worker[16]["allocated_bytes"] >= 8 * (1_000_000 + _MORE_BYTES)
    tables = open_recording(only_recording(tmp_path)).lines("hold")
    assert [line.hits for line in tables[0].lines] == [8, 6, 2, 2]


@needs_native
def test_digits_and_units(tmp_path: Path) -> None:
    write_target(tmp_path, PROGRAM)
    cglab(*RUN, "--lines", "*.hold", "--memory", "target.py", folder=tmp_path)
    units = ("--unit", "us", "--bytes", "KiB", "--precision", "1")
    shown = cglab("lines", "hold", *units, folder=tmp_path).stdout.splitlines()
    assert "time (us)" in shown[1]
    assert "net (KiB)" in shown[1]
    figures = shown[5].split()
    assert figures[0] == "7"
    net_bytes = lines_of("hold", folder=tmp_path)[7]["net_bytes"]
    assert figures[8] == f"{net_bytes / 1024:,.1f}"
    assert all(figure.rpartition(".")[2].isdigit() for figure in figures[2:5])
    assert all(len(figure.rpartition(".")[2]) == 1 for figure in figures[2:5])
    in_bytes = cglab("lines", "hold", "--bytes", "B", folder=tmp_path).stdout
    assert f" {net_bytes:,} " in in_bytes
    digits = cglab("lines", "hold", "--precision", "4", folder=tmp_path).stdout.splitlines()[5]
    assert f" {net_bytes / 1024**2:.4f} MiB " in digits


@needs_native
def test_a_servers_loop_while_it_runs_and_after_it_was_killed(tmp_path: Path) -> None:
    options = ("--lines", "Epoll.poll", "--lines", "Epoll.loop", "--memory")
    with running(*RUN, *options, EXAMPLES / "ftpServer.py", "0", folder=tmp_path) as run:
        run.wait_for("listening on")
        first = wait_until(
            lambda: open_lines(("Epoll.loop", "poll"), folder=tmp_path), "the server polls"
        )
        shown = cglab("lines", "Epoll.loop", folder=tmp_path).stdout
        assert "(1 running)" in shown
        (loop_table,) = as_json("lines", "Epoll.loop", "--format", "json", folder=tmp_path)[
            "functions"
        ]
        assert loop_table["calls"] == 1
        assert loop_table["file"].endswith("pyftpdlib/ioloop.py")
        assert all(line["source"] for line in loop_table["lines"])
        os.kill(run.target_pid(), signal.SIGKILL)
        run.end()
    last = lines_of("Epoll.loop", folder=tmp_path)
    for number, line in first.items():
        assert last[number]["hits"] >= line["hits"]
        assert last[number]["inclusive_ns"] >= line["inclusive_ns"]
    assert any(line["open_calls_by_ending"] == {"killed": 1} for line in last.values())


@needs_native
def test_hits_of_a_servers_functions_are_their_calls(tmp_path: Path) -> None:
    client = shlex.join(["python", str(CLIENT)])
    options = ("--lines", "FTPHandler.*", "--drive", client)
    cglab(*RUN, *options, EXAMPLES / "ftpServer.py", "0", folder=tmp_path)
    calls = {
        node["name"]: node["calls"]
        for node in as_json("functions", "--format", "json", "--filter", "none", folder=tmp_path)[
            "functions"
        ]
    }
    tables = as_json("lines", "*.ftp_*", "--format", "json", folder=tmp_path)["functions"]
    assert {table["name"].rpartition(".")[2] for table in tables} >= {"ftp_STOR", "ftp_USER"}
    for table in tables:
        assert table["calls"] == calls[table["name"]]
        assert min(table["lines"], key=lambda line: line["line"])["hits"] == table["calls"]


@needs_native
def test_processes_are_added_up_or_shown_alone(tmp_path: Path) -> None:
    script = """
    import os
    def work(turns):
        for turn in range(turns):
            os.getpid()
    work(1)
    for turns in (10, 20):
        child = os.fork()
        if child == 0:
            work(turns)
            os._exit(0)
        os.waitpid(child, 0)
        print(child)
    """
    write_target(tmp_path, script)
    first, second = cglab(*RUN, "--lines", "*.work", "target.py", folder=tmp_path).stdout.split()
    assert lines_of("work", folder=tmp_path)[5]["hits"] == 31
    assert lines_of("work", "--process", first, folder=tmp_path)[5]["hits"] == 10
    assert lines_of("work", "--process", second, folder=tmp_path)[5]["hits"] == 20


@needs_native
def test_source_that_has_changed_or_cannot_be_read(tmp_path: Path) -> None:
    target = write_target(tmp_path, PROGRAM)
    cglab(*RUN, "--lines", "*.hold", "target.py", folder=tmp_path)
    os.utime(target, (2_000_000_000_000, 2_000_000_000_000))
    ran = cglab("lines", "hold", folder=tmp_path)
    assert "target.py has changed since it was recorded" in ran.stderr
    assert "kept.append" in ran.stdout
    target.write_bytes(b"\xff\xfe no source")
    ran = cglab("lines", "hold", folder=tmp_path)
    assert "target.py has changed since it was recorded: --sources FOLDER" in ran.stderr
    assert "kept.append" not in ran.stdout
    assert [row.split()[:2] for row in ran.stdout.splitlines()[2:]] == [
        ["6", "8"],
        ["7", "6"],
        ["8", "2"],
        ["11", "2"],
    ]
    ran = cglab("lines", "hold", "--sources", ".", folder=tmp_path)
    assert "target.py cannot be read: invalid or missing encoding" in ran.stderr
    target.unlink()
    ran = cglab("lines", "hold", folder=tmp_path)
    assert "target.py cannot be read: No such file or directory" in ran.stderr
    (table,) = as_json("lines", "hold", "--format", "json", folder=tmp_path)["functions"]
    assert "cannot be read" in table["source_problem"]
    assert {line["source"] for line in table["lines"]} == {None}


@needs_native
def test_code_that_is_in_no_file(tmp_path: Path) -> None:
    write_target(tmp_path, 'exec("def made():\\n    return 1\\nmade()")\n')
    cglab(*RUN, "--lines", "*.made", "target.py", folder=tmp_path)
    ran = cglab("lines", "made", folder=tmp_path)
    assert "<string> is no file that can be read" in ran.stderr
    assert ran.stdout.splitlines()[2].split()[:2] == ["2", "1"]


@needs_native
def test_patterns_and_names_that_find_nothing(tmp_path: Path) -> None:
    write_target(tmp_path, PROGRAM)
    patterns = ("--lines", "*.holt", "--lines", "Worker.work", "--lines", "holt")
    ran = cglab(*RUN, *patterns, "target.py", folder=tmp_path)
    assert "--lines *.holt: no function like this ran" in ran.stderr
    assert "--lines holt: no function like this ran" in ran.stderr
    assert "the nearest by name: __main__.hold" in ran.stderr
    assert "--lines Worker.work" not in ran.stderr
    bare = cglab(*RUN, "--lines", "hold", "--lines", "main", "target.py", folder=tmp_path)
    assert "--lines" not in bare.stderr
    assert lines_of("hold", folder=tmp_path)
    assert lines_of("main", folder=tmp_path)
    cglab(*RUN, *patterns, "target.py", folder=tmp_path)
    unasked = cglab("lines", "hold", folder=tmp_path, status=1)
    assert "__main__.hold ran in" in unasked.stderr
    assert "record again with: cglab run --lines '__main__.hold'" in unasked.stderr
    unknown = cglab("lines", "wrok", folder=tmp_path, status=1)
    assert "no function called 'wrok' ran in" in unknown.stderr
    assert "the nearest by name: __main__.Worker.work" in unknown.stderr
    empty = cglab(*RUN, "--lines", "", "target.py", folder=tmp_path, status=None)
    assert empty.returncode == UsageError.exit_status
    assert "--lines '' finds no function" in empty.stderr


@needs_native
def test_from_python(tmp_path: Path) -> None:
    path = tmp_path / "block.cglab"

    def work(turns: int) -> int:
        total = 0
        for turn in range(turns):
            total += turn
        return total

    with trace(path, lines=["*.work"]):
        work(4)
    (table,) = open_recording(path).lines("work")
    first = work.__code__.co_firstlineno
    assert {line.line - first: line.hits for line in table.lines} == {1: 1, 2: 5, 3: 4, 4: 1}
