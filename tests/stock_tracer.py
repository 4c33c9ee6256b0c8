"""What stock pycallgraph2 says of a program, asked over a pipe. Run as a script, it is the oracle.

Each line of standard input names a program, its depths and modules to import before the tracing
begins; each line of standard output is the answer, one graph a depth. Every trace runs in a fork of
its own, so that the programs and depths know nothing of each other.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

from pycallgraph2 import Config, GlobbingFilter, PyCallGraph, output

OWN_PREFIX = "pycallgraph2."


class NoOutput(output.Output):
    """An output that keeps nothing: the trace processor is what is asked."""

    def done(self) -> None:
        """Draw nothing."""


def trace(path: str, max_depth: int) -> dict[str, Any]:
    """Run a program under pycallgraph2 and return its nodes and edges with their counts."""
    code = compile(Path(path).read_text(encoding="utf-8"), path, "exec")
    main = types.ModuleType("__main__")
    main.__file__ = path
    sys.modules["__main__"] = main
    sys.argv = [path]
    configuration = Config(
        include_stdlib=True, max_depth=max_depth, trace_filter=GlobbingFilter(include=["*"])
    )
    graph = PyCallGraph(output=NoOutput(), config=configuration)
    error = None
    graph.start()
    try:
        exec(code, main.__dict__)  # noqa: S102 - what is traced
    except BaseException as raised:  # noqa: BLE001 - and may do anything
        error = repr(raised)
    graph.stop()
    processor = graph.tracer.processor
    return {
        "error": error,
        "nodes": {
            name: count
            for name, count in processor.func_count.items()
            if not name.startswith(OWN_PREFIX)
        },
        "edges": [
            [caller, callee, count]
            for caller, callees in processor.call_dict.items()
            for callee, count in callees.items()
            if not callee.startswith(OWN_PREFIX)
        ],
    }


def trace_in_fork(path: str, max_depth: int) -> Any:
    """Return what ``trace`` says, asked in a process that ends with it."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            with os.fdopen(writer, "w") as answer:
                json.dump(trace(path, max_depth), answer)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def main() -> None:
    """Answer requests until standard input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        for name in request["modules"]:
            importlib.import_module(name)
        answers = [trace_in_fork(request["path"], depth) for depth in request["depths"]]
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
