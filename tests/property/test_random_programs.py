"""Of programs that nobody wrote, too, an engine counts what stock pycallgraph2 counts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support_engines import (
    StockTracer,
    assert_counted_alike,
    closed_silently,
    every_engine,
    graph_counts,
    record_program,
    stock_tracer,
    write_script,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEPTHS = (1, 2, 3, 5, 8)
FUNCTIONS = ("first", "second", "third")
GENERATORS = ("counts", "delegates")
CLASSES = ("Base", "Middle", "Leaf")
METHODS = ("work", "rest")
# Whatever a program does, it ends: every function spends some fuel, and returns without it.
PRELUDE = '''\
"""Made by a test."""

fuel = 150


class Oops(Exception):
    pass


class Guard:
    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        return kind is not None and issubclass(kind, Oops)


def spent():
    global fuel
    fuel -= 1
    return fuel < 0


def identity(value):
    return value

'''


class Writer:
    """Writes one random program, line by line."""

    def __init__(self, draw: Callable[..., object]) -> None:
        self._draw = draw
        self.lines: list[str] = []

    def choose(self, *options: str) -> str:
        return str(self._draw(st.sampled_from(options)))

    def number(self, least: int, most: int) -> int:
        return int(str(self._draw(st.integers(least, most))))

    def line(self, indent: int, text: str) -> None:
        self.lines.append("    " * indent + text)

    def call(self, *, owner: str) -> str:  # noqa: PLR0911 - a case a kind
        """Return an expression that calls something the program defines."""
        kinds = ["function", "method", "generator", "builtin", "lambda"]
        kind = self.choose(*kinds, *(["super", "self"] if owner else []))
        function, method = self.choose(*FUNCTIONS), self.choose(*METHODS)
        if kind == "function":
            return f"{function}(level + 1)"
        if kind == "method":
            return f"{self.choose(*CLASSES)}().{method}(level + 1)"
        if kind == "generator":
            use = self.choose("list({})", "next({}, 0)", "sum(1 for _ in {})", "[*{}]")
            return use.format(f"{self.choose(*GENERATORS)}(level + 1)")
        if kind == "builtin":
            return self.choose(
                f"sorted([2, 1], key=lambda _: identity({function}(level + 1) is None))",
                f"list(map({function}, range(2)))",
                f"[{function}(level + 1) for _ in range(2) if identity(_)]",
                f"{{key: identity(key) for key in [{function}(level + 1)] if key is None}}",
            )
        if kind == "lambda":
            return f"(lambda: {function}(level + 1))()"
        if kind == "super":
            return f"getattr(super({owner}, self), {method!r}, identity)(level + 1)"
        return f"self.{method}(level + 1)"

    def block(self, indent: int, *, room: int, owner: str, in_generator: bool) -> None:
        for _ in range(self.number(1, 3)):
            self.statement(indent, room=room, owner=owner, in_generator=in_generator)

    def statement(  # noqa: C901, PLR0912 - a case a kind
        self, indent: int, *, room: int, owner: str, in_generator: bool
    ) -> None:
        simple = ["call", "call", "call", "raise", "return", "half"]
        simple += ["yield", "yield", "from", "sent"] if in_generator else []
        nested = ["if", "for", "try", "finally", "closure", "with"] if room else []
        kind = self.choose(*simple, *nested)
        call = self.call(owner=owner)
        generator = f"{self.choose(*GENERATORS)}(level + 1)"

        def inner(extra: int = 1) -> None:
            self.block(indent + extra, room=room - 1, owner=owner, in_generator=in_generator)

        if kind == "call":
            self.line(indent, call)
        elif kind == "raise":
            self.line(indent, f"if level % {self.number(2, 4)} == 0: raise Oops({call})")
        elif kind == "return":
            self.line(indent, f"if level % {self.number(2, 5)} == 1: return {call}")
        elif kind == "half":
            self.line(indent, f"for _ in {generator}: break")
        elif kind == "yield":
            self.line(indent, f"yield {call}")
        elif kind == "from":
            self.line(indent, f"yield from {generator}")
        elif kind == "sent":
            self.line(indent, f"{call} if (yield level) else identity(level)")
        elif kind == "if":
            self.line(indent, f"if level < {self.number(1, 5)}:")
            inner()
            self.line(indent, "else:")
            inner()
        elif kind == "for":
            self.line(indent, f"for _ in range({self.number(1, 2)}):")
            inner()
        elif kind == "try":
            self.line(indent, "try:")
            inner()
            self.line(indent, "except Oops:")
            inner()
        elif kind == "finally":
            self.line(indent, "try:")
            inner()
            self.line(indent, "finally:")
            self.line(indent + 1, "identity(level)")
        elif kind == "with":
            self.line(indent, "with Guard():")
            inner()
        else:
            self.line(indent, "def closure(value):")
            self.line(indent + 1, f"return value, {call}")
            self.line(indent, "closure(identity(level))")

    def function(self, indent: int, name: str, *, owner: str, in_generator: bool) -> None:
        self.line(indent, f"def {name}({'self, ' if owner else ''}level):")
        self.line(indent + 1, "if spent(): return None")
        if in_generator:
            self.line(indent + 1, "yield level")
        self.block(indent + 1, room=2, owner=owner, in_generator=in_generator)
        self.line(0, "")

    def program(self) -> str:
        for name in FUNCTIONS:
            self.function(0, name, owner="", in_generator=False)
        for name in GENERATORS:
            self.function(0, name, owner="", in_generator=True)
        ancestor = ""
        for name in CLASSES:
            self.line(0, f"class {name}{ancestor}:")
            self.line(1, f"here = identity({name!r})")
            for method in METHODS:
                if not ancestor or self.number(0, 1):
                    self.function(1, method, owner=name, in_generator=False)
            ancestor = f"({name})"
        for method in METHODS:
            for name in CLASSES:
                self.line(0, f"with Guard(): {name}().{method}(0)")
        for name in FUNCTIONS:
            self.line(0, f"fuel = {self.number(40, 150)}")
            self.line(0, f"with Guard(): {name}(0)")
        return PRELUDE + "\n".join(self.lines) + "\n"


@st.composite
def programs(draw: Callable[..., object]) -> str:
    return Writer(draw).program()


@pytest.fixture(scope="module")
def stock() -> Iterator[StockTracer]:
    with stock_tracer() as tracer:
        yield tracer


@every_engine
@settings(
    max_examples=16,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(text=programs())
def test_random_program_is_counted_as_stock_pycallgraph2_counts(
    engine: str, stock: StockTracer, text: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = write_script(folder, text)
        recording = record_program(program, folder=folder, engine=engine)
        left = closed_silently(engine, recording)
        for depth, expected in zip(DEPTHS, stock.graphs(program, DEPTHS), strict=True):
            found = graph_counts(recording, depth)
            assert_counted_alike(found, expected, left, f"depth {depth}")
