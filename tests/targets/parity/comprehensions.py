"""Comprehensions and generator expressions, nested, in classes and lambdas, with calls inside."""


def double(number):
    return number * 2


def keep(number):
    return number % 2


class Table:
    rows = [[column for column in range(3)] for row in range(2)]
    lookup = {row: double(row) for row in range(3)}

    def __init__(self):
        self.cells = [self.cell(row) for row in range(3)]

    def cell(self, row):
        return {(self.weigh(row), column) for column in range(2)}

    def weigh(self, row):
        return sum(double(value) for value in range(row))


[double(number) for number in range(5) if keep(number)]
{number: double(number) for number in range(3)}
{double(number) for number in range(3)}
sum(double(number) for number in range(4))
any(keep(number) for number in (2, 4, 5, 6, 7))
[[double(inner) for inner in range(outer)] for outer in range(3)]
(lambda limit: [double(number) for number in range(limit)])(3)
[function(2) for function in [lambda number: double(number)] * 2]
list(map(double, filter(keep, range(6))))
Table()
