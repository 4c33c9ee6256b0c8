"""The call chains that lead to a function from the roots of a tree, with counts and times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.ending_model import NO_OPEN_CALLS, OpenCalls
from callgraph_lab.graph.endings import OpenCallsAt
from callgraph_lab.graph.names import node_names
from callgraph_lab.graph.reached import reached_contexts, shown_functions
from callgraph_lab.model import NO_PARENT, GraphQuery

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from callgraph_lab.graph.names import NodeNames
    from callgraph_lab.graph.within import Within
    from callgraph_lab.model import CallTree, Decision, Function, Recording


@dataclass(frozen=True, slots=True)
class ChainStep:
    """A function on a chain, with the figures of its calls on this chain alone.

    ``skipped_frames`` hidden frames lie between the step before and this one. ``action`` is what
    the calls serve, empty for nothing; ``enters`` marks where that begins.
    """

    id: str
    name: str
    function: Function
    calls: int
    resumes: int
    inclusive_ns: int
    skipped_frames: int
    is_start: bool = False
    """Whether it is the function that the chains were to lead from."""
    action: str = ""
    enters: bool = False
    unreturned: OpenCalls = NO_OPEN_CALLS


@dataclass(frozen=True, slots=True)
class CallChain:
    """One way from a thread's root (the first step) to a function (the last step).

    ``calls_below`` and ``resumes_below`` count what the function was called again below itself.
    ``contexts`` are those of the last step.
    """

    steps: tuple[ChainStep, ...]
    calls_below: int
    resumes_below: int
    contexts: tuple[int, ...]

    @property
    def length(self) -> int:
        """How many calls lead from the start (the root, where none was asked for) to the end."""
        starts = [index for index, step in enumerate(self.steps) if step.is_start]
        return len(self.steps) - 1 - (starts[-1] if starts else 0)


def call_chains(
    recording: Recording,
    targets: AbstractSet[int],
    *,
    starts: AbstractSet[int] | None = None,
    decisions: Sequence[Decision] | None = None,
    within: Within | None = None,
) -> tuple[CallChain, ...]:
    """Return the chains from the roots to each of ``targets``, shortest first, then most called.

    ``targets`` and ``starts`` are indices into the recording's functions. With ``starts`` only
    chains through one of them are returned (the last start on a chain is where it leads from). A
    chain ends at the outermost call of its target below the start. Contexts whose functions that
    show are the same are one chain; a target shows whatever ``decisions`` say. ``within`` limits
    the last call of a chain, not the way to it.
    """
    names = node_names(recording, GraphQuery())
    shows = shown_functions(recording, decisions)
    contexts = reached_contexts(recording.tree, targets, within)
    groups: dict[tuple[int, ...], list[list[int]]] = {}
    start_of: dict[tuple[int, ...], int | None] = {}
    below = _Below(recording.tree)
    open_calls = OpenCallsAt(recording)
    for end, start in _ends(recording, contexts, names.node_of_function, starts, below):
        way = _visible_way(recording.tree, end, shows)
        # A hidden start is where the next function that shows stands.
        start_step = None if start is None else sum(context < start for context in way)
        key = (*(names.node_of_function[recording.tree.function[context]] for context in way),)
        marked = (-1 if start_step is None else start_step, *key)
        groups.setdefault(marked, []).append(way)
        start_of[marked] = start_step
    chains = [
        _chain(recording, names, ways, start_of[key], below, within, open_calls)
        for key, ways in groups.items()
    ]
    chains.sort(key=lambda chain: (chain.length, len(chain.steps), -chain.steps[-1].calls))
    return tuple(chains)


class _Below:
    """What targets were called again below the ends of chains, per end."""

    def __init__(self, tree: CallTree) -> None:
        self._tree = tree
        self.calls: dict[int, int] = {}
        self.resumes: dict[int, int] = {}

    def add(self, end: int, context: int) -> None:
        """Add a context of a target that lies below the end."""
        self.calls[end] = self.calls.get(end, 0) + self._tree.calls[context]
        self.resumes[end] = self.resumes.get(end, 0) + self._tree.resumes[context]


def _ends(
    recording: Recording,
    contexts: Iterable[int],
    node_of_function: Sequence[int],
    starts: AbstractSet[int] | None,
    below: _Below,
) -> Iterator[tuple[int, int | None]]:
    """Yield the outermost of the contexts of each target, and the context where it starts.

    What lies below one is told to ``below``.
    """
    tree = recording.tree
    end_of: dict[int, int | None] = {}
    for context in contexts:
        node = node_of_function[tree.function[context]]
        end, start = None, None
        above = tree.parent[context]
        while above != NO_PARENT:
            if starts is not None and tree.function[above] in starts:
                end, start = context, above
                break
            if above in end_of and node_of_function[tree.function[above]] == node:
                end = end_of[above]
                break
            above = tree.parent[above]
        else:
            end = context if starts is None else None
        end_of[context] = end
        if end == context:
            yield end, start
        elif end is not None:
            below.add(end, context)


def _visible_way(tree: CallTree, end: int, shows: Sequence[bool]) -> list[int]:
    """Return the contexts that show from the root to ``end``, which is in it in any case."""
    way = [end]
    context = tree.parent[end]
    while context != NO_PARENT:
        if shows[tree.function[context]]:
            way.append(context)
        context = tree.parent[context]
    way.reverse()
    return way


def _chain(  # noqa: PLR0913, PLR0917 - what a chain is made of
    recording: Recording,
    names: NodeNames,
    ways: list[list[int]],
    start_step: int | None,
    below: _Below,
    within: Within | None,
    open_calls: OpenCallsAt,
) -> CallChain:
    tree = recording.tree
    actions = within.actions if within is not None else ()
    steps: list[ChainStep] = []
    for index, contexts in enumerate(map(dict.fromkeys, zip(*ways, strict=True))):
        first = next(iter(contexts))
        node = names.node_of_function[tree.function[first]]
        action = actions[first] if actions else ""
        skipped = 0
        if index:
            skipped = max(_frames_between(tree, way[index - 1], way[index]) for way in ways)
        steps.append(
            ChainStep(
                id=names.ids[node],
                name=names.names[node],
                function=recording.functions[tree.function[first]],
                calls=sum(tree.calls[context] for context in contexts),
                resumes=sum(tree.resumes[context] for context in contexts),
                inclusive_ns=sum(tree.inclusive_ns[context] for context in contexts),
                skipped_frames=skipped,
                is_start=index == start_step,
                action=action,
                enters=bool(action) and (not steps or steps[-1].action != action),
                unreturned=open_calls.among(contexts),
            )
        )
    ends = tuple(way[-1] for way in ways)
    return CallChain(
        steps=tuple(steps),
        calls_below=sum(below.calls.get(end, 0) for end in ends),
        resumes_below=sum(below.resumes.get(end, 0) for end in ends),
        contexts=ends,
    )


def _frames_between(tree: CallTree, upper: int, lower: int) -> int:
    frames = 0
    context = tree.parent[lower]
    while context != upper:
        frames += 1
        context = tree.parent[context]
    return frames
