"""The caption of a picture: what was traced and how, what is hidden, and how to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.render import colours
from callgraph_lab.render.labels import FIGURE_POINTS, markup
from callgraph_lab.render.text import count, duration, shorten, visible_text, wrap

if TYPE_CHECKING:
    from callgraph_lab.model import CallGraph, GraphNode, GraphQuery, HiddenByRule, RunInformation
    from callgraph_lab.render.drawing import Drawing

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
        f"{_short(run.target, LONGEST_TARGET_COLUMNS)}, {_depth(graph.query)}",
        _joined(
            f"engine {_short(run.engine)}",
            f"Python {_short(run.python)}",
            f"recorded {_short(run.started)}",
            f"ran {duration(run.duration_ns)}",
        ),
    ]
    if graph.query.action is not None:
        which = "action" if graph.query.nth is None else graph.query.nth
        lines.append(f"only what the {which} {_short(graph.query.action)} caused")
    lines += [_shown(drawing), _filters(graph.query), _hidden(graph)]
    if not run.complete:
        lines.append(
            "recording incomplete: the target was killed or still ran; all counts are up to then"
        )
    lines += [_short(note, 2 * LINE_COLUMNS) for note in run.notes[:MOST_NOTES]]
    return [line for line in lines if line]


def caption_label(drawing: Drawing, run: RunInformation) -> str:
    """Return the caption and the legend as an HTML-like label of the graph."""
    title, *facts = caption_lines(drawing, run)
    cells = [
        f'<font point-size="{TITLE_POINTS}" color="{colours.INK}"><b>{markup(title)}</b></font>'
    ]
    cells += [
        f'<font color="{colours.MUTED_INK}">{markup(line)}</font>'
        for fact in facts
        for line in wrap(fact, LINE_COLUMNS)
        if line
    ]
    if _functions(drawing.nodes):
        cells.append(_legend(drawing))
    rows = "".join(f'<tr><td align="left">{cell}</td></tr>' for cell in cells)
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{rows}</table>>'


def _depth(query: GraphQuery) -> str:
    depth = "every depth" if query.max_depth is None else f"depth {query.max_depth}"
    return depth if query.process is None else f"{depth}, process {query.process}"


def _shown(drawing: Drawing) -> str:
    functions = _functions(drawing.graph.nodes)
    if not functions:
        return ""
    folded = sum(len(fold.members) for fold in drawing.folds)
    return _joined(
        count(len(functions), "function") + (f", {folded:,} of them folded" if folded else ""),
        count(sum(node.calls for node in functions), "call"),
        "depth counts every frame"
        if drawing.graph.query.depth_by == "stack"
        else "depth counts visible functions",
    )


def _filters(query: GraphQuery) -> str:
    facts = [f"filter {_short(name)}" for name in query.filters]
    facts += [f"include {_short(rule)}" for rule in query.include]
    facts += [f"exclude {_short(rule)}" for rule in query.exclude]
    if query.stdlib is not None:
        facts.append("with the standard library" if query.stdlib else "no standard library")
    return _joined(*facts) if facts else "no filter"


def _hidden(graph: CallGraph) -> str:
    if not graph.hidden:
        return "" if _functions(graph.nodes) else "nothing was called"
    rules = sorted(graph.hidden, key=lambda rule: -rule.calls)
    told = "; ".join(_rule(rule) for rule in rules[:MOST_RULES])
    if len(rules) > MOST_RULES:
        told += f"; and {count(len(rules) - MOST_RULES, 'more rule')}"
    what = f"{count(graph.hidden_functions, 'function')}, {count(graph.hidden_calls, 'call')}"
    if _functions(graph.nodes):
        return f"hidden: {what}, by {told}"
    return f"nothing is left to draw; hidden: {what}, by {told}"


def _rule(rule: HiddenByRule) -> str:
    return f"{_short(rule.rule)} ({count(rule.functions, 'function')}, {count(rule.calls, 'call')})"


def _legend(drawing: Drawing) -> str:
    muted = f'<font point-size="{FIGURE_POINTS}" color="{colours.MUTED_INK}">'
    notes = ["figure on a line: calls"]
    if any(edge.bridged for edge in drawing.edges):
        notes.append("dashed line: across hidden frames")
    if any(node.open_calls for node in _functions(drawing.nodes)):
        notes.append("double border: still running")
    swatches = "".join(_swatch(step) for step in range(colours.DECADES + 1))
    return (
        '<table border="0" cellborder="0" cellspacing="0" cellpadding="2"><tr>'
        f"<td>{muted}self time  </font></td>{swatches}"
        f"<td>{muted}  of the run · {' · '.join(notes)}</font></td></tr></table>"
    )


def _swatch(step: int) -> str:
    background = colours.fill(step / colours.DECADES)
    share = 100 * 10.0 ** (step - colours.DECADES)
    return (
        f'<td bgcolor="{background}" width="46" height="14"><font point-size="{_SWATCH_POINTS}"'
        f' color="{colours.ink_on(background)}">{share:g} %</font></td>'
    )


def _functions(nodes: tuple[GraphNode, ...]) -> list[GraphNode]:
    return [node for node in nodes if node.function.kind != "thread"]


def _joined(*facts: str) -> str:
    return " · ".join(facts)


def _short(text: str, most_columns: int = LONGEST_FACT_COLUMNS) -> str:
    return shorten(visible_text(text), most_columns)
