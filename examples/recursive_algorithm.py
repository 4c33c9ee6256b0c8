"""Three small recursive algorithms: a program that ends by itself, with deep paths and generators.

Run:   python examples/recursive_algorithm.py
See:   three lines, always the same. In a call graph: `queens` and `permutations` are generators
       that call themselves, so each has calls and, far more often, resumes; `fibonacci` calls
       itself twice per number at most, thanks to its cache.
"""

from collections.abc import Iterator
from functools import cache


def is_safe(column: int, placed: tuple[int, ...]) -> bool:
    """Tell whether none of the queens placed, one per row, attacks this column of the next row."""
    row = len(placed)
    return all(
        column != other and abs(column - other) != row - other_row
        for other_row, other in enumerate(placed)
    )


def queens(size: int, placed: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Yield every way to place `size` queens on a board of that size, as their columns by row."""
    if len(placed) == size:
        yield placed
        return
    for column in range(size):
        if is_safe(column, placed):
            yield from queens(size, (*placed, column))


@cache
def fibonacci(index: int) -> int:
    """Return a Fibonacci number; without the cache, number 60 would take days."""
    return index if index in (0, 1) else fibonacci(index - 1) + fibonacci(index - 2)


def permutations(letters: str) -> Iterator[str]:
    """Yield every order of the letters, in the order of a dictionary if they are sorted."""
    if not letters:
        yield ""
    for position, letter in enumerate(letters):
        for rest in permutations(letters[:position] + letters[position + 1 :]):
            yield letter + rest


def main() -> None:
    """Run all three and print what they found."""
    solutions = list(queens(6))
    print(f"queens on a 6 x 6 board: {len(solutions)} solutions, the first is {solutions[0]}")
    print(f"fibonacci(60) = {fibonacci(60)}")
    orders = list(permutations("graph"))
    print(f"orders of 'graph': {len(orders)}, the last is {orders[-1]}")


if __name__ == "__main__":
    main()
