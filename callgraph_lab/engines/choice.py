"""Choose an engine, in one place and with a reason."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from callgraph_lab.engines.protocol import Availability
from callgraph_lab.errors import EngineError

if TYPE_CHECKING:
    from callgraph_lab.engines.protocol import Engine

AUTO = "auto"
NATIVE = "native"
ENGINE_NAMES = (NATIVE, "pycallgraph2")
"""Every engine there is, the one to be preferred first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine to record with, and one sentence of why it is this one."""

    name: str
    reason: str


def load_engine(name: str) -> Engine:
    """Import the engine called ``name``; raise ``ImportError`` where this build has none."""
    return cast("Engine", importlib.import_module(f"callgraph_lab.engines.{name}"))


def availability(name: str) -> Availability:
    """Say whether an engine can be used under this interpreter, and why."""
    try:
        return load_engine(name).availability()
    except ImportError as error:
        return Availability(available=False, reason=f"not part of this installation ({error})")


def choose(name: str = AUTO) -> Choice:
    """Return the engine that a user's ``--engine`` means.

    Raise ``EngineError`` where it does not exist, or is not available (with the reason).
    """
    if name == AUTO:
        return _choose_best()
    if name not in ENGINE_NAMES:
        near = difflib.get_close_matches(name, [*ENGINE_NAMES, AUTO], 1)
        raise EngineError(
            f"there is no engine {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
            hint="'cglab engines' lists them",
        )
    found = availability(name)
    if not found.available:
        raise EngineError(
            f"the engine {name} is {found.reason}", hint="use --engine auto, or see 'cglab engines'"
        )
    return Choice(name, found.reason)


def _choose_best() -> Choice:
    passed_over: list[str] = []
    for name in ENGINE_NAMES:
        found = availability(name)
        if found.available:
            return Choice(name, "; ".join([found.reason, *passed_over]))
        passed_over.append(f"{name} is {found.reason}")
    raise EngineError(
        "no engine can be used here: " + "; ".join(passed_over),
        hint="reinstall with 'pip install --force-reinstall callgraph_lab'",
    )
