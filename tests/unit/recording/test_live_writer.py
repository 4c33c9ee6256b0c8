"""The writer of live files: what a process leaves that is killed at an inconvenient moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import live_writer
from callgraph_lab.recording.live_reader import was_begun

if TYPE_CHECKING:
    from pathlib import Path
    from struct import Struct


class KilledError(Exception):
    """Stands for a kill."""


class KilledAfterIdentity:
    """Ends the writer when it has written what the process is called."""

    def __init__(self, identity: Struct) -> None:
        self._identity = identity

    def pack_into(self, *arguments: object) -> None:
        self._identity.pack_into(*arguments)  # type: ignore[arg-type]
        raise KilledError


def test_a_file_is_begun_when_all_of_its_header_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "IDENTITY", KilledAfterIdentity(layout.IDENTITY))
    with pytest.raises(KilledError):
        live_writer.LiveWriter(str(tmp_path), information={}, max_contexts=10)
    (path,) = tmp_path.glob(f"*{layout.PART_SUFFIX}")
    assert not was_begun(path)
    monkeypatch.undo()
    writer = live_writer.LiveWriter(str(tmp_path), information={}, max_contexts=10)
    assert was_begun(tmp_path / writer.path)
