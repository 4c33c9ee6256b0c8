"""What a comparison's picture says on and over its boxes and lines."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.graph.compare import MEASURES_OF_MEMORY
from callgraph_lab.render import colours, labels
from callgraph_lab.render.ending_text import open_calls_text
from callgraph_lab.render.labels import (
    WIDEST_NAME_COLUMNS,
    box_label,
    full_text,
    markup,
    name_lines,
)
from callgraph_lab.render.memory_text import memory_text
from callgraph_lab.render.text import (
    ELLIPSIS,
    columns,
    count,
    duration,
    shorten,
    size,
    visible_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callgraph_lab.graph.compare import ComparedEdge, ComparedFunction, Measure
    from callgraph_lab.model import GraphEdge, GraphNode
    from callgraph_lab.render.drawing import Fold

ARROW = "\N{RIGHTWARDS ARROW}"
_LONGEST_SIDE_COLUMNS = 16
_TIME_OF_RECORDING = re.compile(r"-\d{8}-\d{6}(-\d+)?$")


@dataclass(frozen=True, slots=True)
class SideNames:
    """What the two sides are called on boxes: their names where these are short, else A and B."""

    a: str
    b: str

    @property
    def are_letters(self) -> bool:
        """Whether the caption has to say what they stand for."""
        return (self.a, self.b) == ("A", "B")


def side_names(name_a: str, name_b: str) -> SideNames:
    """Return short names for two sides, both alike, without the times of recordings."""
    shown = [_TIME_OF_RECORDING.sub("", visible_text(name)) for name in (name_a, name_b)]
    is_short = all(0 < columns(name) <= _LONGEST_SIDE_COLUMNS for name in shown)
    return SideNames(*shown) if is_short and shown[0] != shown[1] else SideNames("A", "B")


def function_label(
    item: ComparedFunction, sides: SideNames, measure: Measure, background: str
) -> str:
    """Return the markup of a function's label."""
    a, b = item.a, item.b
    if a is None or b is None:
        side, node = sides.a if b is None else sides.b, item.any_figures
        entered = labels.figures(node.calls, node.resumes, node.inclusive_ns)
        details = [f"<b>only {markup(side)}</b>: {entered}"]
        if measure in MEASURES_OF_MEMORY:
            details.append(f"{measure} {size(max(item.values(measure)))}")
    else:
        details = [_both_entered(a, b)]
        if measure in MEASURES_OF_MEMORY:
            value_a, value_b = item.values(measure)
            details.append(f"{measure} {size(value_a)} {ARROW} {size(value_b)}")
        elif measure != "calls":
            times = (
                (a.self_ns, b.self_ns) if measure == "self" else (a.inclusive_ns, b.inclusive_ns)
            )
            details.append(f"{measure} {duration(times[0])} {ARROW} {duration(times[1])}")
    return box_label(name_lines(item.function.short_name), details, background)


def _both_entered(a: GraphNode | GraphEdge, b: GraphNode | GraphEdge) -> str:
    entered_a, entered_b = a.calls + a.resumes, b.calls + b.resumes
    if entered_a == entered_b:
        return count(entered_a, "call")
    return f"{entered_a:,} {ARROW} {count(entered_b, 'call')} ({entered_b - entered_a:+,})"


def thread_label(item: ComparedFunction, sides: SideNames, background: str) -> str:
    """Return the markup of a thread's label."""
    name = markup(shorten(visible_text(item.name) or "(no name)", WIDEST_NAME_COLUMNS))
    if item.a is None or item.b is None:
        side = sides.a if item.b is None else sides.b
        detail = f"thread, only {markup(side)}"
    else:
        detail = f"thread · {duration(item.a.inclusive_ns)} {ARROW} {duration(item.b.inclusive_ns)}"
    return box_label([name], [detail], background)


def fold_label(
    fold: Fold,
    functions: Mapping[str, ComparedFunction],
    sides: SideNames,
    measure: Measure,
    background: str,
) -> str:
    """Return the markup of a fold's label: how many functions, and which side has them."""
    kinds = Counter(_kind(functions[node.id], sides, measure) for node in fold.members)
    details = [markup(f"{number:,} {kind}") for kind, number in kinds.most_common()]
    return box_label([f"{ELLIPSIS} {len(fold.members):,} more"], details, background)


def _kind(item: ComparedFunction, sides: SideNames, measure: Measure) -> str:
    if item.side == "both":
        if not item.differs(measure):
            return "the same"
        return "with other counts" if item.is_changed else "with other bytes"
    return f"only {sides.a if item.side == 'a' else sides.b}"


def edge_label(edge: ComparedEdge) -> str:
    """Return the markup of a line's label: the calls on the side that has it, or on both."""
    if edge.a is None or edge.b is None:
        text = f"{edge.any_figures.calls + edge.any_figures.resumes:,}"
    else:
        a, b = edge.a.calls + edge.a.resumes, edge.b.calls + edge.b.resumes
        text = f"{a:,}" if a == b else f"{a:,} {ARROW} {b:,}"
    return labels.table([text], f'cellpadding="1" bgcolor="{colours.VEIL}"')


def function_tooltip(item: ComparedFunction, sides: SideNames) -> str:
    """Return a function's tooltip: where it is, and all figures of each side."""
    lines = [full_text(item.name)]
    for side, node in ((sides.a, item.a), (sides.b, item.b)):
        if node is None:
            lines.append(f"{side}: not called")
            continue
        function = node.function
        place = f", {full_text(function.file)}:{function.line}" if function.file else ""
        figures = labels.figures(node.calls, node.resumes, node.inclusive_ns)
        lines.append(f"{side}: {figures} inclusive, {duration(node.self_ns)} self{place}")
        if node.open_calls:
            lines.append(f"{side}: {open_calls_text(node.unreturned)}")
        if node.memory is not None:
            lines.append(f"{side}: {memory_text(node.memory)}")
    return "\n".join(lines)


def fold_tooltip(
    fold: Fold, functions: Mapping[str, ComparedFunction], sides: SideNames, measure: Measure
) -> str:
    """Return a fold's tooltip: its members, the heaviest first, and which side has them."""
    lines = [f"{count(len(fold.members), 'function')} folded to keep the picture legible"]
    heaviest = sorted(fold.members, key=lambda node: -node.inclusive_ns)
    for node in heaviest[: labels.MOST_FOLD_MEMBERS_IN_TOOLTIP]:
        name = shorten(visible_text(node.name), 2 * WIDEST_NAME_COLUMNS)
        lines.append(f"{name}: {_kind(functions[node.id], sides, measure)}")
    if len(heaviest) > labels.MOST_FOLD_MEMBERS_IN_TOOLTIP:
        lines.append(f"and {len(heaviest) - labels.MOST_FOLD_MEMBERS_IN_TOOLTIP:,} more")
    return "\n".join(lines)


def edge_tooltip(edge: ComparedEdge, source: str, target: str, sides: SideNames) -> str:
    """Return a line's tooltip; ``source`` and ``target`` are the names at its ends."""
    lines = [f"{full_text(source)} calls {full_text(target)}"]
    for side, figures in ((sides.a, edge.a), (sides.b, edge.b)):
        if figures is None:
            lines.append(f"{side}: never")
            continue
        skipped = ""
        if figures.bridged:
            skipped = f", across {count(figures.skipped_frames, 'hidden frame')} at most"
        told = labels.figures(figures.calls, figures.resumes, figures.inclusive_ns)
        lines.append(f"{side}: {told}{skipped}")
    return "\n".join(lines)
