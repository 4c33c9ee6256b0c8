"""A live file as bytes and blocks, before anything in it has a meaning."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.guarded_file import check_not_hollow, open_guarded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class DamagedError(Exception):
    """What is wrong with the bytes of a live file."""


def read_published(path: Path) -> bytes:
    """Return a live file up to the end of its last block; room beyond is only reserved."""
    with open_guarded(path) as file:
        header = file.read(layout.HEADER_BYTES)
        if len(header) < layout.HEADER_BYTES or sys.byteorder != "little":
            raise DamagedError("it is too short")
        if not header.startswith(layout.MAGIC):
            raise DamagedError("it does not begin as one")
        end = int.from_bytes(header[layout.END_OFFSET : layout.END_OFFSET + 8], sys.byteorder)
        if end < layout.HEADER_BYTES:
            raise DamagedError("its header is damaged")
        if end > os.fstat(file.fileno()).st_size:
            raise DamagedError("it is truncated")
        check_not_hollow(file, end)
        file.seek(0)
        data = file.read(end)
    if len(data) < end:
        raise DamagedError("it is truncated")
    return data


def blocks(data: bytes) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Yield kind, start and end of the payload, used, first id and thread of each block."""
    at = layout.HEADER_BYTES
    while at + layout.BLOCK_HEADER_BYTES <= len(data):
        magic, kind, size, used, first, thread = layout.BLOCK_HEADER.unpack_from(data, at)
        if magic != layout.BLOCK_MAGIC:
            raise DamagedError(f"there is no block at offset {at}")
        if size < layout.BLOCK_HEADER_BYTES or size % layout.PAGE_BYTES or at + size > len(data):
            raise DamagedError(f"the block at offset {at} has a wrong size")
        yield kind, at + layout.BLOCK_HEADER_BYTES, at + size, used, first, thread
        at += size
