from __future__ import annotations

import re

import pytest
from unit.render.samples import edge, function, graph, node, run, thread, two_functions

from callgraph_lab.ending_model import OpenCalls
from callgraph_lab.memory_model import NodeMemory
from callgraph_lab.model import CallGraph, HiddenByRule
from callgraph_lab.render import colours
from callgraph_lab.render.dot import dot_text


def statements(text: str) -> dict[str, str]:
    """Return the attributes of each node and edge, as written, by what stands before them."""
    pattern = re.compile(r"^\t+(n\d+(?: -> n\d+)?) \[(.*?)\]$", re.MULTILINE | re.DOTALL)
    return {found[1]: found[2] for found in pattern.finditer(text)}


def drawn(whole: CallGraph, **options: object) -> dict[str, str]:
    return statements(dot_text(whole, run(), **options))  # type: ignore[arg-type]


def test_names_stand_in_labels_and_ids_are_ours() -> None:
    found = drawn(two_functions())
    assert list(found) == ["n0", "n1", "n2", "n0 -> n1", "n1 -> n2"]
    assert "<b>main</b>" in found["n1"]
    assert "12 calls · 9.00 ms" in found["n2"]
    assert ">12<" in found["n1 -> n2"]


def test_class_and_defining_class_are_told() -> None:
    loop = function(
        "_IOLoop.loop", module="ioloop", class_name="ioloop:Epoll", file="/i.py", line=3
    )
    (label,) = drawn(graph([node("a", loop)])).values()
    assert "<b>Epoll.loop</b>" in label
    assert "defined in _IOLoop" in label
    assert "defined in _IOLoop, /i.py:3" in label


def test_a_long_dotted_name_breaks_before_the_function() -> None:
    long = function("DistutilsMetaFinder.spec_for_pip")
    (label,) = drawn(graph([node("a", long)])).values()
    assert "<b>DistutilsMetaFinder.</b><br/><b>spec_for_pip</b>" in label


def test_a_4_kb_name_is_shortened_and_whole_in_the_tooltip() -> None:
    (label,) = drawn(graph([node("a", function("x" * 4096))])).values()
    assert "<b>xxxxxxxxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxxxxxxxx</b>" in label
    assert "app." + "x" * 4096 in label.replace("\\\n", "")


def test_open_calls_suspended_and_resumes_are_marked() -> None:
    whole = graph([node("a", unreturned=OpenCalls(running=1), suspended=2, resumes=3), node("b")])
    busy, idle = drawn(whole).values()
    assert "still running: 1" in busy
    assert "peripheries=2" in busy
    assert "suspended: 2" in busy
    assert "1 call, 3 resumes" in busy
    assert not [word for word in ("running", "suspended", "peripheries") if word in idle]


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (OpenCalls(exited=1), "exited inside: 1"),
        (OpenCalls(replaced=2), "replaced by exec: 2"),
        (OpenCalls(killed=1_234), "killed inside: 1,234"),
        (OpenCalls(stopped=1), "recording stopped inside: 1"),
    ],
)
def test_calls_of_dead_processes_say_how_they_ended(left: OpenCalls, told: str) -> None:
    (box,) = drawn(graph([node("a", unreturned=left)])).values()
    assert f"<b>{told}</b>" in box
    assert box.count(told) == 2, "once on the box, once in the tooltip"
    assert "running" not in box
    assert "peripheries=2" in box


def test_calls_of_several_processes_are_told_apart() -> None:
    (box,) = drawn(graph([node("a", unreturned=OpenCalls(1, 2, 3, 4, 5))])).values()
    for told in ("still running: 1", "exited inside: 2", "replaced by exec: 3"):
        assert box.count(told) == 2
    assert box.count("killed inside: 4") == box.count("recording stopped inside: 5") == 2


def test_bridged_edges_are_dashed_and_say_what_they_skip() -> None:
    whole = graph(
        [node("a"), node("b"), node("c")],
        [edge("a", "b", bridged=True, skipped_frames=4), edge("a", "c", calls=0, resumes=2)],
    )
    found = drawn(whole)
    assert "style=dashed" in found["n0 -> n1"]
    assert "skips 4" in found["n0 -> n1"]
    assert "across 4 hidden frames at most" in found["n0 -> n1"]
    assert "style=dashed" not in found["n0 -> n2"]
    assert ">2 resumes<" in found["n0 -> n2"]


def test_lines_grow_with_the_logarithm_of_calls() -> None:
    calls = [1, 10, 100, 10**9]
    whole = graph(
        [node("a"), *(node(f"b{n}") for n in calls)], [edge("a", f"b{n}", calls=n) for n in calls]
    )
    widths = [float(w) for w in re.findall(r"penwidth=([0-9.]+)", dot_text(whole, run()))]
    assert widths == sorted(widths) == [0.8, 1.65, 2.5, 4.5]


