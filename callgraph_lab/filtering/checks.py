"""The questions that a set of filters asks of a function, one after the other.

Each check either decides or passes the function on to the next; ``filter_set`` puts them in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from callgraph_lab.filtering.globs import compiled_globs
from callgraph_lab.filtering.program import MAIN_MODULES
from callgraph_lab.model import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.filtering.globs import GlobList, SearchNames
    from callgraph_lab.filtering.program import ProgramFacts


_THREAD = Decision(visible=True, rule="threads always show", reason="It is the root of a thread.")
_C_FUNCTION = Decision(
    visible=True,
    rule="C functions show with their callers",
    reason="It is a C function, and shows below every caller that shows.",
    with_caller=True,
)


class Check(Protocol):
    """One question. ``subject`` says what it looks at, for a list of all that was asked."""

    @property
    def subject(self) -> str:
        """What the check looks at: ``excludes of the command line``."""

    def decide(self, names: SearchNames) -> Decision | None:
        """Return the decision, or None where this check has nothing to say of the function."""


@dataclass(frozen=True, slots=True)
class GlobRule:
    """A glob and who wrote it: a filter, or (``origin`` None) the command line."""

    glob: str
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class ThreadCheck:
    """The root of a thread shows always: everything hangs on it."""

    subject: str = "threads"

    def decide(self, names: SearchNames) -> Decision | None:
        """Show the root of a thread."""
        return _THREAD if names.function.kind == "thread" else None


@dataclass(frozen=True, slots=True)
class GlobCheck:
    """Includes or excludes: the first glob that matches decides."""

    subject: str
    rules: tuple[GlobRule, ...]
    decisions: tuple[Decision, ...]
    globs: GlobList = field(compare=False)

    def decide(self, names: SearchNames) -> Decision | None:
        """Return the decision of the first glob that matches any of the names."""
        found = self.globs.find(names)
        return None if found is None else self.decisions[found[0]]


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """Includes the script and the modules in its folder."""

    subject: str
    facts: ProgramFacts
    decision: Decision

    def decide(self, names: SearchNames) -> Decision | None:
        """Show a function of the target."""
        return self.decision if self.facts.is_target(names.function) else None


@dataclass(frozen=True, slots=True)
class ImportCodeCheck:
    """Hides what runs only because a module is imported."""

    subject: str
    facts: ProgramFacts
    decision: Decision

    def decide(self, names: SearchNames) -> Decision | None:
        """Hide a module's top level and a class's body."""
        return self.decision if self.facts.is_import_code(names.function) else None


@dataclass(frozen=True, slots=True)
class CFunctionCheck:
    """A function written in C, recorded because that was asked for, shows with its callers."""

    subject: str = "C functions"

    def decide(self, names: SearchNames) -> Decision | None:
        """Show a function written in C below what shows."""
        return _C_FUNCTION if names.function.kind == "c_function" else None


@dataclass(frozen=True, slots=True)
class StdlibCheck:
    """Hides, or shows, the standard library. A module of it that is run is the target instead."""

    subject: str
    decision: Decision

    def decide(self, names: SearchNames) -> Decision | None:
        """Decide for a function of the standard library."""
        function = names.function
        return self.decision if function.stdlib and function.module not in MAIN_MODULES else None


@dataclass(frozen=True, slots=True)
class FinalCheck:
    """The last word where no rule matched: hidden where there are includes, shown where not."""

    subject: str
    decision: Decision

    def decide(self, names: SearchNames) -> Decision | None:  # noqa: ARG002 - all that get here
        """Return the decision."""
        return self.decision


def glob_check(rules: Sequence[GlobRule], *, visible: bool, subject: str) -> GlobCheck:
    """Build the check of a list of includes (``visible``) or excludes."""
    return GlobCheck(
        subject=subject,
        rules=tuple(rules),
        decisions=tuple(_glob_decision(rule, visible=visible) for rule in rules),
        globs=compiled_globs(tuple(rule.glob for rule in rules)),
    )


def _glob_decision(rule: GlobRule, *, visible: bool) -> Decision:
    verb = "include" if visible else "exclude"
    if rule.origin is None:
        written, author = f"--{verb} {rule.glob}", "the command line"
    else:
        written, author = f"{verb} {rule.glob} (filter {rule.origin})", f"filter {rule.origin}"
    return Decision(
        visible=visible,
        rule=written,
        reason=f"It matches {rule.glob!r}, which {author} {verb}s.",
    )
