"""Exceptions thrown into coroutines that await others: frames that nobody has entered are callers."""

import types


@types.coroutine
def pause():
    yield


def leaf():
    pass


async def inner(depth):
    if depth:
        await inner(depth - 1)
        return
    try:
        await pause()
    except ValueError:
        leaf()
        await pause()
        leaf()


async def outer(depth):
    try:
        await inner(depth)
    except KeyError:
        leaf()


def cancelled(depth, kinds):
    coroutine = outer(depth)
    coroutine.send(None)
    for kind in kinds:
        try:
            coroutine.throw(kind)
        except StopIteration:
            break
    coroutine.close()


def nested(levels, function, *arguments):
    if levels:
        nested(levels - 1, function, *arguments)
    else:
        function(*arguments)


for turn in range(10):
    for depth in range(4):
        for kinds in ((ValueError,), (ValueError, KeyError), (KeyError,), ()):
            nested((turn * 7 + depth) % 5, cancelled, depth, kinds)
            nested(turn % 3, leaf)
