from __future__ import annotations

from unit.render.samples import edge, function, graph, node, run, thread, two_functions

from callgraph_lab.ending_model import OpenCalls
from callgraph_lab.model import CallGraph, HiddenByRule
from callgraph_lab.render.budget import apply_node_budget
from callgraph_lab.render.caption import LINE_COLUMNS, caption_label, caption_lines


def lines_of(whole: CallGraph, most: int = 80, **facts: object) -> list[str]:
    return caption_lines(apply_node_budget(whole, max_nodes=most), run(**facts))


def test_it_says_what_was_traced_and_how() -> None:
    assert lines_of(two_functions()) == [
        "app.py, depth 4",
        "engine pycallgraph2 · Python 3.11.7 · recorded 2026-11-23T14:15:02+01:00 · ran 2.13 s",
        "2 functions · 13 calls · depth counts visible functions",
        "no filter",
    ]


def test_it_says_how_depth_is_counted() -> None:
    whole = graph([node("a")], max_depth=None, depth_by="stack")
    title, _, shown, *_ = lines_of(whole)
    assert title == "app.py, every depth"
    assert shown.endswith("depth counts every frame")


def test_it_says_what_is_hidden_and_by_which_rule() -> None:
    hidden = (
        HiddenByRule("exclude logging.* (filter no-logging)", 12, 340),
        HiddenByRule("no standard library", 1, 5_000),
    )
    whole = graph(
        [node("a")], hidden=hidden, filters=("no-logging",), exclude=("x.*",), stdlib=False
    )
    told = lines_of(whole)
    assert "filter no-logging · exclude x.* · no standard library" in told
    assert (
        "hidden: 13 functions, 5,340 calls, by no standard library (1 function, 5,000 calls);"
        " exclude logging.* (filter no-logging) (12 functions, 340 calls)"
    ) in told


def test_many_rules_are_summed_up() -> None:
    hidden = tuple(HiddenByRule(f"exclude m{n}", 1, n) for n in range(9))
    assert lines_of(graph([node("a")], hidden=hidden))[-1].endswith("; and 5 more rules")


def test_a_graph_that_filters_emptied_says_which_rule_did() -> None:
    whole = graph([thread()], hidden=(HiddenByRule("exclude *", 7, 9),), exclude=("*",))
    assert lines_of(whole)[-1] == (
        "nothing is left to draw; hidden: 7 functions, 9 calls, by exclude * (7 functions, 9 calls)"
    )
    assert lines_of(graph([]))[-1] == "nothing was called"


def test_it_says_that_a_recording_is_incomplete_and_its_notes() -> None:
    told = lines_of(two_functions(), complete=False, notes=("The disk was full.",))
    assert told[-2].startswith("recording incomplete")
    assert told[-1] == "The disk was full."


def test_it_says_what_is_folded_and_which_action_is_shown() -> None:
    whole = graph([node(f"f{n}") for n in range(9)], action="STOR")
    told = lines_of(whole, 4)
    assert "only what the action STOR caused" in told
    one = lines_of(graph([node("f")], action="STOR", nth="slowest"))
    assert "only what the slowest STOR caused" in one
    assert "9 functions, 6 of them folded · 9 calls · depth counts visible functions" in told


def test_the_legend_explains_only_what_is_there() -> None:
    plain = caption_label(apply_node_budget(two_functions()), run())
    assert "dashed" not in plain
    assert "double border" not in plain
    whole = graph(
        [node("a", unreturned=OpenCalls(running=1)), node("b")], [edge("a", "b", bridged=True)]
    )
    told = caption_label(apply_node_budget(whole), run())
    assert "dashed line: across hidden frames" in told
    assert "double border: still running" in told
    assert "self time" not in caption_label(apply_node_budget(graph([thread()])), run())


def test_long_facts_are_shortened_and_wrapped() -> None:
    whole = graph([node("a", function("a"))], include=("x" * 4096,), exclude=("y" * 4096,) * 3)
    told = lines_of(whole, target="/srv/" + "z" * 4096, notes=("word " * 500,))
    assert max(map(len, told)) <= 4 * LINE_COLUMNS
    assert "…" in told[0]
