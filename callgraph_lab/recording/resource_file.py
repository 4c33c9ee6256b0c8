"""The file ``resources`` of a live folder: samples of fixed size, one after the other.

It begins with ``MAGIC``; a sample is the six little-endian 64-bit integers of ``RESOURCE_COLUMNS``,
with ``moment_ns`` by CLOCK_MONOTONIC. It only grows, but for the moments when it is full: then
every two samples become one, and from then on a sample stands for twice the time.
"""

from __future__ import annotations

import contextlib
import os
import struct
from itertools import pairwise
from typing import TYPE_CHECKING

from callgraph_lab.recording.guarded_file import read_guarded
from callgraph_lab.recording.open_folder import create_new
from callgraph_lab.recording.tree_columns import pack_column, unpack_column
from callgraph_lab.resource_model import RESOURCE_COLUMNS, ResourceSeries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from callgraph_lab.recording.tree_columns import ColumnRow

RESOURCES_FILE = "resources"
MAGIC = b"CGLABRS1"
MOST_SAMPLES = 20_000
"""At five samples a second the first 66 minutes are kept as they were taken."""
_SAMPLE = struct.Struct("<6Q")
_MOST_BYTES = len(MAGIC) + MOST_SAMPLES * _SAMPLE.size
_LARGEST = 2**63 - 1

Sample = tuple[int, int, int, int, int, int]
"""The values of one entry of ``RESOURCE_COLUMNS``."""


class ResourceWriter:
    """Appends samples. Nothing is buffered: what ``append`` got is kept, whoever is killed."""

    def __init__(self, live_folder: Path) -> None:
        self._path = live_folder / RESOURCES_FILE
        self._file = self._open(self._path)
        self._file.write(MAGIC)
        self._written = 0
        self._samples_in_one = 1
        self._waiting: list[Sample] = []

    def append(self, sample: Sample) -> None:
        """Keep a sample. Raise ``OSError`` where there is no room."""
        self._waiting.append(sample)
        if len(self._waiting) >= self._samples_in_one:
            self.flush()

    def flush(self) -> None:
        """Write what waits to become a sample together with later ones."""
        if not self._waiting:
            return
        if self._written >= MOST_SAMPLES:
            self._thin_out()
        self._file.write(_SAMPLE.pack(*_together(self._waiting)))
        self._written += 1
        self._waiting.clear()

    def _thin_out(self) -> None:
        samples = list(_SAMPLE.iter_unpack(read_guarded(self._path, _MOST_BYTES)[len(MAGIC) :]))
        fewer = [_together(samples[at : at + 2]) for at in range(0, len(samples), 2)]
        temporary = self._path.with_name(f".{RESOURCES_FILE}.tmp")
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        file = self._open(temporary)
        file.write(MAGIC + b"".join(_SAMPLE.pack(*sample) for sample in fewer))
        temporary.replace(self._path)
        self._file.close()
        self._file = file
        self._written = len(fewer)
        self._samples_in_one *= 2

    def close(self) -> None:
        """Write what is left, and let go of the file."""
        with contextlib.suppress(OSError):
            self.flush()
        self._file.close()

    @staticmethod
    def _open(path: Path) -> _Unbuffered:
        return _Unbuffered(create_new(str(path)))


class _Unbuffered:
    """A file that takes all of what is written at once, or says that it cannot."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def close(self) -> None:
        os.close(self._descriptor)


def _together(samples: Iterable[tuple[int, ...]]) -> Sample:
    """Return one sample for the time of several."""
    columns = list(zip(*samples, strict=True))
    moment_ns, cpu_ns = columns[0][-1], columns[1][-1]
    rss_bytes, descriptors, threads, processes = map(max, columns[2:])
    return moment_ns, cpu_ns, rss_bytes, descriptors, threads, processes


def read_resources(live_folder: Path, started_ns: int) -> ResourceSeries:
    """Return the samples of a run that began at ``started_ns``, by CLOCK_MONOTONIC.

    What is damaged is left out: a sample that is not complete, or would go back in time, and all
    that follow it. Without a readable file there are none.
    """
    series = ResourceSeries()
    try:
        data = read_guarded(live_folder / RESOURCES_FILE, _MOST_BYTES)
    except OSError:
        return series
    if not data.startswith(MAGIC):
        return series
    complete = (len(data) - len(MAGIC)) // _SAMPLE.size * _SAMPLE.size
    columns = [getattr(series, name) for name in RESOURCE_COLUMNS]
    latest_ns, cpu_until_ns = started_ns, 0
    for moment_ns, cpu_ns, *others in _SAMPLE.iter_unpack(data[len(MAGIC) :][:complete]):
        if moment_ns < latest_ns or cpu_ns < cpu_until_ns or max(moment_ns, cpu_ns) > _LARGEST:
            break
        latest_ns, cpu_until_ns = moment_ns, cpu_ns
        for column, value in zip(columns, (moment_ns - started_ns, cpu_ns, *others), strict=True):
            column.append(value)
    return series


def pack_resources(series: ResourceSeries) -> list[ColumnRow]:
    """Return the columns of a series, compressed."""
    return [pack_column(name, getattr(series, name)) for name in RESOURCE_COLUMNS]


def unpack_resources(rows: Sequence[ColumnRow]) -> ResourceSeries:
    """Return the series of packed columns. Raise ``ValueError`` where it cannot be one."""
    if [row[0] for row in rows] != list(RESOURCE_COLUMNS) or len({row[2] for row in rows}) != 1:
        raise ValueError("the columns of its resources are not what they should be")
    if not 0 <= rows[0][2] <= MOST_SAMPLES:
        raise ValueError("it claims more samples of resources than a recording has")
    series = ResourceSeries(**{row[0]: unpack_column(row, "Q") for row in rows})
    for column in (series.moment_ns, series.cpu_ns):
        if any(later < earlier for earlier, later in pairwise(column)):
            raise ValueError("its resources go back in time")
    return series
