"""The private folder from which a target's interpreter loads the engine, and nothing else.

It holds a ``sitecustomize`` that the interpreter imports before the target, and links to the few
packages that the engine needs. ``bootstrap`` takes all trace of it out of the target again.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from callgraph_lab.launch.bootstrap import CONFIGURATION_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callgraph_lab.launch.interpreter import Interpreter

_PACKAGES = ("callgraph_lab", "pycallgraph2")
_PATH_VARIABLE = "PYTHONPATH"
_SITECUSTOMIZE = '''\
"""Start recording, then step aside for the sitecustomize that would have run without us."""

import sys

sys.path.insert(0, {packages!r})
try:
    from callgraph_lab.launch import bootstrap
finally:
    sys.path.remove({packages!r})
bootstrap.run({folder!r}, {packages!r})
'''


class Runtime:
    """The folder, and the environment that makes an interpreter use it. Remove it after the run."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cglab-"))
        packages = self.folder / "packages"
        packages.mkdir()
        for name in _PACKAGES:
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.origin is not None:
                (packages / name).symlink_to(Path(spec.origin).resolve().parent)
        self._site = self.folder / "site"
        self._site.mkdir()
        text = _SITECUSTOMIZE.format(packages=str(packages), folder=str(self._site))
        (self._site / "sitecustomize.py").write_text(text, encoding="utf-8")

    def environment(  # noqa: PLR0913 - by keyword
        self,
        *,
        engine: str,
        live_folder: Path,
        interpreter: Interpreter,
        argv: list[str],
        options: Mapping[str, object],
        log_resources: Mapping[str, object] | None = None,
    ) -> dict[str, str]:
        """Return the environment for the target's process; ``options`` are the engine's.

        ``log_resources`` are the arguments of ``log_lines.install``, if that is wanted.
        """
        environment = dict(os.environ)
        configuration = {
            "engine": engine,
            "live_folder": str(live_folder.resolve()),
            "options": dict(options),
            "log_resources": log_resources,
            "information": {
                "argv": argv[1:],
                "python": interpreter.version,
                "engine": engine,
                "stdlib": interpreter.stdlib_folders,
            },
            "environment": {_PATH_VARIABLE: environment.get(_PATH_VARIABLE)},
        }
        before = environment.get(_PATH_VARIABLE)
        site = str(self._site)
        environment[_PATH_VARIABLE] = f"{site}{os.pathsep}{before}" if before else site
        environment[CONFIGURATION_VARIABLE] = json.dumps(configuration)
        return environment

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
