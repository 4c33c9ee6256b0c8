"""Labels (Graphviz's HTML-like markup) and tooltips (plain text) of nodes, folds and edges."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from callgraph_lab.render import colours
from callgraph_lab.render.ending_text import open_calls_lines
from callgraph_lab.render.memory_text import memory_text
from callgraph_lab.render.text import (
    ELLIPSIS,
    LONGEST_TOOLTIP_NAME,
    count,
    duration,
    percent,
    shorten,
    size,
    visible_text,
)

if TYPE_CHECKING:
    from callgraph_lab.model import GraphEdge, GraphNode
    from callgraph_lab.render.drawing import Fold

NAME_POINTS = 12
FIGURE_POINTS = 10
WIDEST_NAME_COLUMNS = 44
ONE_LINE_COLUMNS = 26
"""A dotted name wider than this breaks into two lines: the class, and the function under it."""
MOST_FOLD_MEMBERS_IN_TOOLTIP = 25


def markup(text: str) -> str:
    """Return ``text`` for a place inside an HTML-like label: escaped, all of it visible."""
    # Graphviz resolves escape sequences (\N) in the text of such labels too.
    # To Graphviz 2 a text that starts with a bracket is a syntax error.
    return escape(visible_text(text)).replace("\\", 2 * "\\").replace("]", "&#93;")


def node_label(node: GraphNode, background: str, figure: str = "") -> str:
    """Return the markup of a function's label, in colours that contrast with ``background``.

    ``figure`` is what the box is to say beside its calls and time.
    """
    details = [figures(node.calls, node.resumes, node.inclusive_ns)]
    if figure:
        details.append(markup(figure))
    if node.function.defined_in is not None:
        holder = shorten(visible_text(node.function.defined_in), WIDEST_NAME_COLUMNS)
        details.append(f"defined in {markup(holder)}")
    details += _bold(open_calls_lines(node.unreturned))
    if node.suspended:
        details.append(f"suspended: {node.suspended:,}")
    if node.note:
        details.append(f"<b>{markup(shorten(visible_text(node.note), WIDEST_NAME_COLUMNS))}</b>")
    return box_label(name_lines(node.function.short_name), details, background)


def thread_label(node: GraphNode, background: str) -> str:
    """Return the markup of a thread's label."""
    name = shorten(_drawable(node.function.qualname), WIDEST_NAME_COLUMNS)
    return box_label([markup(name)], [f"thread · {duration(node.inclusive_ns)}"], background)


def fold_label(fold: Fold, background: str) -> str:
    """Return the markup of a fold's label: how many functions it stands for, and whose."""
    modules = fold.modules
    where = (modules[0] or "threads") if len(modules) == 1 else count(len(modules), "module")
    details = [
        markup(shorten(visible_text(f"in {where}"), WIDEST_NAME_COLUMNS)),
        figures(fold.calls, fold.resumes, fold.inclusive_ns),
    ]
    details += _bold(open_calls_lines(fold.unreturned))
    return box_label([f"{ELLIPSIS} {len(fold.members):,} more"], details, background)


def _bold(lines: list[str]) -> list[str]:
    return [f"<b>{line}</b>" for line in lines]


def cluster_label(name: str) -> str:
    """Return the markup of a cluster's title, with some room under it."""
    return table([markup(shorten(name, WIDEST_NAME_COLUMNS))], 'cellpadding="4"')


def figures(calls: int, resumes: int, inclusive_ns: int) -> str:
    """Return ``12 calls, 3 resumes · 1.20 s``."""
    entered = count(calls, "call") + (f", {count(resumes, 'resume')}" if resumes else "")
    return f"{entered} · {duration(inclusive_ns)}"


def edge_label(edge: GraphEdge) -> str:
    """Return the markup of an edge's label: calls, resumes, and the hidden frames it skips."""
    parts = [f"{edge.calls:,}"] if edge.calls or not edge.resumes else []
    if edge.resumes:
        parts.append(count(edge.resumes, "resume"))
    text = " + ".join(parts)
    if edge.bridged:
        text += f" · <i>skips {edge.skipped_frames:,}</i>"
    # A veil under the figure, so that the line it stands on does not strike it out.
    return table([text], f'cellpadding="1" bgcolor="{colours.VEIL}"')


