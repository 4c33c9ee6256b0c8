"""What is allocated and held is what memray sees at Python's allocators, in the same run."""

from __future__ import annotations

import textwrap
from itertools import compress
from pathlib import Path

import pytest
from support_native import needs_native, run

memray = pytest.importorskip("memray", reason="memray, of the extra 'benchmarks', is not installed")
pytestmark = needs_native

PROGRAMS = {
    "json": """
        import json
        kept = [{str(number): [number] * 3, "x": float(number)} for number in range(5000)]
        for _ in range(5):
            json.loads(json.dumps(kept))
    """,
    "text": """
        import re, textwrap
        words = [f"word{number}" for number in range(5000)]
        text = " ".join(words)
        kept = [re.sub("o", "0", line) for line in textwrap.wrap(text * 3)]
        parts = text.encode().decode("utf-16-le", "replace").split()
    """,
    "objects": """
        import dataclasses
        @dataclasses.dataclass
        class Point:
            x: int
            y: float
            more: dict
        kept = [Point(number, number / 3, {"n": number}) for number in range(20_000)]
        kept[::2] = [None] * 10_000
        ordered = sorted(filter(None, kept), key=lambda point: -point.y)
    """,
    "numbers": """
        import decimal, fractions
        kept = [decimal.Decimal(number) / 7 for number in range(3000)]
        sums = [fractions.Fraction(number, 7) for number in range(3000)]
        large = [3 ** number for number in range(2000)]
    """,
    "growing": """
        import collections, io
        table = collections.defaultdict(list)
        for number in range(50_000):
            table[number % 1000].append(number)
        buffer = io.BytesIO()
        for number in range(20_000):
            buffer.write(b"0123456789" * 5)
        kept = bytearray()
        for number in range(5000):
            kept.extend(bytes(100))
    """,
}
_SCRIPT = """
    import os, sys
    sys.path.append({folder!r})
    import memray
    program = compile({program!r}, "program", "exec")
    def measured():
        names = {{"__name__": "program"}}
        exec(program, names)
        return names
    # What is imported, and made once, is there before.
    measured()
    with memray.Tracker({first!r}, trace_python_allocators=True):
        pass
    def measured_again():
        names = {{"__name__": "program"}}
        exec(program, names)
        return names
    tracker = memray.Tracker({output!r}, trace_python_allocators=True)
    tracker.__enter__()
    names = measured_again()
    tracker.__exit__(None, None, None)
    os._exit(0)
"""


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_as_memray(name: str, tmp_path: Path) -> None:
    output = tmp_path / "memray.bin"
    script = _SCRIPT.format(
        folder=str(Path(memray.__file__).parents[1]),
        program=textwrap.dedent(PROGRAMS[name]),
        first=str(tmp_path / "first.bin"),
        output=str(output),
    )
    ran = run(script, tmp_path, memory=True)
    assert ran.status == 0, ran.errors
    part = ran.part
    assert part.memory is not None
    measured: list[bool] = []
    for parent, function in zip(part.parent, part.function, strict=True):
        is_measured = part.functions[function].qualname == "measured_again"
        measured.append(is_measured or (parent >= 0 and measured[parent]))
    allocated, blocks, _, returned = (
        sum(compress(column, measured)) for column in part.memory.columns
    )
    with memray.FileReader(str(output)) as reader:
        records = [
            item
            for item in reader.get_allocation_records()
            if "FREE" not in memray.AllocatorType(item.allocator).name
            and memray.AllocatorType(item.allocator).name.startswith("PYMALLOC")
        ]
    with memray.FileReader(str(output)) as reader:
        held = sum(
            item.size
            for item in reader.get_leaked_allocation_records(merge_threads=True)
            if memray.AllocatorType(item.allocator).name.startswith("PYMALLOC")
        )
    assert allocated == pytest.approx(sum(item.size for item in records), rel=0.01)
    assert blocks == pytest.approx(len(records), rel=0.01)
    assert allocated - returned == pytest.approx(held, rel=0.01)
    assert allocated > 500_000
