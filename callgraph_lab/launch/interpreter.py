"""What must be known of the interpreter that runs a target."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import sysconfig
from dataclasses import dataclass

from callgraph_lab.errors import TargetError

_QUESTION = """
import json, platform, sys, sysconfig
print(json.dumps({
    "version": platform.python_version(),
    "implementation": sys.implementation.name,
    "abi": getattr(sys, "abiflags", ""),
    "stdlib": [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")],
}))
"""
_ANSWER_WITHIN_S = 30


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter: its program, its version, the folders of its standard library."""

    program: str
    version: str
    stdlib_folders: tuple[str, ...]


def this_interpreter() -> Interpreter:
    """Return the interpreter that runs ``cglab``."""
    folders = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    return Interpreter(sys.executable, platform.python_version(), _unique(folders))


def find_interpreter(program: str | None) -> Interpreter:
    """Return the interpreter ``program`` of ``--python``, or this one.

    Raise ``TargetError`` where it cannot be run or is of another minor version: our modules and
    what they depend on are built for the version that they are installed in.
    """
    if program is None:
        return this_interpreter()
    try:
        answer = subprocess.run(
            [program, "-c", _QUESTION],
            capture_output=True,
            text=True,
            timeout=_ANSWER_WITHIN_S,
            check=True,
            env={**os.environ, "PYTHONPATH": ""},
        )
        facts = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise TargetError(
            f"--python {program} cannot be run as a Python interpreter ({error})",
            hint="give the path of a python program, such as venv/bin/python",
        ) from error
    theirs, ours = facts["version"], platform.python_version()
    same_kind = facts["implementation"] == sys.implementation.name
    if not same_kind or facts["abi"] != sys.abiflags or _minor(theirs) != _minor(ours):
        raise TargetError(
            f"--python {program} is {facts['implementation']} {theirs}{facts['abi']}, and this"
            f" cglab runs on {sys.implementation.name} {ours}{sys.abiflags}",
            hint=f"install cglab there: {program} -m pip install callgraph_lab",
        )
    return Interpreter(program, theirs, _unique(facts["stdlib"]))


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _unique(folders: tuple[str | None, ...] | list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(folder for folder in folders if folder))
