"""Syntax with calls hidden in it: match, walrus, star arguments, annotations, operators, slices."""


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.horizontal, self.vertical = x, y

    @property
    def x(self):
        return check(self.horizontal)

    @property
    def y(self):
        return check(self.vertical)

    def __matmul__(self, other):
        return check(1)

    def __setitem__(self, place, value):
        check(place)

    def __delitem__(self, place):
        check(place)

    def __getattribute__(self, name):
        return object.__getattribute__(self, name)


def check(value):
    return value


def classify(thing):
    match thing:
        case Point(0, 0):
            return "origin"
        case Point(x, y) if check(x) > 1:
            return y
        case [first, *_]:
            return check(first)
        case {"key": value}:
            return check(value)
    return None


def defaults(first=check(1), *rest, named=check(2)):
    if (got := check(first)) and rest:
        return defaults(*rest[1:], named=got)
    return named


[classify(thing) for thing in (Point(0, 0), Point(1, 2), Point(3, 4), [1], {"key": 1}, 5)]
defaults(1, 2, 3, 4)
point = Point(1, 2)
point @ point
point[1:2] = 3
del point["a"]
assert check(True), check("never")
{**{"a": check(1)}, "b": check(2)}
print(check(1), end="", file=type("Sink", (), {"write": lambda self, text: check(text)})())
