"""What a target used of the machine, as an SVG: curves over time, the actions as bands beneath."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from callgraph_lab.render.colours import CLUSTER_BORDER, CLUSTER_FILL, EDGE, INK, MUTED_INK, WHITE
from callgraph_lab.render.resource_chart import spans_of_actions
from callgraph_lab.render.text import columns as width_of
from callgraph_lab.render.text import count, duration, shorten, visible_text
from callgraph_lab.resources.at_moment import resampled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.model import Recording
    from callgraph_lab.resource_model import ResourceReading

_WIDTH, _LEFT, _RIGHT, _TOP = 1000, 150, 24, 72
_PLOT_WIDTH = _WIDTH - _LEFT - _RIGHT
_GAP, _BAND_HEIGHT = 22, 16
_HIGH, _LOW = 110, 36
_MOST_TICKS = 8
_MOST_BANDS = 60
_MOST_MARKS = 100
_FONT = "Roboto, 'DejaVu Sans', Arial, sans-serif"
_MEBIBYTE = 1024 * 1024
_CURVES = ("#0969da", "#9a3412", "#57606a", "#57606a", "#57606a")
_BANDS = ("#1a7f37", "#8250df", "#bf8700", "#cf222e", "#0a7ea4", "#9a6700", "#bf3989", "#4d5561")


def draw_resources(recording: Recording) -> bytes:
    """Return the SVG of a recording that has samples."""
    end_ns = max(recording.run.duration_ns, recording.resources.moment_ns[-1], 1)
    drawing = _Drawing(end_ns)
    drawing.text(_LEFT, 24, visible_text(recording.run.name), size=16, ink=INK)
    readings = resampled(recording.resources, _PLOT_WIDTH, end_ns)
    curves = _curves(readings)
    for (title, unit, height, values), colour in zip(curves, _CURVES, strict=True):
        drawing.panel(title, unit, values, height=height, colour=colour)
    drawing.axis()
    spans = spans_of_actions(recording)
    for number, name in enumerate(list(spans)[:_MOST_BANDS]):
        drawing.band(visible_text(name), spans[name], _BANDS[number % len(_BANDS)])
    if len(spans) > _MOST_BANDS:
        drawing.remark(f"and {count(len(spans) - _MOST_BANDS, 'action')} more")
    for mark in recording.marks[:_MOST_MARKS]:
        drawing.mark(visible_text(mark.name), mark.moment_ns)
    return drawing.content()


def _curves(
    readings: Sequence[ResourceReading],
) -> list[tuple[str, str, int, list[float]]]:
    """Return title, unit, height and values of each curve."""
    return [
        ("CPU", "%", _HIGH, [item.cpu_percent for item in readings]),
        ("memory (RSS)", "M", _HIGH, [item.rss_bytes / _MEBIBYTE for item in readings]),
        ("descriptors", "", _LOW, [item.descriptors for item in readings]),
        ("threads", "", _LOW, [item.threads for item in readings]),
        ("processes", "", _LOW, [item.processes for item in readings]),
    ]


class _Drawing:
    """An SVG that grows downwards; ``y`` is where the next thing goes."""

    def __init__(self, end_ns: int) -> None:
        self._end_ns = end_ns
        self._root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg")
        self._background = self._add("rect", x=0, y=0, width=_WIDTH, fill=WHITE)
        self._y = _TOP
        self._mark_labels = [0.0, 0.0]
        """How far to the right the names of marks reach, in each of their rows."""

    def _add(self, tag: str, **attributes: object) -> ET.Element:
        given = {name.replace("_", "-"): str(value) for name, value in attributes.items()}
        return ET.SubElement(self._root, tag, given)

    def text(  # noqa: PLR0913 - what a text is
        self, x: float, y: float, text: str, *, size: int = 12, ink: str = MUTED_INK, at: str = ""
    ) -> None:
        element = self._add("text", x=_number(x), y=_number(y), font_size=size, fill=ink)
        element.set("font-family", _FONT)
        if at:
            element.set("text-anchor", at)
        element.text = text

    def _x(self, moment_ns: float) -> float:
        return _LEFT + _PLOT_WIDTH * min(max(moment_ns / self._end_ns, 0.0), 1.0)

    def panel(
        self, title: str, unit: str, values: Sequence[float], *, height: int, colour: str
    ) -> None:
        most = max(values)
        bottom = self._y + height
        frame = {"x": _LEFT, "y": self._y, "width": _PLOT_WIDTH, "height": height}
        self._add("rect", fill=CLUSTER_FILL, stroke=CLUSTER_BORDER, **frame)
        points = " ".join(
            f"{_number(_LEFT + index + 0.5)},{_number(bottom - height * value / (most or 1))}"
            for index, value in enumerate(values)
        )
        self._add("polyline", points=points, fill="none", stroke=colour, stroke_width=1.3)
        shown = f"{most:,.1f}{unit}" if unit else f"{most:,.0f}"
        self.text(_LEFT - 10, self._y + 12, title, ink=INK, at="end")
        self.text(_LEFT - 10, self._y + 27, f"at most {shown}", size=11, at="end")
        self._y = bottom + _GAP

    def axis(self) -> None:
        self._y -= _GAP - 14
        step_ns = _round_step(self._end_ns / _MOST_TICKS)
        for tick in range(self._end_ns // step_ns + 1):
            label = duration(tick * step_ns) if tick else "0 s"
            self.text(self._x(tick * step_ns), self._y, label, size=11, at="middle")
        self._y += 12

    def band(self, name: str, spans: Sequence[tuple[int, int, str]], colour: str) -> None:
        baseline = self._y + _BAND_HEIGHT - 4
        self.text(_LEFT - 10, baseline, shorten(name, 20), ink=INK, at="end")
        line_y = self._y + _BAND_HEIGHT / 2
        ends = {"x1": _LEFT, "x2": _LEFT + _PLOT_WIDTH, "y1": line_y, "y2": line_y}
        self._add("line", stroke=CLUSTER_BORDER, **ends)
        for begin_ns, until_ns, title in spans:
            left, right = self._x(begin_ns), self._x(until_ns)
            bar = self._add(
                "rect",
                x=_number(left),
                y=self._y + 2,
                # What was over at once shows as well; several at a time are darker.
                width=_number(max(right - left, 1.5)),
                height=_BAND_HEIGHT - 4,
                fill=colour,
                fill_opacity=0.55,
            )
            tooltip = ET.SubElement(bar, "title")
            begin = duration(begin_ns) if begin_ns else "0 s"
            tooltip.text = f"{visible_text(title)}, at {begin}, for {duration(until_ns - begin_ns)}"
        self._y += _BAND_HEIGHT

    def remark(self, text: str) -> None:
        self.text(_LEFT, self._y + _BAND_HEIGHT, text)
        self._y += _BAND_HEIGHT + 4

    def mark(self, name: str, moment_ns: int) -> None:
        x = _number(self._x(moment_ns))
        line = {"x1": x, "x2": x, "y1": _TOP - 6, "y2": self._y}
        element = self._add("line", stroke=EDGE, stroke_dasharray="3 3", **line)
        ET.SubElement(element, "title").text = name
        label = shorten(name, 24)
        for row, taken_until in enumerate(self._mark_labels):
            # Where there is no room for the name, pointing at the line shows it.
            if float(x) >= taken_until:
                self.text(float(x) + 3, _TOP - 8 - 13 * row, label, size=11)
                self._mark_labels[row] = float(x) + 9 + 6.5 * width_of(label)
                break

    def content(self) -> bytes:
        height = self._y + 12
        self._background.set("height", _number(height))
        self._root.set("width", str(_WIDTH))
        self._root.set("height", _number(height))
        self._root.set("viewBox", f"0 0 {_WIDTH} {_number(height)}")
        content: bytes = ET.tostring(self._root, encoding="utf-8", xml_declaration=True)
        return content


def _round_step(least_ns: float) -> int:
    """Return the next larger of 1, 2, 5, 10, 20, 50 ... nanoseconds."""
    power: int = 10 ** max(math.floor(math.log10(max(least_ns, 1))), 0)
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least_ns)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
