"""Every way that Python code is entered, the same number of times in every run."""

import asyncio
import contextlib
import functools
import sys
import threading


class Base:
    def __init__(self, value):
        self.value = value

    def method(self):
        return self.value

    def through_super(self):
        return 1

    @classmethod
    def make(cls, value):
        return cls(value)

    @staticmethod
    def fixed():
        return 3

    @property
    def doubled(self):
        return self.value * 2

    def __getitem__(self, key):
        return key

    def __len__(self):
        return 4

    def __eq__(self, other):
        return isinstance(other, Base)

    def __hash__(self):
        return 5

    def __call__(self, argument):
        return argument

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return True

    def __iter__(self):
        return iter(())

    def __contains__(self, item):
        return True


class Derived(Base):
    def through_super(self):
        return super().through_super() + 1


class Dynamic:
    def __getattr__(self, name):
        return name

    def __getattribute__(self, name):
        return object.__getattribute__(self, name)

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)

    def __delattr__(self, name):
        pass


class Finalized:
    def __del__(self):
        noticed()


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a, b=2, *, c=3):
        self.a = a


class Meta(type):
    def __new__(mcs, name, bases, namespace):
        return super().__new__(mcs, name, bases, namespace)

    def __call__(cls, *arguments):
        return super().__call__(*arguments)


class OfMeta(metaclass=Meta):
    def __init__(self):
        pass


def noticed():
    pass


def recurse(depth):
    return 0 if depth == 0 else recurse(depth - 1) + 1


def even(number):
    return True if number == 0 else odd(number - 1)


def odd(number):
    return False if number == 0 else even(number - 1)


def raising(depth):
    if depth == 0:
        raise ValueError("x")
    raising(depth - 1)


def generator(count):
    for number in range(count):
        yield number


def delegating(count):
    yield from generator(count)
    return 7


def catching():
    while True:
        try:
            yield 1
        except ValueError:
            yield 2


def endless():
    try:
        while True:
            yield 1
    finally:
        noticed()


class Walker:
    def __init__(self):
        self.items = [1, 2, 3]

    def walk(self):
        yield from self.items

    def nested(self):
        def inner():
            return self.items

        return [inner() for _ in range(3)]

    def lazily(self):
        return sum(len(self.items) for _ in range(4))

    def rebinding(self):
        yield 1
        self = "another"
        yield 2
        yield self

    async def work(self, count):
        for _ in range(count):
            await asyncio.sleep(0)
        return count

    async def agen(self, count):
        for number in range(count):
            yield number
            await asyncio.sleep(0)


@contextlib.contextmanager
def managed():
    yield 1


@functools.lru_cache(maxsize=None)
def cached(number):
    return number


@functools.singledispatch
def dispatched(argument):
    return "object"


@dispatched.register
def _(argument: int):
    return "int"


def with_closure(count):
    total = 0

    def add(number):
        nonlocal total
        total += number

    for number in range(count):
        add(number)
    return total


def generators():
    assert sum(generator(10)) == 45
    assert list(delegating(5)) == list(range(5))
    running = catching()
    next(running)
    running.throw(ValueError)
    running.close()
    unstarted = catching()
    with contextlib.suppress(ValueError):
        unstarted.throw(ValueError)
    generator(3).close()
    for number in endless():
        break
    del number
    left = endless()
    next(left)
    del left
    list(zip(generator(3), range(9)))
    a, *b = generator(4)
    [x for x in generator(3)]
    {x: y for x, y in zip(generator(3), range(9))}
    list(x for x in generator(3))
    walker = Walker()
    list(walker.walk())
    walker.nested()
    walker.lazily()
    list(walker.rebinding())
    sent = coroutine_like()
    next(sent)
    for number in range(5):
        sent.send(number)


def coroutine_like():
    # Closing a suspended generator that has nothing to clean up runs none of its code, but newer
    # versions run it all the same under settrace: there the two could not agree.
    received = None
    try:
        while True:
            received = yield received
    finally:
        noticed()


