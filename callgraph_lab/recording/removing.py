"""Remove a live folder: first it loses its name, so that what is left of it is no recording."""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Not derived from the folder's name, which may be as long as a file system allows.
_REMAINS = re.compile(r"\.cglab-removing-[0-9a-f]{16}")


def remove_live_folder(live_folder: Path) -> None:
    """Remove a live folder. Whoever is killed meanwhile leaves all of it, or nothing by its name.

    Raise ``OSError`` where it keeps its name. What then cannot be deleted is left to
    ``remove_remains_in``.
    """
    doomed = live_folder.with_name(f".cglab-removing-{secrets.token_hex(8)}")
    with contextlib.suppress(FileNotFoundError):
        live_folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def remove_remains_in(folder: Path) -> None:
    """Delete what processes have left in a folder of recordings that were killed in between."""
    with contextlib.suppress(OSError):
        for item in list(folder.iterdir()):
            if _REMAINS.fullmatch(item.name) and not item.is_symlink():
                shutil.rmtree(item, ignore_errors=True)
