"""Which functions are one node of a graph, and what that node is called."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callgraph_lab.model import Function, GraphQuery, Recording

_NUMBER = re.compile(r"\d+")
_ADDRESS = re.compile(
    r"\('(?:N\.N\.N\.N|[a-fN]*:[a-fN:.]*(?:%[A-Za-z_.-]+)?)', N(?:, N, N)?\)",
)
"""A client's address in a name without numbers, as ``repr()`` writes it: of IPv4 or IPv6."""
PYCALLGRAPH2_ROOT = "__main__"
"""What stock pycallgraph2 calls the root of the thread that it traces."""


@dataclass(slots=True)
class NodeNames:
    """Which node each function belongs to, and for each node a function, its name and its id."""

    node_of_function: list[int] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


def node_names(recording: Recording, query: GraphQuery) -> NodeNames:
    """Join functions that are one to the reader: the same name at the same place.

    Names may repeat (two files, one name); ids do not.
    """
    result = NodeNames()
    labels = thread_labels(recording)
    numbers: dict[tuple[object, ...], int] = {}
    for function in recording.functions:
        key: tuple[object, ...]
        if function.kind == "thread":
            name = labels[function.qualname]
            if query.naming == "pycallgraph2" and name == "MainThread":
                name = PYCALLGRAPH2_ROOT
            key = ("thread", name)
        elif query.naming == "pycallgraph2" and function.pycallgraph2_name:
            name = function.pycallgraph2_name
            key = (name,)
        else:
            name = function.name
            key = (name, function.file, function.line)
        number = numbers.setdefault(key, len(numbers))
        if number == len(result.functions):
            result.functions.append(function)
            result.names.append(name)
        result.node_of_function.append(number)
    result.ids = _distinct_ids(result)
    return result


def _distinct_ids(names: NodeNames) -> list[str]:
    """Return an id for each node: its name, numbered where another node has it, too."""
    ids = []
    taken: set[str] = set()
    used: defaultdict[str, int] = defaultdict(int)
    for name, function in zip(names.names, names.functions, strict=True):
        stem = f"thread {name}" if function.kind == "thread" else name
        used[stem] += 1
        node_id = stem if used[stem] == 1 else f"{stem}#{used[stem]}"
        while node_id in taken:
            used[stem] += 1
            node_id = f"{stem}#{used[stem]}"
        taken.add(node_id)
        ids.append(node_id)
    return ids


def without_numbers(name: str) -> str:
    """Return what the names of threads of one kind have in common.

    Servers with a thread a client like to name it by the client's address.
    """
    return _ADDRESS.sub("(address, port)", _NUMBER.sub("N", name))


def thread_labels(recording: Recording) -> dict[str, str]:
    """Return what to call each thread: one name for threads that differ only by a number."""
    patterns: defaultdict[str, set[str]] = defaultdict(set)
    shared = set()
    for thread in recording.threads:
        pattern = without_numbers(thread.name)
        patterns[pattern].add(thread.name)
        if thread.threads > 1:
            shared.add(pattern)
    labels = {}
    for function in recording.functions:
        if function.kind == "thread":
            pattern = without_numbers(function.qualname)
            is_one = len(patterns[pattern]) <= 1 and pattern not in shared
            labels[function.qualname] = function.qualname if is_one else pattern
    return labels
