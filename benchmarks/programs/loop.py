"""So many calls, as told; says when they are done and waits for the end of its input."""

from __future__ import annotations

import sys


def callee() -> None:
    pass


def caller(count: int) -> None:
    # Ten at a time: the loop itself is no call.
    for _ in range(count // 10):
        callee()
        callee()
        callee()
        callee()
        callee()
        callee()
        callee()
        callee()
        callee()
        callee()


if __name__ == "__main__":
    caller(int(sys.argv[1]))
    print(sys.argv[1], flush=True)
    sys.stdin.read()
