"""The command line: one module a command, click nowhere else, errors become exit codes here."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

_HINT = "check the path, its permissions and the room on the disk; recordings stay as they were"


def main() -> NoReturn:
    """Run ``cglab`` with the arguments of this process, and exit."""
    from callgraph_lab import cost  # noqa: PLC0415
    from callgraph_lab.cli.group import Process, cglab  # noqa: PLC0415 - completion and tests import main
    from callgraph_lab.cli.messages import print_error  # noqa: PLC0415
    from callgraph_lab.errors import CallgraphLabError, UsageError  # noqa: PLC0415

    # A character that the terminal's encoding lacks is no reason to lose a whole table.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        cglab.main(prog_name="cglab", obj=Process())
    except MemoryError:
        too_large = cost.too_large()
        cost.lift()
        print_error(too_large)
        sys.exit(too_large.exit_status)
    except CallgraphLabError as error:
        cost.lift()
        print_error(error)
        sys.exit(error.exit_status)
    except OSError as error:
        # What no command has foreseen: still a sentence, not a traceback.
        name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else "-"
        print_error(UsageError(f"{error.strerror or error}: {name}", hint=_HINT))
        sys.exit(UsageError.exit_status)
    finally:
        # Nobody would take its signal any more while the interpreter ends.
        cost.lift()
    raise AssertionError("click exits by itself")  # pragma: no cover
