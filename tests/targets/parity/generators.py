"""Generators: run to the end, left half-way, closed, thrown into, delegating, as coroutines of old."""


def count(limit):
    for number in range(limit):
        yield number


def guarded():
    try:
        while True:
            try:
                yield 1
            except ValueError:
                yield 2
    finally:
        tidy()


def tidy():
    pass


def delegating(depth):
    if depth:
        yield from delegating(depth - 1)
    yield from count(3)
    return depth


def outer():
    result = yield from delegating(2)
    yield result


def accumulate():
    total = 0
    while True:
        got = yield total
        if got is None:
            return total
        total += helper(got)


def helper(value):
    return value * 2


def never_started():
    yield tidy()


class Tree:
    def __init__(self, *children):
        self.children = children

    def __iter__(self):
        yield self
        for child in self.children:
            yield from child

    def walk(self):
        self = iter(self)
        for _ in self:
            yield tidy()


list(count(4))
half = count(10)
next(half)
next(half)
half.close()
thrown = guarded()
next(thrown)
thrown.throw(ValueError("once"))
next(thrown)
thrown.close()
ended = guarded()
next(ended)
try:
    ended.throw(KeyError("through"))
except KeyError:
    pass
list(outer())
running = accumulate()
next(running)
running.send(3)
running.send(4)
try:
    running.send(None)
except StopIteration:
    pass
unused = never_started()
unused.close()
fresh = never_started()
try:
    fresh.throw(ValueError("before its first line"))
except ValueError:
    pass
tree = Tree(Tree(), Tree(Tree()))
list(tree)
list(tree.walk())
sum(number for number in count(5))
dropped = guarded()
next(dropped)
del dropped
