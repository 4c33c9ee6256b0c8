"""What a recording says of the source files of its functions: which, and what was in them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordedSources:
    """The files of Python source that a target ran, each with the SHA-256 of its content in hex.

    ``seal`` is what only the user who has made the recording can have put to this list, or empty
    where that user has no place for a key.
    """

    digests: tuple[tuple[str, str], ...] = ()
    seal: str = ""
