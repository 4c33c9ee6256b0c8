"""How long the threads and processes of a program lived by its own clock, and what is recorded."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support_engines import CLOCKS_DIFFER_BY

from callgraph_lab.model import NO_PARENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from callgraph_lab.model import Recording

_NS_PER_CONTEXT = 1_000
"""Each context's time is rounded, and clocks of two processors differ by a moment."""


@dataclass
class Life:
    """A thread's or process's life: from before it began until, if that is known, after its end.

    ``awake_ns`` and ``sign_ns`` are the first and the last moment that it wrote down itself.
    """

    born_ns: int
    awake_ns: int | None = None
    sign_ns: int | None = None
    gone_ns: int | None = None

    def most_ns(self, until_ns: int) -> int:
        """Return how long it lived at most, up to a moment."""
        gone_ns = until_ns if self.gone_ns is None else min(self.gone_ns, until_ns)
        return max(gone_ns - self.born_ns, 0)


@dataclass
class Lives:
    """What a program has told of its processes, by their pids, and of the threads in each."""

    started_ns: int
    """When the run began, which all moments of a recording count from."""
    processes: dict[int, Life] = field(default_factory=dict)
    threads: dict[int, dict[str, dict[int, Life]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )
    """By pid, name and a number that no other thread of the process has."""

    @classmethod
    def told(cls, path: Path, started_ns: int) -> Lives:
        """Read the lines of JSON that the program has appended to a file, also while it does."""
        lives = cls(started_ns)
        text = path.read_text(encoding="ascii") if path.exists() else ""
        for line in text[: text.rfind("\n") + 1].splitlines():
            said = json.loads(line)
            of_process = lives.processes.setdefault(said["pid"], Life(said.get("born", 0)))
            of_process.born_ns = said.get("born", of_process.born_ns)
            if "thread" in said:
                kin = lives.threads[said["pid"]][said["thread"]]
                life = kin.setdefault(said["number"], Life(said.get("began", 0)))
                life.gone_ns = said.get("ended", life.gone_ns)
                continue
            if of_process.awake_ns is None:
                of_process.awake_ns = said.get("awake")
            of_process.sign_ns = said.get("sign", of_process.sign_ns)
            of_process.gone_ns = said.get("gone", of_process.gone_ns)
        return lives

    def most_of_threads_ns(self, pid: int, name: str, until_ns: int) -> int:
        """Return how long the threads of a name lived at most, all of them together.

        A process has one thread from the beginning, whose name is that of the thread that forked.
        """
        process = self.processes[pid]
        if process.gone_ns is not None:
            until_ns = min(until_ns, process.gone_ns)
        threads = self.threads[pid][name].values()
        first_ns = 0 if threads and process.awake_ns is None else process.most_ns(until_ns)
        return first_ns + sum(life.most_ns(until_ns) for life in threads)

    def most_of_all_ns(self, pid: int, until_ns: int) -> int:
        """Return how long all threads of a process lived at most, together."""
        process = self.processes[pid]
        if process.gone_ns is not None:
            until_ns = min(until_ns, process.gone_ns)
        return process.most_ns(until_ns) + sum(
            life.most_ns(until_ns) for kin in self.threads[pid].values() for life in kin.values()
        )


def what_breaks_the_sum_rule(
    recording: Recording, lives: Lives, until_ns: int, *, is_over: bool
) -> Iterator[str]:
    """Yield a sentence for each figure that cannot be, of what was read before ``until_ns``.

    Of a run that ``is_over`` every process has told its life, and what ended is all there.
    """
    tree = recording.tree
    whole_ns = recording.run.duration_ns
    slack_ns = len(tree) * _NS_PER_CONTEXT + int(CLOCKS_DIFFER_BY * whole_ns)
    for process in recording.processes:
        if process.processes != 1:
            yield f"process {process.pid} is several"
        if is_over and process.ending == "running":
            yield f"process {process.pid} still runs"
        life = lives.processes.get(process.pid)
        if life is not None and life.gone_ns is not None and process.ending == "running":
            yield f"process {process.pid} ended before it was looked at, and runs"
    yield from _roots(recording, lives, until_ns, slack_ns, is_over=is_over)
    yield from _contexts(recording, slack_ns)
    yield from _lines(recording, lives, until_ns, slack_ns)
    yield from _instances(recording, lives, until_ns, slack_ns)


def _roots(
    recording: Recording, lives: Lives, until_ns: int, slack_ns: int, *, is_over: bool
) -> Iterator[str]:
    tree, whole_ns = recording.tree, recording.run.duration_ns
    most: dict[int, int] = defaultdict(int)
    for thread in recording.threads:
        if thread.pid not in lives.processes:
            if is_over:
                yield f"process {thread.pid} has told nothing"
            continue
        spent_ns = tree.inclusive_ns[thread.root]
        most_ns = lives.most_of_threads_ns(thread.pid, thread.name, until_ns)
        who = f"{thread.name} of process {thread.pid}"
        most[thread.pid] = max(most[thread.pid], spent_ns)
        if spent_ns > most_ns + slack_ns:
            yield f"{who}: {spent_ns:,} ns in a life of {most_ns:,}"
        if spent_ns > thread.threads * whole_ns + slack_ns:
            yield f"{who}: {spent_ns:,} ns in a run of {whole_ns:,}"
    for pid, life in lives.processes.items():
        # What it has told of itself stands between two moments at which it was in its calls.
        if is_over and pid in most and life.sign_ns is not None and life.awake_ns is not None:
            least_ns = life.sign_ns - life.awake_ns
            if most[pid] < least_ns - slack_ns:
                yield f"process {pid}: {most[pid]:,} ns, and it has told of {least_ns:,}"


def _contexts(recording: Recording, slack_ns: int) -> Iterator[str]:
    tree = recording.tree
    below = [0] * len(tree)
    for context, parent in enumerate(tree.parent):
        if parent != NO_PARENT:
            below[parent] += tree.inclusive_ns[context]
    for context, spent_ns in enumerate(tree.inclusive_ns):
        own_ns = tree.self_ns[context]
        name = recording.functions[tree.function[context]].qualname
        if own_ns != max(spent_ns - below[context], 0):
            yield f"{name}: {own_ns:,} ns of its own, of {spent_ns:,} and {below[context]:,} below"
        if below[context] > spent_ns + slack_ns:
            yield f"{name}: {spent_ns:,} ns, and {below[context]:,} below"
        if tree.instance_ns[context] > spent_ns + slack_ns:
            yield f"{name}: {spent_ns:,} ns, of one instance {tree.instance_ns[context]:,}"


def _lines(recording: Recording, lives: Lives, until_ns: int, slack_ns: int) -> Iterator[str]:
    for line in recording.lines:
        if line.pid in lives.processes:
            most_ns = lives.most_of_all_ns(line.pid, until_ns)
            name = f"{recording.functions[line.function].qualname}:{line.figures.line}"
            if line.figures.inclusive_ns > most_ns + slack_ns:
                spent_ns = line.figures.inclusive_ns
                yield f"{name} of {line.pid}: {spent_ns:,} ns in lives of {most_ns:,}"
            if line.figures.self_ns > line.figures.inclusive_ns:
                yield f"{name}: more of its own than in all"


def _instances(recording: Recording, lives: Lives, until_ns: int, slack_ns: int) -> Iterator[str]:
    whole_ns = recording.run.duration_ns
    running = {process.pid for process in recording.processes if process.ending == "running"}
    for instance in recording.instances:
        name = f"{recording.actions[instance.action].name} of {instance.pid}"
        end_ns = instance.left_ns if instance.end_ns is None else instance.end_ns
        if (end_ns is None) != (instance.pid in running and instance.end_ns is None):
            yield f"{name}: it has no end, or one too many"
        if (end_ns or 0) > whole_ns + slack_ns:
            yield f"{name}: until {end_ns:,} ns in a run of {whole_ns:,}"
        life = lives.processes.get(instance.pid)
        if life is None:
            continue
        if end_ns is not None and life.gone_ns is not None:
            most_ns = life.gone_ns - lives.started_ns
            if end_ns > most_ns + slack_ns:
                yield f"{name}: until {end_ns:,} ns, and its process ended at {most_ns:,}"
        all_ns = lives.most_of_all_ns(instance.pid, until_ns)
        if instance.busy_ns > all_ns + slack_ns:
            yield f"{name}: busy for {instance.busy_ns:,} ns in lives of {all_ns:,}"
    for action in recording.actions:
        all_ns = sum(lives.most_of_all_ns(pid, until_ns) for pid in lives.processes)
        if action.busy_ns > all_ns + slack_ns:
            yield f"{action.name}: busy for {action.busy_ns:,} ns in lives of {all_ns:,}"
