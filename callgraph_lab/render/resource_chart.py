"""What a target used of the machine, as lines of text for a terminal.

Bars are drawn with block characters, eighths of a line high. The libraries for charts in terminals
either need numpy or have just changed their whole interface, for what is thirty lines here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.render.text import columns as width_of
from callgraph_lab.render.text import count, duration, shorten, visible_text
from callgraph_lab.resources.at_moment import resampled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.model import Recording
    from callgraph_lab.resource_model import ResourceReading

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_BAND, _SPACE = "━", " "
_GUTTER = 20
_LEAST_WIDTH, _MOST_WIDTH = 40, 160
_HIGH, _LOW = 4, 1
_MEBIBYTE = 1024 * 1024
MOST_BANDS = 20


def chart(recording: Recording, width: int) -> list[str]:
    """Return lines of at most ``width`` columns: CPU, memory and the rest over time, and actions.

    The recording has samples.
    """
    parts = min(max(width, _LEAST_WIDTH), _MOST_WIDTH) - _GUTTER - 1
    end_ns = max(recording.run.duration_ns, recording.resources.moment_ns[-1])
    readings = resampled(recording.resources, parts, end_ns)
    lines = []
    for title, unit, height, values in _panels(readings):
        most = max(values)
        label = f"{most:,.1f}{unit}" if unit else f"{most:,.0f}"
        for number, bars in enumerate(_bars(values, most, height)):
            gutter = f"{title:<9}{label:>10} " if number == 0 else ""
            lines.append(f"{gutter:<{_GUTTER}}{bars}".rstrip())
    lines.append(_axis(parts, end_ns))
    return [*lines, *_bands(recording, parts, end_ns)]


def _panels(
    readings: Sequence[ResourceReading],
) -> list[tuple[str, str, int, list[float]]]:
    """Return title, unit, height in lines and values of what is shown."""
    return [
        ("cpu", "%", _HIGH, [item.cpu_percent for item in readings]),
        (
            "rss",
            "M",
            _HIGH,
            [item.rss_bytes / _MEBIBYTE for item in readings],
        ),
        ("fds", "", _LOW, [item.descriptors for item in readings]),
        ("threads", "", _LOW, [item.threads for item in readings]),
        ("processes", "", _LOW, [item.processes for item in readings]),
    ]


def _bars(values: Sequence[float], most: float, height: int) -> list[str]:
    """Return lines, the uppermost first, that show values from 0 to ``most``."""
    full = len(_EIGHTHS) - 1
    levels = [round(value / most * height * full) if most > 0 else 0 for value in values]
    # What is there at all shows.
    levels = [max(level, value > 0) for level, value in zip(levels, values, strict=True)]
    return [
        "".join(_EIGHTHS[min(max(level - line * full, 0), full)] for level in levels)
        for line in range(height - 1, -1, -1)
    ]


def _axis(parts: int, end_ns: int) -> str:
    left, right = "0 s", duration(end_ns)
    return " " * _GUTTER + left + " " * max(parts - len(left) - len(right), 1) + right


def _bands(recording: Recording, parts: int, end_ns: int) -> list[str]:
    """Return a line for each action: where an instance of it was in flight."""
    lines = []
    spans = spans_of_actions(recording)
    for name in list(spans)[:MOST_BANDS]:
        cells = [_SPACE] * parts
        for begin_ns, until_ns, _ in spans[name]:
            first = min(begin_ns * parts // max(end_ns, 1), parts - 1)
            last = min(until_ns * parts // max(end_ns, 1), parts - 1)
            cells[first : last + 1] = [_BAND] * (last + 1 - first)
        title = shorten(visible_text(name), _GUTTER - 1)
        lines.append((title + " " * (_GUTTER - width_of(title)) + "".join(cells)).rstrip())
    if len(spans) > MOST_BANDS:
        lines.append(f"(and {count(len(spans) - MOST_BANDS, 'action')} more)")
    return lines


def spans_of_actions(recording: Recording) -> dict[str, list[tuple[int, int, str]]]:
    """Return by action when its instances began and ended, and what they are called.

    Actions come in the order of their first instance; those of no session are left out.
    """
    spans: dict[str, list[tuple[int, int, str]]] = {}
    for instance in sorted(recording.instances, key=lambda item: item.begin_ns):
        action = recording.actions[instance.action]
        if action.background:
            continue
        until_ns = instance.until_ns(recording.run.duration_ns)
        title = f"{action.name} {instance.detail}".strip()
        span = (instance.begin_ns, max(until_ns, instance.begin_ns), title)
        spans.setdefault(action.name, []).append(span)
    return spans
