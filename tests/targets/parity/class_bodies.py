"""Class bodies: nested, with code in them, made in functions and loops, from type()."""


def made_by():
    return 1


class First:
    number = made_by()

    class Second:
        number = made_by()

        class Third:
            names = [name for name in "abc"]

    if number:

        def method(self):
            return made_by()


def local_class(value):
    class Local:
        here = made_by()

        def get(self):
            return value

    return Local


for round_number in range(5):
    local_class(round_number)().get()

Made = type("Made", (First,), {"method": lambda self: made_by()})
Made().method()
First().method()


def parametrized(base):
    class Local(base):
        def method(self):
            return super().method()

    return Local


parametrized(First)().method()
parametrized(Made)().method()
