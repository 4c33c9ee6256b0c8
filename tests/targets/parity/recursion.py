"""Plain, mutual and branching recursion."""


def factorial(number):
    return 1 if number < 2 else number * factorial(number - 1)


def is_even(number):
    return True if number == 0 else is_odd(number - 1)


def is_odd(number):
    return False if number == 0 else is_even(number - 1)


def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


def ackermann(first, second):
    if first == 0:
        return second + 1
    if second == 0:
        return ackermann(first - 1, 1)
    return ackermann(first - 1, ackermann(first, second - 1))


factorial(10)
is_even(9)
is_odd(4)
fibonacci(9)
ackermann(2, 3)
