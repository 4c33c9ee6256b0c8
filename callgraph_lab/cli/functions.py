"""``cglab functions`` and ``find``: what ran, where it is defined, who calls it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import (
    action_options,
    everything_unless_filtered,
    filter_options,
    folder_option,
    json_option,
    process_option,
    query_of,
    recording_argument,
    recording_option,
)
from callgraph_lab.errors import UsageError
from callgraph_lab.memory_model import NodeMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from callgraph_lab.cli.tables import TableColumn
    from callgraph_lab.graph.search import FoundFunction
    from callgraph_lab.model import Function, GraphNode

_SORT_KEYS: dict[str, Callable[[GraphNode], Any]] = {
    "calls": lambda node: (-node.total_calls, node.name),
    "inclusive": lambda node: (-node.inclusive_ns, node.name),
    "self": lambda node: (-node.self_ns, node.name),
    "depth": lambda node: (node.min_depth, node.name),
    "name": lambda node: node.name,
    "file": lambda node: (node.function.file, node.function.line),
    "allocated": lambda node: (-_memory(node).allocated_bytes, node.name),
    "net": lambda node: (-_memory(node).net_bytes, node.name),
}
_MEMORY_KEYS = ("allocated", "net")


def _memory(node: GraphNode) -> NodeMemory:
    return node.memory or NodeMemory()


@click.command(
    epilog="""\b
Examples:
  cglab functions --sort self --limit 20
  cglab functions --sort net
  cglab functions --format json --filter none"""
)
@recording_argument
@click.option(
    "--sort",
    "sort_key",
    type=click.Choice(list(_SORT_KEYS)),
    default="inclusive",
    show_default=True,
    help="What to sort by; figures come largest first.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Show only so many.")
@filter_options
@process_option
@action_options
@folder_option
@json_option
def functions(recording: str | None, folder: Path, **arguments: Any) -> None:
    """List the functions of a RECORDING (the newest by default) with their figures."""
    from callgraph_lab.cli.loaded import load_recording  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415
    from callgraph_lab.render.ending_text import open_calls_cell  # noqa: PLC0415
    from callgraph_lab.render.json_graph import node_document  # noqa: PLC0415
    from callgraph_lab.render.text import duration  # noqa: PLC0415

    loaded = load_recording(recording, folder, query_of(arguments))
    graph = loaded.graph(None)
    nodes = [node for node in graph.nodes if node.function.kind != "thread"]
    if arguments["sort_key"] in _MEMORY_KEYS and not any(node.memory for node in graph.nodes):
        raise UsageError(
            f"--sort {arguments['sort_key']}: no memory was counted in this recording",
            hint="record with 'cglab run --memory'; of the time after a mark it is not known",
        )
    nodes.sort(key=_SORT_KEYS[arguments["sort_key"]])
    nodes = nodes[: arguments["limit"]]
    if arguments["output_format"] == "json":
        print_json({"schema": 1, "functions": [node_document(node) for node in nodes]})
        return
    has_memory = any(node.memory is not None for node in graph.nodes)
    print_table(
        (
            TableColumn("function"),
            TableColumn("calls", number=True),
            TableColumn("open", number=True),
            TableColumn("inclusive", number=True),
            TableColumn("self", number=True),
            *(_memory_columns() if has_memory else ()),
            TableColumn("depth", number=True),
            TableColumn("where"),
        ),
        [
            (
                node.name,
                f"{node.total_calls:,}" + (f" +{node.resumes:,}" if node.resumes else ""),
                open_calls_cell(node.unreturned),
                duration(node.inclusive_ns),
                duration(node.self_ns),
                *(_memory_cells(node) if has_memory else ()),
                str(node.min_depth),
                place_of(node.function),
            )
            for node in nodes
        ],
    )
    from callgraph_lab.cli.drawing import tell_what_shows  # noqa: PLC0415 - loads Graphviz

    tell_what_shows(loaded, graph)


def _memory_columns() -> tuple[TableColumn, ...]:
    from callgraph_lab.cli.tables import TableColumn  # noqa: PLC0415 - not for --help

    names = ("allocated", "blocks", "freed", "net", "net inclusive")
    return tuple(TableColumn(name, number=True) for name in names)


def _memory_cells(node: GraphNode) -> tuple[str, ...]:
    from callgraph_lab.render.text import size  # noqa: PLC0415 - not for --help

    memory = _memory(node)
    return (
        size(memory.allocated_bytes),
        f"{memory.blocks:,}",
        size(memory.freed_bytes),
        size(memory.net_bytes),
        size(memory.inclusive_net_bytes),
    )


def place_of(function: Function) -> str:
    """Return ``file:line``, the file relative to this folder where it lies below it."""
    if function.kind == "c_function":
        return "in C"
    if not function.file:
        return "-"
    path = function.file
    here = os.getcwd() + os.sep  # noqa: PTH109 - text is compared
    return f"{path.removeprefix(here)}:{function.line}"


@click.command(
    epilog="""\b