def node_tooltip(node: GraphNode, total_ns: int) -> str:
    """Return what a function's tooltip says: full name, place, every figure, one a line."""
    function = node.function
    lines = [full_text(node.name)]
    defined_in = f"defined in {full_text(function.defined_in)}, " if function.defined_in else ""
    if function.file:
        lines.append(f"{defined_in}{full_text(function.file)}:{function.line}")
    if function.kind == "c_function":
        lines.append("written in C")
    at_all = "" if node.total_calls == node.calls else f" ({node.total_calls:,} at any depth)"
    lines.append(f"{count(node.calls, 'call')}{at_all}")
    if node.resumes:
        lines.append(count(node.resumes, "resume"))
    lines.append(
        f"inclusive {duration(node.inclusive_ns)}, self {duration(node.self_ns)}"
        f" ({percent(node.self_ns, total_ns)} of all time)"
    )
    if node.memory is not None:
        lines.append(memory_text(node.memory))
    lines.append(f"shallowest depth {node.min_depth}")
    lines += open_calls_lines(node.unreturned)
    if node.suspended:
        lines.append(f"suspended: {node.suspended:,}")
    if node.note:
        lines.append(full_text(node.note))
    return "\n".join(lines)


def thread_tooltip(node: GraphNode) -> str:
    """Return what a thread's tooltip says."""
    lines = [
        f"thread {full_text(node.function.qualname)}",
        f"in calls for {duration(node.inclusive_ns)}",
    ]
    if node.memory is not None:
        lines.append(memory_text(node.memory))
        if node.memory.peak_bytes is not None:
            lines.append(f"the process held {size(node.memory.peak_bytes)} at most")
    return "\n".join(lines)


def fold_tooltip(fold: Fold, total_ns: int) -> str:
    """Return a fold's tooltip: its figures, then its members, the heaviest first."""
    share = percent(fold.self_ns, total_ns)
    lines = [
        f"{count(len(fold.members), 'function')} folded to keep the picture legible",
        f"{count(fold.calls, 'call')}, self {duration(fold.self_ns)} ({share} of all time)",
    ]
    heaviest = sorted(fold.members, key=lambda node: -node.inclusive_ns)
    for node in heaviest[:MOST_FOLD_MEMBERS_IN_TOOLTIP]:
        name = shorten(visible_text(node.name), 2 * WIDEST_NAME_COLUMNS)
        lines.append(f"{name}: {figures(node.calls, node.resumes, node.inclusive_ns)}")
    if len(heaviest) > MOST_FOLD_MEMBERS_IN_TOOLTIP:
        lines.append(f"and {len(heaviest) - MOST_FOLD_MEMBERS_IN_TOOLTIP:,} more")
    return "\n".join(lines)


def edge_tooltip(edge: GraphEdge, source: str, target: str) -> str:
    """Return an edge's tooltip; ``source`` and ``target`` are the names at its ends."""
    lines = [
        f"{full_text(source)} calls {full_text(target)}",
        figures(edge.calls, edge.resumes, edge.inclusive_ns),
    ]
    if edge.bridged:
        lines.append(f"across {count(edge.skipped_frames, 'hidden frame')} at most")
    return "\n".join(lines)


def full_text(name: str) -> str:
    """Return a name for a tooltip: whole, unless it is longer than anyone reads."""
    name = visible_text(name)
    if len(name) <= LONGEST_TOOLTIP_NAME:
        return name
    return f"{name[:LONGEST_TOOLTIP_NAME]}{ELLIPSIS} ({len(name):,} characters)"


def name_lines(short_name: str) -> list[str]:
    """Return the markup of a name in one line, or in two broken before the last part."""
    name = _drawable(short_name)
    holder, dot, own = name.rpartition(".")
    if not holder or len(name) <= ONE_LINE_COLUMNS:
        return [markup(shorten(name, WIDEST_NAME_COLUMNS))]
    return [
        markup(shorten(holder, WIDEST_NAME_COLUMNS) + dot),
        markup(shorten(own, WIDEST_NAME_COLUMNS)),
    ]


def _drawable(name: str) -> str:
    shown = visible_text(name)
    return shown if shown.strip() else "(no name)"  # Graphviz 2 takes no empty markup


def box_label(names: list[str], details: list[str], background: str) -> str:
    """Return the markup of a box: lines of its name, then of details, all of them markup."""
    ink, muted = colours.ink_on(background), colours.muted_ink_on(background)
    name = "<br/>".join(f"<b>{line}</b>" for line in names)
    cells = [f'<font point-size="{NAME_POINTS}" color="{ink}">{name}</font>']
    cells += [
        f'<font point-size="{FIGURE_POINTS}" color="{muted}">{line}</font>' for line in details
    ]
    return table(cells, 'cellpadding="1"')


def table(cells: list[str], attributes: str) -> str:
    """Return a label of rows of markup, one cell each."""
    rows = "".join(f"<tr><td>{cell}</td></tr>" for cell in cells)
    return f'<<table border="0" cellborder="0" cellspacing="0" {attributes}>{rows}</table>>'
