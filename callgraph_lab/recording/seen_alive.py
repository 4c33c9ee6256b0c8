"""When the processes of a run were last seen alive, by the ``cglab`` that watches it.

A process that is killed while it waits has no chance to write when that was. So the kernel's locks
are asked for now and then, and the answers stand in the file ``seen.json`` of the live folder: what
of them is not there any more costs no one else anything.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.guarded_file import read_guarded, write_guarded
from callgraph_lab.recording.running import is_watched, is_written
from callgraph_lab.recording.unlocked import owner_of

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.recording.live_part import LivePart

SEEN_FILE = "seen.json"
_MOST_BYTES = 16 * 1024 * 1024
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SeenAlive:
    """By CLOCK_MONOTONIC: when the last look began, and when parts were last seen to be written."""

    looked_ns: int = 0
    parts: dict[str, int] = field(default_factory=dict)

    def note_in(self, part: LivePart, name: str) -> None:
        """Tell a part, whose file is called ``name``, what is known of its process."""
        part.seen_ns = self.parts.get(name, 0)
        part.missed_ns = self.looked_ns if part.seen_ns < self.looked_ns else 0


def read_seen(live_folder: Path) -> SeenAlive:
    """Return what has been seen; nothing where nobody looked, or the file is damaged."""
    try:
        fields = json.loads(read_guarded(live_folder / SEEN_FILE, _MOST_BYTES))
        looked_ns, parts = fields["looked_ns"], fields["parts"]
        moments = [looked_ns, *parts.values()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return SeenAlive()
    if not all(type(moment) is int and 0 <= moment <= _LARGEST for moment in moments):
        return SeenAlive()
    # While somebody watches, whoever is not there is missed at the next look at the latest.
    return SeenAlive(_LARGEST if is_watched(live_folder) else looked_ns, parts)


class AliveLooker:
    """Looks which parts of a live folder have a writer, and keeps it there."""

    def __init__(self, live_folder: Path) -> None:
        self._live_folder = live_folder
        self._seen: dict[str, int] = {}
        self._ended: set[str] = set()
        self.owners: list[tuple[int, int]] = []
        """Pid and start time of the processes that were there at the last look."""

    def look(self) -> None:
        """Ask for every process that has not ended. Raise ``OSError`` where it cannot be kept."""
        looked_ns = time.monotonic_ns()
        seen: dict[str, int] = {}
        owners = []
        for path in self._live_folder.glob(f"*{layout.PART_SUFFIX}"):
            name = path.name
            if name in self._ended:
                seen[name] = self._seen[name]
                continue
            moment_ns = time.monotonic_ns()
            if is_written(path):
                seen[name] = moment_ns
                owner = owner_of(path)
                if owner is not None:
                    owners.append(owner)
            elif name in self._seen:
                seen[name] = self._seen[name]
                self._ended.add(name)
        self._ended &= seen.keys()
        self._seen = seen
        self.owners = owners
        text = json.dumps({"looked_ns": looked_ns, "parts": seen})
        write_guarded(self._live_folder / SEEN_FILE, text.encode())
