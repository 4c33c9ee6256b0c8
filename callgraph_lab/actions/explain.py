"""What an action does, phase by phase, in the order of time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.actions.phases import NO_PHASE, PhaseWork, contexts_of, work_of_phases
from callgraph_lab.actions.table import P50, percentile, unended_of
from callgraph_lab.ending_model import NO_OPEN_CALLS, OpenCalls
from callgraph_lab.errors import UsageError
from callgraph_lab.graph.slicing import find_slice, nth_instance
from callgraph_lab.graph.within import look_within

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from callgraph_lab.action_model import ActionInstance, Nth, RecordedPhase
    from callgraph_lab.model import Decision, Recording

REST = "other work"
_REST_SENTENCE = "What served the action and belongs to none of its phases."


@dataclass(frozen=True, slots=True)
class Preparation:
    """What another action of the session did of a phase before this one began (PASV for STOR).

    ``times`` is how many instances of it are known, ``for_this`` how many of them were for the
    action that is explained. ``work`` is that of all of them.
    """

    action: str
    times: int
    for_this: int
    work: PhaseWork


@dataclass(frozen=True, slots=True)
class ExplainedPhase:
    """A phase with what was done in it.

    ``begins_after_ns`` (from the action's begin) and ``lasts_ns``, to the return of its last call,
    are medians over its instances, None where no instance says so.
    """

    name: str
    sentence: str
    begins_after_ns: int | None
    lasts_ns: int | None
    work: PhaseWork
    prepared: tuple[Preparation, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The actions that were meant, their known instances, and their phases in order of time.

    ``bytes`` and ``passes`` add up over the instances, ``duration_ns`` is their median. Where some
    instances are not known any more, or calls came after their ends, there may have been more
    passes, and ``passes_are_known`` is False.
    """

    names: tuple[str, ...]
    count: int
    sessions: int
    sessions_at_least: bool
    instances: int
    duration_ns: int
    passes: int
    passes_are_known: bool
    bytes: int
    phases: tuple[ExplainedPhase, ...]
    unended: OpenCalls
    """How many of the instances did not end, by what became of their processes."""


def explain_action(
    recording: Recording, text: str, nth: Nth | None, decisions: Sequence[Decision]
) -> Explanation:
    """Explain the action called ``text``, or with ``nth`` one instance of it.

    ``decisions`` say of each function whether it shows. Raise ``UsageError`` where there is no
    such action; a mark has no phases.
    """
    names, spans = find_slice(recording, text)
    if spans:
        raise UsageError(
            f"{text!r} is a mark, and only actions have phases",
            hint=f"cglab callees and cglab render --action {text} show what ran after it",
        )
    wanted = {number for number, item in enumerate(recording.actions) if item.name in names}
    instances = [item for item in recording.instances if item.action in wanted]
    if nth is not None:
        instances = [nth_instance(recording, wanted, nth)]
    whole, within = look_within(recording, text, nth)
    actions = [recording.actions[number] for number in wanted]
    passes = sum(item.passes for item in instances)
    # Late work is in the tree, and not in the figures of instances.
    is_known = not any(item.late_work for item in instances) and (
        nth is not None or not any(item.dropped for item in actions)
    )
    work = work_of_phases(whole, within.contexts, decisions, passes if is_known else None)
    phases = [
        phase
        for rule in recording.event_map.phases
        for phase in _explained(recording, rule, work, instances, decisions)
    ]
    phases.sort(key=lambda phase: (phase.begins_after_ns is None, phase.begins_after_ns or 0))
    if NO_PHASE in work:
        phases.append(ExplainedPhase(REST, _REST_SENTENCE, None, None, work[NO_PHASE]))
    now_ns = recording.run.duration_ns
    return Explanation(
        names=tuple(sorted(names)),
        count=len(instances) if nth is not None else sum(item.count for item in actions),
        sessions=(len(instances) if nth is not None else sum(item.sessions for item in actions)),
        sessions_at_least=nth is None and any(item.sessions_at_least for item in actions),
        instances=len(instances),
        duration_ns=percentile([item.duration_ns(now_ns) for item in instances], P50),
        passes=passes,
        passes_are_known=is_known,
        bytes=sum(item.bytes for item in instances)
        if nth is not None
        else sum(item.bytes for item in actions),
        phases=tuple(phases),
        unended=sum(unended_of(instances).values(), NO_OPEN_CALLS),
    )


def _explained(
    recording: Recording,
    rule: RecordedPhase,
    work: dict[int, PhaseWork],
    instances: Sequence[ActionInstance],
    decisions: Sequence[Decision],
) -> Iterator[ExplainedPhase]:
    """Yield the phase, unless nothing was done in it."""
    spans = [
        (item.begin_ns, *span) for item in instances if (span := item.phases[rule.id]) is not None
    ]
    begins = [first - begin_ns for begin_ns, first, _ in spans]
    lasts = [last - first for _, first, last in spans if last is not None]
    prepared = tuple(_preparations(recording, rule, instances, decisions))
    if rule.id in work or prepared:
        yield ExplainedPhase(
            name=rule.name,
            sentence=rule.sentence,
            begins_after_ns=percentile(begins, P50) if begins else None,
            lasts_ns=percentile(lasts, P50) if lasts else None,
            work=work.get(rule.id, PhaseWork()),
            prepared=prepared,
        )


def _preparations(
    recording: Recording,
    rule: RecordedPhase,
    instances: Sequence[ActionInstance],
    decisions: Sequence[Decision],
) -> Iterator[Preparation]:
    preparing = {
        number for number, item in enumerate(recording.actions) if item.name in rule.prepared_by
    }
    prepared_for = _prepared_for(recording, rule.id, preparing)
    ours = {(item.pid, item.serial) for item in instances}
    for number in sorted(preparing):
        of_it = [taker for action, taker in prepared_for if action == number]
        for_this = sum(taker in ours for taker in of_it)
        if for_this:
            chosen = contexts_of(recording, {number})
            done = work_of_phases(recording, chosen, decisions).get(rule.id)
            if done is not None:
                name = recording.actions[number].name
                yield Preparation(name, len(of_it), for_this, done)


def _prepared_for(
    recording: Recording, phase: int, preparing: Collection[int]
) -> list[tuple[int, tuple[int, int] | None]]:
    """Return the action of each preparing instance, with pid and serial of that which it was for.

    That is the session's next one that came to the phase; a further preparation before that one
    takes the place of the earlier, which then was for nothing.
    """
    of_session: defaultdict[int, list[ActionInstance]] = defaultdict(list)
    for item in recording.instances:
        of_session[item.session].append(item)
    found: list[tuple[int, tuple[int, int] | None]] = []
    for items in of_session.values():
        prepared: int | None = None
        for item in sorted(items, key=lambda item: item.begin_ns):
            if item.action in preparing:
                if prepared is not None:
                    found.append((prepared, None))
                prepared = item.action
            elif prepared is not None and item.phases[phase] is not None:
                found.append((prepared, (item.pid, item.serial)))
                prepared = None
        if prepared is not None:
            found.append((prepared, None))
    return found
