"""Hold many blocks of memory, and print how many, and what the process has grown by meanwhile.

python blocks.py small|large|mixed COUNT
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

BLOCKS_OF_A_BYTEARRAY = 2
LARGE_BYTES = 1000


def resident_bytes() -> int:
    """Return the memory of this process that nobody else has: what it has written to."""
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this kernel does not say how much memory a process has")


def hold(kind: str, count: int) -> list[bytearray | None]:
    """Return so many bytearrays: small ones, larger ones, or two in three of many sizes."""
    if kind == "small":
        return [bytearray(8) for _ in range(count)]
    if kind == "large":
        return [bytearray(LARGE_BYTES) for _ in range(count)]
    chance = random.Random(20261123)  # noqa: S311 - the same ones each time
    held: list[bytearray | None] = [
        bytearray(chance.choice((1, 30, 100, 400, 700))) for _ in range(count * 3 // 2)
    ]
    for place in chance.sample(range(len(held)), len(held) - count):
        held[place] = None
    return held


def main(kind: str, count: int) -> None:
    hold(kind, count // 100)
    before_bytes = resident_bytes()
    held = hold(kind, count)
    blocks = BLOCKS_OF_A_BYTEARRAY * sum(item is not None for item in held)
    print(json.dumps({"blocks": blocks, "grown_bytes": resident_bytes() - before_bytes}))


main(sys.argv[1], int(sys.argv[2]))
