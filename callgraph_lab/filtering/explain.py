"""Why a function shows or does not: every question the filters ask, and the one that decides."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.errors import FilterError
from callgraph_lab.filtering.checks import Check, GlobCheck
from callgraph_lab.filtering.globs import SearchNames, search_names
from callgraph_lab.model import Decision, Function

if TYPE_CHECKING:
    from callgraph_lab.filtering.filter_set import FilterSet

_CLASS_LIKE = re.compile(r"_*[A-Z]")


@dataclass(frozen=True, slots=True)
class Step:
    """One question: ``decides`` for the one that settles it, ``decision`` None for no answer.

    ``sentence`` says what was looked at and what was found.
    """

    subject: str
    decision: Decision | None
    decides: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision for a function, all names that globs were compared with, and every step.

    The steps after the deciding one are there too, since they tell what would happen without it.
    """

    function: Function
    decision: Decision
    names: tuple[str, ...]
    steps: tuple[Step, ...]


def explain(filter_set: FilterSet, function: Function) -> Explanation:
    """Ask every check of the set, in order, what it says of a function."""
    names = search_names(function)
    steps: list[Step] = []
    deciding: Decision | None = None
    for check in filter_set.checks:
        decision = check.decide(names)
        decides = decision is not None and deciding is None
        if decides:
            deciding = decision
        steps.append(Step(check.subject, decision, decides, _sentence(check, names, decision)))
    if deciding is None:  # pragma: no cover - the last check decides for every function
        raise AssertionError(function)
    return Explanation(
        function=function,
        decision=deciding,
        names=names.plain + tuple(name for name, _ in names.inherited),
        steps=tuple(steps),
    )


def _sentence(check: Check, names: SearchNames, decision: Decision | None) -> str:
    if isinstance(check, GlobCheck):
        found = check.globs.find(names)
        if found is None or decision is None:
            return f"none of {len(check.rules)} matches"
        return f"{decision.rule} matches {found[1]}"
    return "does not apply" if decision is None else decision.reason


def function_from_name(name: str) -> Function:
    """Build a function from a name that need not be in any recording.

    ``module:qualname`` says where the module ends. In ``a.b.Class.method`` it ends before the first
    part that begins like a class does (a capital letter), else before the last part. Raises
    FilterError for a text that is no name.
    """
    if not name.strip() or not name.isprintable():
        raise FilterError(
            f"{name!r} is not the name of a function",
            hint="for example pyftpdlib.servers.FTPServer.serve_forever",
        )
    module, colon, qualname = name.rpartition(":")
    if not colon:
        module, qualname = _split(name)
    holder = qualname.rpartition(".")[0]
    in_class = bool(holder) and not holder.endswith("<locals>")
    class_name = f"{module}:{holder}" if in_class else None
    return Function(
        module=module,
        qualname=qualname,
        class_name=class_name,
        ancestors=(class_name,) if class_name else (),
        stdlib=module.partition(".")[0] in sys.stdlib_module_names,
    )


def _split(name: str) -> tuple[str, str]:
    # What is local stands in a function, so the module ended before that function at the latest.
    outer, local, inner = name.partition(".<locals>")
    parts = outer.split(".")
    first_class = next(
        (index for index, part in enumerate(parts) if _CLASS_LIKE.match(part)), len(parts) - 1
    )
    return ".".join(parts[:first_class]), ".".join(parts[first_class:]) + local + inner
