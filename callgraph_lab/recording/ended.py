"""Parts of processes that have ended, merged while the run goes on.

A server that forks for every connection would leave a file for each. Beyond a number of them they
become one recording in the live folder, ``ended-N.cglab``, and ``ended.json`` says which it is and
which parts are in it. That file is replaced in one step, before those parts are removed: whoever is
killed in between, every part counts once.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from callgraph_lab.errors import OutputError, RecordingError
from callgraph_lab.model import RunInformation
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import store
from callgraph_lab.recording.assemble import assemble
from callgraph_lab.recording.ends import until_ns
from callgraph_lab.recording.guarded_file import read_guarded, write_guarded
from callgraph_lab.recording.live_reader import read_part, was_begun
from callgraph_lab.recording.locking import locked
from callgraph_lab.recording.merging import ProcessMerger
from callgraph_lab.recording.run_file import read_run_file
from callgraph_lab.recording.running import is_written
from callgraph_lab.recording.seen_alive import read_seen
from callgraph_lab.recording.unlocked import owner_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from callgraph_lab.model import Recording
    from callgraph_lab.recording.live_part import LivePart
    from callgraph_lab.recording.run_file import RunFile
    from callgraph_lab.recording.seen_alive import SeenAlive

MOST_ENDED_PARTS = 64
"""So many parts of ended processes may lie about. When there are more, all but ``KEPT`` go."""
KEPT_PARTS = 32
"""So many processes that have ended, the first ones, stay apart from the others."""
_MOST_AT_ONCE = 512
"""So many are merged in one step, which loads and saves what was merged before."""
_MOST_TOGETHER = 64
_MOST_ITEMS_TOGETHER = 100_000
"""Parts are put together, as many as this, before they are merged: functions are looked up once."""
_INDEX = "ended.json"
_NAME = re.compile(r"ended-(\d{1,12})\.cglab")
_LONGEST_INDEX_BYTES = 1024 * 1024
_NO_RUN = RunInformation(
    "", "", (), "", "", started="1970-01-01T00:00:00+00:00", duration_ns=0, complete=False
)
"""What was run is not known here, the run file has it; but how long the last process lasted is."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What has been merged: the recording's file (None: nothing yet) and the parts in it."""

    path: Path | None = None
    number: int = 0
    parts: frozenset[str] = frozenset()

    def load(self) -> Recording | None:
        """Return the merged recording. Raise ``RecordingError`` if it cannot be read."""
        return None if self.path is None else store.load_guarded(self.path)


def read_index(live_folder: Path) -> Ended:
    """Return what has been merged in a live folder. Raise ``RecordingError`` where that is unclear.

    The parts of the last step may still be there as files; those of earlier steps are gone.
    """
    path = live_folder / _INDEX
    try:
        fields = json.loads(read_guarded(path, _LONGEST_INDEX_BYTES))
        match = _NAME.fullmatch(fields["recording"])
        parts = frozenset(map(str, fields["parts"]))
    except FileNotFoundError:
        return Ended()
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise RecordingError(f"{path} cannot be read: {error}") from error
    if match is None:
        raise RecordingError(f"{path} names no recording")
    return Ended(live_folder / match[0], int(match[1]), parts)


def remark_on(part: LivePart) -> str:
    """Return what the engine says of its recording of a process, or nothing."""
    remarks = [part.stop_reason] if part.stop_reason else []
    if part.folded_from:
        remarks.append(
            f"past {part.folded_from:,} contexts calls are counted by caller, callee and depth"
        )
    if part.functions_folded_from:
        remarks.append(
            f"past {part.functions_folded_from:,} functions all others are {layout.MORE_FUNCTIONS},"
            " which no rule of an event map and no --lines finds"
        )
    if part.lost_children:
        error = errno.errorcode.get(part.lost_children_error)
        why = f": {os.strerror(part.lost_children_error)}" if error else ""
        one = part.lost_children == 1
        what = "forked child is" if one else "forked children are"
        remarks.append(f"{part.lost_children:,} {what} not recorded{why}")
    remarks += _remarks_on_other_pythons(part)
    if part.memory is not None and part.memory.unlisted_blocks:
        remarks.append(
            f"{part.memory.unlisted_blocks:,} blocks of memory count as freed at once: there was"
            " no room to keep them in mind"
        )
    return "; ".join(remarks)


def _remarks_on_other_pythons(part: LivePart) -> list[str]:
    remarks = []
    if part.other_pythons:
        count, of_multiprocessing = part.other_pythons, part.other_pythons_of_multiprocessing
        what = "other Python was" if count == 1 else "other Pythons were"
        among = "" if of_multiprocessing == count else f"{of_multiprocessing:,} "
        by = f" ({among}by multiprocessing)" if of_multiprocessing else ""
        remarks.append(
            f"{count:,} {what} started{by}, unrecorded with what may be started there:"
            " --follow-children all records that"
        )
    if part.went_on_as_python:
        remarks.append(
            "the program went on as another Python, which is not recorded:"
            " --follow-children all records it"
        )
    return remarks


def merge_ended_parts(live_folder: Path, *, wait: bool = False) -> bool:
    """Merge the parts of processes that have ended, if there are many. Say if there are more.

    Nothing is done, unless we ``wait``, while another ``cglab`` reads or changes the folder. Raise
    ``RecordingError`` or ``OutputError`` where it cannot be done: every part is still there then.
    """
    with locked(live_folder, wait=wait) as is_ours:
        return is_ours and merge_while_locked(live_folder)


