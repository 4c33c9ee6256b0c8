from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from unit.render.samples import HOSTILE_NAMES, edge, function, graph, node, run, thread

from callgraph_lab.graph.compare import ComparedSide, GraphComparison, compare_graphs
from callgraph_lab.memory_model import NodeMemory
from callgraph_lab.render import colours, diff_colours
from callgraph_lab.render.diff_drawing import draw_comparison
from callgraph_lab.render.diff_labels import side_names
from callgraph_lab.render.diff_style import comparison_dot, comparison_lines
from callgraph_lab.render.layout import LayoutJob, lay_out_many

if TYPE_CHECKING:
    from callgraph_lab.errors import CallgraphLabError
    from callgraph_lab.model import CallGraph
    from callgraph_lab.render.layout import Layout

STOR = ComparedSide("STOR", "action", run())
IDLE = ComparedSide("idle", "action", run())

# How a person without one kind of cone sees linear red, green and blue (Viénot 1999).
COLOUR_BLIND = {
    "protanopia": ((0.1121, 0.8853, -0.0005), (0.1127, 0.8897, -0.0001), (0.0045, 0.0, 1.0019)),
    "deuteranopia": ((0.2920, 0.7054, -0.0003), (0.2934, 0.7089, 0.0), (-0.0210, 0.0256, 1.0019)),
    "tritanopia": ((1.0159, 0.1351, -0.1488), (-0.0154, 0.8683, 0.1448), (0.1002, 0.8168, 0.1169)),
}


def side(calls_of_work: int, *more: str) -> CallGraph:
    names = ["work", *more]
    return graph(
        [
            thread(inclusive_ns=9_000),
            node("main", inclusive_ns=9_000),
            *(node(name, calls=calls_of_work, min_depth=2) for name in names),
        ],
        [edge("t", "main"), *(edge("main", name, calls=calls_of_work) for name in names)],
    )


def comparison() -> GraphComparison:
    return compare_graphs(side(12, "put"), side(15, "get"))


def dot(what: GraphComparison, **more: object) -> str:
    return comparison_dot(what, STOR, IDLE, **more)  # type: ignore[arg-type]


def test_boxes_say_the_side_and_the_change() -> None:
    text = dot(comparison())
    assert "<b>only STOR</b>: 12 calls" in text
    assert "<b>only idle</b>: 15 calls" in text
    assert "12 → 15 calls (+3)" in text
    assert ">12 → 15</td>" in text
    assert "STOR → idle, depth 4" in text


def test_boxes_are_coloured_by_side_and_change() -> None:
    text = dot(comparison())
    for colour in (
        diff_colours.ONLY_A,
        diff_colours.ONLY_B,
        diff_colours.SAME,
        diff_colours.change_fill(diff_colours.change(12, 15)),
    ):
        assert f'fillcolor="{colour}"' in text


def test_another_measure_has_another_colour_and_says_so() -> None:
    text = dot(comparison(), measure="self")
    assert "coloured by self time" in text
    assert (
        diff_colours.change_fill(diff_colours.change(12, 15)) not in text.partition("only idle")[2]
    )
    assert "self 500 ns → 500 ns" in text


def test_what_is_the_same_and_leads_nowhere_is_left_out() -> None:
    same = compare_graphs(side(12, "put", "get"), side(12, "put"))
    assert "work" not in dot(same)
    assert "2 the same" not in dot(same)
    assert "3 the same, 2 not drawn" in dot(same)
    whole = dot(same, with_same=True)
    assert "<b>work</b>" in whole
    assert "not drawn" not in whole


def test_what_is_the_same_is_folded_first() -> None:
    wide = side(3, *(f"f{number}" for number in range(20)))
    other = replace(
        wide,
        nodes=tuple(replace(one, calls=9) if one.id == "f19" else one for one in wide.nodes),
    )
    drawn = draw_comparison(compare_graphs(wide, other), max_nodes=5)
    assert "f19" in {one.id for one in drawn.drawing.nodes}
    text = comparison_dot(compare_graphs(wide, other), STOR, IDLE, max_nodes=5, with_same=True)
    assert "the same" in text.rpartition(" more</b>")[2]


def test_sides_are_named_shortly_or_by_letters() -> None:
    assert side_names("STOR", "idle").a == "STOR"
    recordings = side_names("up-20261123-141502", "down-20261123-141502-2")
    assert (recordings.a, recordings.b) == ("up", "down")
    for pair in (("x" * 17, "y"), ("x", "x"), ("ftp-20261123-141502", "ftp-20261123-141503")):
        assert side_names(*pair).are_letters


def test_the_caption_says_what_a_and_b_are_and_that_programs_differ() -> None:
    one = ComparedSide("x" * 30, "recording", run())
    other = ComparedSide("y", "recording", run(target="other.py"))
    drawn = draw_comparison(comparison())
    lines = comparison_lines(comparison(), drawn, one, other)
    assert lines[1].startswith(f"A: {'x' * 30}, of app.py")
    assert lines[2].startswith("B: y, of other.py")
    assert "these are recordings of different programs" in lines
    assert "1 function only in A · 1 only in B · 1 in both with other counts · 1 the same" in lines
    same_run = comparison_lines(comparison(), drawn, STOR, IDLE)
    assert same_run[1].startswith("both of app.py")
    assert "these are recordings of different programs" not in same_run