Examples:
  cglab find handle_read
  cglab find 'Epoll.*'"""
)
@click.argument("pattern")
@recording_option
@filter_options
@process_option
@action_options
@folder_option
@json_option
def find(pattern: str, recording: str | None, folder: Path, **arguments: Any) -> None:
    """Say of every function that matches PATTERN where it is, who calls it, how it is reached.

    PATTERN is a part of a name, or a glob. Hidden functions are found too, unless filters are
    given.
    """
    from callgraph_lab.cli.loaded import load_recording  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.graph.search import find_functions  # noqa: PLC0415

    everything_unless_filtered(arguments)
    loaded = load_recording(recording, folder, query_of(arguments))
    found = find_functions(loaded.recording, pattern, loaded.decisions)
    if arguments["output_format"] == "json":
        print_json({"schema": 1, "functions": [_found_to_json(item) for item in found]})
    elif found:
        _print_found(found)
    if not found:
        say(f"no function matches {pattern!r} in {loaded.entry.path.name}")
        sys.exit(1)


def _found_to_json(item: FoundFunction) -> dict[str, Any]:
    from callgraph_lab.render.json_graph import node_document  # noqa: PLC0415 - not for --help

    return {
        **node_document(item.node),
        "callers": [{"name": caller.name, "calls": caller.calls} for caller in item.callers],
        "path": [function.name for function in item.path],
    }


def _print_found(found: Sequence[FoundFunction]) -> None:
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415
    from callgraph_lab.render.ending_text import open_calls_text  # noqa: PLC0415
    from callgraph_lab.render.memory_text import memory_text  # noqa: PLC0415 - not for --help
    from callgraph_lab.render.text import count, duration  # noqa: PLC0415

    for item in found:
        node, function = item.node, item.node.function
        print_line(node.name, bold=True)
        lines = [f"defined at    {place_of(function)}"]
        if function.class_name is not None:
            lines.append(f"class of self {function.class_name.replace(':', '.')}")
        if function.defined_in is not None:
            lines.append(f"defined in    {function.defined_in}")
        figures = [count(node.total_calls, "call")]
        figures += [count(node.resumes, "resume")] if node.resumes else []
        figures += [open_calls_text(node.unreturned)] if node.open_calls else []
        figures += [f"{duration(node.inclusive_ns)} inclusive", f"{duration(node.self_ns)} self"]
        lines.append(f"figures       {', '.join(figures)}")
        if node.memory is not None:
            lines.append(f"memory        {memory_text(node.memory)}")
        callers = ", ".join(f"{caller.name} ({caller.calls:,})" for caller in item.callers)
        lines.append(f"called by     {callers or '-'}")
        path = " -> ".join(step.short_name for step in item.path)
        lines.append(f"shortest path {path}")
        for line in lines:
            print_line(f"  {line}")
