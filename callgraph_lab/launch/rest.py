"""What is left to do of a run that goes on when its first process, and so ``cglab``, has ended."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from callgraph_lab.errors import CallgraphLabError
from callgraph_lab.launch.background import go_on_in_background
from callgraph_lab.recording import catalog
from callgraph_lab.recording.run_file import read_run_file, write_run_file

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable

    from callgraph_lab.launch.beside import Beside
    from callgraph_lab.launch.daemons import Daemons
    from callgraph_lab.launch.runtime import Runtime

_LOOK_EVERY_S = 0.2


class Rest:
    """A server that has become a daemon is watched, in the background, until its last process ends.

    So its shell has its prompt again when it would have it without us. ``pid`` is that of the first
    process.
    """

    def __init__(self, daemons: Daemons, beside: Beside, runtime: Runtime, pid: int) -> None:
        self._daemons = daemons
        self._beside = beside
        self._runtime = runtime
        self._pid = pid
        self._goes_on = False

    def first_process_has_ended(self) -> None:
        """Give its children a moment. If none goes on nothing is left to do but the recording."""
        self._beside.target_has_ended()
        self._goes_on = self._daemons.are_there()
        if not self._goes_on:
            self._close()

    def go_on(
        self, entry: catalog.Entry, *, mask: set[int | signal.Signals], let_go_of: Iterable[int]
    ) -> None:
        """Finish the recording's events; where the run goes on leave that, and it, to itself.

        Where there is no room for a process that watches it, nobody does.
        """
        if not self._goes_on:
            self._beside.finish(lambda: catalog.load(entry))
        elif not go_on_in_background(
            lambda: self._watch(entry),
            mask=mask,
            let_go_of=let_go_of,
            keep_stderr=self._beside.speaks_on,
        ):
            self._close()

    def _close(self) -> None:
        self._beside.close()
        self._runtime.remove()

    def _watch(self, entry: catalog.Entry) -> None:
        said = len(self._beside.faults)
        while self._daemons.are_there():
            patience_s = _LOOK_EVERY_S
            with suppress(Exception):
                patience_s = self._beside.attend(self._pid)
            time.sleep(min(max(patience_s, 0.0), _LOOK_EVERY_S))
        self._beside.target_has_ended()
        self._close()
        with suppress(CallgraphLabError, OSError):
            _note(entry, self._beside.faults[said:])
            finished = catalog.fold(entry)
            self._beside.finish(lambda: catalog.load(finished))


def _note(entry: catalog.Entry, faults: list[str]) -> None:
    if faults and entry.live_folder is not None:
        run = read_run_file(entry.live_folder)
        write_run_file(entry.live_folder, replace(run, notes=(*run.notes, *faults)))
