"""Count the calls of a target's ``main`` by contexts, either with settrace or natively.

``python oracle.py settrace|native cold|warm TARGET FOLDER`` prints a JSON object from paths of
functions to numbers of entries, calls and resumes apart. Run on its own, so that one way of
counting does not disturb the other. A warm run is preceded by one that is not counted, whose call
sites the interpreter has specialised then.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


def name_of(file: str, line: int, qualname: str) -> str:
    return f"{Path(file).name}:{line}:{qualname}"


def load(path: str) -> Any:
    specification = importlib.util.spec_from_file_location("target", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["target"] = module
    specification.loader.exec_module(module)
    return module


def count_with_settrace(target: Any) -> Counter[str]:
    counts: Counter[str] = Counter()
    names: dict[tuple[str, int, str], str] = {}
    bottom = sys._getframe()

    def trace(frame: Any, event: str, argument: object) -> Any:
        del argument
        if event != "call":
            return trace
        # A generator's frame keeps its trace function from its first call on.
        kind = "calls" if frame.f_trace is None else "resumes"
        frame.f_trace_lines = False
        path = []
        current = frame
        while current is not None and current is not bottom:
            code = current.f_code
            key = (code.co_filename, code.co_firstlineno, code.co_qualname)
            name = names.get(key)
            if name is None:
                name = names[key] = name_of(*key)
            path.append(name)
            current = current.f_back
        counts[" > ".join([*reversed(path), kind])] += 1
        return trace

    sys.settrace(trace)
    try:
        target.main()
    finally:
        sys.settrace(None)
    return counts


def count_natively(target: Any, folder: str) -> Counter[str]:
    # Behind whatever is installed, which is what is to be tested.
    sys.path.append(str(REPOSITORY))
    from callgraph_lab import _native  # noqa: PLC0415 - found on the path just set

    path = _native.start(folder, "{}", whole_program=False)
    try:
        target.main()
    finally:
        _native.stop()
    # Not before: what it imports would be imported by the target otherwise.
    from callgraph_lab.recording.live_reader import read_part  # noqa: PLC0415

    part = read_part(Path(path))
    counts: Counter[str] = Counter()
    paths: list[str] = []
    for parent, function, calls, resumes in zip(
        part.parent, part.function, part.calls, part.resumes, strict=True
    ):
        named = part.functions[function]
        if parent < 0:
            paths.append("")
            continue
        name = name_of(named.file, named.line, named.qualname)
        paths.append(f"{paths[parent]} > {name}" if paths[parent] else name)
        counts[f"{paths[-1]} > calls"] += calls
        counts[f"{paths[-1]} > resumes"] += resumes
    return +counts


def main() -> None:
    target = load(sys.argv[3])
    if sys.argv[2] == "warm":
        target.main()
    if sys.argv[1] == "settrace":
        counts = count_with_settrace(target)
    else:
        counts = count_natively(target, sys.argv[4])
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main()