async def gathered():
    walker = Walker()
    results = await asyncio.gather(walker.work(3), walker.work(2))
    async for number in walker.agen(4):
        results.append(number)
    results += [number async for number in walker.agen(2)]
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(noticed)
    broken = walker.agen(3)
    await broken.__anext__()
    await broken.aclose()
    thrown = walker.agen(3)
    await thrown.__anext__()
    with contextlib.suppress(KeyError):
        await thrown.athrow(KeyError)
    return results


def classes():
    for value in range(50):
        item = Derived(value)
        item.method()
        item.through_super()
        item.doubled
        item[value]
        len(item)
        item == item
        hash(item)
        item(1)
        with item:
            raise ValueError
        value in item
        Base.make(value)
        Derived.make(value)
        Base.fixed()
    for _ in range(30):
        Slotted(1)
        Slotted(1, 2)
        Slotted(a=1, c=2)
        OfMeta()
    for kind in [Base, Derived] * 20:
        kind(1)
    dynamic = Dynamic()
    for _ in range(20):
        dynamic.missing
        dynamic.there = 1
        dynamic.there
        del dynamic.there
    for _ in range(20):
        Finalized()
        leaves_one()


def leaves_one():
    left = Finalized()
    return 1


def local_classes():
    for number in range(30):

        class Local:
            def __init__(self):
                self.number = number

            def get(self):
                return self.number

            def __init_subclass__(cls):
                cls().get()

        for _ in range(5):
            Local().get()

        class Below(Local):
            pass

        Below().get()


def one_site():
    made = [type(f"Made{number}", (), {"__init__": made_init}) for number in range(10)]
    for _ in range(20):
        for kind in made:
            kind()


def made_init(self):
    self.made = True


def callbacks():
    sorted(range(20), key=lambda number: -number)
    sorted([Ordered(3), Ordered(1), Ordered(2)])
    list(map(recurse, range(5)))
    list(filter(even, range(5)))
    functools.reduce(lambda left, right: left + right, range(10))
    max(range(5), key=functools.partial(pow, 2))
    cached(1)
    cached(1)
    dispatched(1)
    dispatched("a")


class Ordered:
    def __init__(self, number):
        self.number = number

    def __lt__(self, other):
        return self.number < other.number


def executed():
    for number in range(20):
        namespace = {"__name__": "made_up", "noticed": noticed}
        exec("def f(n):\n    return n\nfor n in range(3): f(n)\nnoticed()\n", namespace)
        eval("noticed() or f(2)", namespace)
    for number in range(10):
        exec(f"class C{number}:\n    def m(self): return 1\nC{number}().m()")


def exceptions():
    for depth in range(10):
        try:
            raising(depth)
        except ValueError:
            pass
    try:
        try:
            raising(2)
        finally:
            noticed()
    except ValueError:
        pass


def arguments():
    def many(a, b=1, *c, d=4, **e):
        return a

    for _ in range(20):
        many(1)
        many(1, 2)
        many(1, 2, 3, d=5, f=6)
        many(*[1, 2, 3], **{"x": 1})

    def own_cell(self):
        return lambda: self

    for _ in range(5):
        own_cell(3)()


def threads():
    def work(count):
        return recurse(count)

    running = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in running:
        thread.start()
        thread.join()


def match_statement():
    for item in [Point(1, 2), Point(2, 3), 4]:
        match item:
            case Point(x=1):
                noticed()
            case Point():
                noticed()


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


def main():
    for _ in range(3):
        assert recurse(100) == 100
        assert even(50)
        generators()
        classes()
        local_classes()
        one_site()
        callbacks()
        executed()
        exceptions()
        arguments()
        match_statement()
        with managed():
            noticed()
        with_closure(100)
    asyncio.run(gathered())


if __name__ == "__main__":
    main()
