"""Choose an engine, in one place and with a reason."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from callgraph_lab.engines.c_calls import OPTION
from callgraph_lab.engines.protocol import Availability
from callgraph_lab.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.engines.protocol import Engine

AUTO = "auto"
NATIVE = "native"
ENGINE_NAMES = (NATIVE, "pycallgraph2")
"""Every engine there is, the one to be preferred first."""
C_CALL_ENGINES = ("native",)
"""Those of them that can record functions written in C."""
MEMORY_ENGINES = ("native",)
"""Those that can count what each context allocates and frees."""
LINE_ENGINES = ("native",)
"""Those that can count single source lines."""
_MEMORY_OPTION = "--memory"
_LINES_OPTION = "--lines"


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


@dataclass(frozen=True, slots=True)
class _Demand:
    """What a user asks of an engine that not every one can do."""

    option: str
    what: str
    engines: tuple[str, ...]


def choose(
    name: str = AUTO, *, c_calls: bool = False, memory: bool = False, lines: bool = False
) -> Choice:
    """Return the engine that a user's ``--engine`` means, one that can do what is asked for.

    That are functions written in C, counts of memory, and of source lines. Raise ``EngineError``
    where it does not exist, or is not available (with the reason).
    """
    demands = []
    if c_calls:
        demands.append(_Demand(OPTION, "record C functions", C_CALL_ENGINES))
    if memory:
        demands.append(_Demand(_MEMORY_OPTION, "count memory", MEMORY_ENGINES))
    if lines:
        demands.append(_Demand(_LINES_OPTION, "count source lines", LINE_ENGINES))
    if name == AUTO:
        return _choose_best(demands)
    if name not in ENGINE_NAMES:
        near = difflib.get_close_matches(name, [*ENGINE_NAMES, AUTO], 1)
        raise EngineError(
            f"there is no engine {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
            hint="'cglab engines' lists them",
        )
    for demand in demands:
        if name not in demand.engines:
            raise EngineError(
                f"the engine {name} cannot {demand.what}; {' or '.join(demand.engines)} can",
                hint=f"leave out {demand.option}, or use --engine {demand.engines[0]}",
            )
    found = availability(name)
    if not found.available:
        raise EngineError(
            f"the engine {name} is {found.reason}", hint="use --engine auto, or see 'cglab engines'"
        )
    return Choice(name, found.reason)


def _choose_best(demands: Sequence[_Demand]) -> Choice:
    names = [name for name in ENGINE_NAMES if all(name in demand.engines for demand in demands)]
    passed_over: list[str] = []
    for name in names:
        found = availability(name)
        if found.available:
            return Choice(name, "; ".join([found.reason, *passed_over]))
        passed_over.append(f"{name} is {found.reason}")
    if demands:
        what = " and ".join(demand.what for demand in demands)
        raise EngineError(
            f"no engine can {what} here: " + "; ".join(passed_over),
            hint=f"leave out {' and '.join(demand.option for demand in demands)},"
            " or see 'cglab engines'",
        )
    raise EngineError(
        "no engine can be used here: " + "; ".join(passed_over),
        hint="reinstall with 'pip install --force-reinstall callgraph_lab'",
    )