def test_a_function_keeps_its_colour_across_depths() -> None:
    shallow = graph([thread(inclusive_ns=1_000_000), node("a", self_ns=10_000)])
    deep = graph([*shallow.nodes, node("b", self_ns=900_000)])
    assert f'fillcolor="{colours.fill(0.5)}"' in drawn(shallow)["n1"]
    assert f'fillcolor="{colours.fill(0.5)}"' in drawn(deep)["n1"]


def test_threads_look_different() -> None:
    found = drawn(graph([thread(name="Worker-1"), node("a")]))
    assert "shape=oval" in found["n0"]
    assert "Worker-1" in found["n0"]
    assert "shape=oval" not in found["n1"]


def test_links_only_where_asked_for() -> None:
    whole = graph([node("a", function("a", file="/a.py", line=3))])
    assert 'URL="vscode://file/a.py:3"' in drawn(whole, links="vscode")["n0"]
    assert 'URL="file:///a.py"' in drawn(whole, links="file")["n0"]
    assert "URL" not in drawn(whole)["n0"]


def test_folds_are_told() -> None:
    left = {1: OpenCalls(killed=2), 7: OpenCalls(running=1)}
    light = [node(f"f{n}", unreturned=left.get(n, OpenCalls())) for n in range(8)]
    whole = graph(
        [node("m", inclusive_ns=10**6), *light],
        [edge("m", f"f{n}") for n in range(8)],
    )
    fold = drawn(whole, max_nodes=3)["n2"]
    assert "… 7 more" in fold
    assert "in app" in fold
    assert "7 calls" in fold
    assert "still running: 1" in fold
    assert "killed inside: 2" in fold
    assert "app.f5: 1 call" in fold


def test_an_emptied_graph_is_its_caption() -> None:
    whole = graph([], hidden=(HiddenByRule("exclude *", 7, 9),), exclude=("*",))
    text = dot_text(whole, run())
    assert statements(text) == {}
    assert "nothing is left to draw; hidden: 7 functions, 9 calls, by exclude *" in text


def test_the_same_graph_gives_the_same_text() -> None:
    assert dot_text(two_functions(), run()) == dot_text(two_functions(), run())


def with_memory() -> CallGraph:
    """Return a short function that holds much, and a long one that holds little."""
    return graph(
        [
            thread(
                inclusive_ns=10_000,
                memory=NodeMemory(
                    inclusive_allocated_bytes=3_000_000,
                    inclusive_net_bytes=1_000_000,
                    peak_bytes=2_000_000,
                ),
            ),
            node("h", "hold", memory=NodeMemory(1_000_000, 0, 1_000_000, 4, 1_000_000, 1_000_000)),
            node(
                "p",
                "pass_by",
                inclusive_ns=9_000,
                self_ns=9_000,
                memory=NodeMemory(2_000_000, 2_000_000, 0, 8, 2_000_000, 0),
            ),
        ]
    )


def test_boxes_are_filled_by_memory() -> None:
    thread_box, hold, pass_by = drawn(with_memory(), heat_by="memory").values()
    assert f'fillcolor="{colours.fill(1.0)}"' in hold
    assert f'fillcolor="{colours.fill(0.0)}"' in pass_by
    assert "holds 977 KiB, 977 KiB inclusive" in hold
    assert "the process held 1.91 MiB at most" in thread_box
    text = dot_text(with_memory(), run(), heat_by="memory")
    assert "net memory" in text
    assert "of all that is held" in text


def test_boxes_are_filled_by_what_was_allocated() -> None:
    _, hold, pass_by = drawn(with_memory(), heat_by="allocated").values()
    assert f'fillcolor="{colours.fill(colours.heat(1, 3))}"' in hold
    assert f'fillcolor="{colours.fill(colours.heat(2, 3))}"' in pass_by
    assert "1.91 MiB in 8 blocks" in pass_by
    assert "of all that was allocated" in dot_text(with_memory(), run(), heat_by="allocated")


def test_what_holds_most_is_not_folded_where_memory_shows() -> None:
    many = with_memory()
    light = [node(f"f{n}", inclusive_ns=5_000, memory=NodeMemory()) for n in range(9)]
    whole = graph([*many.nodes, *light])
    assert "<b>hold</b>" not in dot_text(whole, run(), max_nodes=3)
    assert "<b>hold</b>" in dot_text(whole, run(), max_nodes=3, heat_by="memory")
