"""Exceptions through several frames, in finally, re-raised, chained, in generators, in groups."""


def raises(depth):
    if depth == 0:
        raise LookupError("bottom")
    raises(depth - 1)


def cleans(depth):
    try:
        if depth:
            cleans(depth - 1)
        else:
            raises(2)
    finally:
        note(depth)


def note(depth):
    return depth


def converts():
    try:
        cleans(3)
    except LookupError as error:
        raise ValueError("converted") from error


def swallows():
    try:
        converts()
    except ValueError:
        note(0)
    else:
        note(1)


def generator():
    yield 1
    raises(1)


def from_builtin():
    return sorted([3, 1, 2], key=fails_on_two)


def fails_on_two(number):
    if number == 2:
        raise ArithmeticError(number)
    return number


class Error(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code

    def __str__(self):
        return f"{note(self.code)}"


def groups():
    try:
        raise ExceptionGroup("several", [Error(1), ValueError(2)])
    except* Error as group:
        note(len(group.exceptions))
    except* ValueError:
        note(2)


swallows()
try:
    list(generator())
except LookupError:
    note(2)
try:
    from_builtin()
except ArithmeticError:
    note(3)
str(Error(7))
groups()
for _ in range(3):
    try:
        raises(1)
    except LookupError:
        continue
