"""``--follow-children all``: Pythons that the target starts are recorded, and notice nothing."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support_engines import calls_by_name, every_engine, run_recorded, write_script

from callgraph_lab.graph.processes import only_process
from callgraph_lab.recording import catalog

if TYPE_CHECKING:
    from callgraph_lab.model import Recording

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("callgraph_lab._native") is None,
    reason="the extension, which amends the environment of children, is not built",
)


def record_all(
    text: str, *arguments: str, folder: Path, engine: str, children: str = "all"
) -> Recording:
    """Record a program, which must succeed and leave no process behind."""
    script = write_script(folder, text)
    recorded = run_recorded(
        script, *arguments, folder=folder, engine=engine, follow_children=children
    )
    assert recorded.outcome.status == 0
    assert recorded.entry.live_folder is None
    return catalog.load(recorded.entry)


POOLS = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor

def work(number):
    return helper(number) + 1

def helper(number):
    return number * 2

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    expected = [number * 2 + 1 for number in range(10)]
    with context.Pool(2) as pool:
        assert pool.map(work, range(10)) == expected
        pool.close()
        pool.join()
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        assert list(executor.map(work, range(10))) == expected
    process = context.Process(target=work, args=(3,))
    process.start()
    process.join()
    sys.exit(process.exitcode)
"""


@every_engine
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(engine: str, method: str, tmp_path: Path) -> None:
    recording = record_all(POOLS, method, folder=tmp_path, engine=engine)
    calls = calls_by_name(recording)
    module = "__main__" if method == "fork" else "__mp_main__"
    assert calls[f"{module}.work"] == 21
    assert calls[f"{module}.helper"] == 21
    first = recording.processes[0].pid
    assert f"{module}.work" not in calls_by_name(only_process(recording, first))
    workers = [
        process.pid
        for process in recording.processes
        if f"{module}.work" in calls_by_name(only_process(recording, process.pid))
    ]
    # One of a pool's two may have had nothing to do.
    assert 3 <= len(workers) <= 5


WAYS = """
import os, subprocess, sys

CODE = "def child(): pass\\nfor _ in range(3): child()"
COMMAND = [sys.executable, "-c", CODE]
SHELL = f"{sys.executable} -c '{CODE}'"
BESIDE = {"PATH": os.environ["PATH"], "OTHER": "1"}

def in_fork(action):
    pid = os.fork()
    if pid == 0:
        action()
    assert os.waitpid(pid, 0)[1] == 0

def spawned(pid):
    assert os.waitpid(pid, 0)[1] == 0

before = dict(os.environ)
"""
WAYS_TO_START = (
    "subprocess.run(COMMAND, check=True)",
    "subprocess.run(COMMAND, check=True, close_fds=False)",
    "subprocess.run(COMMAND, check=True, env=BESIDE)",
    "subprocess.run(COMMAND, check=True, env={**os.environ, 'PYTHONPATH': '/nowhere'})",
    "subprocess.run(SHELL, check=True, shell=True)",
    "subprocess.run(['env', *COMMAND], check=True)",
    "subprocess.run(COMMAND, check=True, preexec_fn=lambda: None)",
    "assert os.system(SHELL) == 0",
    "os.environ['LATER'] = '1'; assert os.system(SHELL) == 0; del os.environ['LATER']",
    "assert os.popen(SHELL).close() is None",
    "spawned(os.posix_spawn(COMMAND[0], COMMAND, os.environ))",
    "spawned(os.posix_spawn(COMMAND[0], COMMAND, {b'OTHER': b'1'}))",
    "spawned(os.posix_spawnp(COMMAND[0], COMMAND, {}))",
    "assert os.spawnv(os.P_WAIT, COMMAND[0], COMMAND) == 0",
    "assert os.spawnve(os.P_WAIT, COMMAND[0], COMMAND, BESIDE) == 0",
    "in_fork(lambda: os.execv(COMMAND[0], COMMAND))",
    "in_fork(lambda: os.execvp(COMMAND[0], COMMAND))",
    "in_fork(lambda: os.execve(COMMAND[0], COMMAND, env=BESIDE))",
    "subprocess.run([sys.executable, '-c', f'import subprocess; subprocess.run({COMMAND})'])",
)


@every_engine
def test_every_way_to_start_an_interpreter(engine: str, tmp_path: Path) -> None:
    text = "\n".join([WAYS, *WAYS_TO_START, "assert dict(os.environ) == before"])
    recording = record_all(text, folder=tmp_path, engine=engine)
    assert calls_by_name(recording)["__main__.child"] == 3 * len(WAYS_TO_START)
    assert recording.run.notes == ()


@every_engine
def test_children_that_cannot_be_followed_run_as_ever(engine: str, tmp_path: Path) -> None:
    text = (
        WAYS
        + """
subprocess.run([sys.executable, "-I", "-c", CODE], check=True)
subprocess.run([sys.executable, "-E", "-c", CODE], check=True)
subprocess.run([sys.executable, "-S", "-c", CODE], check=True)
subprocess.run(["true"], check=True)
output = open(sys.argv[1], "w")
for failing in (
    lambda: subprocess.run(["/nowhere"]),
    lambda: subprocess.run(["true"], env={"A": 1}),
    lambda: subprocess.run(["true"], env=5),
    lambda: os.posix_spawn("/nowhere", ["x"], os.environ),
    lambda: os.posix_spawn("/bin/true", ["x"], 5),
    lambda: os.posix_spawn("/bin/true", ["x"]),
    lambda: os.execve("/nowhere", ["x"], {"A": "1"}),
    lambda: os.execve("/bin/true", ["x"], {"A": 1}),
    lambda: os.execv("/nowhere", ["x"]),
    lambda: os.system(5),
):
    try:
        failing()
    except (OSError, TypeError, AttributeError) as error:
        print(type(error).__name__, error, file=output)
"""
    )
    script = write_script(tmp_path, text)
    subprocess.run([sys.executable, str(script), str(tmp_path / "untraced")], check=True)
    recorded = run_recorded(
        script, str(tmp_path / "traced"), folder=tmp_path, engine=engine, follow_children="all"
    )
    assert recorded.outcome.status == 0
    assert (tmp_path / "traced").read_bytes() == (tmp_path / "untraced").read_bytes()
    recording = catalog.load(recorded.entry)
    assert "__main__.child" not in calls_by_name(recording)
    assert len(recording.processes) == 1


