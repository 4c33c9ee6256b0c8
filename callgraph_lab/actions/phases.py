"""Which phase of its action each context belongs to, and what a phase took."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callgraph_lab.actions.patterns import is_meant, parse_pattern
from callgraph_lab.errors import RecordingError
from callgraph_lab.graph.names import node_names
from callgraph_lab.model import NO_PARENT, GraphQuery

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from callgraph_lab.model import Decision, Function, Recording

NO_PHASE = -1


@dataclass(frozen=True, slots=True)
class PhaseFunction:
    """What a function did in a phase; ``time_ns`` includes callees that a filter hides.

    ``passes`` counts the passes of the event loop that came to it.
    """

    function: Function
    calls: int
    resumes: int
    passes: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class PhaseWork:
    """What was done in a phase: by the functions that show, in the order of their first calls."""

    calls: int = 0
    passes: int = 0
    time_ns: int = 0
    functions: tuple[PhaseFunction, ...] = ()
    hidden_functions: int = 0


@dataclass(slots=True)
class _Rows:
    """What is added up for one phase."""

    calls: int = 0
    time_ns: int = 0
    calls_of_node: Counter[int] = field(default_factory=Counter)
    resumes_of_node: Counter[int] = field(default_factory=Counter)
    time_of_node: Counter[int] = field(default_factory=Counter)
    entered_from: Counter[int] = field(default_factory=Counter)
    """How often the phase was entered below each context where its action is entered."""
    node_from: defaultdict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """The same for each function that shows."""
    hidden: set[int] = field(default_factory=set)


def phase_of_functions(recording: Recording) -> list[int]:
    """Return for each function the id of the phase that it is seen by, or ``NO_PHASE``.

    Raise ``RecordingError`` where the recording's event map could not have been used for it.
    """
    try:
        phases = [
            (phase.id, [parse_pattern(text) for text in phase.functions])
            for phase in recording.event_map.phases
        ]
    except ValueError as error:
        raise RecordingError(
            f"the event map in {recording.run.name} is damaged: {error}",
            hint="'cglab list' shows the recordings there are",
        ) from error
    return [
        next(
            (
                number
                for number, patterns in phases
                if any(is_meant(pattern, function) for pattern in patterns)
            ),
            NO_PHASE,
        )
        for function in recording.functions
    ]


def phase_of_contexts(recording: Recording, chosen: Sequence[bool]) -> list[int]:
    """Return the phase of each chosen context: that of the nearest at or above it that has one.

    Above it means within the chosen ones. What has none there leads to phases: it belongs to that
    which it leads to most often; else to that of its caller.
    """
    tree = recording.tree
    of_function = phase_of_functions(recording)
    phases = [NO_PHASE] * len(tree)
    for context, parent in enumerate(tree.parent):
        if chosen[context]:
            own = of_function[tree.function[context]]
            if own == NO_PHASE and parent != NO_PARENT and chosen[parent]:
                own = phases[parent]
            phases[context] = own
    leads_to: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for context in range(len(tree) - 1, -1, -1):
        parent = tree.parent[context]
        if not chosen[context] or parent == NO_PARENT or not chosen[parent]:
            continue
        if phases[parent] == NO_PHASE:
            if phases[context] == NO_PHASE:
                leads_to[parent].update(leads_to[context])
            else:
                # Not by time: a handshake may take longer than all that it is for.
                leads_to[parent][phases[context]] += tree.calls[context] + tree.resumes[context]
    for context, parent in enumerate(tree.parent):
        if chosen[context] and phases[context] == NO_PHASE:
            if leads_to[context]:
                phases[context] = leads_to[context].most_common(1)[0][0]
            elif parent != NO_PARENT and chosen[parent]:
                phases[context] = phases[parent]
    return phases


def work_of_phases(
    recording: Recording,
    chosen: Sequence[bool],
    decisions: Sequence[Decision],
    all_passes: int | None = None,
) -> dict[int, PhaseWork]:
    """Return what the chosen contexts did in each phase, by its id.

    So many passes of the event loop came to a function, or a phase, as it was called below the
    contexts where the action is entered, and no more than these were entered. A pass may enter a
    phase twice (``readable``, then ``handle_read``): ``all_passes``, of all phases together, tells
    how often that was so. Where it is not known, a pass is taken to enter one once from outside.
    """
    tree = recording.tree
    nodes = node_names(recording, GraphQuery())
    phases = phase_of_contexts(recording, chosen)
    rows: defaultdict[int, _Rows] = defaultdict(_Rows)
    entry_of = [NO_PARENT] * len(tree)
    shown_by = [NO_PARENT] * len(tree)
    for context, parent in enumerate(tree.parent):
        entered = tree.calls[context] + tree.resumes[context]
        if not chosen[context] or not (entered or tree.open_calls[context]):
            if chosen[context] and parent != NO_PARENT:
                entry_of[context] = entry_of[parent] if chosen[parent] else context
            continue
        inside = parent != NO_PARENT and chosen[parent]
        phase = phases[context]
        row = rows[phase]
        entry = entry_of[context] = entry_of[parent] if inside else context
        node = nodes.node_of_function[tree.function[context]]
        row.calls += tree.calls[context]
        row.time_ns += tree.self_ns[context]
        continues = inside and phases[parent] == phase
        if not continues:
            row.entered_from[entry] += entered
        if decisions[tree.function[context]].visible:
            shown_by[context] = node
            row.calls_of_node[node] += tree.calls[context]
            row.resumes_of_node[node] += tree.resumes[context]
            row.node_from[node][entry] += entered
        else:
            row.hidden.add(node)
            shown_by[context] = shown_by[parent] if continues else NO_PARENT
        if shown_by[context] != NO_PARENT:
            row.time_of_node[shown_by[context]] += tree.self_ns[context]

    passes = _Passes(recording, phases, {phase: row.entered_from for phase, row in rows.items()})
    passes_of = {phase: passes.of_phase(phase, all_passes) for phase in rows}
    return {
        phase: PhaseWork(
            calls=row.calls,
            passes=passes_of[phase],
            time_ns=row.time_ns,
            functions=tuple(
                PhaseFunction(
                    function=nodes.functions[node],
                    calls=calls,
                    resumes=row.resumes_of_node[node],
                    passes=min(passes.at_most(row.node_from[node]), passes_of[phase]),
                    time_ns=row.time_of_node[node],
                )
                for node, calls in row.calls_of_node.items()
            ),
            hidden_functions=len(row.hidden - row.calls_of_node.keys()),
        )
        for phase, row in rows.items()
    }


class _Passes:
    """In how many passes of the event loop phases were entered."""

    def __init__(
        self, recording: Recording, phases: Sequence[int], entered: dict[int, Counter[int]]
    ) -> None:
        self._recording = recording
        self._phases = phases
        self._entered = entered

    def at_most(self, entered_from: Counter[int]) -> int:
        """Return it as if no pass entered the action twice."""
        return sum(self._times(entry, times) for entry, times in entered_from.items())

    def of_phase(self, phase: int, all_passes: int | None) -> int:
        """Return it for a phase, as far as ``all_passes`` tells."""
        inside = self._nested(phase)
        if all_passes is None:
            return sum(inside.values()) + self._from_outside(phase)
        # What other phases were entered in, but for the passes that led from them to this one.
        elsewhere = sum(
            max(self._from_outside(other) - inside[other], 0)
            for other in self._entered
            if other != phase
        )
        least = max(self._from_outside(phase), *inside.values(), 0)
        found = min(self.at_most(self._entered[phase]), max(all_passes - elsewhere, least))
        # What ran in a thread of its own came to it in no pass.
        return min(found, all_passes)

    def _nested(self, phase: int) -> Counter[int]:
        """Return in how many passes another phase led to this one, by that phase."""
        found: Counter[int] = Counter()
        for entry, times in self._entered[phase].items():
            if self._phases[entry] != phase:
                found[self._phases[entry]] += self._times(entry, times)
        return found

    def _from_outside(self, phase: int) -> int:
        """Return in how many passes at least it was what the action was entered by.

        A pass enters by one and the same function once.
        """
        by_function: Counter[int] = Counter()
        for entry, times in self._entered[phase].items():
            if self._phases[entry] == phase:
                by_function[self._recording.tree.function[entry]] += self._times(entry, times)
        return max(by_function.values(), default=0)

    def _times(self, entry: int, times: int) -> int:
        tree = self._recording.tree
        return min(times, tree.calls[entry] + tree.resumes[entry])


def contexts_of(recording: Recording, actions: Collection[int]) -> list[bool]:
    """Say of each context whether it serves one of some actions, which are indices."""
    of_label = [label.action in actions for label in recording.labels]
    return [of_label[label] for label in recording.tree.label]
