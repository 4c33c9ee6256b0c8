"""What a target used at a moment, from samples that are some time apart."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import small_recording

from callgraph_lab.resource_model import ResourceReading, ResourceSeries
from callgraph_lab.resources.at_moment import cpu_until, resampled, resources_at

if TYPE_CHECKING:
    from callgraph_lab.model import Recording

SAMPLES = (
    # moment, CPU, RSS, descriptors, threads, processes
    (100, 50, 1000, 4, 1, 1),
    (300, 60, 3000, 9, 2, 1),
    (500, 460, 2000, 5, 1, 3),
)


def with_samples(*samples: tuple[int, ...]) -> Recording:
    columns = [array("Q", column) for column in zip(*samples, strict=True)]
    return replace(small_recording(), resources=ResourceSeries(*columns))


@pytest.mark.parametrize(
    ("moment_ns", "index", "cpu_percent"),
    [
        (0, 0, 50),
        (100, 0, 50),
        (101, 1, 5),
        (300, 1, 5),
        (499, 2, 200),
        (500, 2, 200),
        (10**12, 2, 200),
        (-5, 0, 50),
    ],
)
def test_the_sample_that_covers_a_moment(moment_ns: int, index: int, cpu_percent: float) -> None:
    found = resources_at(with_samples(*SAMPLES).resources, moment_ns)
    moment, _, *others = SAMPLES[index]
    assert found == ResourceReading(moment, cpu_percent, *others)


def test_without_samples() -> None:
    assert resources_at(small_recording().resources, 5) is None
    assert resampled(ResourceSeries(), 3, 100) == []


def test_two_samples_at_one_moment() -> None:
    found = resources_at(with_samples(SAMPLES[0], (100, 70, 1, 1, 1, 1)).resources, 100)
    assert found == ResourceReading(100, 50.0, 1000, 4, 1, 1)


def test_cpu_between_samples() -> None:
    series = with_samples(*SAMPLES).resources
    moments = (0, 50, 100, 200, 300, 400, 500, 900)
    assert [cpu_until(series, moment) for moment in moments] == [
        *(0, 25, 50, 55, 60, 260, 460, 460)
    ]


def test_resampled_keeps_the_cpu_and_the_peaks() -> None:
    series = with_samples(*SAMPLES).resources
    spans = resampled(series, 5, 500)
    assert [item.cpu_percent for item in spans] == pytest.approx([50, 5, 5, 200, 200])
    assert [item.moment_ns for item in spans] == [0, 100, 200, 300, 400]
    assert [item.threads for item in spans] == [1, 2, 2, 1, 1]
    for parts in (1, 2, 3, 7, 50):
        found = resampled(series, parts, 500)
        assert len(found) == parts
        # The borders of spans are whole nanoseconds.
        used = sum(item.cpu_percent / 100 * 500 / parts for item in found)
        assert used == pytest.approx(460, rel=0.02)
        assert max(item.rss_bytes for item in found) == 3000
        assert max(item.descriptors for item in found) == 9
        assert max(item.processes for item in found) == 3


def test_resampled_beyond_the_samples() -> None:
    """After the last one nothing is known to be used; what it said last stands."""
    found = resampled(with_samples(*SAMPLES).resources, 4, 1000)
    assert [item.cpu_percent for item in found] == pytest.approx([23, 161, 0, 0])
    assert [item.rss_bytes for item in found] == [1000, 3000, 2000, 2000]
