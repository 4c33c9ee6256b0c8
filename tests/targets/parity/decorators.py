"""Decorators: plain, with arguments, stacked, on classes, functools.wraps, lru_cache, singledispatch."""

import functools


def traced(function):
    @functools.wraps(function)
    def wrapper(*arguments, **options):
        return function(*arguments, **options)

    return wrapper


def repeat(times):
    def decorate(function):
        def repeated(*arguments):
            return [function(*arguments) for _ in range(times)][-1]

        return repeated

    return decorate


class Counted:
    def __init__(self, function):
        self.function = function
        self.calls = 0

    def __call__(self, *arguments):
        self.calls += 1
        return self.function(*arguments)

    def __get__(self, instance, owner):
        return functools.partial(self, instance)


@traced
@repeat(3)
def decorated(value):
    return value + 1


@Counted
def counted(value):
    return value


@functools.lru_cache(maxsize=None)
def cached(number):
    return number if number < 2 else cached(number - 1) + cached(number - 2)


@functools.singledispatch
def dispatched(value):
    return "object"


@dispatched.register(int)
def _(value):
    return "int"


@dispatched.register(str)
def _(value):
    return "text"


def dress(cls):
    cls.extra = lambda self: self.method()
    return cls


@dress
class Dressed:
    @Counted
    def method(self):
        return 1

    @functools.cached_property
    def once(self):
        return self.method()

    @functools.partialmethod
    def part(self):
        return 2

    total = functools.reduce(lambda left, right: left + right, [1, 2, 3])


@functools.total_ordering
class Ordered:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value == other.value

    def __lt__(self, other):
        return self.value < other.value


decorated(1), decorated(2)
counted(1)
cached(8), cached(8)
dispatched(1), dispatched("a"), dispatched(1.5), dispatched(True)
dressed = Dressed()
dressed.extra(), dressed.once, dressed.once
sorted([Ordered(2), Ordered(3), Ordered(1)])
Ordered(1) >= Ordered(0), max(Ordered(1), Ordered(4))
