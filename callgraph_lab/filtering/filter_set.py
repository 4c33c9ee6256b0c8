"""All filters in force for one query, and what they decide for a function.

The order of the questions is the meaning of the filters (``docs/filters.md`` tells it to users):

1. a thread's root shows;
2. the command line's excludes hide;
3. the command line's includes show;
4. the filters' excludes hide, ``import_code = false`` among them;
5. the filters' includes show, ``target = true`` among them;
6. a function written in C shows below what shows;
7. ``--stdlib`` shows the standard library where filters have includes that leave it out;
   hiding the standard library hides it;
8. what no include matched is hidden, where there is one; everything else shows.

So exclude beats include, the command line comes after the filters and has the last word, and an
include overrides the hiding of the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.filtering.checks import (
    CFunctionCheck,
    Check,
    FinalCheck,
    GlobRule,
    ImportCodeCheck,
    StdlibCheck,
    TargetCheck,
    ThreadCheck,
    glob_check,
)
from callgraph_lab.filtering.globs import search_names
from callgraph_lab.model import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from callgraph_lab.filtering.definition import Filter
    from callgraph_lab.filtering.program import ProgramFacts
    from callgraph_lab.model import Function


@dataclass(frozen=True, slots=True)
class FilterSet:
    """The filters in force: ``names`` as resolved, ``choice`` a sentence on why these."""

    names: tuple[str, ...]
    choice: str
    checks: tuple[Check, ...]

    def decide(self, function: Function) -> Decision:
        """Tell whether a function shows, by which rule, and why."""
        names = search_names(function)
        for check in self.checks:
            decision = check.decide(names)
            if decision is not None:
                return decision
        raise AssertionError("the last check decides for every function")  # pragma: no cover

    def decide_all(self, functions: Iterable[Function]) -> list[Decision]:
        """Return the decision for each function, in their order."""
        return [self.decide(function) for function in functions]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What a set of filters is made of.

    ``named`` are the filters that were asked for: their switches (``stdlib``, ``import_code``)
    count, with what they took over. ``filters`` are these and all that they extend: their globs
    count, and each rule is told by the name of the filter that states it. ``stdlib`` is
    ``--stdlib`` or ``--no-stdlib``, None where neither was given.
    """

    named: tuple[Filter, ...]
    filters: tuple[Filter, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    stdlib: bool | None
    facts: ProgramFacts


def checks_for(layers: Layers) -> tuple[Check, ...]:
    """Put the checks in order; the last one decides for whatever reaches it."""
    checks: list[Check] = [ThreadCheck()]
    for verb, globs in (("exclude", layers.exclude), ("include", layers.include)):
        if globs:
            checks.append(
                glob_check(
                    [GlobRule(glob) for glob in globs],
                    visible=verb == "include",
                    subject=f"{verb}s of the command line",
                )
            )
    checks += _hiding_checks(layers)
    checks += _including_checks(layers)
    checks.append(CFunctionCheck())
    checks += _stdlib_checks(layers)
    checks.append(_final_check(layers))
    return tuple(checks)


def _hiding_checks(layers: Layers) -> list[Check]:
    checks: list[Check] = []
    rules = _rules(layers.filters, lambda one: one.exclude)
    if rules:
        checks.append(glob_check(rules, visible=False, subject=f"excludes of {_origins(rules)}"))
    origin = next((one.name for one in layers.named if one.import_code is False), None)
    if origin is not None:
        decision = Decision(
            visible=False,
            rule=f"code of imports (filter {origin})",
            reason="It runs only because a module is imported (a module's top level, or a class's "
            f"body), which filter {origin} hides.",
        )
        checks.append(ImportCodeCheck(f"imports, by filter {origin}", layers.facts, decision))
    return checks


def _including_checks(layers: Layers) -> list[Check]:
    checks: list[Check] = []
    rules = _rules(layers.filters, lambda one: one.include)
    if rules:
        checks.append(glob_check(rules, visible=True, subject=f"includes of {_origins(rules)}"))
    origin = next((one.name for one in layers.filters if one.target), None)
    if origin is not None:
        decision = Decision(
            visible=True,
            rule=f"target (filter {origin})",
            reason="It is the target's own: of the script, or of a module in the script's folder, "
            f"which filter {origin} includes.",
        )
        checks.append(TargetCheck(f"the target, by filter {origin}", layers.facts, decision))
    return checks


def _stdlib_checks(layers: Layers) -> list[Check]:
    if layers.stdlib:
        # Where only the command line has includes, these say what to show, and --stdlib lifts
        # no restriction but the filters' own: otherwise `-i X --stdlib` would show all of it.
        if not _filters_with_includes(layers):
            return []
        decision = Decision(
            visible=True,
            rule="--stdlib",
            reason="It belongs to the standard library, which --stdlib shows.",
        )
        return [StdlibCheck("the standard library, by --stdlib", decision)]
    rule = author = "--no-stdlib"
    if layers.stdlib is None:
        name = next((one.name for one in layers.named if one.stdlib is False), None)
        if name is None:
            return []
        rule, author = f"standard library (filter {name})", f"filter {name}"
    decision = Decision(
        visible=False,
        rule=rule,
        reason=f"It belongs to the standard library, which {author} hides, and no include "
        "matches it.",
    )
    return [StdlibCheck(f"the standard library, by {author}", decision)]


def _final_check(layers: Layers) -> Check:
    origins = [f"filter {name}" for name in _filters_with_includes(layers)]
    origins += [f"--include {glob}" for glob in layers.include]
    if not origins:
        return FinalCheck(
            "anything else",
            Decision(visible=True, rule="no rule hides it", reason="No rule hides it."),
        )
    who = ", ".join(origins)
    return FinalCheck(
        "what no include matched",
        Decision(
            visible=False,
            rule=f"not included ({who})",
            reason=f"Only what an include matches is shown, and none does ({who}).",
        ),
    )


def _filters_with_includes(layers: Layers) -> list[str]:
    return [one.name for one in layers.filters if one.include or one.target]


def _rules(
    filters: Sequence[Filter], globs_of: Callable[[Filter], tuple[str, ...]]
) -> list[GlobRule]:
    return [GlobRule(glob, one.name) for one in filters for glob in globs_of(one)]


def _origins(rules: Sequence[GlobRule]) -> str:
    return ", ".join(dict.fromkeys(f"filter {rule.origin}" for rule in rules))
