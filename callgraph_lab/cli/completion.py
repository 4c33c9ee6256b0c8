"""``cglab completion``: a script that teaches a shell our commands, options and recordings."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(
    epilog="""\b
Examples:
  eval "$(cglab completion bash)"          # in ~/.bashrc
  cglab completion fish > ~/.config/fish/completions/cglab.fish"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL."""
    from callgraph_lab.cli.group import cglab  # noqa: PLC0415 - it imports us

    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover - the choices are click's own
        raise click.UsageError(f"click has no completion for {shell}.")
    click.echo(kind(cglab, {}, "cglab", "_CGLAB_COMPLETE").source())
