"""What ``cglab run --log-events`` does: a line for each event, appended while the target runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from callgraph_lab.actions.event_lines import LiveEventLines
from callgraph_lab.errors import OutputError
from callgraph_lab.json_text import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import Any

    from callgraph_lab.model import Recording

_EVERY_S = 0.2


class EventLog:
    """Done by the supervisor; ``say`` gets a sentence where lines cannot be written any more."""

    def __init__(
        self, live_folder: Path, write: Callable[[str], None], *, say: Callable[[str], None]
    ) -> None:
        self._lines = LiveEventLines(live_folder)
        self._write = write
        self._say = say
        self._next_at = 0.0
        self._has_failed = False

    def attend(self, *, to_the_end: bool = False) -> float:
        """Write what is due, or all there is; return in how many seconds to be called again."""
        now = time.monotonic()
        if now < self._next_at and not to_the_end:
            return self._next_at - now
        self._append(self._lines.poll(time.monotonic_ns(), to_the_end=to_the_end))
        self._next_at = time.monotonic() + _EVERY_S
        return _EVERY_S

    def finish(self, recording: Recording) -> None:
        """Write what only the finished recording tells, and say what is missing."""
        self._append(self._lines.rest(recording))
        if self._lines.lost:
            self._say(f"{self._lines.lost:,} events came too fast to be logged")

    def _append(self, lines: Iterable[dict[str, Any]]) -> None:
        text = "\n".join(map(json_text, lines))
        if self._has_failed or not text:
            return
        try:
            self._write(text)
        except OutputError as error:
            # The target must not suffer from it.
            self._has_failed = True
            self._say(f"events are not logged any more: {error}")
