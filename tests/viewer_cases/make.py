"""Make the table of cases that Python and TypeScript are both tested with: ``python make.py``.

The rules for depth, bridging, names, filters, the budget of nodes and comparisons live twice: in
Python, and in the page of ``cglab view``. The JSON files beside this script hold questions with
Python's answers. ``--check`` says whether they are still what Python answers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from viewer_cases.drawing_cases import (  # noqa: E402 - the path is set above
    budget_cases,
    comparison_cases,
    text_cases,
)
from viewer_cases.graph_cases import (  # noqa: E402
    OWN_FILTER,
    Programs,
    filter_cases,
    glob_cases,
    graph_cases,
)
from viewer_cases.programs import programs  # noqa: E402

from callgraph_lab.render.viewer_data import function_documents  # noqa: E402
from callgraph_lab.render.viewer_filters import automatic_choices, preset_documents  # noqa: E402
from callgraph_lab.render.viewer_slices import slice_documents  # noqa: E402

Table = dict[str, Any]


def tables() -> dict[str, Table]:
    """Return each file's content by its name."""
    made = programs()
    return {
        "programs.json": _programs(made),
        "graphs.json": {"cases": graph_cases(made)},
        "filters.json": {"cases": filter_cases(made)},
        "globs.json": {"cases": glob_cases(made)},
        "budgets.json": {"cases": budget_cases(made)},
        "comparisons.json": {"cases": comparison_cases(made)},
        "texts.json": text_cases(),
    }


def _programs(made: Programs) -> Table:
    """Return what a page's data says of each program: the parts that the cases need."""
    with contextlib.chdir(HERE):
        presets = preset_documents([OWN_FILTER])
    return {
        "filters": presets,
        "programs": {
            name: {
                "functions": function_documents(item.functions, "none"),
                "slices": slice_documents(item)[0],
                "auto": automatic_choices(item.functions),
                "processes": [process.pid for process in item.processes],
            }
            for name, item in made.items()
        },
    }


def _line_by_line(table: Table) -> str:
    """Return a table as JSON with a case a line, so that a change shows as such."""
    parts = []
    for key, value in table.items():
        items = value.items() if isinstance(value, dict) else enumerate(value)
        start = "{" if isinstance(value, dict) else "["
        lines = [
            (f"{json.dumps(name)}: " if isinstance(value, dict) else "") + json.dumps(item)
            for name, item in items
        ]
        end = "}" if isinstance(value, dict) else "]"
        parts.append(f"{json.dumps(key)}: {start}\n" + ",\n".join(lines) + f"\n{end}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def stale_files() -> list[str]:
    """Return the names of the files that say other things than Python does."""
    stale = []
    for name, table in tables().items():
        path = HERE / name
        if not path.exists() or path.read_text(encoding="ascii") != _line_by_line(table):
            stale.append(name)
    return stale


def main() -> int:
    """Write the tables, or check them."""
    parser = argparse.ArgumentParser(description=str(__doc__))
    parser.add_argument("--check", action="store_true", help="only compare")
    if parser.parse_args().check:
        stale = stale_files()
        told = f"not what Python answers: {', '.join(stale)}" if stale else "up to date"
        sys.stdout.write(f"{told}\n")
        return len(stale)
    for name, table in tables().items():
        (HERE / name).write_text(_line_by_line(table), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
