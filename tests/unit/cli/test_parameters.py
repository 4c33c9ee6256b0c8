"""Where a target's own words begin, and types of options."""

from __future__ import annotations

import click
import pytest

from callgraph_lab.cli.parameters import DepthsType, FormatsType, SecondsType, parse_depths
from callgraph_lab.cli.run import run
from callgraph_lab.cli.sweep import sweep


def parse(command: click.Command, *words: str) -> dict[str, object]:
    context = command.make_context(command.name, list(words))
    return {
        key: value
        for key, value in context.params.items()
        if key in {"depths", "target", "module", "max_depth", "filters", "stdlib", "drive"}
        and value not in (None, ())
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("x.py", {"target": ("x.py",)}),
        ("x.py -a --max-depth 9", {"target": ("x.py", "-a", "--max-depth", "9")}),
        ("--max-depth 2 x.py", {"max_depth": 2, "target": ("x.py",)}),
        ("--max-depth=2 x.py", {"max_depth": 2, "target": ("x.py",)}),
        ("--stdlib x.py --no-stdlib", {"stdlib": True, "target": ("x.py", "--no-stdlib")}),
        ("-f none -fauto x.py -f y", {"filters": ("none", "auto"), "target": ("x.py", "-f", "y")}),
        ("-m mod", {"module": "mod"}),
        ("-m mod -m x --help", {"module": "mod", "target": ("-m", "x", "--help")}),
        ("-mmod -p 0", {"module": "mod", "target": ("-p", "0")}),
        ("--module mod x", {"module": "mod", "target": ("x",)}),
        ("--module=mod -x", {"module": "mod", "target": ("-x",)}),
        ("-- x.py -a", {"target": ("x.py", "-a")}),
        ("x.py -- -a", {"target": ("x.py", "--", "-a")}),
        ("-- -x.py --", {"target": ("-x.py", "--")}),
        ("--drive -m x.py", {"drive": "-m", "target": ("x.py",)}),
        ("- a", {"target": ("-", "a")}),
        ("", {}),
    ],
)
def test_words_of_the_target(words: str, expected: dict[str, object]) -> None:
    assert parse(run, *words.split()) == {"max_depth": 4, **expected}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("1..3", {"depths": (1, 2, 3)}),
        ("1..3 x.py 4..5", {"depths": (1, 2, 3), "target": ("x.py", "4..5")}),
        ("--stdlib 2 x.py -a", {"stdlib": True, "depths": (2,), "target": ("x.py", "-a")}),
        ("2 --stdlib x.py", {"stdlib": True, "depths": (2,), "target": ("x.py",)}),
        ("2 -m mod -a", {"depths": (2,), "module": "mod", "target": ("-a",)}),
        ("2 -- x.py", {"depths": (2,), "target": ("x.py",)}),
    ],
)
def test_words_of_the_target_behind_depths(words: str, expected: dict[str, object]) -> None:
    assert parse(sweep, *words.split()) == expected


@pytest.mark.parametrize("words", [["-m"], ["--max-depth"], ["--drive"]])
def test_an_option_without_its_value_tells_where_help_is(words: list[str]) -> None:
    with pytest.raises(click.UsageError, match="requires an argument") as error:
        run.make_context("run", words)
    assert error.value.ctx is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", (3,)),
        ("1..8", tuple(range(1, 9))),
        ("1,2,4..6", (1, 2, 4, 5, 6)),
        ("2..2, 1", (1, 2)),
        ("4,1..5", (1, 2, 3, 4, 5)),
    ],
)
def test_depths(text: str, expected: tuple[int, ...]) -> None:
    assert parse_depths(text) == expected
    assert DepthsType().convert(text, None, None) == expected
    assert DepthsType().convert(expected, None, None) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8..1", "runs backwards; write 1..8"),
        ("0", "depths begin at 1"),
        ("0..3", "depths begin at 1"),
        ("abc", "'abc' is no range of depths; write 1..8, 3 or 1,2,4..6"),
        ("", "no range"),
        ("1..", "no range"),
        ("-1", "no range"),
        ("1-8", "no range"),
        ("1.5", "no range"),
        ("1...8", "no range"),
        ("1,,2", "no range"),
        ("1..99999999999", "not drawn"),
    ],
)
def test_wrong_depths(text: str, message: str) -> None:
    with pytest.raises(click.BadParameter) as error:
        DepthsType().convert(text, None, None)
    assert message in str(error.value)


def test_formats() -> None:
    formats = FormatsType(("dot", "svg", "png"))
    assert formats.convert("svg, dot,svg", None, None) == ("svg", "dot")
    for wrong in ("gif", "svg,", "", "SVG"):
        with pytest.raises(click.BadParameter, match="is no format; there are dot, svg, png"):
            formats.convert(wrong, None, None)


def test_seconds() -> None:
    assert SecondsType().convert("0.5", None, None) == 0.5
    for wrong in ("0", "-1", "nan", "inf", "soon", "1e999"):
        with pytest.raises(click.BadParameter):
            SecondsType().convert(wrong, None, None)
