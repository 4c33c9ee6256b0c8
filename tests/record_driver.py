"""Record a program from a process of its own, as the command line would. Run as a script.

The one argument is JSON: where our package is found, the engine, the folder of recordings, the
target with its arguments, and the file that is to hold what came of it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> int:
    """Record, write down where the recording is, and return the target's exit status."""
    settings = json.loads(sys.argv[1])
    sys.path.insert(0, settings["packages"])
    from callgraph_lab.launch.record import RecordOptions, record  # noqa: PLC0415
    from callgraph_lab.launch.target import Target  # noqa: PLC0415

    target = Target(
        settings["target"], tuple(settings["arguments"]), is_module=settings["is_module"]
    )
    options = RecordOptions(
        Path(settings["folder"]), engine=settings["engine"], **settings["options"]
    )
    recorded = record(target, options, say=lambda _: None)
    entry = recorded.entry
    Path(settings["result"]).write_text(
        json.dumps(
            {
                "path": str(entry.path),
                "live_folder": None if entry.live_folder is None else str(entry.live_folder),
            }
        ),
        encoding="utf-8",
    )
    return recorded.outcome.status


if __name__ == "__main__":
    sys.exit(main())
