"""The slices of a page: the whole recording, each action, instances of each, the marks.

They are cut here, so that the page only picks: how an action or a mark is cut out of a tree is
known in one place, ``graph/slicing.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from callgraph_lab.errors import UsageError
from callgraph_lab.graph.slicing import find_slice, select_slice, slice_action, slice_title
from callgraph_lab.model import MEMORY_COLUMNS, TREE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callgraph_lab.action_model import Nth
    from callgraph_lab.model import CallTree, Recording

WHOLE = "all"
MOST_CONTEXTS = 1_000_000
"""So many contexts the slices beside the whole recording have together."""
MOST_CONTEXTS_READ = 20_000_000
"""So many contexts are looked at to cut them: a slice looks at all of the recording's."""
_NTH: tuple[Nth, ...] = ("slowest", "first", "last")
_NOT_SHOWN = frozenset({"label", "blocks", "freed_bytes"})
_COLUMNS = tuple(
    column.name
    for column in (*TREE_COLUMNS, *MEMORY_COLUMNS)
    # What is of one instance is only for slicing.
    if column.name not in _NOT_SHOWN and not column.name.startswith("instance_")
)
_NEEDED_COLUMNS = frozenset({"parent", "function"})


@dataclass(frozen=True, slots=True)
class SliceChoice:
    """What a slice is cut by: an action, or one instance of it, or a mark; or nothing."""

    action: str | None = None
    nth: Nth | None = None
    mark: str | None = None

    @property
    def key(self) -> str:
        """The text that the page knows it by: ``action:STOR@slowest``."""
        if self.mark is None and self.action is None:
            return WHOLE
        kind, name = ("mark", self.mark) if self.action is None else ("action", self.action)
        return f"{kind}:{name}" + (f"@{self.nth}" if self.nth else "")

    @property
    def title(self) -> str:
        """What a person calls it."""
        name = self.action or self.mark
        if name is None:
            return "everything"
        if self.nth is not None:
            return f"{self.nth} {name}"
        return name if self.mark is None else f"after {name}"


def asked_choice(recording: Recording, text: str | None, nth: Nth | None) -> SliceChoice:
    """Return what ``--action`` and ``--nth`` mean. Raise ``UsageError`` as ``select_slice``."""
    if text is None:
        return SliceChoice()
    names, _ = find_slice(recording, text)
    title = slice_title(recording, text)
    return SliceChoice(action=title, nth=nth) if names else SliceChoice(mark=title, nth=nth)


def slice_documents(
    recording: Recording, asked: SliceChoice | None = None
) -> tuple[list[dict[str, Any]], int]:
    """Return the slices of a recording, the whole first, and how many were left out.

    Those beyond a budget are left out, but for the one that was ``asked`` for. One instance of an
    action is only there where the recording has its tree. Raise ``UsageError`` where ``asked``
    cannot be cut.
    """
    whole = SliceChoice()
    documents = [_document(recording, whole)]
    left_out = contexts = read = 0
    for choice in _choices(recording, asked):
        is_asked = choice == asked
        if not is_asked and (contexts > MOST_CONTEXTS or read > MOST_CONTEXTS_READ):
            left_out += 1
            continue
        read += len(recording.tree)
        try:
            cut = _cut(recording, choice)
        except UsageError:
            if is_asked:
                raise
            continue
        contexts += len(cut.tree)
        documents.append(_document(cut, choice))
    return documents, left_out


def _choices(recording: Recording, asked: SliceChoice | None) -> Iterator[SliceChoice]:
    """Yield what there is to choose, what is most worth having first, and last what was asked."""
    names = [action.name for action in recording.actions]
    with_instances = {recording.actions[item.action].name for item in recording.instances}
    marks = dict.fromkeys(mark.name for mark in recording.marks)
    found = [SliceChoice(action=name) for name in names]
    found += [SliceChoice(mark=name) for name in marks]
    found += [
        SliceChoice(action=name, nth=nth)
        for nth in _NTH
        for name in names
        if name in with_instances
    ]
    yield from found
    if asked is not None and asked not in (SliceChoice(), *found):
        yield asked


def _cut(recording: Recording, choice: SliceChoice) -> Recording:
    if choice.mark is not None:
        return select_slice(replace(recording, actions=()), choice.mark, choice.nth)
    assert choice.action is not None  # noqa: S101 - the whole is not cut
    names, _ = find_slice(replace(recording, marks=()), choice.action)
    return slice_action(recording, names, choice.nth)


def _document(recording: Recording, choice: SliceChoice) -> dict[str, Any]:
    return {
        "key": choice.key,
        "title": choice.title,
        "action": choice.action,
        "nth": choice.nth,
        "mark": choice.mark,
        "threads": [
            {
                "pid": thread.pid,
                "name": thread.name,
                "root": thread.root,
                "threads": thread.threads,
                "alive": thread.alive,
                "ending": thread.ending,
            }
            for thread in recording.threads
        ],
        "tree": tree_document(recording.tree),
    }


def tree_document(tree: CallTree) -> dict[str, list[int]]:
    """Return the columns of a tree that a page shows, without those that are zero throughout."""
    columns = {name: getattr(tree, name) for name in _COLUMNS}
    return {
        name: values.tolist()
        for name, values in columns.items()
        if name in _NEEDED_COLUMNS or any(values)
    }
