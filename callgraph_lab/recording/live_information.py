"""The information on a process that stands in the header of its live file, cut to fit there.

This module runs inside the target and imports little.
"""

from __future__ import annotations

import json

from callgraph_lab.recording import live_format as layout

TYPE_CHECKING = False  # importing typing would be seen in the target
if TYPE_CHECKING:
    from collections.abc import Mapping


def fitting_json(information: Mapping[str, object]) -> bytes:
    """Return ``information`` as JSON, without its longest parts where there is no room for all."""
    kept = dict(information)
    while True:
        text = json.dumps(kept).encode()
        # One byte less than there is room: a NUL ends it.
        if len(text) < layout.INFORMATION_BYTES or not kept:
            return text
        del kept[max(kept, key=lambda name: len(json.dumps(kept[name])))]
