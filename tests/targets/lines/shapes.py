"""Functions of all shapes whose lines are counted: loops, generators, exceptions, recursion."""

import asyncio
import contextlib
import threading


def loops(times):
    total = 0
    for number in range(times):
        if number % 3:
            total += number
        else:
            continue
    while total > 0:
        total -= 7
    for _ in range(5):
        total += 1
    squares = [number * number for number in range(times)]
    pairs = {number: [inner for inner in range(number)] for number in squares if number % 2}
    try:
        for number in squares:
            if number > 9:
                break
        else:
            total = 1
    finally:
        total += 1
    return total + len(pairs)


def generates(count):
    try:
        for number in range(count):
            got = yield number
            if got:
                yield got
    except ValueError:
        yield "caught"
    finally:
        count = 0


def delegates(count):
    result = yield from generates(count)
    return result


def uses_generators():
    list(generates(4))
    for number in generates(10):
        if number == 3:
            break
    some = generates(3)
    next(some)
    some.send("sent")
    next(some)
    thrown = delegates(2)
    next(thrown)
    thrown.throw(ValueError("thrown"))
    thrown.close()
    return sum(number for number in delegates(5))


def raises(number):
    if number == 0:
        raise KeyError(number)
    try:
        raises(number - 1)
    except LookupError:
        number += 1
        raise
    finally:
        number -= 1


def catches():
    for number in range(4):
        try:
            raises(number)
        except KeyError as error:
            found = error
        else:
            found = None
    with contextlib.suppress(ZeroDivisionError):
        found = 1 / 0
    return found


def recurses(depth):
    if depth == 0:
        return 0
    below = recurses(depth - 1)
    return below + (1)


def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


class Base:
    def method(self, times):
        for _ in range(times):
            self.other()

    def other(self):
        value = lambda: 3
        return value()


class Derived(Base):
    def other(self):
        result = super().other()
        return result


def matches(value):
    match value:
        case int():
            return 1
        case [first, *_]:
            return first
        case _:
            return None


async def waits(turns):
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.Lock():
        turns += 1
    return [item async for item in produces(turns)]


async def produces(turns):
    for turn in range(turns):
        yield turn
        await asyncio.sleep(0)


async def waits_for_both():
    return await asyncio.gather(waits(2), waits(3))


def in_threads():
    threads = [threading.Thread(target=loops, args=(times,)) for times in (3, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    loops(10)
    uses_generators()
    catches()
    recurses(6)
    fibonacci(7)
    Base().method(2)
    Derived().method(3)
    for value in (1, [2, 3], None):
        matches(value)
    asyncio.run(waits_for_both())
    in_threads()


main()
