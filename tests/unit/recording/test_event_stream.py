"""Events of a running recording, from all of its processes, in order of time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from unit.recording.builders import abandoned_run
from unit.recording.test_live_events import Events

from callgraph_lab.recording.event_stream import EventStream
from callgraph_lab.recording.locking import locked

if TYPE_CHECKING:
    from pathlib import Path

SETTLED_AFTER_S = 0.1


def test_no_event_is_given_before_the_files_were_read_again(tmp_path: Path) -> None:
    """While another process holds the lock an earlier event may be in a file that is not read."""
    live_folder = abandoned_run(tmp_path, started_monotonic_ns=time.monotonic_ns())
    stream = EventStream(live_folder)
    events = Events(live_folder)
    events.count(1)
    events.write(1, ticks=time.monotonic_ns())
    assert stream.poll() == []
    with locked(live_folder) as is_ours:
        assert is_ours
        time.sleep(2 * SETTLED_AFTER_S)
        assert stream.poll() == []
    assert [event.serial for event in stream.poll()] == [1]
