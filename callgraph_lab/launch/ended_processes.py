"""What is to be done about processes of the target that end before it does, or after it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from callgraph_lab.errors import OutputError, RecordingError
from callgraph_lab.recording.ended import merge_ended_parts
from callgraph_lab.recording.running import has_running_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MERGE_EVERY_S = 0.5
_CHILDREN_END_WITHIN_S = 1.0
_LOOK_EVERY_S = 0.02


class EndedProcesses:
    """Merges what they have recorded, a few at a time, while the target runs.

    It gives up where that fails; nothing is lost by it, there are only many files.
    """

    def __init__(self, live_folder: Path, *, say: Callable[[str], None]) -> None:
        self._live_folder = live_folder
        self._say = say
        self._next_at = 0.0
        self._has_failed = False

    def attend(self) -> float:
        """Do what is due; return in how many seconds to be called again."""
        now = time.monotonic()
        if now < self._next_at:
            return self._next_at - now
        # There may be more to do than is good to do at once: signals come first.
        patience_s = 0.0 if self._merge() else _MERGE_EVERY_S
        self._next_at = time.monotonic() + patience_s
        return patience_s

    def _merge(self) -> bool:
        if self._has_failed:
            return False
        try:
            return merge_ended_parts(self._live_folder)
        except (RecordingError, OutputError) as error:
            self._has_failed = True
            self._say(f"what ended processes have recorded stays in many files: {error}")
            return False

    def wait_for_the_last(self) -> None:
        """Give the children of a target that has ended a moment to end as well.

        Workers, and the helpers of ``multiprocessing``, notice the end of what started them.
        """
        until = time.monotonic() + _CHILDREN_END_WITHIN_S
        while has_running_process(self._live_folder) and time.monotonic() < until:
            time.sleep(_LOOK_EVERY_S)