def test_an_empty_comparison_can_be_drawn() -> None:
    assert "STOR → idle" in dot(compare_graphs(graph([]), graph([])))
    assert "no difference" not in dot(compare_graphs(side(1), side(1)))


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_any_name_can_be_laid_out(name: str) -> None:
    def graph_of(*calls: int) -> CallGraph:
        nodes = [
            node(str(number), function(name or "x", module=f"m{number}"), calls=count)
            for number, count in enumerate(calls)
        ]
        return graph([thread("t", name), *nodes], [edge("t", one.id) for one in nodes])

    made: list[Layout | CallgraphLabError] = []
    text = comparison_dot(
        compare_graphs(graph_of(1, 2), graph_of(1, 3, 4)),
        ComparedSide(name, "action", run(target=name)),
        ComparedSide("b", "action", run()),
        links="vscode",
    )
    job = LayoutJob(name="x", dot=text, formats=("svg",))
    lay_out_many([job], on_done=lambda _, outcome: made.append(outcome))
    (outcome,) = made
    assert not isinstance(outcome, Exception)
    assert outcome.images["svg"]


def test_change_is_by_the_logarithm_and_symmetric() -> None:
    assert [diff_colours.change(*pair) for pair in ((5, 5), (0, 0), (0, 3), (3, 0))] == [
        0,
        0,
        1,
        -1,
    ]
    assert diff_colours.change(1, 100) == 1
    assert diff_colours.change(2, 4) == pytest.approx(-diff_colours.change(4, 2))
    lightness = [colours.oklab(diff_colours.change_fill(step / 8))[0] for step in range(9)]
    assert lightness == sorted(lightness, reverse=True)


@pytest.mark.parametrize("place", [step / 16 for step in range(-16, 17)])
def test_text_is_legible_on_every_fill(place: float) -> None:
    background = diff_colours.change_fill(place)
    assert colours.contrast(colours.muted_ink_on(background), background) >= colours.LEGIBLE


def test_text_is_legible_on_what_one_side_has() -> None:
    for background in (diff_colours.ONLY_A, diff_colours.ONLY_B):
        assert colours.contrast(colours.ink_on(background), background) >= colours.LEGIBLE
    for line in (diff_colours.LINE_A, diff_colours.LINE_B):
        assert colours.contrast(line, colours.WHITE) >= 2.5


@pytest.mark.parametrize("kind", COLOUR_BLIND)
def test_sides_stay_apart_with_colour_blindness_and_in_grey(kind: str) -> None:
    shown = [
        seen(colour, COLOUR_BLIND[kind])
        for colour in (
            diff_colours.ONLY_A,
            diff_colours.change_fill(-1.0),
            diff_colours.SAME,
            diff_colours.change_fill(1.0),
            diff_colours.ONLY_B,
        )
    ]
    for one, other in itertools.combinations(shown, 2):
        assert math.dist(colours.oklab(one), colours.oklab(other)) > 0.05
    grey = [colours.oklab(colour)[0] for colour in (diff_colours.ONLY_A, diff_colours.ONLY_B)]
    assert abs(grey[0] - grey[1]) > 0.2


def seen(colour: str, cones: tuple[tuple[float, float, float], ...]) -> str:
    linear = [colours._linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5)]
    mixed = [sum(a * b for a, b in zip(row, linear, strict=True)) for row in cones]
    clipped = [min(1.0, max(0.0, value)) for value in mixed]
    return "#" + "".join(f"{round(255 * colours._gamma(value)):02x}" for value in clipped)


def test_dot_is_the_same_each_time() -> None:
    assert dot(comparison()) == dot(comparison())
    assert len(re.findall("subgraph cluster_", dot(comparison()))) == 1


def test_bytes_of_both_sides() -> None:
    graphs = [
        graph(
            [
                thread(),
                node("main", memory=NodeMemory(10, 0, 10, 1)),
                node("hold", memory=NodeMemory(size_bytes, 0, size_bytes, 1)),
                *([node("only", memory=NodeMemory(4096, 0, 0, 2))] if size_bytes > 2000 else []),
            ],
            [edge("t", "main"), edge("main", "hold")],
        )
        for size_bytes in (1024, 10_240)
    ]
    text = dot(compare_graphs(*graphs), measure="allocated")
    assert "allocated 1.00 KiB → 10.0 KiB" in text
    assert "allocated 4.00 KiB" in text
    assert f'fillcolor="{diff_colours.change_fill(1.0)}"' in text
    assert "coloured by allocated bytes, lines by calls" in text
    assert "1 in both with other counts or bytes" in text
    assert "1.00 KiB allocated in 1 block, 0 B freed, 1.00 KiB net" in text
