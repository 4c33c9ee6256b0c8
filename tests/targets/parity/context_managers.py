"""Context managers: classes, generators, nested, swallowing, raising on exit, ExitStack."""

import contextlib


class Resource:
    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.open()
        return self

    def open(self):
        return self.name

    def __exit__(self, kind, error, traceback):
        self.close()
        return kind is ValueError

    def close(self):
        return None


@contextlib.contextmanager
def managed(name):
    with Resource(name) as resource:
        try:
            yield resource
        except KeyError:
            handled(name)


def handled(name):
    return name


@managed("decorator")
def decorated():
    return handled("inside")


with Resource("a") as first, Resource("b"):
    first.open()
with Resource("c"):
    raise ValueError
with managed("d"):
    raise KeyError
try:
    with managed("e"):
        raise IndexError
except IndexError:
    handled("e")
with contextlib.ExitStack() as stack:
    for name in "fgh":
        stack.enter_context(managed(name))
    stack.callback(handled, "i")
with contextlib.suppress(ZeroDivisionError), contextlib.closing(Resource("j")):
    1 / 0
with contextlib.nullcontext():
    decorated()
# Holds a generator that was never started, which 3.11 enters once more when it dies.
del decorated
