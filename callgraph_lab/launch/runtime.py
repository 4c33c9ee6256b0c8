"""The private folder from which a target's interpreter loads the engine, and nothing else.

It holds a ``sitecustomize`` that the interpreter imports before the target, and links to the few
packages that the engine needs. ``bootstrap`` takes all trace of it out of the target again.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from callgraph_lab.launch.bootstrap import CONFIGURATION_VARIABLE
from callgraph_lab.launch.private_folder import PrivateFolder
from callgraph_lab.recording.live_format import NOTE_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callgraph_lab.launch.interpreter import Interpreter

_PACKAGES = ("callgraph_lab", "pycallgraph2")
_PATH_VARIABLE = "PYTHONPATH"
_SITECUSTOMIZE = '''\
"""Start recording, then step aside for the sitecustomize that would have run without us.

Any Python may find this in its environment, where the target starts one: it must be valid in all.
"""

import os
import sys

_text = os.environ.pop({variable!r}, None)
if _text is not None:
    _path = [item for item in os.environ.pop("PYTHONPATH", "").split(":") if item != {site!r}]
    if _path or _text[0] == "+":
        os.environ["PYTHONPATH"] = ":".join(_path)
    _text = _text[1:]
sys.path[:] = [item for item in sys.path if item != {site!r}]
_tag = getattr(getattr(sys, "implementation", None), "cache_tag", None)
if (_tag, getattr(sys, "abiflags", "")) == {kind!r}:
    import _signal

    # Ctrl-C waits until nothing of ours is left on the stack.
    _pressed = False
    _mask = None
    while _mask is None:
        try:
            _mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
            _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGINT,))
        except KeyboardInterrupt:
            _pressed = True
            _mask = None
    sys.path.insert(0, {packages!r})
    try:
        from callgraph_lab.launch import bootstrap
    finally:
        sys.path.remove({packages!r})
    bootstrap.run({site!r}, {packages!r}, _text, _mask, _pressed)
else:
    try:
        _version = "%d.%d" % sys.version_info[:2]
        _note = os.path.join({notes!r}, "python-" + _version + {suffix!r})
        _note = os.open(_note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 384)
        _text = "child interpreters of Python %s (%s) ran unrecorded: cglab runs on %s"
        _text = _text % (_version, sys.executable, {version!r})
        # A file object would have io imported, which is not everywhere a part of the start.
        os.write(_note, _text if isinstance(_text, bytes) else os.fsencode(_text))
        os.close(_note)
    except (IOError, OSError):
        pass
    del sys.modules["sitecustomize"]
    import sitecustomize
'''


class Runtime:
    """The folder, and the environment that makes an interpreter use it. Remove it after the run."""

    def __init__(self, live_folder: Path) -> None:
        self._private = PrivateFolder(live_folder)
        self.folder = self._private.path
        self._live_folder = str(live_folder.resolve())
        packages = self.folder / "packages"
        packages.mkdir()
        for name in _PACKAGES:
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.origin is not None:
                (packages / name).symlink_to(Path(spec.origin).resolve().parent)
        self._site = self.folder / "site"
        self._site.mkdir()
        text = _SITECUSTOMIZE.format(
            variable=CONFIGURATION_VARIABLE,
            site=str(self._site),
            packages=str(packages),
            kind=(sys.implementation.cache_tag, sys.abiflags),
            notes=self._live_folder,
            suffix=NOTE_SUFFIX,
            version=platform.python_version(),
        )
        (self._site / "sitecustomize.py").write_text(text, encoding="utf-8")

    def environment(  # noqa: PLR0913 - by keyword
        self,
        *,
        engine: str,
        interpreter: Interpreter,
        options: Mapping[str, object],
        follow_interpreters: bool,
        stack_limit: int | None,
        log_resources: Mapping[str, object] | None = None,
        heap: Mapping[str, object] | None = None,
        ftp_limits: Mapping[str, object] | None = None,
        error_limits: Mapping[str, str] | None = None,
        no_argv: bool = False,
    ) -> dict[str, str]:
        """Return the environment for the target's process; ``options`` are the engine's.

        With ``follow_interpreters`` the Pythons that it starts are recorded as well. The limit on
        the stack is put back to ``stack_limit`` (None: it was not raised). ``log_resources`` are
        the arguments of ``log_lines.install``, ``heap`` what ``heap_options.configure`` returns,
        if that is wanted, ``ftp_limits`` the limits for ``ftp_limits.install``, ``error_limits``
        those that the engine ``native`` is to look for. With ``no_argv`` the arguments of programs
        are not recorded.
        """
        environment = dict(os.environ)
        configuration = {
            "engine": engine,
            "live_folder": self._live_folder,
            "options": dict(options),
            "stdlib": interpreter.stdlib_folders,
            "follow_interpreters": follow_interpreters,
            "stack_limit": stack_limit,
            "is_child": False,
            "log_resources": log_resources,
            "heap": heap,
            "ftp_limits": dict(ftp_limits or {}),
            "error_limits": dict(error_limits or {}),
            "no_argv": no_argv,
        }
        before = environment.get(_PATH_VARIABLE)
        site = str(self._site)
        environment[_PATH_VARIABLE] = f"{site}{os.pathsep}{before}" if before else site
        mark = "-" if before is None else "+"
        environment[CONFIGURATION_VARIABLE] = mark + json.dumps(configuration)
        return environment

    def remove(self) -> None:
        """Delete the folder."""
        self._private.remove()
