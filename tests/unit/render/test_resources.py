"""Use of resources as text and as SVG."""

from __future__ import annotations

from array import array
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from unit.recording.builders import small_recording

from callgraph_lab.action_model import ActionInstance, RecordedAction
from callgraph_lab.model import RecordedMark, Recording
from callgraph_lab.render.resource_chart import MOST_BANDS, chart
from callgraph_lab.render.resource_svg import draw_resources
from callgraph_lab.render.text import columns
from callgraph_lab.resource_model import ResourceSeries

SECOND = 1_000_000_000
SVG = "{http://www.w3.org/2000/svg}"


def recording(actions: int = 2, name: str = "STOR") -> Recording:
    """Return ten seconds in which CPU and memory grow, with two uploads and an idle time."""
    base = small_recording()
    seconds = range(1, 11)
    series = ResourceSeries(
        array("Q", [second * SECOND for second in seconds]),
        array("Q", [second * second * SECOND // 10 for second in seconds]),
        array("Q", [second * 1024**2 for second in seconds]),
        *(array("Q", [number] * 10) for number in (9, 2, 1)),
    )
    kinds = [RecordedAction(f"{name}{number or ''}") for number in range(actions)]
    instances = [
        ActionInstance(1, 1, 1, action, 0, begin_ns=SECOND, end_ns=3 * SECOND, detail="a<b>.txt")
        for action in range(actions)
    ]
    late = ActionInstance(2, 1, 1, 0, 0, begin_ns=9 * SECOND)
    idle = ActionInstance(3, 1, 1, actions, 0, begin_ns=0, end_ns=10 * SECOND)
    zeros = array("Q", bytes(8 * len(base.tree)))
    return replace(
        base,
        run=replace(base.run, duration_ns=10 * SECOND),
        resources=series,
        actions=(*kinds, RecordedAction("idle", background=True)),
        instances=(*instances, late, idle),
        marks=(RecordedMark("half", 5 * SECOND, zeros, zeros, zeros, zeros),),
    )


def test_chart() -> None:
    lines = chart(recording(), 71)
    assert max(map(columns, lines)) <= 71
    titles = [line.split()[0] for line in lines if line.strip() and not line.startswith(" ")]
    assert titles == ["cpu", "rss", "fds", "threads", "processes", "STOR", "STOR1"]
    assert "190.0%" in lines[0]
    assert lines[0].endswith("█")
    assert lines[4].split()[:2] == ["rss", "10.0M"]
    # Fifty columns for ten seconds: every second is five of them.
    assert lines[-3].endswith("10.0 s")
    assert lines[-2][20:] == " " * 5 + "━" * 11 + " " * 29 + "━" * 5
    assert lines[-1][20:] == " " * 5 + "━" * 11


@pytest.mark.parametrize("width", [1, 40, 80, 500])
def test_chart_fits(width: int) -> None:
    lines = chart(recording(actions=MOST_BANDS + 3, name="日本" * 20), width)
    assert max(map(columns, lines)) <= max(40, min(width, 160))
    assert lines[-1] == "(and 3 actions more)"


def test_svg() -> None:
    root = ET.fromstring(draw_resources(recording(name="a<&\x07")))  # noqa: S314 - it is ours
    texts = [item.text or "" for item in root.iter(f"{SVG}text")]
    for expected in ("CPU", "at most 190.0%", "memory (RSS)", "at most 10.0M", "half", "8.00 s"):
        assert expected in texts
    assert r"a<&\x07" in texts
    assert "idle" not in texts
    curves = list(root.iter(f"{SVG}polyline"))
    assert len(curves) == 5
    bands = [item for item in root.iter(f"{SVG}rect") if item.find(f"{SVG}title") is not None]
    assert len(bands) == 3
    tooltips = [band.findtext(f"{SVG}title") for band in bands]
    assert tooltips[0] == r"a<&\x07 a<b>.txt, at 1.00 s, for 2.00 s"
    # A tenth of the plot is a second.
    first = bands[0].attrib
    assert float(first["width"]) == pytest.approx(166, abs=1)
    assert float(first["x"]) == pytest.approx(150 + 83, abs=1)
    height = float(root.attrib["height"])
    assert all(float(band.attrib["y"]) + 12 < height for band in bands)


def test_svg_of_very_many_actions() -> None:
    content = draw_resources(recording(actions=100)).decode()
    assert "and 40 actions more" in content


def test_a_single_sample_at_once() -> None:
    base = recording()
    one = ResourceSeries(*(array("Q", [number]) for number in (0, 0, 5, 1, 1, 1)))
    short = replace(base, run=replace(base.run, duration_ns=0), resources=one, instances=())
    assert chart(short, 80)
    assert ET.fromstring(draw_resources(short)) is not None  # noqa: S314
