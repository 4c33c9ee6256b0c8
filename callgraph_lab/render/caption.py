"""The caption of a picture: what was traced and how, what is hidden, and how to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.render import colours
from callgraph_lab.render.labels import FIGURE_POINTS, markup
from callgraph_lab.render.text import count, duration, shorten, visible_text, wrap

if TYPE_CHECKING:
    from callgraph_lab.model import CallGraph, GraphQuery, HiddenByRule, RunInformation
    from callgraph_lab.render.drawing import Drawing

TITLE_POINTS = 20
LINE_COLUMNS = 96
LONGEST_TARGET_COLUMNS = 60
LONGEST_RULE_COLUMNS = 70
MOST_RULES = 4


def caption_lines(drawing: Drawing, run: RunInformation) -> list[str]:
    """Return the caption as plain text: the title first, then one statement a line."""
    graph = drawing.graph
    lines = [
        f"{_short(run.target, LONGEST_TARGET_COLUMNS)}, {_depth(graph.query)}",
        f"Recorded {_short(run.started, LINE_COLUMNS)} with engine {_short(run.engine, LINE_COLUMNS)},"
        f" Python {_short(run.python, LINE_COLUMNS)}, for {duration(run.duration_ns)}.",
        _shown(drawing),
    ]
    if graph.query.action is not None:
        lines.append(f"Only what the action {_short(graph.query.action, LINE_COLUMNS)} caused.")
    lines.append(_filters(graph.query))
    lines.append(_hidden(graph))
    if not run.complete:
        lines.append(
            "The recording is not complete: the target was killed or still ran,"
            " and figures stand as of then."
        )
    lines += [_short(note, 2 * LINE_COLUMNS) for note in run.notes]
    return [line for line in lines if line]


def caption_label(drawing: Drawing, run: RunInformation) -> str:
    """Return the caption and the legend as an HTML-like label of the graph."""
    title, *facts = caption_lines(drawing, run)
    cells = [f'<font point-size="{TITLE_POINTS}" color="{colours.INK}"><b>{markup(title)}</b></font>']
    cells += [
        f'<font color="{colours.MUTED_INK}">{markup(line)}</font>'
        for fact in facts
        for line in wrap(fact, LINE_COLUMNS)
    ]
    if drawing.nodes:
        cells.append(_legend(drawing))
    rows = "".join(f'<tr><td align="left">{cell}</td></tr>' for cell in cells)
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{rows}</table>>'


def _depth(query: GraphQuery) -> str:
    return "every depth" if query.max_depth is None else f"depth {query.max_depth}"


def _shown(drawing: Drawing) -> str:
    graph = drawing.graph
    if not graph.nodes:
        return ""
    functions = [node for node in graph.nodes if node.function.kind != "thread"]
    text = f"{count(len(functions), 'function')}, {count(sum(n.calls for n in functions), 'call')}"
    if graph.query.depth_by == "stack":
        text += "; every frame counts as a depth"
    elif graph.hidden:
        text += "; hidden functions do not count as a depth"
    folded = sum(len(fold.members) for fold in drawing.folds)
    if folded:
        text += f"; the {folded:,} lightest are folded"
    return text + "."


def _filters(query: GraphQuery) -> str:
    parts = [f"filter {_short(name, LONGEST_RULE_COLUMNS)}" for name in query.filters]
    parts += [f"include {_short(rule, LONGEST_RULE_COLUMNS)}" for rule in query.include]
    parts += [f"exclude {_short(rule, LONGEST_RULE_COLUMNS)}" for rule in query.exclude]
    if query.stdlib is not None:
        parts.append("with the standard library" if query.stdlib else "without the standard library")
    return f"Shown by {', '.join(parts)}." if parts else "No filter."


def _hidden(graph: CallGraph) -> str:
    if not graph.hidden:
        return "Nothing visible was called." if not graph.nodes else ""
    rules = sorted(graph.hidden, key=lambda rule: -rule.calls)
    told = ", ".join(_rule(rule) for rule in rules[:MOST_RULES])
    if len(rules) > MOST_RULES:
        told += f" and {count(len(rules) - MOST_RULES, 'more rule')}"
    what = f"{count(graph.hidden_functions, 'function')} with {count(graph.hidden_calls, 'call')}"
    if not [node for node in graph.nodes if node.function.kind != "thread"]:
        return f"Nothing is left to draw: {what} hidden by {told}."
    return f"Hidden: {what}, by {told}."


def _rule(rule: HiddenByRule) -> str:
    return f"{_short(rule.rule, LONGEST_RULE_COLUMNS)} ({rule.functions:,})"


def _legend(drawing: Drawing) -> str:
    swatches = "".join(
        f'<td bgcolor="{colours.fill(step / colours.DECADES)}" width="46" height="14">'
        f'<font point-size="8" color="{colours.ink_on(colours.fill(step / colours.DECADES))}">'
        f"{10.0 ** (step - colours.DECADES + 2):g} %</font></td>"
        for step in range(colours.DECADES + 1)
    )
    notes = ["number on a line: calls"]
    if any(edge.bridged for edge in drawing.edges):
        notes.append("dashed: across hidden frames")
    if any(node.open_calls for node in drawing.nodes):
        notes.append("double border: still running")
    text = "   ".join(notes)
    muted = f'<font point-size="{FIGURE_POINTS}" color="{colours.MUTED_INK}">'
    return (
        '<table border="0" cellborder="0" cellspacing="0" cellpadding="2"><tr>'
        f"<td>{muted}share of all self time  </font></td>{swatches}"
        f"<td>{muted}   {text}</font></td></tr></table>"
    )


def _short(text: str, most_columns: int) -> str:
    return shorten(visible_text(text), most_columns)
