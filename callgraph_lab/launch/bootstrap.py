"""Inside the target, before its first line: start the engine and leave nothing of us to be seen."""

from __future__ import annotations

import importlib
import json
import os
import sys

TYPE_CHECKING = False  # importing typing would be seen in the target
if TYPE_CHECKING:
    from typing import Any

CONFIGURATION_VARIABLE = "CGLAB_BOOTSTRAP"
"""The environment variable that carries the configuration into the target, as JSON."""
_OURS = "callgraph_lab"
_NAME = "sitecustomize"


def run(site_folder: str, packages_folder: str) -> None:
    """Undo what brought us here, run the user's own ``sitecustomize``, then start the engine.

    Raise what importing the user's raised, for the ``site`` module to deal with as it does: the
    ``ImportError`` where there is none, too. Ours then leaves no trace in ``sys.modules``.
    """
    configuration = _take_configuration()
    sys.path[:] = [entry for entry in sys.path if entry != site_folder]
    sys.path_importer_cache.pop(site_folder, None)
    del sys.modules[_NAME]
    error_without_us = _import_sitecustomize_of_user()
    if configuration is not None:
        _start_engine(configuration, packages_folder)
    for name in list(sys.modules):
        if name.partition(".")[0] == _OURS:
            del sys.modules[name]
    if error_without_us is not None:
        raise error_without_us


def _start_engine(configuration: dict[str, Any], packages_folder: str) -> None:
    sys.path.insert(0, packages_folder)
    try:
        if configuration["log_resources"] is not None:
            # Before the engine, which must know it to pass over it.
            log_lines = importlib.import_module("callgraph_lab.resources.log_lines")
            log_lines.install(**configuration["log_resources"])
        engine = importlib.import_module(f"callgraph_lab.engines.{configuration['engine']}")
        engine.start(
            configuration["live_folder"],
            information=configuration["information"],
            **configuration["options"],
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the target is to run
        reason = str(error) or type(error).__name__
        sys.stderr.write(f"cglab: the target runs unrecorded: {reason}\n")
    finally:
        sys.path.remove(packages_folder)
        for entry in list(sys.path_importer_cache):
            if entry.startswith(packages_folder):
                del sys.path_importer_cache[entry]


def _take_configuration() -> dict[str, Any] | None:
    text = os.environ.pop(CONFIGURATION_VARIABLE, None)
    if text is None:
        # A sub-interpreter begins with the first one's path; it runs unrecorded.
        return None
    configuration: dict[str, Any] = json.loads(text)
    for name, value in configuration["environment"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return configuration


def _import_sitecustomize_of_user() -> BaseException | None:
    """Import the ``sitecustomize`` that ours stood before; return the error if there is one."""
    try:
        importlib.import_module(_NAME)
    except BaseException as error:  # noqa: BLE001 - raised again when the engine runs
        return error.with_traceback(None) if isinstance(error, ImportError) else error
    return None
