"""Sample what a target uses, from outside, while it runs: all of its processes together."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from callgraph_lab.recording.live_writer import process_start_time
from callgraph_lab.recording.resource_file import ResourceWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from callgraph_lab.recording.resource_file import Sample

EVERY_S = 0.2
_LOOK_FOR_CHILDREN_EVERY_S = 1.0
_TIMES_ITS_COST = 20
"""With thousands of processes a sample is dear: a twentieth of a processor goes into it at most."""
_NS_PER_S = 1_000_000_000


class ResourceSampler:
    """Takes a sample when one is due. ``poll`` never waits.

    ``say`` gets a sentence where samples cannot be kept: the run goes on without. ``others``
    returns pid and start time of processes that belong to the target, also those that are nobody's
    descendants: a server that has become a daemon.
    """

    def __init__(
        self,
        live_folder: Path,
        *,
        say: Callable[[str], None],
        others: Callable[[], Iterable[tuple[int, int]]] = tuple,
    ) -> None:
        self._live_folder = live_folder
        self._say = say
        self._others = others
        self._writer: ResourceWriter | None = None
        self._has_failed = False
        self._next_at = 0.0
        self._family: dict[int, psutil.Process] = {}
        self._look_for_children_at = 0.0
        self._cpu_s: dict[int, tuple[float, int]] = {}
        """What each process had used when it was last seen, with its children, and its parent."""
        self._cpu_of_ended_s = 0.0
        self._cpu_ns = 0
        self.latest: Sample | None = None
        """What was seen last."""

    def poll(self, pid: int) -> float:
        """Take a sample of the target whose first process is ``pid``, if one is due.

        Return in how many seconds the next one is.
        """
        now = time.monotonic()
        if now >= self._next_at:
            used_s = time.thread_time()
            self._next_at += EVERY_S
            if self._next_at <= now:
                # What was missed is not made up for.
                self._next_at = now + EVERY_S
            if now >= self._look_for_children_at:
                self._look_for_children(pid)
                self._look_for_children_at = now + _LOOK_FOR_CHILDREN_EVERY_S
            sample = self._take()
            if sample is not None:
                self._keep(sample)
            used_s = time.thread_time() - used_s
            self._next_at = max(self._next_at, now + _TIMES_ITS_COST * used_s)
        return max(self._next_at - time.monotonic(), 0.0)

    def close(self) -> None:
        """Let go of the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _look_for_children(self, pid: int) -> None:
        # The kernel is asked for all processes there are, which is dear: so not every time.
        processes: dict[int, psutil.Process] = {}
        for root, start_time in ((pid, None), *self._others()):
            # In a container of its own a process has another pid there than here.
            if root in processes or start_time not in (None, process_start_time(root)):
                continue
            with suppress(psutil.Error):
                first = psutil.Process(root)
                for process in (first, *first.children(recursive=True)):
                    processes[process.pid] = process
        # Those that are known stay: psutil then sees that a pid has become another process's. And
        # who has lost its parents is of the family all the same.
        for known in self._family.values():
            if processes.get(known.pid, known) == known and known.is_running():
                processes[known.pid] = known
        self._family = processes

    def _take(self) -> Sample | None:
        """Return a sample of the processes there are, parents before their children."""
        cpu_s, rss_bytes, descriptors, threads, processes = 0.0, 0, 0, 0, 0
        cpu_of: dict[int, tuple[float, int]] = {}
        for process in self._family.values():
            try:
                with process.oneshot():
                    cpu = process.cpu_times()
                    # What its ended children have used is the parent's, once it has waited for
                    # them. So the sum falls short for a moment, and is never too much.
                    used_s = cpu.user + cpu.system + cpu.children_user + cpu.children_system
                    cpu_s += used_s
                    cpu_of[process.pid] = used_s, process.ppid()
                    resident_bytes = process.memory_info().rss
                    if not resident_bytes:
                        # It has ended, and its memory is gone already: of it there is nothing else.
                        continue
                    rss_bytes += resident_bytes
                    threads += process.num_threads()
                    processes += 1
                    descriptors += process.num_fds()
            except psutil.Error:
                # It has ended, or (its descriptors) belongs to another user by now.
                continue
        if not processes:
            return None
        cpu_s += self._cpu_left_by_the_dead(cpu_of)
        self._cpu_ns = max(self._cpu_ns, round(cpu_s * _NS_PER_S))
        moment_ns = time.monotonic_ns()
        return moment_ns, self._cpu_ns, rss_bytes, descriptors, threads, processes

    def _cpu_left_by_the_dead(self, cpu_of: dict[int, tuple[float, int]]) -> float:
        """Return what those had used that ended, and have no parent here that waits for them."""
        for pid, (used_s, parent) in self._cpu_s.items():
            if pid not in cpu_of and parent not in cpu_of:
                self._cpu_of_ended_s += used_s
        self._cpu_s = cpu_of
        return self._cpu_of_ended_s

    def _keep(self, sample: Sample) -> None:
        self.latest = sample
        if self._has_failed:
            return
        try:
            if self._writer is None:
                self._writer = ResourceWriter(self._live_folder)
            self._writer.append(sample)
        except OSError as error:
            self._has_failed = True
            self._say(f"the use of resources is not recorded any more: {error.strerror}")
