"""Python code that C code calls: sort keys, map, iter with a sentinel, hooks of formats and numbers."""


class Money:
    def __init__(self, amount):
        self.amount = amount

    def __lt__(self, other):
        return compare(self.amount, other.amount)

    def __format__(self, style):
        return render(self.amount, style)

    def __repr__(self):
        return f"{self.amount}"

    def __index__(self):
        return self.amount

    def __iter__(self):
        return iter([self.amount])

    def __contains__(self, item):
        return item == self.amount

    def __getitem__(self, index):
        if index > 2:
            raise IndexError
        return render(index, "")

    def __radd__(self, other):
        return other + self.amount

    def __bool__(self):
        return bool(self.amount)

    def __call__(self):
        return self.amount


class Sequence:
    def __getitem__(self, index):
        if index > 2:
            raise IndexError
        return key(index)


def compare(left, right):
    return left < right


def render(amount, style):
    return f"{amount}"


def key(value):
    return -value


def countdown(values=[3, 2, 1, 0]):
    return values.pop()


sorted([3, 1, 2], key=key)
[5, 4].sort(key=lambda value: key(value))
sorted([Money(3), Money(1), Money(2)])
min(Money(3), Money(2))
f"{Money(3):x} {Money(4)!r}"
repr([Money(1), Money(2)])
list(map(key, [1, 2])), list(filter(key, [0, 1]))
range(10)[Money(3)]
sum([Money(1), Money(2)])
3 in Money(3)
list(Sequence())
list(iter(countdown, 2))
any([Money(0), Money(1)])
max([1, 2, 3], key=Money)
dict.fromkeys(Money(3))
"-".join(str(Money(number)) for number in range(2))
"aXb".translate(Sequence()) if False else None
