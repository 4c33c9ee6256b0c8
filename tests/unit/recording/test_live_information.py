"""What fits into the header of a live file."""

from __future__ import annotations

from callgraph_lab.recording.live_information import brief_arguments


def test_brief_arguments() -> None:
    assert brief_arguments(["a", "b"]) == ["a", "b"]
    assert brief_arguments(("a", "x" * 5000, "b")) == ["a", "..."]
    assert len(str(brief_arguments(["word"] * 5000))) < 3000
    # As JSON a character may become six.
    assert len(brief_arguments(["長" * 50] * 100)) < 10
