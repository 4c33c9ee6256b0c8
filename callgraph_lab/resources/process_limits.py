"""Limits that the kernel keeps (rlimits): checked before the target starts, set in its process."""

from __future__ import annotations

import os
import re
import resource
import subprocess
from typing import TYPE_CHECKING

import psutil

from callgraph_lab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callgraph_lab.resources.limits import Limit, OnLimit

OURS_BYTES = 16 * 1024 * 1024
"""Address space allowed for the engine and for what it records, beside the target's own."""
_LEAST_FILES = 10
_LEAST_FILE_BYTES = 4 * 1024 * 1024
_MORE_CPU_TIME_S = 5
_MEBIBYTE = 1024 * 1024
_MEASURE = "print(open('/proc/self/status').read())"
_PATIENCE_S = 30.0

Settings = dict[int, tuple[int, int]]
"""Soft and hard limits, by the numbers that ``resource`` has for them."""


def process_limits(
    limits: Mapping[str, Limit], python: str, on_limit: OnLimit | None
) -> tuple[Settings, list[str]]:
    """Return what to set in the target's process, and a sentence on each for the user.

    ``python`` is the interpreter. Raise ``UsageError`` where a limit leaves it no room to start, or
    cannot be had by this user.
    """
    settings: Settings = {}
    sentences = []
    for name, find in (
        ("memory", _memory),
        ("cpu-time", _cpu_time),
        ("files", _files),
        ("processes", _processes),
        ("file-size", _file_size),
    ):
        if name in limits and not (name == "cpu-time" and on_limit == "warn"):
            number, soft, more, sentence = find(limits[name], python)
            settings[number] = _within_hard_limit(limits[name], number, soft, more)
            sentences.append(f"limit {limits[name].text}: {sentence}")
    return settings, sentences


def _within_hard_limit(limit: Limit, number: int, soft: int, more: int | None) -> tuple[int, int]:
    hard = resource.getrlimit(number)[1]
    if hard != resource.RLIM_INFINITY and soft > hard:
        raise UsageError(
            f"{limit.text} is more than this user may have: the hard limit is {hard:,} already",
            hint="give less, or raise the hard limit as root (ulimit -H)",
        )
    if more is None:
        return soft, hard
    return soft, soft + more if hard == resource.RLIM_INFINITY else min(soft + more, hard)


def _memory(limit: Limit, python: str) -> tuple[int, int, int | None, str]:
    needed = _address_space_bytes(python)
    if limit.value < needed:
        raise UsageError(
            f"{limit.text} is less than {python} needs to start, {needed / _MEBIBYTE:.0f}M",
            hint=f"give more than that: --limit memory={2 * needed // _MEBIBYTE}M",
        )
    soft = int(limit.value) + OURS_BYTES
    return (
        *(resource.RLIMIT_AS, soft, None),
        (
            "RLIMIT_AS limits the address space of each process (more than what is resident),"
            f" with {OURS_BYTES // _MEBIBYTE}M more for the recording; past it comes a MemoryError."
            " The stack is not enlarged for deep recursion"
        ),
    )


def _address_space_bytes(python: str) -> int:
    output = subprocess.run(
        [python, "-c", _MEASURE],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    ).stdout
    match = re.search(r"^VmPeak:\s*(\d+) kB", output, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def _cpu_time(limit: Limit, _: str) -> tuple[int, int, int | None, str]:
    return (
        *(resource.RLIMIT_CPU, int(limit.value), _MORE_CPU_TIME_S),
        (
            "RLIMIT_CPU counts for each process alone; SIGXCPU ends it then, and what is recorded"
            " is kept"
        ),
    )


def _files(limit: Limit, _: str) -> tuple[int, int, int | None, str]:
    if limit.value < _LEAST_FILES:
        raise UsageError(
            f"{limit.text} is less than an interpreter needs to start, {_LEAST_FILES}",
            hint=f"give --limit files={_LEAST_FILES} or more",
        )
    return (
        *(resource.RLIMIT_NOFILE, int(limit.value), None),
        (
            "RLIMIT_NOFILE limits the descriptors of each process, sockets and one of the recording"
            " included; past it there is an OSError (EMFILE)"
        ),
    )


def _processes(limit: Limit, _: str) -> tuple[int, int, int | None, str]:
    if os.geteuid() == 0:
        raise UsageError(
            f"{limit.text} is not possible for root, whom the kernel exempts from RLIMIT_NPROC",
            hint="run cglab as another user, or in a cgroup with pids.max"
            " (systemd-run --scope -p TasksMax=20 cglab run ...)",
        )
    running = sum(
        process.info["num_threads"] or 0
        for process in psutil.process_iter(["uids", "num_threads"])
        if process.info["uids"] is not None and process.info["uids"].real == os.getuid()
    )
    return (
        *(resource.RLIMIT_NPROC, int(limit.value) + running, None),
        (
            f"RLIMIT_NPROC counts all processes and threads of this user, {running} now, and as"
            " many more may come, the target's first one among them; past it comes a"
            " BlockingIOError"
        ),
    )


def _file_size(limit: Limit, _: str) -> tuple[int, int, int | None, str]:
    if limit.value < _LEAST_FILE_BYTES:
        raise UsageError(
            f"{limit.text} is less than the file of the recording needs,"
            f" {_LEAST_FILE_BYTES // _MEBIBYTE}M",
            hint=f"give --limit file-size={_LEAST_FILE_BYTES // _MEBIBYTE}M or more",
        )
    return (
        *(resource.RLIMIT_FSIZE, int(limit.value), None),
        (
            "RLIMIT_FSIZE limits each file that the target writes, and the recording's own;"
            " past it there is an OSError (EFBIG)"
        ),
    )
