"""The folder ``heap`` of a live folder: a file a snapshot, ``<CLOCK_MONOTONIC>-<pid>``.

Its first line is ``cglab heap 2 <nanoseconds that it took> <that all took up to it> <counter>
<cause>``, where the cause is ``every``, ``exit`` or ``action <number> <name>``; each further one is
``<objects> <bytes> <module>:<qualname>`` of a type. A file is there whole or not at all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from callgraph_lab.heap_model import HeapSnapshot, HeapTotal
from callgraph_lab.recording.guarded_file import read_guarded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEAP_FOLDER = "heap"
MOST_SNAPSHOTS = 5000
_MOST_BYTES = 16 * 1024 * 1024
_LARGEST = 2**63 - 1
_FILE = re.compile(r"(\d{20})-(\d{1,10})")
_HEADER = re.compile(
    r"cglab heap 2 (\d{1,18}) (\d{1,18}) (gc|guppy3) (every|exit|action (\d{1,18}) (.+))"
)
_LINE = re.compile(r"(\d{1,18}) (\d{1,18}) (.+)")
_BUILTINS = "builtins."
_Row = tuple[Any, ...]


def read_heap(live_folder: Path, started_ns: int) -> tuple[HeapSnapshot, ...]:
    """Return the snapshots of a run that began at ``started_ns``, in the order of their moments.

    What is damaged is left out, and so are those after the first ``MOST_SNAPSHOTS``.
    """
    try:
        files = sorted(
            item for item in (live_folder / HEAP_FOLDER).iterdir() if _FILE.fullmatch(item.name)
        )
    except OSError:
        return ()
    read = (_read(path, started_ns) for path in files[:MOST_SNAPSHOTS])
    return tuple(snapshot for snapshot in read if snapshot is not None)


def _read(path: Path, started_ns: int) -> HeapSnapshot | None:
    try:
        text = read_guarded(path, _MOST_BYTES).decode(errors="replace")
    except OSError:
        return None
    header, *lines = text.split("\n")
    named, headed = _FILE.fullmatch(path.name), _HEADER.fullmatch(header)
    found = [_LINE.fullmatch(line) for line in lines if line]
    if named is None or headed is None or not all(found):
        return None
    types: dict[str, HeapTotal] = {}
    for match in filter(None, found):
        name = match[3].replace(":", ".", 1).removeprefix(_BUILTINS).strip(".")
        # Several classes may have one name.
        before = types.get(name, HeapTotal(0, 0))
        types[name] = HeapTotal(before.objects + int(match[1]), before.bytes + int(match[2]))
    return HeapSnapshot(
        moment_ns=min(max(int(named[1]) - started_ns, 0), _LARGEST),
        pid=int(named[2]),
        cause=headed[4].partition(" ")[0],
        duration_ns=int(headed[1]),
        types=types,
        spent_ns=int(headed[2]),
        counter=headed[3],
        action=headed[6] or "",
        number=int(headed[5] or 0),
    )


def rows_of_heap(snapshots: Sequence[HeapSnapshot]) -> dict[str, list[_Row]]:
    """Return the rows of the tables of the heap."""
    return {
        "heap_snapshot": [
            (
                *(one.moment_ns, one.pid, one.cause, one.duration_ns),
                *(one.spent_ns, one.counter, one.action, one.number),
            )
            for one in snapshots
        ],
        "heap_type": [
            (number, name, total.objects, total.bytes)
            for number, one in enumerate(snapshots)
            for name, total in one.types.items()
        ],
    }


def heap_of_rows(
    snapshot_rows: Sequence[_Row], type_rows: Sequence[_Row]
) -> tuple[HeapSnapshot, ...]:
    """Return the snapshots of a recording. Raise ``ValueError`` for a row that belongs to none."""
    snapshots = tuple(
        HeapSnapshot(moment_ns, pid, cause, duration_ns, {}, *rest)
        for moment_ns, pid, cause, duration_ns, *rest in snapshot_rows
    )
    for number, name, objects, size in type_rows:
        if not 0 <= number < len(snapshots):
            raise ValueError("a type belongs to no snapshot of the heap")
        snapshots[number].types[name] = HeapTotal(objects, size)
    return snapshots