def merge_while_locked(live_folder: Path) -> bool:
    """Do what ``merge_ended_parts`` does. The caller holds the folder's lock alone."""
    paths = list(live_folder.glob(f"*{layout.PART_SUFFIX}"))
    if len(paths) <= MOST_ENDED_PARTS:
        return False
    before = read_index(live_folder)
    _remove_leftovers(live_folder, before)
    ended = _ended_parts(path for path in paths if path.name not in before.parts)
    kept = [*islice(ended, KEPT_PARTS)]
    waiting = [*islice(ended, MOST_ENDED_PARTS + 1 - len(kept))]
    if len(kept) + len(waiting) <= MOST_ENDED_PARTS:
        return False
    left = chain(waiting, ended)
    merger = ProcessMerger()
    earlier = before.load()
    if earlier is not None:
        merger.add(earlier)
    run = read_run_file(live_folder)
    merged, last_ns = _merge(left, merger, run)
    if not merged:
        return False
    after = live_folder / f"ended-{before.number + 1}.cglab"
    lasted_ns = max(
        last_ns - run.started_monotonic_ns, 0 if earlier is None else earlier.run.duration_ns
    )
    store.save(merger.merged(replace(_NO_RUN, duration_ns=lasted_ns)), after)
    _write_index(live_folder, after, merged)
    _remove_leftovers(live_folder, Ended(after, before.number + 1, frozenset(merged)))
    return next(islice(left, MOST_ENDED_PARTS - KEPT_PARTS, None), None) is not None


def damage_of(path: Path, error: OSError | RecordingError) -> RecordingError:
    """Return what is to be said of a part that could not be read."""
    if isinstance(error, RecordingError):
        return error
    return RecordingError(f"{path} cannot be read: {error.strerror}")


def surplus_of(paths: Iterable[Path]) -> list[Path]:
    """Return those parts that will be merged, or none: the processes that have ended are few."""
    ended = [*_ended_parts(paths)]
    return ended[KEPT_PARTS:] if len(ended) > MOST_ENDED_PARTS else []


def merged_in_memory(
    earlier: Recording | None,
    paths: Iterable[Path],
    run: RunFile,
    damage: dict[Path, RecordingError],
) -> Recording:
    """Return what was merged before with more parts, for one who may change no file.

    Only a few parts are in memory at a time. What is damaged is added to ``damage``.
    """
    merger = ProcessMerger()
    if earlier is not None:
        merger.add(earlier)
    lasted_ns = 0 if earlier is None else earlier.run.duration_ns
    left = iter(paths)
    while True:
        merged, last_ns = _merge(left, merger, run, damage)
        lasted_ns = max(lasted_ns, last_ns - run.started_monotonic_ns)
        if len(merged) < _MOST_AT_ONCE:
            return merger.merged(replace(_NO_RUN, duration_ns=lasted_ns))


def _merge(
    paths: Iterable[Path],
    merger: ProcessMerger,
    run: RunFile,
    damage: dict[Path, RecordingError] | None = None,
) -> tuple[list[str], int]:
    """Add some parts to a merger. Return their names, and when the last of the processes ended.

    What is damaged stays where it is.
    """
    merged: list[str] = []
    last_ns = 0
    together: dict[int, LivePart] = {}
    items = 0
    seen: SeenAlive | None = None
    for path in paths:
        seen = seen or read_seen(path.parent)
        try:
            # What was not begun was only being made when its process ended.
            part = read_part(path) if was_begun(path) else None
        except FileNotFoundError:
            continue
        except (OSError, RecordingError) as error:
            if damage is not None:
                damage[path] = damage_of(path, error)
            continue
        merged.append(path.name)
        if part is not None:
            seen.note_in(part, path.name)
            last_ns = max(last_ns, until_ns(part, 0))
            if (
                # A process that has run two programs has two parts.
                part.pid in together
                or len(together) >= _MOST_TOGETHER
                or items >= _MOST_ITEMS_TOGETHER
            ):
                _add_together(together, merger, run)
                together, items = {}, 0
            together[part.pid] = part
            items += len(part.parent) + len(part.events) + len(part.instances) + len(part.lines)
        if len(merged) == _MOST_AT_ONCE:
            break
    if together:
        _add_together(together, merger, run)
    return merged, last_ns


def _add_together(parts: dict[int, LivePart], merger: ProcessMerger, run: RunFile) -> None:
    """Add parts, which are given by the pids of their processes, to a merger."""
    recording = assemble(
        [*parts.values()],
        _NO_RUN,
        now_ns=0,  # none of them is running
        started_ns=run.started_monotonic_ns,
        event_map=run.event_map,
        in_preorder=False,
    )
    processes = tuple(
        replace(process, stop_reason=remark_on(parts[process.pid]))
        for process in recording.processes
    )
    merger.add(replace(recording, processes=processes))


def _ended_parts(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield those of processes that have ended, in the order in which these began.

    Each is asked for only when it is its turn: of thousands most are left to the next step.
    """
    owners = ((owner_of(path), path) for path in paths)
    begun = [(owner[1], owner[0], path) for owner, path in owners if owner is not None]
    for *_, path in sorted(begun):
        if not is_written(path):
            yield path


def _write_index(live_folder: Path, recording: Path, parts: list[str]) -> None:
    try:
        text = json.dumps({"recording": recording.name, "parts": parts})
        write_guarded(live_folder / _INDEX, text.encode())
    except OSError as error:
        raise OutputError(f"cannot write to {live_folder}: {error.strerror}") from error


def _remove_leftovers(live_folder: Path, ended: Ended) -> None:
    """Remove what is merged, and what a step has left that was not finished."""
    doomed = [live_folder / name for name in ended.parts if owner_of(Path(name)) is not None]
    doomed += [path for path in live_folder.glob("ended-*.cglab") if path != ended.path]
    doomed += live_folder.glob(".ended*.tmp")
    for path in doomed:
        if path.parent == live_folder:
            with contextlib.suppress(OSError):
                path.unlink()
