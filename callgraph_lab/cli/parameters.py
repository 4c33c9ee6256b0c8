"""Types of parameters: depths and ranges of them, formats, and where a target's own words begin."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_DEPTHS = 10_000
MOST_MILLISECONDS = 3_600_000
_SHORT_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(ms|s)?")
_RANGE = re.compile(r"(\d+)(?:\.\.(\d+))?")


def parse_depths(text: str) -> tuple[int, ...]:
    """Return the depths that ``1..8``, ``3`` or ``1,2,4..6`` mean, ascending, each once.

    Raise ``ValueError`` with a sentence for anything else.
    """
    depths: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{text!r} is no range of depths; write 1..8, 3 or 1,2,4..6")
        first, last = int(match[1]), int(match[2] or match[1])
        if first < 1:
            raise ValueError("depths begin at 1, the outermost function of the target")
        if last < first:
            raise ValueError(f"{part.strip()!r} runs backwards; write {last}..{first}")
        if last > MOST_DEPTHS:
            raise ValueError(f"a depth of more than {MOST_DEPTHS} is not drawn")
        depths.update(range(first, last + 1))
    return tuple(sorted(depths))


class DepthsType(click.ParamType):  # type: ignore[type-arg]  # generic only in new versions
    """A range of depths such as ``1..8``."""

    name = "depths"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Parse the text, or fail as a wrong parameter."""
        if isinstance(value, tuple):
            return value
        try:
            return parse_depths(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SecondsType(click.FloatRange):
    """A number of seconds above 0, and one that a clock can reach."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse the text, or fail as a wrong parameter."""
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds


class MillisecondsType(click.ParamType):  # type: ignore[type-arg]  # as above
    """A short time with its unit, ``100ms`` or ``0.5s``; a bare number is of milliseconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse the text, or fail as a wrong parameter."""
        if isinstance(value, int | float):
            value = str(value)
        match = _SHORT_TIME.fullmatch(value.strip())
        if match is None:
            self.fail(f"{value!r} is no time; write 100ms or 0.5s", param, ctx)
        milliseconds = float(match[1]) * (1000 if match[2] == "s" else 1)
        if milliseconds > MOST_MILLISECONDS:
            self.fail(f"{value!r} is longer than an hour", param, ctx)
        return milliseconds


class FormatsType(click.ParamType):  # type: ignore[type-arg]  # as above
    """One or more formats of pictures, separated by commas."""

    name = "formats"

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = tuple(choices)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Parse the text, or fail as a wrong parameter."""
        if isinstance(value, tuple):
            return value
        formats = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
        for name in formats:
            if name not in self.choices:
                self.fail(f"{name!r} is no format; there are {', '.join(self.choices)}", param, ctx)
        return formats


class PicturePathType(click.ParamType):  # type: ignore[type-arg]  # as above
    """A file whose name ends as a picture's does."""

    name = "picture"
    endings = (".svg", ".png", ".dot")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Check the ending, or fail as a wrong parameter."""
        path = Path(value)
        if path.suffix not in self.endings:
            self.fail(f"{value!r} does not end in {', '.join(self.endings)}", param, ctx)
        return path


class TargetCommand(click.Command):
    """A command that ends with a target: all words behind SCRIPT or ``-m MODULE`` are its own.

    ``words_before_target`` is how many arguments of ours come before it.
    """

    words_before_target = 0

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``--`` where the target's words begin, then parse ours."""
        try:
            return super().parse_args(ctx, self._with_separator(args))
        except click.UsageError as error:
            # Without a context click prints no usage, and not where help is.
            error.ctx = error.ctx or ctx
            raise

    def _with_separator(self, args: list[str]) -> list[str]:
        takes_value = {
            name
            for parameter in self.params
            if isinstance(parameter, click.Option) and not parameter.is_flag
            for name in parameter.opts
        }
        ours_to_come = self.words_before_target
        position = 0
        while position < len(args):
            word = args[position]
            if word == "--":
                return args
            if word in ("-m", "--module"):
                own = args[position + 2 :]
                return [*args[: position + 2], "--", *own] if args[position + 1 :] else args
            if word.startswith(("-m", "--module=")):
                return [*args[: position + 1], "--", *args[position + 1 :]]
            if word.startswith("-") and word != "-":
                position += 2 if word in takes_value else 1
            elif ours_to_come:
                ours_to_come -= 1
                position += 1
            else:
                return [*args[:position], "--", *args[position:]]
        return args
