"""Options that several commands share, each written once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from callgraph_lab.action_model import NTH_CHOICES
from callgraph_lab.cli.parameters import FormatsType, PicturePathType
from callgraph_lab.filtering import DEFAULT_FILTER
from callgraph_lab.render.budget import DEFAULT_MAX_NODES
from callgraph_lab.render.heat import HEATS
from callgraph_lab.render.layout import DEFAULT_TIMEOUT_S
from callgraph_lab.render.links import LINK_CHOICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from callgraph_lab.action_model import Nth
    from callgraph_lab.model import DepthBy, Naming
    from callgraph_lab.render.heat import HeatBy
    from callgraph_lab.render.links import Links

Decorated = TypeVar("Decorated", bound="Callable[..., Any]")
DEFAULT_FOLDER = "out"
DEFAULT_MAX_DEPTH = 4
FORMATS = ("dot", "svg", "png", "json")


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """What of a recording to show, as the command line says it."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    filters: tuple[str, ...]
    stdlib: bool | None
    process: int | None
    action: str | None
    nth: Nth | None
    depth_by: DepthBy
    naming: Naming


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """How to draw."""

    formats: tuple[str, ...]
    max_nodes: int
    links: Links
    timeout_s: float
    heat_by: HeatBy = "time"


def _stack(*options: Callable[[Decorated], Decorated]) -> Callable[[Decorated], Decorated]:
    def decorate(function: Decorated) -> Decorated:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _complete_filters(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from callgraph_lab.filtering import available_filters  # noqa: PLC0415 - only on completion

    del ctx, param
    names = [(DEFAULT_FILTER, "what suits the recording"), ("none", "show everything")]
    names += [(item.name, item.description) for item in available_filters()]
    return [CompletionItem(name, help=text) for name, text in names if name.startswith(incomplete)]


def complete_slices(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the names of the actions and marks of the recording that is meant."""
    from callgraph_lab.errors import CallgraphLabError  # noqa: PLC0415 - only on completion
    from callgraph_lab.graph.slicing import slice_names  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415

    del param
    folder = Path(ctx.params.get("folder") or DEFAULT_FOLDER)
    try:
        names = slice_names(catalog.load(catalog.find(ctx.params.get("recording"), folder)))
    except (CallgraphLabError, OSError):
        return []
    return _completions(names, incomplete)


def complete_sides(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer what can be compared: actions, marks and recordings."""
    both = complete_slices(ctx, param, incomplete), complete_recordings(ctx, param, incomplete)
    return [item for items in both for item in items]


def complete_recordings(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the names of the recordings in the folder."""
    from callgraph_lab.recording import catalog  # noqa: PLC0415 - only on completion

    del param
    folder = Path(ctx.params.get("folder") or DEFAULT_FOLDER)
    names = [entry.path.name for entry in catalog.entries(folder)]
    return _completions(names, incomplete)


def _completions(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    # The shell would print the others as they are, and a line break would make two of one.
    shown = filter(str.isprintable, names)
    return [CompletionItem(name) for name in shown if name.startswith(incomplete)]


filter_options = _stack(
    click.option(
        "-i", "--include", multiple=True, metavar="GLOB", help="Show only functions like this."
    ),
    click.option(
        "-e", "--exclude", multiple=True, metavar="GLOB", help="Hide functions like this."
    ),
    click.option(
        "-f",
        "--filter",
        "filters",
        multiple=True,
        metavar="NAME|FILE|none",
        shell_complete=_complete_filters,
        help="Use a filter; 'cglab filters list' names them.  [default: auto]",
    ),
    click.option("--stdlib/--no-stdlib", default=None, help="Show or hide the standard library."),
)

process_option = click.option(
    "--process", type=int, metavar="PID", help="Show only what this process did."
)

action_options = _stack(
    click.option(
        "--action",
        metavar="NAME",
        shell_complete=complete_slices,
        help="Show only what this action or mark caused; 'cglab actions' names them.",
    ),
    click.option(
        "--nth",
        type=click.Choice(NTH_CHOICES),
        help="With --action: only the slowest, first or last time.",
    ),
)

depth_by_option = click.option(
    "--depth-by",
    type=click.Choice(["visible", "stack"]),
    default="visible",
    show_default=True,
    help="Count only functions that show, or every frame as pycallgraph2 does.",
)

query_options = _stack(
    filter_options,
    depth_by_option,
    click.option(
        "--naming",
        type=click.Choice(["cglab", "pycallgraph2"]),
        default="cglab",
        show_default=True,
        help="Name functions our way, or as pycallgraph2 would.",
    ),
)

max_depth_option = click.option(
    "--max-depth",
    type=click.IntRange(min=1),
    default=DEFAULT_MAX_DEPTH,
    show_default=True,
    metavar="N",
    help="How deep the picture goes; 1 is the outermost function.",
)


def _folder_option(*names: str, what_is_there: str) -> Callable[[Decorated], Decorated]:
    return click.option(
        *names,
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=DEFAULT_FOLDER,
        show_default=True,
        metavar="DIR",
        help=f"Where {what_is_there} are.",
    )


folder_option = _folder_option("-o", "--out", what_is_there="recordings and pictures")
recordings_option = _folder_option("--out", what_is_there="recordings")
"""Beside ``output_option``, which has ``-o``."""

output_option = click.option(
    "-o",
    "--output",
    metavar="FILE|DIR|-",
    help="Write to this file or folder, or - for stdout.  [default: the folder of recordings]",
)

max_nodes_option = click.option(
    "--max-nodes",
    type=click.IntRange(min=1),
    default=DEFAULT_MAX_NODES,
    show_default=True,
    metavar="N",
    help="Fold the lightest functions of a picture beyond this many.",
)

layout_options = _stack(
    max_nodes_option,
    click.option(
        "--links",
        type=click.Choice(LINK_CHOICES),
        default="none",
        show_default=True,
        help="Link functions in the SVG to their source.",
    ),
    click.option(
        "--layout-timeout",
        "timeout_s",
        type=click.FloatRange(min=0.1),
        default=DEFAULT_TIMEOUT_S,
        show_default=True,
        metavar="S",
        help="Give up laying out a picture after this long.",
    ),
)

picture_options = _stack(
    click.option(
        "--format",
        "formats",
        type=FormatsType(FORMATS),
        default="dot,svg,png",
        show_default=True,
        help="Which files to make, also json.",
    ),
    click.option(
        "--color",
        "heat_by",
        type=click.Choice(HEATS),
        default="time",
        show_default=True,
        help="Fill boxes by self time, by the memory that a function has allocated and that is"
        " still held, or by all that it has allocated (run --memory).",
    ),
    layout_options,
)

draw_option = _stack(
    click.option(
        "--draw",
        "draw_path",
        type=PicturePathType(),
        metavar="FILE",
        help="Draw it, too: into a .svg, .png or .dot file.",
    ),
    layout_options,
)

recording_option = click.option(
    "--recording",
    metavar="RECORDING",
    shell_complete=complete_recordings,
    help="Look in this one, not in the newest.",
)

sources_option = click.option(
    "--sources",
    "sources_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Read sources in this folder, for a recording that you have not made, say.",
)
recording_argument = click.argument("recording", required=False, shell_complete=complete_recordings)

json_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for people, or JSON for programs.",
)


def query_of(arguments: dict[str, Any]) -> QueryOptions:
    """Take the options of ``query_options`` and others that a command has out of its arguments."""
    action, nth = arguments.pop("action", None), arguments.pop("nth", None)
    if nth is not None and action is None:
        raise click.UsageError("--nth says which one of an action: name it with --action.")
    return QueryOptions(
        include=arguments.pop("include"),
        exclude=arguments.pop("exclude"),
        filters=arguments.pop("filters"),
        stdlib=arguments.pop("stdlib"),
        process=arguments.pop("process", None),
        action=action,
        nth=nth,
        depth_by=arguments.pop("depth_by", "visible"),
        naming=arguments.pop("naming", "cglab"),
    )


def pictures_of(arguments: dict[str, Any]) -> PictureOptions:
    """Take the options of ``picture_options``, or of ``draw_option``, out of the arguments."""
    draw_path: Path | None = arguments.pop("draw_path", None)
    formats = () if draw_path is None else (draw_path.suffix.removeprefix("."),)
    return PictureOptions(
        formats=arguments.pop("formats", formats),
        max_nodes=arguments.pop("max_nodes"),
        links=arguments.pop("links"),
        timeout_s=arguments.pop("timeout_s"),
        heat_by=arguments.pop("heat_by", "time"),
    )


def everything_unless_filtered(arguments: dict[str, Any]) -> None:
    """Have ``query_of`` show all functions where the user gives no filter."""
    by_user = any(arguments[key] for key in ("filters", "include", "exclude"))
    if not by_user and arguments["stdlib"] is None:
        arguments["filters"] = ("none",)
