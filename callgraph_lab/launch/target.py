"""What a user wants to run: a script or a module, with its own arguments."""

from __future__ import annotations

import difflib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from callgraph_lab.errors import TargetError

_FOLDERS_TO_SEARCH = (".", "examples", "src", "scripts", "bin", "server", "tests")


@dataclass(frozen=True, slots=True)
class Target:
    """A script, or (``is_module``) a module as after ``python -m``, and its arguments."""

    name: str
    arguments: tuple[str, ...] = ()
    is_module: bool = False

    def command(self, python: str) -> list[str]:
        """Return the command line that runs the target."""
        start = [python, "-m", self.name] if self.is_module else [python, self.name]
        return [*start, *self.arguments]

    def __str__(self) -> str:
        return f"-m {self.name}" if self.is_module else self.name


def check_script(name: str) -> None:
    """Raise ``TargetError`` where a script is not there, with the near one that may be meant."""
    path = Path(name)
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
    """Raise ``TargetError`` where ``python -m name`` would not find its module.

    Only the first part of a dotted name is looked for: more would run the package's code.
    """
    question = (
        "import importlib.util, sys; sys.path.insert(0, '');"
        "sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    )
    package = name.partition(".")[0]
    answer = subprocess.run([python, "-c", question, package], capture_output=True, check=False)
    if answer.returncode == 1:
        raise TargetError(
            f"there is no module {package!r} for {python}",
            hint=f"install it ({python} -m pip install {package}), or check the name",
        )
