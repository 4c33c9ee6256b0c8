"""How the command line prints: every line of it goes through here, and is harmless.

What a recording holds is whatever its target, or a client of it, or whoever made the file wanted it
to hold. No other module of the command line calls ``click.echo`` (ruff has it banned), so none can
forget to make it visible.
"""

from __future__ import annotations

import click

from callgraph_lab.json_text import json_text
from callgraph_lab.render.text import visible_text


def print_line(text: str = "", *, bold: bool = False, to_stderr: bool = False) -> None:
    """Print a line of text, what does not print in it as its escape."""
    shown = visible_text(text)
    click.echo(click.style(shown, bold=True) if bold else shown, err=to_stderr)


def print_json(value: object) -> None:
    """Print a value as JSON on stdout."""
    click.echo(json_text(value, indent=2).encode("utf-8"))


def print_json_line(value: object) -> None:
    """Print a value as JSON, one line, on stdout."""
    click.echo(json_text(value).encode("utf-8"))
