"""Generators, coroutines and finalizers, advanced, thrown into and dropped in an order that a seed gives.

``python turmoil.py SEED STEPS [greenlets]`` prints, as JSON, how often each of its functions was
called: the program counts that itself. With greenlets, four take turns at it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import sys
import types
import warnings
import weakref
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

calls: Counter[str] = Counter()
chance = random.Random(int(sys.argv[1]))
fuel = int(sys.argv[2])
depth = 0
pool: list[Any] = []
references: list[weakref.ref[Any]] = []
others: list[Any] = []
DEEPEST = 4
FULL = 12
MOST_AT_ONCE = 40  # far from RecursionError: a function that could not call note() would be missed


class Oops(Exception):
    """What is thrown."""


def note() -> None:
    calls[sys._getframe(1).f_code.co_qualname] += 1


def leaf() -> None:
    note()


def died(_: object) -> None:
    note()
    leaf()


def ignored(_: object) -> None:
    note()


class Held:
    """Goes on with the program when nothing holds it any more."""

    def __init__(self, then: Callable[[], None]) -> None:
        note()
        self.then = then
        self.itself = self if chance.random() < 0.2 else None
        if chance.random() < 0.3:
            references.append(weakref.ref(self, died))

    def __del__(self) -> None:
        note()
        self.then()


def then() -> Callable[[], None]:
    note()
    return chance.choice((leaf, leaf, step))


def inner() -> Generator[int, object, int]:
    note()
    held = Held(then())
    try:
        yield 1
        leaf()
        yield 2
    except Oops:
        leaf()
        if chance.random() < 0.3:
            raise
        if chance.random() < 0.3:
            yield 3
    except GeneratorExit:
        leaf()
        if chance.random() < 0.1:
            yield 4
    finally:
        leaf()
    del held
    return 5


def outer(depth: int) -> Generator[int, object, int]:
    note()
    held = Held(then())
    for _ in range(2):
        try:
            yield from outer(depth - 1) if depth else inner()
        except Oops:
            step()
    return len(vars(held))


@types.coroutine
def pause() -> Generator[int, object, None]:
    note()
    held = Held(then())
    yield len(vars(held))


async def produces(depth: int) -> AsyncGenerator[int, None]:
    note()
    held = Held(then())
    try:
        for number in range(2):
            await waits(depth - 1)
            yield number
    finally:
        await pause()
    del held


async def waits(depth: int) -> int:
    note()
    held = Held(then())
    try:
        if depth <= 0:
            await pause()
        elif chance.random() < 0.3:
            async for _ in produces(depth - 1):
                leaf()
        else:
            await waits(depth - 1)
    except Oops:
        step()
    return len(vars(held))


def compare(value: int) -> int:
    note()
    step()
    return -value


def runs(one: Any) -> bool:
    return bool(getattr(one, "gi_running", False) or getattr(one, "cr_running", False))


def operate() -> None:
    note()
    kind = chance.randrange(12)
    if others and chance.random() < 0.2:
        chance.choice(others).switch()
    levels = chance.randrange(DEEPEST)
    if kind < 2 or not pool:
        del pool[:-FULL]
        # One that has not begun is not entered as a call when it is thrown into.
        one = outer(levels) if kind else waits(levels)
        one.send(None)
        pool.append(one)
        return
    one = chance.choice(pool)
    if sys.version_info < (3, 13) and runs(one):
        return  # what else is done with it may crash the interpreter
    if kind < 6:
        one.send(None)
    elif kind < 9:
        if not others:
            one.throw(chance.choice((Oops, Oops, KeyError)))
    elif kind == 9:
        one.close()
    elif kind == 10:
        pool.remove(one)
    else:
        sorted([2, 1], key=compare)


def step() -> None:
    """Do one thing, unless there have been enough, or too many are at it."""
    global fuel, depth
    note()
    fuel -= 1
    if fuel > 0 and depth < MOST_AT_ONCE:
        depth += 1
        with contextlib.suppress(Exception, GeneratorExit):
            operate()
        depth -= 1


def steps() -> None:
    note()
    while fuel > 0:
        step()


def turns() -> None:
    """Let greenlets take turns, wherever they are."""
    note()
    import greenlet  # noqa: PLC0415 - only where it is asked for

    def run() -> None:
        note()
        while fuel > 0:
            step()

    others.extend([greenlet.getcurrent(), *(greenlet.greenlet(run) for _ in range(3))])
    run()
    # To their ends: they may have been left between a call and its note().
    for other in others[1:]:
        while not other.dead:
            other.switch()


warnings.simplefilter("ignore")
sys.unraisablehook = ignored
turns() if "greenlets" in sys.argv else steps()
fuel = 0
pool.clear()
gc.collect()
print(json.dumps(calls))
sys.stdout.flush()
os._exit(0)  # what is still held would go on with the program
