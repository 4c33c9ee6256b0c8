"""Where the files that come with the package are: filter presets and examples.

In a wheel they stand inside the package; in a checkout beside it, where people look for them.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped_folder(name: str) -> Path:
    """Return the folder ``name`` (``filters``, ``examples``) of this installation."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
