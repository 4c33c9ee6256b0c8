"""The ``cglab`` group: its commands are imported only when one of them is used."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is, and its line in ``cglab --help``, which must not import it."""

    place: str
    """``module:attribute`` below ``callgraph_lab.cli``."""
    summary: str


_UNLIMITED = frozenset({"run", "demo", "engines", "doctor", "completion"})
"""Commands that read no recording but one that they have just made."""


class Process:
    """What a command is given that has this process to itself."""


COMMANDS: Mapping[str, LazyCommand] = {
    "run": LazyCommand("run:run", "Record a program and draw its call graph."),
    "sweep": LazyCommand("sweep:sweep", "Draw one picture for each depth of a recording."),
    "render": LazyCommand("render:render", "Draw a recording, or print its graph as JSON."),
    "view": LazyCommand("view:view", "Make a page of a recording, to move in with a browser."),
    "demo": LazyCommand("demo:demo", "Show it all: an FTP server, a client, pictures."),
    "list": LazyCommand("recordings:list_recordings", "List recordings, newest first."),
    "info": LazyCommand("recordings:info", "Tell what a recording holds."),
    "functions": LazyCommand("functions:functions", "List the functions that ran."),
    "find": LazyCommand("functions:find", "Say where a function is and who calls it."),
    "actions": LazyCommand("actions:actions", "List what clients did, and what it cost."),
    "explain": LazyCommand("explain:explain", "Say what an action does, phase by phase."),
    "events": LazyCommand("events:events", "Print what sensors noticed: logins, uploads, stalls."),
    "path": LazyCommand("path:path", "Show the call chains that lead to a function."),
    "callers": LazyCommand("neighbours:callers", "Show who calls a function, level by level."),
    "callees": LazyCommand("neighbours:callees", "Show what a function calls, level by level."),
    "lines": LazyCommand("lines:lines", "Show what each source line of a function did."),
    "diff": LazyCommand("diff:diff", "Compare two actions, marks or recordings."),
    "mark": LazyCommand("marks:mark", "Put a mark on the time line of a running recording."),
    "marks": LazyCommand("marks:marks", "List the marks of a recording."),
    "resources": LazyCommand("resources:resources", "Show CPU and memory over time."),
    "heap": LazyCommand("heap:heap", "Show objects and bytes by type, and what grew."),
    "rm": LazyCommand("recordings:remove", "Delete recordings."),
    "filters": LazyCommand("filters:filters", "List, show and explain filters."),
    "engines": LazyCommand("doctor:engines", "Say which engines can be used, and why."),
    "doctor": LazyCommand("doctor:doctor", "Check this installation."),
    "completion": LazyCommand("completion:completion", "Print a script for shell completion."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a newcomer meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        module, _, attribute = lazy.place.partition(":")
        found = getattr(importlib.import_module(f"callgraph_lab.cli.{module}"), attribute)
        return cast("click.Command", found)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that ``args`` begin with; suggest the nearest where there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            name = args[0]
            near = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            if name.endswith(".py"):
                hint = f" To record a script: cglab run {name}"
            raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the summaries at hand."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.summary) for name, lazy in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: cglab run --max-depth 4 ftpServer.py",
)
@click.version_option(package_name="callgraph_lab", prog_name="cglab")
@click.pass_context
def cglab(ctx: click.Context) -> None:
    """Show what a running Python program actually does.

    Record every call of a program once, then draw its call graph at any depth.
    """
    from callgraph_lab.cli.configuration import load_defaults  # noqa: PLC0415 - not for --help

    ctx.default_map = load_defaults(ctx.invoked_subcommand)
    if isinstance(ctx.obj, Process) and ctx.invoked_subcommand not in _UNLIMITED:
        from callgraph_lab import cost  # noqa: PLC0415 - not for --help

        cost.watch()
