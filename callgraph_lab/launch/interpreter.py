"""What must be known of the interpreter that runs a target."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from typing import Any

from callgraph_lab.errors import TargetError
from callgraph_lab.launch.bootstrap import CONFIGURATION_VARIABLE

_QUESTION = """
import json, os, platform, sys, sysconfig
print(json.dumps({
    "without": [
        name for name, is_so in (
            ("-I", getattr(sys.flags, "isolated", 0)),
            ("-E", sys.flags.ignore_environment),
            ("-S", sys.flags.no_site),
        ) if is_so
    ],
    "has_path": sys.argv[1] in sys.path,
    "has_variable": sys.argv[2] in os.environ,
    "version": platform.python_version(),
    "implementation": platform.python_implementation().lower(),
    "abi": getattr(sys, "abiflags", ""),
    "stdlib": [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")],
}))
"""
_ANSWER_WITHIN_S = 30
_NO_FOLDER = "/no-folder-of-cglab"


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

    Raise ``TargetError`` where it cannot be run or is of another minor version (our modules and
    what they depend on are built for the version that they are installed in), and where it would
    not load them.
    """
    if program is None:
        return this_interpreter()
    try:
        answer = subprocess.run(
            [program, "-c", _QUESTION, _NO_FOLDER, CONFIGURATION_VARIABLE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_WITHIN_S,
            check=True,
            env={**os.environ, "PYTHONPATH": _NO_FOLDER, CONFIGURATION_VARIABLE: "-"},
        )
        facts = json.loads(answer.stdout)
        theirs, implementation, abi = facts["version"], facts["implementation"], facts["abi"]
        stdlib = _unique(facts["stdlib"])
        obstacle = _obstacle(facts)
    except (OSError, subprocess.SubprocessError, ValueError, TypeError, KeyError) as error:
        raise TargetError(
            f"--python {program} is not a Python interpreter ({_reason(error)})",
            hint="give the path of a python program, such as venv/bin/python",
        ) from error
    ours = platform.python_version()
    same_kind = implementation == platform.python_implementation().lower()
    if not same_kind or abi != sys.abiflags or _minor(theirs) != _minor(ours):
        raise TargetError(
            f"--python {program} is {implementation} {theirs}{abi}, and this cglab runs on"
            f" {platform.python_implementation().lower()} {ours}{sys.abiflags}",
            hint=f"install cglab there: {program} -m pip install callgraph_lab"
            " (it needs Python 3.11 or newer)",
        )
    if obstacle:
        raise TargetError(
            f"--python {program} {obstacle}: nothing would be recorded",
            hint="name the interpreter itself, or a wrapper that leaves this to it",
        )
    return Interpreter(program, theirs, stdlib)


def _obstacle(facts: dict[str, Any]) -> str:
    """Return what keeps an interpreter from loading what PYTHONPATH names, or nothing."""
    if facts["without"]:
        return f"runs Python with {facts['without'][0]}, which leaves PYTHONPATH or 'site' away"
    if not facts["has_path"]:
        return "is a wrapper that does not hand PYTHONPATH on"
    return "" if facts["has_variable"] else "is a wrapper that does not hand its environment on"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, subprocess.CalledProcessError):
        return f"asked for its version it ended with exit status {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it did not tell its version within {_ANSWER_WITHIN_S} s"
    return "it did not tell its version"


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _unique(folders: tuple[str | None, ...] | list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(folder for folder in folders if folder))
