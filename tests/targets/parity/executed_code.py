"""Code from exec, eval and compile: under no file's name, this file's and another's."""

TEXT = """
def inner(value):
    return value + 1

class Made:
    def method(self):
        return inner(2)

result = [Made().method(), inner(1)]
"""


def run(text, name, space=None):
    space = {} if space is None else space
    exec(compile(text, name, "exec"), space)
    return space


run(TEXT, "<string>")
run(TEXT, "<generated one>")
run(TEXT, "<generated two>")
run(TEXT, "<string>", {"__name__": "elsewhere"})
run(TEXT, __file__, globals())
exec("def late(): return 1\nlate()")
eval("(lambda: run)()")
eval("[late() for _ in range(2)]")
for _ in range(4):
    run(TEXT, "<string>")["inner"](1)
type("X", (), {})
