"""``cglab filters``: which there are, what is in them, and why a function shows or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import (
    filter_options,
    folder_option,
    json_option,
    query_of,
    recording_argument,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.group(epilog="Example: cglab filters explain FTPHandler.ftp_STOR")
def filters() -> None:
    """List, show and explain filters."""


@filters.command("list", epilog="Example: cglab filters list")
@json_option
def list_filters(output_format: str) -> None:
    """List the filters that come with cglab."""
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415
    from callgraph_lab.filtering import available_filters  # noqa: PLC0415

    found = available_filters()
    if output_format == "json":
        shown = [
            {"name": item.name, "description": item.description, "extends": list(item.extends)}
            for item in found
        ]
        print_json({"schema": 1, "filters": shown})
        return
    rows = [(item.name, item.description) for item in found]
    print_table((TableColumn("filter"), TableColumn("what it does")), rows)


@filters.command("show", epilog="Example: cglab filters show ftp-server")
@click.argument("name")
def show_filter(name: str) -> None:
    """Show the rules of the filter NAME, or of a TOML file."""
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415
    from callgraph_lab.filtering import load_filter  # noqa: PLC0415

    found = load_filter(name)
    print_line(f"{found.name}: {found.description}")
    rows = [("extends", item) for item in found.extends]
    rows += [("include", item) for item in found.include]
    rows += [("exclude", item) for item in found.exclude]
    if found.target:
        rows.append(("include", "the target: its script and the modules in the script's folder"))
    if found.stdlib is not None:
        rows.append(("standard library", "shown" if found.stdlib else "hidden"))
    if found.import_code is not None:
        rows.append(("code of imports", "shown" if found.import_code else "hidden"))
    print_table((TableColumn("rule"), TableColumn("pattern")), rows)


@filters.command(
    "explain",
    epilog="""\b
Examples:
  cglab filters explain FTPHandler.ftp_STOR
  cglab filters explain ftp_STOR ftpServer-20261123-141502
  cglab filters explain importlib._bootstrap._find_and_load --filter no-importlib""",
)
@click.argument("function")
@recording_argument
@click.option(
    "--recording", "named", metavar="RECORDING", help="Look in this one, not in the newest."
)
@filter_options
@folder_option
def explain_function(
    function: str, recording: str | None, named: str | None, folder: Path, **arguments: Any
) -> None:
    """Tell for each FUNCTION of that name which rule decides, and why.

    It is looked for in a RECORDING (the newest by default), which may stand behind it, too.

    A function that is in no recording is judged by its dotted name alone.
    """
    from callgraph_lab.cli.loaded import filter_set_of  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415
    from callgraph_lab.filtering import (  # noqa: PLC0415 - not for --help
        explain,
        function_from_name,
    )
    from callgraph_lab.graph.search import matches  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415

    if recording is not None and named is not None:
        raise click.UsageError(f"Two recordings are named, {recording} and {named}; name one.")
    recording = recording or named
    options = query_of(arguments)
    functions = []
    if recording is not None or catalog.entries(folder):
        functions = list(catalog.load(catalog.find(recording, folder)).functions)
    filter_set = filter_set_of(options, functions)
    found = [item for item in functions if matches(item, function)]
    if not found:
        print_line(f"No recorded function matches {function}; judged by its name:")
        found = [function_from_name(function)]
    if filter_set.choice:
        print_line(filter_set.choice)
    for item in found:
        explanation = explain(filter_set, item)
        verdict = "shows" if explanation.decision.visible else "is hidden"
        print_line(f"{item.name} {verdict}, by: {explanation.decision.rule}")
        print_line(f"  {explanation.decision.reason}")
        for step in explanation.steps:
            mark = "=>" if step.decides else "  "
            print_line(f"  {mark} {step.subject}: {step.sentence}")
