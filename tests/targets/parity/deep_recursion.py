"""Nine hundred calls deep, on the default recursion limit."""


class Node:
    def __init__(self, depth):
        self.depth = depth

    def descend(self):
        return bottom() if self.depth == 0 else Node(self.depth - 1).descend()


def bottom():
    return 1


def dive(depth):
    if depth == 0:
        return bottom()
    return dive(depth - 1)


def generate(depth):
    if depth:
        yield from generate(depth - 1)
    yield depth


dive(900)
dive(3)
Node(890).descend()
sum(generate(60))
