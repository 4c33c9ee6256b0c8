"""What a user wants to run: a script or a module, with its own arguments."""

from __future__ import annotations

import difflib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from callgraph_lab.errors import TargetError

_FOLDERS_TO_SEARCH = (".", "examples", "src", "scripts", "bin", "server", "tests")
_MODULE_IS_MISSING = 93
_FIND_MODULE = f"""
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec

sys.path.insert(0, "")
name = sys.argv[1]
spec = find_spec(name.partition(".")[0])
found = name.partition(".")[0]
for part in [*name.split(".")[1:], "__main__"]:
    if spec is None or spec.submodule_search_locations is None:
        break
    found = found + "." + part
    # Not by its name alone: that would import the package, and so run a part of the target.
    spec = PathFinder.find_spec(found, spec.submodule_search_locations)
missing = found if spec is None else name
if spec is None or found not in (name, name + ".__main__"):
    try:
        # A package that has changed its path while it was imported is the last hope.
        spec = find_spec(missing)
    except Exception:
        spec = None
    if spec is None:
        print(missing)
        sys.exit({_MODULE_IS_MISSING})
"""
"""Exits like that, with what ``python -m`` would not find on its last line."""


@dataclass(frozen=True, slots=True)
class Target:
    """A script, or (``is_module``) a module as after ``python -m``, and its arguments."""

    name: str
    arguments: tuple[str, ...] = ()
    is_module: bool = False

    def command(self, python: str) -> list[str]:
        """Return the command line that runs the target."""
        if self.is_module:
            return [python, "-m", self.name, *self.arguments]
        # A script that is called like an option is none.
        options_end = ["--"] if self.name.startswith("-") else []
        return [python, *options_end, self.name, *self.arguments]

    def __str__(self) -> str:
        return f"-m {self.name}" if self.is_module else self.name


def check_script(name: str) -> None:
    """Raise ``TargetError`` where a script is not there, with the near one that may be meant."""
    path = Path(name)
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except OSError as error:  # a name longer than a file system takes, a file for a folder
        raise TargetError(
            f"there is no script {name}: {error.strerror}", hint="give the path of a Python file"
        ) from error
    if path.is_dir():
        if (path / "__main__.py").is_file():
            return
        raise TargetError(
            f"{name} is a directory, not a script", hint=f"name a script in it: {_example_in(path)}"
        )
    if not path.exists():
        near = _near_scripts(path)
        if near:
            raise TargetError(f"there is no script {name}", hint=f"did you mean {near[0]}?")
        raise TargetError(
            f"there is no script {name}", hint="give the path of a Python file, or use -m MODULE"
        )
    if not os.access(path, os.R_OK):
        raise TargetError(f"the script {name} cannot be read", hint="check its permissions")


def _example_in(folder: Path) -> str:
    scripts = sorted(folder.glob("*.py"))
    return str(scripts[0]) if scripts else f"{folder}/SCRIPT.py"


def _near_scripts(path: Path) -> list[str]:
    """Return scripts of a like name, the same name in another folder first."""
    folders = [path.parent, *(path.parent / name for name in _FOLDERS_TO_SEARCH)]
    candidates: dict[str, Path] = {}
    for folder in folders:
        for script in sorted(folder.glob("*.py")):
            candidates.setdefault(os.path.normpath(script), script)
    wanted = path.name if path.suffix == ".py" else f"{path.name}.py"
    exact = [place for place, script in candidates.items() if script.name == wanted]
    by_name = {script.name.lower(): place for place, script in candidates.items()}
    close = difflib.get_close_matches(wanted.lower(), by_name, 1)
    return exact + [by_name[name] for name in close]


def check_module(name: str, python: str) -> None:
    """Raise ``TargetError`` where ``python -m name`` would not find its module."""
    answer = subprocess.run(
        [python, "-c", _FIND_MODULE, name],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != _MODULE_IS_MISSING:
        return
    missing = answer.stdout.splitlines()[-1]
    package = name.partition(".")[0]
    if missing.endswith(".__main__"):
        raise TargetError(
            f"the package {missing.removesuffix('.__main__')} cannot be run, it has no __main__",
            hint="name a module in it: -m PACKAGE.MODULE",
        )
    if missing == package:
        hint = f"install it ({python} -m pip install {package}), or check the name"
    else:
        hint = f"the package {package} is there; check the rest of the name"
    raise TargetError(f"there is no module {missing!r} for {python}", hint=hint)
