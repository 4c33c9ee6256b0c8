"""Until when calls ran that have not returned: to their process's own last sign, no longer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from callgraph_lab.ending_model import Ending
    from callgraph_lab.model import Recording
    from callgraph_lab.recording.live_part import LivePart
    from callgraph_lab.recording.run_file import RunFile


def until_ns(part: LivePart, now_ns: int) -> int:
    """Return that moment (CLOCK_MONOTONIC, as all here).

    It is what the process said of its end, if it could, else what it did last. Of a process that is
    running it is when it was looked at: what was open then may have ended by now.
    """
    if part.is_running:
        return min(now_ns, part.looked_ns or now_ns)
    return part.ended_ns or last_sign_ns(part)


def end_is_unknown(part: LivePart) -> bool:
    """Say whether calls were open at the end of a process, and nobody knows when that was."""
    return (
        part.ending == "killed"
        and not part.ended_ns
        and any(thread.open_calls for thread in part.threads)
        and last_sign_ns(part) >= part.missed_ns
    )


def last_sign_ns(part: LivePart) -> int:
    """Return the latest moment that a part bears witness of.

    That is what was called last, that a thread cannot have spent more time in calls than it has
    lived, and when ``cglab`` last saw its process.
    """
    return max(_signs(part))


def _signs(part: LivePart) -> Iterator[int]:
    clock = part.clock
    yield clock.first_ns
    yield clock.latest_ns
    yield part.seen_ns
    spent_ticks = dict.fromkeys((thread.root for thread in part.threads), 0)
    for parent, ticks in zip(part.parent, part.ticks, strict=True):
        if parent in spent_ticks:
            spent_ticks[parent] += ticks
    for thread in part.threads:
        began_ns = clock.monotonic_ns(thread.began_ticks) if thread.began_ticks else clock.first_ns
        yield began_ns + clock.duration_ns(spent_ticks[thread.root])
        if thread.latest_ticks:
            yield clock.monotonic_ns(thread.latest_ticks)
    for event in part.events:
        yield clock.monotonic_ns(event.ticks)
    for instance in part.instances:
        yield clock.monotonic_ns(max(instance.begin_ticks, instance.end_ticks))


def note_end_of_target(parts: Sequence[LivePart], run: RunFile) -> None:
    """Let the first process end when ``cglab`` saw it end, where it could not say so itself."""
    first = min(parts, key=lambda part: part.began, default=None)
    if first is None or not run.ended_monotonic_ns or first.parent_pid != run.supervisor_pid:
        return
    last = last_program_of(first, parts)
    if not last.is_running and not last.ended_ns:
        last.ended_ns = max(run.ended_monotonic_ns, last_sign_ns(last))


def last_program_of(first: LivePart, parts: Sequence[LivePart]) -> LivePart:
    """Return the part of what a process ran last: it may have run another program since."""
    own = [part for part in parts if part.pid == first.pid and part.start_time == first.start_time]
    return max(own, key=lambda part: part.began)


def note_ends_in_copy(copies: Iterable[LivePart], parts: Iterable[LivePart], now_ns: int) -> None:
    """Let processes end, in a copy of their parts made at ``now_ns``, no later than they did.

    What has not said its end there was running then, unless it is known now that it was not.
    """
    known = {(part.pid, *part.began): part for part in parts}
    for copy in copies:
        part = known.get((copy.pid, *copy.began))
        if copy.ended_ns:
            continue
        copy.ended_ns = now_ns if part is None else min(until_ns(part, now_ns), now_ns)


def stopped(recording: Recording) -> Recording:
    """Return a recording that is over by now, though processes of it go on: so it stopped in them.

    It is complete: there was nothing more to be recorded.
    """
    end: dict[Ending, Ending] = {"running": "stopped"}
    return replace(
        recording,
        run=replace(recording.run, complete=True, running=False),
        processes=tuple(
            replace(item, ending=end.get(item.ending, item.ending)) for item in recording.processes
        ),
        threads=tuple(
            replace(item, alive=False, ending=end.get(item.ending, item.ending))
            for item in recording.threads
        ),
        instances=tuple(
            replace(item, ending=end.get(item.ending, item.ending)) if item.ending else item
            for item in recording.instances
        ),
    )
