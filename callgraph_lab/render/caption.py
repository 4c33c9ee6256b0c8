"""The caption of a picture: what was traced and how, what is hidden, and how to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.render import colours
from callgraph_lab.render.ending_text import double_border_text
from callgraph_lab.render.heat import HEAT
from callgraph_lab.render.labels import FIGURE_POINTS, markup
from callgraph_lab.render.text import count, duration, shorten, visible_text, wrap

if TYPE_CHECKING:
    from callgraph_lab.model import CallGraph, GraphNode, GraphQuery, HiddenByRule, RunInformation
    from callgraph_lab.render.drawing import Drawing
    from callgraph_lab.render.heat import Heat

TITLE_POINTS = 18
LINE_COLUMNS = 100
LONGEST_TARGET_COLUMNS = 60
LONGEST_FACT_COLUMNS = 70
MOST_RULES = 4
MOST_NOTES = 4
_SWATCH_POINTS = 8


def caption_lines(drawing: Drawing, run: RunInformation) -> list[str]:
    """Return the caption as plain text: the title first, then one statement a line."""
    graph = drawing.graph
    lines = [
        f"{short_text(run.target, LONGEST_TARGET_COLUMNS)}, {depth_text(graph.query)}",
        joined(
            f"engine {short_text(run.engine)}",
            f"Python {short_text(run.python)}",
            f"recorded {short_text(run.started)}",
            f"ran {duration(run.duration_ns)}",
        ),
    ]
    if graph.query.action is not None:
        which = "action" if graph.query.nth is None else graph.query.nth
        lines.append(f"only what the {which} {short_text(graph.query.action)} caused")
    if graph.query.excerpt:
        lines.append(short_text(graph.query.excerpt, 2 * LINE_COLUMNS))
    lines += [_shown(drawing), filter_text(graph.query), _hidden(graph)]
    if run.running:
        lines.append("recording goes on: the target was still running; all counts are up to then")
    elif not run.complete:
        lines.append(
            "recording incomplete: the target or cglab was killed; all counts are up to then"
        )
    lines += [short_text(note, 2 * LINE_COLUMNS) for note in run.notes[:MOST_NOTES]]
    return [line for line in lines if line]


def caption_label(drawing: Drawing, run: RunInformation, heat: Heat = HEAT["time"]) -> str:
    """Return the caption and the legend, of what ``heat`` is, as an HTML-like label."""
    legend = _legend(drawing, heat) if functions_of(drawing.nodes) else ""
    return caption_table(caption_lines(drawing, run), legend)


def caption_table(lines: list[str], legend: str) -> str:
    """Return lines of text, the title first, and the markup of a legend as an HTML-like label."""
    title, *facts = lines
    cells = [
        f'<font point-size="{TITLE_POINTS}" color="{colours.INK}"><b>{markup(title)}</b></font>'
    ]
    cells += [
        f'<font color="{colours.MUTED_INK}">{markup(line)}</font>'
        for fact in facts
        for line in wrap(fact, LINE_COLUMNS)
        if line
    ]
    if legend:
        cells.append(legend)
    rows = "".join(f'<tr><td align="left">{cell}</td></tr>' for cell in cells)
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{rows}</table>>'


def depth_text(query: GraphQuery) -> str:
    """Return the depth of a picture, and which process it is of."""
    depth = "every depth" if query.max_depth is None else f"depth {query.max_depth}"
    return depth if query.process is None else f"{depth}, process {query.process}"


def _shown(drawing: Drawing) -> str:
    functions = functions_of(drawing.graph.nodes)
    if not functions:
        return ""
    folded = sum(len(fold.members) for fold in drawing.folds)
    return joined(
        count(len(functions), "function") + (f", {folded:,} of them folded" if folded else ""),
        count(sum(node.calls for node in functions), "call"),
        "depth counts every frame"
        if drawing.graph.query.depth_by == "stack"
        else "depth counts visible functions",
    )


def filter_text(query: GraphQuery) -> str:
    """Return by which filters a picture shows what it shows."""
    facts = [f"filter {short_text(name)}" for name in query.filters]
    facts += [f"include {short_text(rule)}" for rule in query.include]
    facts += [f"exclude {short_text(rule)}" for rule in query.exclude]
    if query.stdlib is not None:
        facts.append("with the standard library" if query.stdlib else "no standard library")
    return joined(*facts) if facts else "no filter"


def _hidden(graph: CallGraph) -> str:
    if not graph.hidden:
        return "" if functions_of(graph.nodes) else "nothing was called"
    rules = sorted(graph.hidden, key=lambda rule: -rule.calls)
    told = "; ".join(_rule(rule) for rule in rules[:MOST_RULES])
    if len(rules) > MOST_RULES:
        told += f"; and {count(len(rules) - MOST_RULES, 'more rule')}"
    what = f"{count(graph.hidden_functions, 'function')}, {count(graph.hidden_calls, 'call')}"
    if functions_of(graph.nodes):
        return f"hidden: {what}, by {told}"
    return f"nothing is left to draw; hidden: {what}, by {told}"


def _rule(rule: HiddenByRule) -> str:
    told = f"{count(rule.functions, 'function')}, {count(rule.calls, 'call')}"
    return f"{short_text(rule.rule)} ({told})"


def _legend(drawing: Drawing, heat: Heat) -> str:
    notes = ["figure on a line: calls"]
    if any(edge.bridged for edge in drawing.edges):
        notes.append("dashed line: across hidden frames")
    border = double_border_text(node.unreturned for node in functions_of(drawing.nodes))
    notes += [border] if border else []
    swatches = "".join(
        swatch(
            colours.fill(step / colours.DECADES), f"{100 * 10.0 ** (step - colours.DECADES):g} %"
        )
        for step in range(colours.DECADES + 1)
    )
    return legend_row(f"{heat.title}  ", swatches, f"  {heat.whole} · {' · '.join(notes)}")


def legend_row(before: str, swatches: str, behind: str) -> str:
    """Return the markup of a legend: text, the markup of swatches, text."""
    muted = f'<font point-size="{FIGURE_POINTS}" color="{colours.MUTED_INK}">'
    return (
        '<table border="0" cellborder="0" cellspacing="0" cellpadding="2"><tr>'
        f"<td>{muted}{markup(before)}</font></td>{swatches}"
        f"<td>{muted}{markup(behind)}</font></td></tr></table>"
    )


def swatch(background: str, text: str) -> str:
    """Return the markup of one field of a legend, in a colour of the picture."""
    return (
        f'<td bgcolor="{background}" width="46" height="14"><font point-size="{_SWATCH_POINTS}"'
        f' color="{colours.ink_on(background)}">{markup(text)}</font></td>'
    )


def functions_of(nodes: tuple[GraphNode, ...]) -> list[GraphNode]:
    """Return the nodes that are no threads."""
    return [node for node in nodes if node.function.kind != "thread"]


def joined(*facts: str) -> str:
    """Return facts as one line."""
    return " · ".join(facts)


def short_text(text: str, most_columns: int = LONGEST_FACT_COLUMNS) -> str:
    """Return text of the target's with nothing in it that does not print, and not too long."""
    return shorten(visible_text(text), most_columns)
