"""The command line: one module a command, click nowhere else, errors become exit codes here."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run ``cglab`` with the arguments of this process, and exit."""
    from callgraph_lab.cli.group import cglab  # noqa: PLC0415 - completion and tests import main
    from callgraph_lab.cli.messages import print_error  # noqa: PLC0415
    from callgraph_lab.errors import CallgraphLabError  # noqa: PLC0415

    try:
        cglab.main(prog_name="cglab")
    except CallgraphLabError as error:
        print_error(error)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        # Whoever read our output has seen enough, as `head` does.
        sys.stderr.close()
        sys.exit(141)
    raise AssertionError("click exits by itself")  # pragma: no cover
