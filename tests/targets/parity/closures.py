"""Closures, also ones that carry ``self`` as a free or a cell variable, and lambdas."""


def counter():
    count = 0

    def step():
        nonlocal count
        count += 1
        return count

    return step


class Owner:
    def __init__(self, name):
        self.name = name

    def make(self):
        def inner(other):
            return self.name + other

        return inner

    def nested(self):
        def first():
            def second():
                return lambda: self.name

            return second()

        return first()()

    def shadowed(self):
        def inner(self):
            return self

        return inner(1), inner("text"), inner(None)

    def rebound(self):
        self = 3

        def inner():
            return self

        return inner()

    def late(self):
        def inner():
            return self

        result = inner()
        self = "now a text"
        return result, inner()

    def deleted(self):
        del self
        return plain()

    def unbound(self):
        def inner():
            return plain()

            self  # noqa

        del self
        return inner()

    def over_list(self):
        return [entry(self) for entry in (lambda self: self.name, lambda _: self.name)]


class Derived(Owner):
    pass


def plain():
    return 1


def keyword_self(value, *, self=None):
    return self


step = counter()
step(), step()
counter()()
for owner in (Owner("a"), Derived("b")):
    owner.make()("c")
    owner.nested()
    owner.shadowed()
    owner.rebound()
    owner.late()
    owner.deleted()
    owner.unbound()
    owner.over_list()
keyword_self(1)
keyword_self(1, self=2.0)
list(map(lambda number: number + 1, range(3)))
(lambda: (lambda: plain())())()
