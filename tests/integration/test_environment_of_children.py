"""``--follow-children all``: what children get never stands in the target's own environment."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support_cli import cglab, environment, write_target

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("callgraph_lab._native") is None,
    reason="the extension, which amends the environment of children, is not built",
)

CHANGED_WHILE_A_SHELL_RUNS = """
import ctypes, os, threading

getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
os.environ["SECRET"], os.environ["KEPT"] = "s3cret", "old"
os.mkfifo("begun")
os.mkfifo("go_on")
shell = threading.Thread(target=os.system, args=("echo > begun; read word < go_on",))
shell.start()
with open("begun") as begun:
    begun.read()
print([getenv(name) for name in (b"PYTHONPATH", b"CGLAB_BOOTSTRAP", b"SECRET")])
del os.environ["SECRET"]
os.environ["KEPT"] = "new"
with open("go_on", "w") as go_on:
    go_on.write("on\\n")
shell.join()
print(os.environ.get("SECRET"), os.environ["KEPT"], getenv(b"SECRET"), getenv(b"KEPT"))
"""

AS_EVER = """
import os, signal, sys, threading

def said(function, *arguments, **named):
    try:
        return function(*arguments, **named)
    except Exception as error:
        return type(error).__name__, str(error)

seen = []
sys.addaudithook(lambda event, items: seen.append((event, items)) if event == "os.system" else None)
for command in ("exit 3", "kill -9 $$", b"exit 4", "no-such-program 2>/dev/null", "", "echo $0"):
    print(said(os.system, command), flush=True)
print(said(os.system, command="exit 5"), said(os.system, "a\\0b"), said(os.system, 7))
print(said(os.system), said(os.system, "true", "false"), said(os.system, comand="true"))
print(len(seen), seen[0], seen[2])

# The shell's parent ignores what the terminal's keys send, and the shell does not.
handler = signal.getsignal(signal.SIGINT)
print(os.system("kill -INT $PPID; kill -QUIT $PPID; kill -INT $$"))
print(signal.getsignal(signal.SIGINT) is handler, signal.pthread_sigmask(signal.SIG_BLOCK, ()))
many = [threading.Thread(target=os.system, args=("exit 0",)) for _ in range(20)]
for thread in many: thread.start()
for thread in many: thread.join()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(os.system("kill -INT $$; echo goes on"), signal.getsignal(signal.SIGINT))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(os.system("true"))
signal.signal(signal.SIGCHLD, signal.SIG_DFL)

print(said(os.execv, "/nowhere/program", ["x"]), said(os.execv, "/bin/true", []))
print(said(os.execv, "/bin/true", 7), said(os.execv), said(os.execve, "/bin/true", ["x"], None))
spawned = said(os.posix_spawn, "/bin/true", ["true"], None)
print(spawned if isinstance(spawned, tuple) else os.waitpid(spawned, 0)[1])
os.environ["SEEN"] = "by the last program"
sys.stdout.flush()
os.execv("/bin/sh", ["sh", "-c", "echo $SEEN"])
"""


@pytest.mark.parametrize("text", [CHANGED_WHILE_A_SHELL_RUNS, AS_EVER])
def test_the_target_sees_what_it_sees_untraced(text: str, tmp_path: Path) -> None:
    script = write_target(tmp_path, text)
    inside, beside = tmp_path / "traced", tmp_path / "untraced"
    for folder in (inside, beside):
        folder.mkdir()
    untraced = subprocess.run(
        [sys.executable, script],
        cwd=beside,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert untraced.stdout
    traced = cglab("run", "--no-render", "--follow-children", "all", script, folder=inside)
    assert traced.stdout == untraced.stdout
