"""Recursion of many shapes: how deep each comes, and what ends it.

Arguments: the recursion limit, "main" or "thread", and names of shapes, or names with a "-" of those
to be left out; none: all of them.
"""

import copy
import functools
import gc
import json
import operator
import re
import sys
import threading

depth = 0


def count():
    """Count a call without making a recorded one deeper: it has returned before the next."""
    global depth
    depth += 1


def plain():
    count()
    return plain()


def by_keyword(*, name=1):
    count()
    return by_keyword(name=name)


def by_list(*arguments, **names):
    count()
    return by_list(*arguments, **names)


def by_list_of_bound_method():
    count()
    return (lambda function, *arguments: function(*arguments))(Methods().bound)


class Methods:
    def bound(self):
        by_list_of_bound_method()

    def go(self):
        count()
        return self.go()

    def variable(self):
        count()
        go = self.variable
        return go()


def polymorphic(number=1):
    # The call is specialised for builtin functions, and is made of this one.
    count()
    for function in (abs, abs, polymorphic):
        function(number)


def through_call():
    count()
    return operator.call(through_call)


def through_map(value=1):
    count()
    return list(map(through_map, [value]))


def through_map_and_lambda(value=1):
    count()
    return list(map(lambda value: through_map_and_lambda(value), [value]))


def through_sorted(value=1):
    count()
    return sorted([value], key=through_sorted)


def through_reduce(first=1, second=2):
    count()
    return functools.reduce(through_reduce, [first, second])


def through_partial(value=1):
    count()
    return functools.partial(through_partial, value)()


def through_exec():
    count()
    exec("through_exec()", globals())


def through_sub(match=None):
    count()
    return re.sub("a", through_sub, "a")


def through_json(pairs=None):
    count()
    return json.loads('{"a": 1}', object_pairs_hook=through_json)


@functools.lru_cache(maxsize=None)
def through_cache(number=0):
    count()
    return through_cache(number + 1)


class Encoder(json.JSONEncoder):
    def default(self, value):
        count()
        return [value]


def class_body():
    count()

    class Body:
        class_body()


class Special:
    def __repr__(self):
        count()
        return repr(self)

    def __str__(self):
        count()
        return "%s" % self

    def __eq__(self, other):
        count()
        return self == other

    def __hash__(self):
        count()
        return hash(self)

    def __add__(self, other):
        count()
        return self + other

    def __contains__(self, value):
        count()
        return value in self

    def __call__(self):
        count()
        return self()

    def __getitem__(self, index):
        count()
        return self[index]

    def __setitem__(self, index, value):
        count()
        self[index] = value

    def __getattr__(self, name):
        count()
        return self.other

    def __enter__(self):
        count()
        with self:
            pass

    def __exit__(self, *_):
        pass

    def __iter__(self):
        return self

    def __next__(self):
        count()
        for value in self:
            return value

    def __deepcopy__(self, memo):
        count()
        return copy.deepcopy([self])

    @property
    def value(self):
        count()
        return self.value

    @property
    def reached(self):
        count()
        return list(map(lambda _: self.reached, [1]))


class Attributes:
    def __getattribute__(self, name):
        count()
        return self.other


class AttributesAndMap:
    def __getattribute__(self, name):
        count()
        return list(map(lambda _: self.other, [1]))


class Descriptor:
    def __get__(self, instance, owner):
        count()
        return instance.described


class HasDescriptor:
    described = Descriptor()


class Slots:
    __slots__ = ("inner",)

    def __init__(self):
        count()
        self.inner = Slots()


class Constructor:
    def __new__(cls):
        count()
        return Constructor()


def iterated():
    count()
    for value in iterated():
        yield value


def delegated():
    count()
    yield from delegated()


def advanced():
    count()
    yield next(advanced())


async def awaited():
    count()
    await awaited()


class Awaitable:
    def __await__(self):
        return through_awaitable().__await__()


async def through_awaitable():
    count()
    await Awaitable()


async def asynchronous():
    count()
    async for value in asynchronous():
        yield value


async def first_of_asynchronous():
    async for value in asynchronous():
        return value


def mixed(value=1):
    """Through a property, a subscript, a loop over a generator and a function in C."""
    count()
    return list(map(lambda _: Mixed().value, [value]))


class Mixed:
    @property
    def value(self):
        return self[0]

    def __getitem__(self, index):
        return next(self.values())

    def values(self):
        for value in self.more():
            yield value

    def more(self):
        yield mixed()


def nested(depth):
    result = []
    for _ in range(depth):
        result = [result]
    return result


def nesting(write):
    for number in range(150, 1000, 100):
        try:
            write(nested(number))
        except RecursionError:
            return
        count()


def set_item():
    Special()[0] = 1


def enter():
    with Special():
        pass


def send(coroutine):
    return lambda: coroutine().send(None)


SHAPES = {
    **{
        function.__name__: function
        for function in (
            plain,
            by_keyword,
            by_list,
            by_list_of_bound_method,
            polymorphic,
            through_call,
            through_map,
            through_map_and_lambda,
            through_sorted,
            through_reduce,
            through_partial,
            through_exec,
            through_sub,
            through_json,
            through_cache,
            class_body,
            Slots,
            Constructor,
            mixed,
        )
    },
    "method": lambda: Methods().go(),
    "method in a variable": lambda: Methods().variable(),
    "encoder": lambda: Encoder(check_circular=False).encode(object()),
    "__repr__": lambda: repr(Special()),
    "__str__": lambda: str(Special()),
    "__eq__": lambda: Special() == Special(),
    "__hash__": lambda: hash(Special()),
    "__add__": lambda: Special() + 1,
    "__contains__": lambda: 1 in Special(),
    "__call__": lambda: Special()(),
    "__getitem__": lambda: Special()[0],
    "__setitem__": set_item,
    "__getattr__": lambda: Special().missing,
    "__getattribute__": lambda: Attributes().any,
    "__getattribute__ and map": lambda: AttributesAndMap().any,
    "__get__": lambda: HasDescriptor().described,
    "__enter__": enter,
    "__next__": lambda: next(Special()),
    "__deepcopy__": lambda: copy.deepcopy(Special()),
    "property": lambda: Special().value,
    "property and map": lambda: Special().reached,
    "for": lambda: next(iterated()),
    "yield from": lambda: next(delegated()),
    "next": lambda: next(advanced()),
    "await": send(awaited),
    "__await__": send(through_awaitable),
    "async for": send(first_of_asynchronous),
    "deepcopy": lambda: nesting(copy.deepcopy),
    "json": lambda: nesting(lambda value: json.dumps(value, indent=1)),
}


def show(names):
    global depth
    for name in names:
        for _ in range(2):
            depth = 0
            try:
                SHAPES[name]()
                end = None
            except RecursionError as error:
                end = str(error)
            print(name, depth, end, flush=True)


def main():
    limit, where, *names = sys.argv[1:]
    if not names or names[0].startswith("-"):
        names = [name for name in SHAPES if f"-{name}" not in names]
    gc.disable()
    sys.setrecursionlimit(int(limit))
    if where == "main":
        show(names)
        return
    threading.stack_size(512 * 1024 * 1024)
    thread = threading.Thread(target=show, args=[names])
    thread.start()
    thread.join()


main()
