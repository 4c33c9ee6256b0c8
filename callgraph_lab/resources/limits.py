"""What ``--limit NAME=VALUE`` may say, and how it is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from callgraph_lab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OnLimit = Literal["stop", "warn"]
"""Whether the target is stopped when it reaches a limit, or goes on and that is told."""

_SIZES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_DURATIONS_S = {"s": 1, "m": 60, "h": 3600}
_MOST = 2**62
_MOST_CPU_TIME_S = 10**9
_MOST_PERCENT = 100_000
_WORDS = {
    "size": (re.compile(r"(\d+)([KMGT]?)"), "a size such as 256M; the units are K, M, G and T"),
    "share": (re.compile(r"(\d+(?:\.\d+)?)%"), "a share of one core such as 50%"),
    "duration": (re.compile(r"(\d+)([smh])"), "a time such as 60s; the units are s, m and h"),
    "number": (re.compile(r"(\d+)"), "a whole number such as 64"),
    "rate": (
        re.compile(r"(\d+)([KMGT]?)(?:/(session|total))?"),
        "bytes a second such as 64K, of each session, or 64K/total; the units are K, M, G and T",
    ),
}
_KINDS = {
    "memory": "size",
    "cpu": "share",
    "cpu-time": "duration",
    "files": "number",
    "processes": "number",
    "file-size": "size",
    "upload": "rate",
    "download": "rate",
    "connections": "number",
}
NAMES = tuple(_KINDS)
FTP_NAMES = ("upload", "download", "connections")
ERROR_NAMES = ("memory", "files", "processes", "file-size")
"""Those that the target notices by an error, of which the engine ``native`` makes an event."""
REACHED_NAMES = ("cpu-time", *ERROR_NAMES, *FTP_NAMES)
"""Those that can be reached: ``cpu`` is a share that is kept to."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: bytes, bytes a second, seconds, or a number; of ``cpu`` the share of one core."""

    name: str
    value: float
    text: str
    """As the user gave it: ``memory=256M``."""
    is_total: bool = False
    """Of a rate: of all sessions together."""


def parse_limits(words: Sequence[str], on_limit: OnLimit | None = None) -> dict[str, Limit]:
    """Return the limits by their names. Raise ``UsageError`` for what is none."""
    limits: dict[str, Limit] = {}
    for word in words:
        limit = _parse(word)
        if limit.name in limits:
            raise UsageError(
                f"--limit {limit.name} is given twice", hint="leave one of the two out"
            )
        limits[limit.name] = limit
    if on_limit is not None and not limits.keys() & set(REACHED_NAMES):
        raise UsageError(
            f"--on-limit {on_limit} has nothing to do with the limits that are given",
            hint=f"it is for {', '.join(REACHED_NAMES)}; a share of the CPU is never reached",
        )
    return limits


def _parse(word: str) -> Limit:
    name, equals, value = word.partition("=")
    if name not in _KINDS:
        raise UsageError(f"there is no limit {name!r}", hint=f"the limits are {', '.join(NAMES)}")
    kind = _KINDS[name]
    pattern, meaning = _WORDS[kind]
    match = pattern.fullmatch(value)
    if not equals or match is None:
        raise UsageError(f"{value!r} is no value for --limit {name}", hint=f"write {meaning}")
    number = float(match[1]) if kind == "share" else int(match[1])
    if kind in ("size", "rate"):
        number *= _SIZES[match[2]]
    elif kind == "duration":
        number *= _DURATIONS_S[match[2]]
    elif kind == "share":
        number /= 100
    most = {"duration": _MOST_CPU_TIME_S, "share": _MOST_PERCENT / 100}.get(kind, _MOST)
    if not 0 < number <= most:
        raise UsageError(
            f"{word} is {'too little' if number <= 0 else 'too much'}", hint=f"write {meaning}"
        )
    is_total = kind == "rate" and match[3] == "total"
    return Limit(name, number, word, is_total)


def error_limits_of(limits: Mapping[str, Limit]) -> dict[str, str]:
    """Return the limits that errors tell of, as the user gave them, by their names."""
    return {name: limits[name].text for name in ERROR_NAMES if name in limits}


def ftp_limits_of(limits: Mapping[str, Limit]) -> dict[str, tuple[int, bool, str]]:
    """Return the limits for ``ftp_limits.install``."""
    return {
        name: (int(limits[name].value), limits[name].is_total, limits[name].text)
        for name in FTP_NAMES
        if name in limits
    }
