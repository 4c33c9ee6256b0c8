"""The picture of a comparison: colours by side and by change, its caption and its legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgraph_lab.graph.compare import (
    MEASURES_OF_MEMORY,
    are_different_programs,
    only_differences,
)
from callgraph_lab.render import colours, diff_colours, diff_labels
from callgraph_lab.render.budget import DEFAULT_MAX_NODES
from callgraph_lab.render.caption import (
    caption_table,
    depth_text,
    filter_text,
    functions_of,
    joined,
    legend_row,
    short_text,
    swatch,
)
from callgraph_lab.render.diff_drawing import draw_comparison
from callgraph_lab.render.diff_labels import SideNames, side_names
from callgraph_lab.render.dot import (
    FOLD_ATTRIBUTES,
    THREAD_ATTRIBUTES,
    link_attributes,
    pen_width,
    plain,
    styled_dot,
)
from callgraph_lab.render.drawing import Fold
from callgraph_lab.render.text import count, duration

if TYPE_CHECKING:
    from callgraph_lab.graph.compare import ComparedSide, GraphComparison, Measure
    from callgraph_lab.model import GraphEdge, GraphNode, RunInformation
    from callgraph_lab.render.diff_drawing import ComparedDrawing
    from callgraph_lab.render.drawing import Drawing
    from callgraph_lab.render.links import Links

_LINE_OF_ONE_SIDE = {"penwidth": "1.8"}


def comparison_dot(  # noqa: PLR0913 - options, by keyword
    comparison: GraphComparison,
    side_a: ComparedSide,
    side_b: ComparedSide,
    *,
    measure: Measure = "calls",
    max_nodes: int = DEFAULT_MAX_NODES,
    links: Links = "none",
    with_same: bool = False,
) -> str:
    """Return the DOT source of a comparison's picture, folded to at most ``max_nodes`` nodes.

    What is the same in both and leads to no difference is left out unless ``with_same``.
    """
    shown = comparison if with_same else only_differences(comparison, measure)
    drawn = draw_comparison(shown, max_nodes=max_nodes, measure=measure)
    names = side_names(side_a.name, side_b.name)
    style = _DiffStyle(comparison, drawn, side_a, side_b, names, measure, links)
    return styled_dot(drawn.drawing, style)


@dataclass(frozen=True, slots=True)
class _DiffStyle:
    whole: GraphComparison
    drawn: ComparedDrawing
    side_a: ComparedSide
    side_b: ComparedSide
    names: SideNames
    measure: Measure
    links: Links

    def caption(self, drawing: Drawing) -> str:
        legend = self._legend(drawing) if functions_of(drawing.nodes) else ""
        return caption_table(
            comparison_lines(self.whole, self.drawn, self.side_a, self.side_b, self.measure), legend
        )

    def member(self, member: GraphNode | Fold) -> dict[str, str]:
        functions, names = self.drawn.functions, self.names
        if isinstance(member, Fold):
            return FOLD_ATTRIBUTES | {
                "label": diff_labels.fold_label(
                    member, functions, names, self.measure, colours.FOLD_FILL
                ),
                "tooltip": plain(diff_labels.fold_tooltip(member, functions, names, self.measure)),
            }
        item = functions[member.id]
        tooltip = plain(diff_labels.function_tooltip(item, names))
        if member.function.kind == "thread":
            label = diff_labels.thread_label(item, names, colours.THREAD_FILL)
            return THREAD_ATTRIBUTES | {"label": label, "tooltip": tooltip}
        background = diff_colours.fill_of(item, self.measure)
        attributes = {
            "label": diff_labels.function_label(item, names, self.measure, background),
            "tooltip": tooltip,
            "fillcolor": background,
            "color": colours.NODE_BORDER,
        }
        if item.side != "both":
            line = diff_colours.LINE_A if item.side == "a" else diff_colours.LINE_B
            attributes |= _LINE_OF_ONE_SIDE | {"color": line}
        return attributes | link_attributes(member, self.links)

    def edge(self, edge: GraphEdge, source: str, target: str) -> dict[str, str]:
        compared = self.drawn.edges[edge.source, edge.target]
        tooltip = plain(diff_labels.edge_tooltip(compared, source, target, self.names))
        attributes = {
            "label": diff_labels.edge_label(compared),
            "penwidth": pen_width(edge.calls + edge.resumes),
            "color": diff_colours.line_of(compared, self.measure),
            "tooltip": tooltip,
            "labeltooltip": tooltip,
        }
        return attributes | {"style": "dashed"} if edge.bridged else attributes

    def _legend(self, drawing: Drawing) -> str:
        a, b = self.names.a, self.names.b
        swatches = "".join(
            swatch(background, text)
            for background, text in (
                (diff_colours.ONLY_A, f" only {a} "),
                (diff_colours.change_fill(-1.0), f" 10 times more in {a} "),
                (diff_colours.change_fill(-0.3), " twice "),
                (diff_colours.SAME, " the same "),
                (diff_colours.change_fill(0.3), " twice "),
                (diff_colours.change_fill(1.0), f" 10 times more in {b} "),
                (diff_colours.ONLY_B, f" only {b} "),
            )
        )
        what: str = self.measure
        if self.measure in MEASURES_OF_MEMORY:
            what = f"{what} bytes, lines by calls"
        elif self.measure != "calls":
            what += " time"
        notes = [f"coloured by {what}", f"figures: calls in {a} {diff_labels.ARROW} in {b}"]
        if any(edge.bridged for edge in drawing.edges):
            notes.append("dashed line: across hidden frames")
        return legend_row(" ", swatches, "  " + " · ".join(notes))


def comparison_lines(
    comparison: GraphComparison,
    drawn: ComparedDrawing,
    side_a: ComparedSide,
    side_b: ComparedSide,
    measure: Measure = "calls",
) -> list[str]:
    """Return the caption as plain text: the title first, then one statement a line.

    ``drawn`` is what of the comparison the picture shows; ``measure`` says what is a difference.
    """
    query = comparison.graph_a.query
    names = side_names(side_a.name, side_b.name)
    a, b = short_text(side_a.name), short_text(side_b.name)
    lines = [f"{a} {diff_labels.ARROW} {b}, {depth_text(query)}"]
    if side_a.run == side_b.run:
        lines.append(f"both of {_run_text(side_a)}")
    else:
        letters = ("A: ", "B: ") if names.are_letters else ("", "")
        lines += [
            f"{letter}{short_text(side.name)}, of {_run_text(side)}"
            for letter, side in zip(letters, (side_a, side_b), strict=True)
        ]
        if are_different_programs(side_a.run, side_b.run):
            lines.append("these are recordings of different programs")
    folded = sum(len(fold.members) for fold in drawn.drawing.folds)
    same = comparison.count("same", measure)
    left_out = same - drawn.comparison.count("same", measure)
    other = "counts or bytes" if measure in MEASURES_OF_MEMORY else "counts"
    lines += [
        joined(
            f"{count(comparison.count('a'), 'function')} only in {names.a}",
            f"{comparison.count('b'):,} only in {names.b}",
            f"{comparison.count('changed', measure):,} in both with other {other}",
            f"{same:,} the same" + (f", {left_out:,} not drawn" if left_out else ""),
            *([f"{folded:,} folded"] if folded else []),
        ),
        filter_text(query),
    ]
    hidden = (
        comparison.graph_a.hidden_functions,
        comparison.graph_b.hidden_functions,
    )
    if any(hidden):
        lines.append(
            f"hidden: {count(hidden[0], 'function')} in {names.a}, {hidden[1]:,} in {names.b}"
        )
    return lines


def _run_text(side: ComparedSide) -> str:
    run = side.run
    return joined(
        short_text(run.target),
        f"engine {short_text(run.engine)}",
        f"Python {short_text(run.python)}",
        f"recorded {short_text(run.started)}",
        f"ran {duration(run.duration_ns)}" + _remark(run),
    )


def _remark(run: RunInformation) -> str:
    if run.running:
        return ", still running"
    return "" if run.complete else ", incomplete"
