"""TOML that somebody has written: read, or refused with one kind of error."""

from __future__ import annotations

import tomllib
from typing import Any


def table_of(text: str) -> dict[str, Any]:
    """Return what a TOML document holds. Raise ``ValueError`` for whatever is wrong with it."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("lists or tables are nested too deeply") from error