LOOKS = """
import os, sys
print(sorted(os.environ.items()), sys.path, sys.argv, sys.orig_argv[1:], sys.flags)
print("sitecustomize" in sys.modules, [name for name in sys.modules if "callgraph" in name])
# Packages of the standard library that were imported have entries of their own.
print(sorted(path for path in sys.path_importer_cache if "/lib/python" not in path))
"""


@every_engine
@pytest.mark.parametrize("environment", [{}, {"PYTHONPATH": ""}, {"PYTHONPATH": "/a::/b"}], ids=str)
def test_a_followed_interpreter_sees_nothing_of_it(
    engine: str, environment: dict[str, str], tmp_path: Path
) -> None:
    looks = write_script(tmp_path, LOOKS, "looks.py")
    text = f"""
import subprocess, sys
with open({str(tmp_path / "seen")!r}, "wb") as file:
    subprocess.run([sys.executable, {str(looks)!r}, "word"], env={environment!r}, stdout=file)
"""
    recording = record_all(text, folder=tmp_path, engine=engine)
    plain = subprocess.run(
        [sys.executable, str(looks), "word"], env=environment, capture_output=True, check=True
    )
    assert (tmp_path / "seen").read_bytes() == plain.stdout
    assert [process.argv for process in recording.processes] == [
        (str(tmp_path / "target.py"),),
        (str(looks), "word"),
    ]


@every_engine
def test_a_fork_that_runs_another_program_has_two_parts(engine: str, tmp_path: Path) -> None:
    text = (
        WAYS
        + """
def before_exec():
    os.execv(COMMAND[0], COMMAND)
in_fork(before_exec)
"""
    )
    recording = record_all(text, folder=tmp_path, engine=engine)
    first, *others = recording.processes
    assert len(others) == 2
    assert others[0].pid == others[1].pid != first.pid
    assert [process.argv[0] for process in others] == [str(tmp_path / "target.py"), "-c"]
    calls = calls_by_name(only_process(recording, others[0].pid))
    assert calls["__main__.before_exec"] == 1
    assert calls["__main__.child"] == 3


@every_engine
@pytest.mark.parametrize("children", ["fork", "none"])
def test_new_interpreters_are_followed_on_request_only(
    engine: str, children: str, tmp_path: Path
) -> None:
    text = WAYS + "subprocess.run(COMMAND, check=True)"
    recording = record_all(text, folder=tmp_path, engine=engine, children=children)
    assert len(recording.processes) == 1


@every_engine
def test_an_interpreter_that_cannot_be_recorded_is_noted_once(engine: str, tmp_path: Path) -> None:
    sabotage = "import sys\nsys.modules[f'callgraph_lab.engines.{engine}'] = None\n"
    write_script(tmp_path / "site", f"engine = {engine!r}\n{sabotage}", "sitecustomize.py")
    text = (
        WAYS
        + f"""
for _ in range(3):
    ran = subprocess.run(
        COMMAND, env={{"PYTHONPATH": {str(tmp_path / "site")!r}}}, capture_output=True, check=True
    )
    assert (ran.stdout, ran.stderr) == (b"", b"")
"""
    )
    recording = record_all(text, folder=tmp_path, engine=engine)
    (note,) = recording.run.notes
    assert "ran unrecorded" in note
    assert f"callgraph_lab.engines.{engine}" in note


def other_pythons() -> list[str]:
    """Return interpreters of this machine that are of another version than this one."""
    candidates = [
        *Path.home().glob(".pyenv/versions/*/bin/python"),
        *(Path("/usr/bin").glob("python3.[0-9]*")),
    ]
    found = []
    for path in candidates:
        if not os.access(path, os.X_OK) or path.name.endswith("-config"):
            continue
        code = "import sys; print(sys.implementation.cache_tag)"
        tag = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        if tag.returncode == 0 and tag.stdout.strip() != sys.implementation.cache_tag:
            found.append(str(path))
    return found


@every_engine
def test_another_version_of_python_runs_unharmed(engine: str, tmp_path: Path) -> None:
    others = other_pythons()
    if not others:
        pytest.skip("there is no other version of Python on this machine")
    text = """
import subprocess, sys
CODE = "import os, sys; print(sys.path, sorted(os.environ.items()), list(sys.modules))"
with open(sys.argv[1], "w") as output:
    for python in sys.argv[2:]:
        for environment in ({}, {"PYTHONPATH": ""}, {"PYTHONPATH": "/a:/b"}):
            command = [python, "-c", CODE]
            child = subprocess.run(command, env=environment, capture_output=True, text=True)
            print(child, file=output)
"""
    script = write_script(tmp_path, text)
    command = [sys.executable, str(script), str(tmp_path / "untraced"), *others]
    subprocess.run(command, check=True)
    traced = tmp_path / "traced"
    recording = record_all(text, str(traced), *others, folder=tmp_path, engine=engine)
    assert traced.read_bytes() == (tmp_path / "untraced").read_bytes()
    assert len(recording.processes) == 1
    assert recording.run.notes
    assert all("ran unrecorded: cglab runs on" in note for note in recording.run.notes)
