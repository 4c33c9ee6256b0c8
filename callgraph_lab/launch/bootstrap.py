"""Inside the target, before its first line: start the engine and leave nothing of us to be seen."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal would be seen in the target
import _thread
import importlib
import json
import os
import sys

TYPE_CHECKING = False  # importing typing would be seen in the target
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

CONFIGURATION_VARIABLE = "CGLAB_BOOTSTRAP"
"""The environment variable that carries the configuration into an interpreter.

It is a ``+``, or a ``-`` where PYTHONPATH was not set, and JSON: engine, options, live folder.
"""
_OURS = "callgraph_lab"
_NAME = "sitecustomize"
_STARTS_PROGRAMS = "_posixsubprocess"
_MOST_NOTE_CHARACTERS = 500


def run(
    site_folder: str,
    packages_folder: str,
    text: str | None,
    mask: set[int],
    pressed: bool,  # noqa: FBT001 - only our own sitecustomize calls this
) -> None:
    """Undo what brought us here, run the user's own ``sitecustomize``, then start the engine.

    ``text`` is the configuration, None in a sub-interpreter, which begins with the first one's path
    and runs unrecorded. Raise what importing the user's raised, for the ``site`` module to deal
    with as it does: the ``ImportError`` where there is none, too. Ours then leaves no trace in
    ``sys.modules``.

    ``mask`` are the blocked signals that the target is to have; until the end SIGINT is blocked.
    Where Ctrl-C was pressed meanwhile (``pressed``: before), the target gets it when we have
    returned.
    """
    sys.path_importer_cache.pop(site_folder, None)
    del sys.modules[_NAME]
    configuration = None if text is None else json.loads(text)
    if configuration is not None:
        _keep_stack(configuration, packages_folder)
    error_without_us = _import_sitecustomize_of_user()
    if configuration is not None:
        _start_engine(configuration, site_folder, packages_folder)
    for name in list(sys.modules):
        if name.partition(".")[0] == _OURS:
            del sys.modules[name]
    try:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
    except KeyboardInterrupt:
        pressed = True
    if pressed:
        interrupt = _Interrupt()
        # Python sees to it at the next call of a function, which is not one of ours.
        del interrupt
        return
    if error_without_us is not None:
        raise error_without_us


class _Interrupt:
    """Has Ctrl-C strike when it is deleted, soon after: a function called here would be struck."""

    __del__ = staticmethod(_thread.interrupt_main)


def _keep_stack(configuration: dict[str, Any], packages_folder: str) -> None:
    """Put the limit on the stack back, for the target and its children, and keep the stack."""
    if configuration["stack_limit"] is None:
        return
    sys.path.insert(0, packages_folder)
    try:
        # Only the first process was started with a raised limit.
        limit = None if configuration["is_child"] else configuration["stack_limit"]
        importlib.import_module("callgraph_lab._native").keep_stack(limit)
    except (ImportError, OSError):
        pass  # the engine will say what is wrong; without it the stack is as large as it is
    finally:
        sys.path.remove(packages_folder)


def _start_engine(configuration: dict[str, Any], site_folder: str, packages_folder: str) -> None:
    sys.path.insert(0, packages_folder)
    try:
        if configuration["follow_interpreters"]:
            _follow_interpreters(configuration, site_folder)
        elif configuration["options"]["follow_forks"]:
            _count_other_pythons()
        if configuration["log_resources"] is not None:
            # Before the engine, which must know it to pass over it.
            log_lines = importlib.import_module("callgraph_lab.resources.log_lines")
            log_lines.install(**configuration["log_resources"])
        if configuration["heap"] is not None:
            # Before the engine, whose hook watches the time.
            _watch_heap(
                configuration["heap"], follow_forks=configuration["options"]["follow_forks"]
            )
        if configuration["ftp_limits"]:
            ftp_limits = importlib.import_module("callgraph_lab.resources.ftp_limits")
            ftp_limits.install(configuration["ftp_limits"], configuration["live_folder"])
        if configuration["error_limits"]:
            native = importlib.import_module("callgraph_lab._native")
            native.watch_limits(configuration["error_limits"])
        engine = importlib.import_module(f"callgraph_lab.engines.{configuration['engine']}")
        engine.start(
            configuration["live_folder"],
            information=_information(configuration),
            **configuration["options"],
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the target is to run
        _tell_why_not(configuration, str(error) or type(error).__name__)
    finally:
        sys.path.remove(packages_folder)
        for entry in list(sys.path_importer_cache):
            if entry.startswith(packages_folder):
                del sys.path_importer_cache[entry]


def _follow_interpreters(configuration: dict[str, Any], site_folder: str) -> None:
    native = importlib.import_module("callgraph_lab._native")
    text = json.dumps({**configuration, "is_child": True})
    _stand_in(lambda: native.follow_children(site_folder, CONFIGURATION_VARIABLE, text))


def _count_other_pythons() -> None:
    try:
        native = importlib.import_module("callgraph_lab._native")
    except ImportError:
        return  # the engine pycallgraph2 does without the extension
    _stand_in(native.count_other_pythons)


def _stand_in(install: Callable[[], object]) -> None:
    had_it = _STARTS_PROGRAMS in sys.modules
    install()
    if not had_it:
        sys.modules.pop(_STARTS_PROGRAMS, None)


def _watch_heap(heap: dict[str, Any], *, follow_forks: bool) -> None:
    native = importlib.import_module("callgraph_lab._native")
    brought = [name for name in ("atexit", "gc") if name not in sys.modules]
    get_objects = importlib.import_module("gc").get_objects
    guppy = None
    if heap["with_guppy"]:
        guppy = importlib.import_module("callgraph_lab.resources.guppy_view").load()
    native.start_heap(
        heap["folder"],
        heap["every_ns"],
        follow_forks,
        tuple(heap["actions"]),
        (get_objects, sys.getsizeof),
        guppy,
    )
    if heap["at_exit"]:
        # What is registered first is called last: after all that the target registers.
        importlib.import_module("atexit").register(native.take_heap_at_exit)
    for name in brought:
        sys.modules.pop(name, None)


def _information(configuration: dict[str, Any]) -> dict[str, object]:
    """Return what the header of a live file says of this process."""
    from callgraph_lab.recording.live_information import (  # noqa: PLC0415 - as above
        brief_arguments,
        without_arguments,
    )

    stdlib = [*configuration["stdlib"]]
    ours = os.path.dirname(os.__file__)  # noqa: PTH120 - pathlib is a large import for a target
    if ours not in stdlib:
        stdlib.append(ours)
    words = sys.orig_argv[1:]
    return {
        "argv": brief_arguments(without_arguments(words) if configuration["no_argv"] else words),
        "python": sys.version.partition(" ")[0],
        "engine": configuration["engine"],
        "stdlib": stdlib,
    }


def _tell_why_not(configuration: dict[str, Any], reason: str) -> None:
    name = sys.implementation.cache_tag
    text = f"child interpreters ({sys.executable}) ran unrecorded: {reason}"
    if not configuration["is_child"]:
        name, text = "target", f"the target ran unrecorded: {reason}"
        # What a child writes to its standard error is read by the target.
        sys.stderr.write(f"cglab: the target runs unrecorded: {reason}\n")
    # contextlib and pathlib are not for the target to load.
    try:
        with open(f"{configuration['live_folder']}/{name}.note", "x", encoding="utf-8") as note:  # noqa: PTH123
            note.write(text[:_MOST_NOTE_CHARACTERS])
    except OSError:
        pass


def _import_sitecustomize_of_user() -> BaseException | None:
    """Import the ``sitecustomize`` that ours stood before; return the error if there is one."""
    try:
        importlib.import_module(_NAME)
    except BaseException as error:  # noqa: BLE001 - raised again when the engine runs
        return error.with_traceback(None) if isinstance(error, ImportError) else error
    return None
