"""An action seen in the whole tree: its contexts, with all that leads to them above."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from callgraph_lab.graph.cutting import NO_MEMORY, inclusive_ns_of
from callgraph_lab.graph.slicing import (
    Span,
    figures_between,
    figures_of_instances,
    find_slice,
    labels_of,
    nth_instance,
    nth_span,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from callgraph_lab.action_model import Nth
    from callgraph_lab.model import Recording


@dataclass(frozen=True, slots=True)
class Within:
    """The part of a tree that is asked for.

    ``contexts`` says of each context whether it is in; ``actions`` what its calls serve, empty for
    nothing that was asked for.
    """

    contexts: Sequence[bool]
    actions: Sequence[str]


def look_within(
    recording: Recording, text: str | None = None, nth: Nth | None = None
) -> tuple[Recording, Within]:
    """Return the whole tree, and which of its contexts serve the action or mark ``text``.

    Without ``text`` all are in. With ``nth`` the figures of the action's contexts are those of one
    instance; of a mark, all figures are those of the time after it. Raise ``UsageError`` as
    ``select_slice`` does. ``Within.actions`` names work in the background only if it is asked for.
    """
    names: AbstractSet[str] = frozenset()
    if text is not None:
        names, spans = find_slice(recording, text)
        if spans:
            recording = _between(recording, nth_span(recording, spans, nth))
    shown = [
        item.name if item.name in names or not item.background else "" for item in recording.actions
    ]
    name_of = ["" if item.action is None else shown[item.action] for item in recording.labels]
    actions = [name_of[label] for label in recording.tree.label]
    if not names:
        return recording, Within([True] * len(actions), actions)
    wanted = {index for index, item in enumerate(recording.actions) if item.name in names}
    labels = labels_of(recording, wanted)
    if nth is not None:
        instance = nth_instance(recording, wanted, nth)
        labels = {instance.label}
        recording = _of_instance(recording, instance.label, is_open=instance.end_ns is None)
    return recording, Within([label in labels for label in recording.tree.label], actions)


def _between(recording: Recording, spans: Sequence[Span]) -> Recording:
    """Return the recording with the figures of some times between marks."""
    tree = recording.tree
    figures = figures_between(tree, spans)
    changed = replace(
        tree,
        calls=figures.calls,
        resumes=figures.resumes,
        suspensions=figures.suspensions,
        inclusive_ns=inclusive_ns_of(tree.parent, figures.self_ns),
        self_ns=figures.self_ns,
        open_calls=figures.open_calls,
        **NO_MEMORY,
    )
    return replace(recording, tree=changed)


def _of_instance(recording: Recording, label: int, *, is_open: bool) -> Recording:
    """Return the recording with the figures of a label's instance in that label's contexts."""
    tree = recording.tree
    figures = figures_of_instances(tree, is_open=is_open)

    def chosen(whole: array[int], part: array[int]) -> array[int]:
        values = zip(tree.label, part, whole, strict=True)
        return array(whole.typecode, [one if at == label else all_ for at, one, all_ in values])

    changed = replace(
        tree,
        calls=chosen(tree.calls, figures.calls),
        resumes=chosen(tree.resumes, figures.resumes),
        inclusive_ns=chosen(tree.inclusive_ns, tree.instance_ns),
        self_ns=chosen(tree.self_ns, figures.self_ns),
        open_calls=chosen(tree.open_calls, figures.open_calls),
        **{
            name: chosen(getattr(tree, name), column)
            for name, column in (figures.memory or {}).items()
        },
    )
    return replace(recording, tree=changed)
