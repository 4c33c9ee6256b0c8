"""Cut a recording down to what served an action, or to what ran between two marks.

A slice is a recording: every other question can be put to it. Its functions keep their numbers.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from callgraph_lab.errors import UsageError
from callgraph_lab.graph.cutting import (
    DROPPED,
    Figures,
    cut,
    memory_of_contexts,
    memory_of_instances,
)
from callgraph_lab.model import NO_PARENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from callgraph_lab.action_model import ActionInstance, Nth
    from callgraph_lab.model import CallTree, RecordedMark, Recording

_MOST_NAMED = 40
Span = tuple["RecordedMark | None", "RecordedMark | None"]
"""From a mark (None: the start of the run) until another (None: the end)."""


def slice_names(recording: Recording) -> tuple[str, ...]:
    """Return what a recording can be sliced by: the names of its actions, then of its marks."""
    actions = (action.name for action in recording.actions)
    return tuple(dict.fromkeys((*actions, *(mark.name for mark in recording.marks))))


def select_slice(recording: Recording, text: str, nth: Nth | None = None) -> Recording:
    """Return what an action or a mark called ``text`` caused, or with ``nth`` one instance did.

    ``text`` may be a glob of actions, and case matters only where names differ in nothing else. A
    mark stands for the time until the next one, or until the end; ``nth`` chooses among marks of
    one name. Raise ``UsageError``, which lists what there is, where nothing is called so.
    """
    names, spans = find_slice(recording, text)
    if names:
        return slice_action(recording, names, nth)
    return _between(recording, nth_span(recording, spans, nth))


def find_slice(recording: Recording, text: str) -> tuple[set[str], list[Span]]:
    """Return the names of the actions called ``text``, or the times after the marks called so.

    One of the two is empty. Raise ``UsageError``, which lists what there is, where both are.
    """
    for find in (_equal, _equal_but_for_case, fnmatchcase):
        names = {action.name for action in recording.actions if find(action.name, text)}
        spans = [span for span in _spans(recording) if span[0] and find(span[0].name, text)]
        if names or spans:
            return names, [] if names else spans
    raise UsageError(f"the recording has no action or mark {text!r}", hint=_hint(recording))


def slice_title(recording: Recording, text: str) -> str:
    """Return what ``text`` finds as it is written in the recording; a glob of several as it is.

    Raise ``UsageError`` as ``select_slice`` does.
    """
    names, spans = find_slice(recording, text)
    titles = names or {start.name for start, _ in spans if start}
    return titles.pop() if len(titles) == 1 else text


def _equal(name: str, text: str) -> bool:
    return name == text


def _equal_but_for_case(name: str, text: str) -> bool:
    return name.casefold() == text.casefold()


def _hint(recording: Recording) -> str:
    names = slice_names(recording)
    if not names:
        return (
            "it has none at all: automatic actions need the engine native and an event map that"
            " fits the target"
        )
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"it has {', '.join(names[:_MOST_NAMED])}{more}; see cglab actions"


def slice_action(recording: Recording, names: Collection[str], nth: Nth | None = None) -> Recording:
    """Return only what served the actions of these names; with ``nth`` one instance of them.

    Where an action enters, its context hangs under its thread's root: depth 1. Raise
    ``UsageError`` where there is no such instance with a tree of its own.
    """
    tree, actions = recording.tree, recording.actions
    wanted = {index for index, action in enumerate(actions) if action.name in names}
    if nth is None:
        labels = labels_of(recording, wanted)
        figures = Figures(
            tree.calls,
            tree.resumes,
            tree.suspensions,
            tree.self_ns,
            tree.open_calls,
            memory=memory_of_contexts(tree),
        )
    else:
        instance = nth_instance(recording, wanted, nth)
        labels = {instance.label}
        figures = figures_of_instances(tree, is_open=instance.end_ns is None)
    chosen = [label in labels for label in tree.label]
    parents = array("i", tree.parent)
    root = NO_PARENT
    for context, parent in enumerate(tree.parent):
        if parent == NO_PARENT:
            root = context
        elif not chosen[context]:
            parents[context] = DROPPED
        elif parent == root or not chosen[parent]:
            parents[context] = root
    return cut(recording, parents, figures, keeps_action=wanted.__contains__)


def labels_of(recording: Recording, actions: Collection[int]) -> set[int]:
    """Return the labels of actions; both are indices."""
    return {index for index, item in enumerate(recording.labels) if item.action in actions}


def nth_instance(recording: Recording, actions: Collection[int], nth: Nth) -> ActionInstance:
    """Return the slowest, first or last instance of actions, of those with a tree of their own.

    ``actions`` are indices. Raise ``UsageError`` where there is none.
    """
    pids = {process.pid for process in recording.processes}
    labels, instances = recording.labels, recording.instances
    kept = [
        instance
        for index, instance in enumerate(instances)
        if instance.action in actions
        and instance.pid in pids
        and labels[instance.label].instance == index
    ]
    if not kept:
        names = ", ".join(sorted(recording.actions[index].name for index in actions))
        raise UsageError(
            f"no single instance of {names} has a tree of its own in this recording",
            hint="leave --nth away to see what all of them did together",
        )
    if nth == "slowest":
        now_ns = recording.run.duration_ns
        return max(kept, key=lambda item: (item.end_ns is not None, item.duration_ns(now_ns)))
    chooses = min if nth == "first" else max
    return chooses(kept, key=lambda item: item.begin_ns)


def slice_marks(
    recording: Recording, start: RecordedMark | None, end: RecordedMark | None
) -> Recording:
    """Return what ran between two marks; None is the start of the run, or its end."""
    return _between(recording, [(start, end)])


def _spans(recording: Recording) -> list[Span]:
    marks = recording.marks
    return list(zip(marks, (*marks[1:], None), strict=False))


def nth_span(recording: Recording, spans: Sequence[Span], nth: Nth | None) -> Sequence[Span]:
    """Return the longest, first or last of some times, or all of them where ``nth`` is None."""
    if nth is None:
        return spans
    if nth == "first":
        return spans[:1]
    if nth == "last":
        return spans[-1:]

    def duration_ns(span: Span) -> int:
        start, end = span
        until = recording.run.duration_ns if end is None else end.moment_ns
        return until - (0 if start is None else start.moment_ns)

    return [max(spans, key=duration_ns)]


def _between(recording: Recording, spans: Iterable[Span]) -> Recording:
    tree = recording.tree
    figures = figures_between(tree, spans)
    return cut(replace(recording, marks=()), tree.parent, figures, keeps_action=lambda _: True)


def figures_between(tree: CallTree, spans: Iterable[Span]) -> Figures:
    """Return each context's figures for some times together."""
    spans = tuple(spans)
    calls, resumes, self_ns = (
        _added(spans, name, getattr(tree, name)) for name in ("calls", "resumes", "self_ns")
    )
    # What was open at a mark that is past is not known any more.
    reaches_end = any(end is None for _, end in spans)
    open_calls = tree.open_calls if reaches_end else array("I", bytes(4 * len(tree)))
    # Nor is what was suspended: as many are left as were resumed.
    return Figures(calls, resumes, resumes, self_ns, open_calls, counts_time=True)


def _added(spans: Sequence[Span], name: str, at_end: array[int]) -> array[int]:
    """Return what a column has grown by in the spans together."""
    total = [0] * len(at_end)
    for start, end in spans:
        later = at_end if end is None else getattr(end, name)
        earlier = bytes(len(at_end)) if start is None else getattr(start, name)
        for context, (more, less) in enumerate(zip(later, earlier, strict=True)):
            # Clocks of several cores can make a time a little shorter than it was.
            if more > less:
                total[context] += more - less
    return array("Q", total)


def figures_of_instances(tree: CallTree, *, is_open: bool) -> Figures:
    """Return each context's figures for the instance that its label's lane holds."""
    self_ns = tree.instance_ns.tolist()
    for duration_ns, parent in zip(tree.instance_ns, tree.parent, strict=True):
        if parent != NO_PARENT:
            self_ns[parent] -= duration_ns
    return Figures(
        tree.instance_calls,
        tree.instance_resumes,
        # How often it was left is not known of an instance.
        tree.instance_resumes,
        array("Q", [max(duration_ns, 0) for duration_ns in self_ns]),
        tree.open_calls if is_open else array("I", bytes(4 * len(tree))),
        memory=memory_of_instances(tree),
    )
