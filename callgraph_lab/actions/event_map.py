"""What an event map is: the rules that tell from calls which action of which client they serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from callgraph_lab.actions.patterns import Pattern, Source

SensorWhen = Literal["entry", "exit"]


@dataclass(frozen=True, slots=True)
class ActionRule:
    """Entering a function of ``start`` begins an action of a session.

    ``name`` is joined of its sources. It ends when that call returns, or one of ``until`` does. If
    not ``nested`` it does not begin inside an action of the same session that this rule, or one of
    the same ``family``, began.
    """

    start: tuple[Pattern, ...]
    name: tuple[Source, ...]
    session: Source = ("argument", "self")
    upper_case: bool = False
    cut_query: bool = False
    once: bool = False
    nested: bool = False
    family: str = ""
    until: Pattern | None = None
    detail: Source | None = None
    detail_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnerRule:
    """Objects made by a constructor belong to a session, or (``("current",)``) to an instance."""

    functions: tuple[Pattern, ...]
    belongs_to: Source


@dataclass(frozen=True, slots=True)
class LaterRule:
    """Functions that the event loop calls to go on with an action of the session of ``self``."""

    functions: tuple[Pattern, ...]
    session: Source | None = None


@dataclass(frozen=True, slots=True)
class ReplyRule:
    """What is answered to the client; it begins with a number."""

    functions: tuple[Pattern, ...]
    text: Source


@dataclass(frozen=True, slots=True)
class EndRule:
    """What ends an action that went on after its first call; ``bytes`` are added up."""

    functions: tuple[Pattern, ...]
    session: Source = ("argument", "self")
    bytes: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class PhaseRule:
    """A phase of actions, and the functions that it is seen by.

    Actions called as ``prepared_by`` says may do its work ahead of the action that it is for.
    """

    name: str
    sentence: str
    functions: tuple[Pattern, ...]
    prepared_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SensorRule:
    """Entering or leaving a function is an event, inside ``actions`` only where any are named."""

    name: str
    functions: tuple[Pattern, ...]
    when: SensorWhen = "entry"
    actions: tuple[str, ...] = ()
    fields: tuple[tuple[str, Source], ...] = ()


@dataclass(frozen=True, slots=True)
class EventMap:
    """The event map of one file. ``stalled_after_ms`` 0 watches for no stalls."""

    name: str
    source: str
    loops: tuple[Pattern, ...] = ()
    passes: tuple[Pattern, ...] = ()
    stalled_after_ms: int = 0
    actions: tuple[ActionRule, ...] = ()
    owners: tuple[OwnerRule, ...] = ()
    later: tuple[LaterRule, ...] = ()
    replies: tuple[ReplyRule, ...] = ()
    ends: tuple[EndRule, ...] = ()
    phases: tuple[PhaseRule, ...] = ()
    sensors: tuple[SensorRule, ...] = ()
