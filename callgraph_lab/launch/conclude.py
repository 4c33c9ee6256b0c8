"""After the target's end: write down how it ended and make one file of its recording.

Whatever fails is said and costs no more than it must: the target's exit status is that of the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.errors import CallgraphLabError, OutputError
from callgraph_lab.launch.faults import reason_of
from callgraph_lab.launch.interrupts import interruptible
from callgraph_lab.recording import catalog
from callgraph_lab.recording.ended import read_index
from callgraph_lab.recording.live_format import NOTE_SUFFIX, PART_SUFFIX
from callgraph_lab.recording.live_reader import was_begun
from callgraph_lab.recording.run_file import ended_now, write_run_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from callgraph_lab.launch.supervisor import Outcome
    from callgraph_lab.recording.run_file import RunFile

_KEPT = "what was recorded is kept: 'cglab list' finishes it"
_KEPT_FROM_IT = "(a wrapper, or an option like -E, -I or -S, keeps it from that)"
_NEVER_LOADED = (
    "nothing was recorded: the target's Python did not load what PYTHONPATH names"
    f" {_KEPT_FROM_IT}, or it ended before its first line"
)
_STOPPED_BEFORE = (
    "nothing had been recorded when the target was stopped by {stopped_by}: it had not come to its"
    " first line"
)
_OR_NEVER_LOADED = f", or its Python does not load what PYTHONPATH names {_KEPT_FROM_IT}"
_ENDED_BEFORE = "nothing was recorded: the target ended before its first line"
_WAS_TOLD = "nothing was recorded"
_SIGNALLED = 128
_STARTS_WITHIN_S = 2.0
"""A Python that has run for longer may well have been at work all the time, unrecorded."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Where the recording is now, and why it is not what it should be, if so."""

    entry: catalog.Entry
    remarks: tuple[str, ...] = ()
    """What the recording has to tell that has not been said yet."""
    error: CallgraphLabError | None = None


def conclude(  # noqa: PLR0913 - the parts of a run
    path: Path,
    live_folder: Path,
    run: RunFile,
    outcome: Outcome,
    notes: list[str],
    *,
    say: Callable[[str], None],
) -> Conclusion:
    """End ``run``; ``notes`` are what is to stand in its recording. Raise nothing.

    ``say`` gets how far it is, where that takes long.
    """
    live = catalog.Entry(path, live_folder, 0.0)
    try:
        with interruptible():
            return _conclude(live, run, outcome, notes, say)
    except KeyboardInterrupt:
        error = CallgraphLabError("interrupted; the recording is not finished", hint=_KEPT)
    except CallgraphLabError as known:
        error = known
    except Exception as unknown:  # noqa: BLE001 - the exit status is the target's
        error = CallgraphLabError(
            f"the recording could not be finished: {reason_of(unknown)}", hint=_KEPT
        )
    if not live_folder.is_dir() and not path.is_file():
        error = OutputError(
            f"{live_folder} is gone: it was moved or removed while the target ran",
            hint="where it was moved, 'cglab list --out FOLDER' finishes it there",
        )
    return Conclusion(live, error=error)


def _conclude(
    live: catalog.Entry,
    run: RunFile,
    outcome: Outcome,
    notes: list[str],
    say: Callable[[str], None],
) -> Conclusion:
    nothing = "" if live.live_folder is None else _why_nothing(live.live_folder, outcome)
    if nothing:
        notes = [*notes, nothing]
    if live.live_folder is not None:
        write_run_file(
            live.live_folder, ended_now(run, exit_status=outcome.status, notes=tuple(notes))
        )
    entry = catalog.fold(live, say)
    error = CallgraphLabError(nothing, hint=f"{entry.path} is empty") if nothing else None
    remarks: tuple[str, ...] = ()
    if entry.live_folder is None:
        known = {*run.notes, *notes}
        remarks = tuple(note for note in catalog.load_run(entry).notes if note not in known)
    return Conclusion(entry, remarks, error)


def _why_nothing(live_folder: Path, outcome: Outcome) -> str:
    """Return why no process has recorded anything; empty where one has."""
    if read_index(live_folder).path is not None:
        return ""
    for part in live_folder.glob(f"*{PART_SUFFIX}"):
        try:
            if was_begun(part):
                return ""
        except OSError:
            return ""  # it is there, and who reads it says what is wrong with it
    if any(live_folder.glob(f"*{NOTE_SUFFIX}")):
        return _WAS_TOLD
    if outcome.stopped_by:
        text = _STOPPED_BEFORE.format(stopped_by=outcome.stopped_by)
        return text if outcome.lasted_s < _STARTS_WITHIN_S else text + _OR_NEVER_LOADED
    return _ENDED_BEFORE if outcome.status > _SIGNALLED else _NEVER_LOADED
