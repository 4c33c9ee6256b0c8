"""Recordings for tests of the page of ``cglab view``: a large one, and one full of traps."""

from __future__ import annotations

import gzip
import json
import random
import re
from array import array
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from callgraph_lab.action_model import ActionInstance, RecordedAction, RecordedEvent, RecordedLabel
from callgraph_lab.model import (
    NO_PARENT,
    TREE_COLUMNS,
    CallTree,
    Function,
    RecordedMark,
    RecordedProcess,
    RecordedThread,
    Recording,
    RunInformation,
)
from callgraph_lab.resource_model import ResourceSeries

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTILE_TEXTS = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    '"><img src=x onerror=alert(2)>',
    "<svg/onload=alert(3)>",
    "<b>bold</b>&amp;&lt;",
    "javascript:alert(4)",
    "' onmouseover='alert(5)",
    "${alert(6)}`{{alert(7)}}",
    "back\\Nslash\\G\\\\",
    "]]>]>]",
    "line\nbreak\ttab\rreturn",
    "nul\x00escape\x1b[31m",
    "right\u202eto\u202cleft\u2066isolated\u2069",
    "zero\u200bwidth\ufeff",
    "half\udcffcharacter",
    "__proto__",
    "constructor",
    "toString",
    "語" * 40,
    "\N{GRINNING FACE}" * 3,
    "a.b.c." * 3,
    "x" * 4096,
    "<i>" * 1365,
    "url(http://127.0.0.1:9/beacon.png)",
)


def large_recording(*, functions: int = 5_000, contexts: int = 100_000) -> Recording:
    """Return a made-up recording of so many functions and contexts, the same every time."""
    dice = random.Random(20261123)  # noqa: S311 - no secret
    made = [_function("", "MainThread", kind="thread")]
    for number in range(functions):
        module = f"shop.package_{number % 20:02}.module_{number % 100:02}"
        made.append(_function(module, f"Class{number % 7}.method_{number}", line=number + 1))
    tree = _Tree()
    path = [tree.add(NO_PARENT, 0)]
    # Each function first once, so that all of them are there; then whatever comes.
    for number in range(contexts - 1):
        while len(path) > 1 and (len(path) > 40 or dice.random() < 0.45):
            path.pop()
        function = number + 1 if number < functions else dice.randint(1, functions)
        calls = 1 + int(dice.expovariate(0.05))
        path.append(
            tree.add(path[-1], function, calls=calls, self_ns=calls * dice.randint(1, 9999))
        )
    return _recording("large", made, tree.finished(), seconds=60)


def hostile_recording() -> Recording:
    """Return a recording whose every text is one that a page could stumble over."""
    texts = HOSTILE_TEXTS
    made = [_function("", texts[0], kind="thread"), _function("", texts[12], kind="thread")]
    for number, text in enumerate(texts):
        made.append(_function(text, text, file=f"/{text}/{texts[number - 1]}.py", line=1))
        made.append(
            _function(
                texts[number - 1],
                f"{text}.method",
                file=text,
                line=number,
                class_name=f"{text}:{texts[number - 2]}",
            )
        )
    tree = _Tree()
    for root in range(2):
        caller = tree.add(NO_PARENT, root)
        for number in range(2, len(made)):
            label = number % len(texts) + 1
            context = tree.add(caller, number, calls=number, self_ns=number * 1000, label=label)
            tree.add(context, 2 + (number * 7) % (len(made) - 2), self_ns=5, label=label)
            if number % 9 == 0:
                caller = context
    actions = tuple(RecordedAction(text, count=1, ended=1, sessions=1) for text in texts)
    marked = tree.finished()
    return _recording(
        texts[0],
        made,
        marked,
        actions=actions,
        labels=(RecordedLabel(), *(RecordedLabel(action=item) for item in range(len(texts)))),
        instances=tuple(
            ActionInstance(
                1 + item, 1, 2**32 + 1, item, item + 1, item * 10, item * 20, detail=text
            )
            for item, text in enumerate(texts)
        ),
        events=tuple(
            RecordedEvent(1 + item, 1, text, item * 10, context=item, fields=((text, text),))
            for item, text in enumerate(texts)
        ),
        marks=tuple(
            RecordedMark(text, item * 5, *([_zeros(marked, "Q")] * 4))
            for item, text in enumerate(texts)
        ),
    )


class _Tree:
    """A tree that grows in preorder; times of callees are added to their callers' at the end."""

    def __init__(self) -> None:
        self._tree = CallTree()

    def add(
        self, parent: int, function: int, *, calls: int = 1, self_ns: int = 0, label: int = 0
    ) -> int:
        figures = {
            "parent": parent,
            "function": function,
            "calls": calls,
            "self_ns": self_ns,
            "inclusive_ns": self_ns,
            "label": label,
        }
        for column in TREE_COLUMNS:
            getattr(self._tree, column.name).append(figures.get(column.name, 0))
        return len(self._tree) - 1

    def finished(self) -> CallTree:
        inclusive_ns = self._tree.inclusive_ns
        for context in range(len(self._tree) - 1, -1, -1):
            if self._tree.parent[context] != NO_PARENT:
                inclusive_ns[self._tree.parent[context]] += inclusive_ns[context]
        return self._tree


def _zeros(tree: CallTree, typecode: str) -> array[int]:
    return array(typecode, bytes(8 * len(tree)))


def _function(  # noqa: PLR0913 - what a function is
    module: str,
    qualname: str,
    *,
    kind: str = "function",
    file: str | None = None,
    line: int = 0,
    class_name: str | None = None,
) -> Function:
    is_thread = kind == "thread"
    return Function(
        module=module,
        qualname=qualname,
        file=("" if is_thread else f"/srv/{module.replace('.', '/')}.py") if file is None else file,
        line=line,
        class_name=class_name,
        ancestors=() if class_name is None else (class_name,),
        pycallgraph2_name=qualname,
        kind="thread" if is_thread else "function",
    )


def _recording(
    name: str, functions: Sequence[Function], tree: CallTree, *, seconds: int = 1, **more: object
) -> Recording:
    roots = [context for context, parent in enumerate(tree.parent) if parent == NO_PARENT]
    series = ResourceSeries()
    for sample in range(1, 50):
        values = (sample * seconds * 20_000_000, sample * 10_000_000, sample * 2**20, 9, 2, 1)
        for column, value in zip(
            ("moment_ns", "cpu_ns", "rss_bytes", "descriptors", "threads", "processes"),
            values,
            strict=True,
        ):
            getattr(series, column).append(value)
    return Recording(
        run=RunInformation(
            name=name,
            target=name,
            argv=(name, name),
            python="3.11.7",
            engine="native",
            started="2026-11-23T14:15:02.000+01:00",
            duration_ns=seconds * 1_000_000_000,
            complete=True,
            exit_status=0,
            notes=(name,),
        ),
        functions=list(functions),
        tree=tree,
        threads=tuple(
            RecordedThread(1, functions[tree.function[root]].qualname, root) for root in roots
        ),
        processes=(RecordedProcess(1, 0, (name,)),),
        resources=series,
        **more,  # type: ignore[arg-type]
    )


def data_of(page: bytes) -> dict[str, Any]:
    """Return the data in a page, unpacked as the page does it."""
    found = re.findall(rb'<script type="application/octet-stream\+base64" id="data">([^<]*)<', page)
    (packed,) = found
    document: dict[str, Any] = json.loads(gzip.decompress(b64decode(packed, validate=True)))
    return document
