"""Results are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from callgraph_lab.errors import OutputError
from callgraph_lab.recording.guarded_file import make_parents
from callgraph_lab.recording.open_folder import PRIVATE, create_new, give_to_owner

if TYPE_CHECKING:
    from pathlib import Path


def write_atomically(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Write ``content`` to ``path``, making its folder; what was there stays until it is complete.

    It is for its owner only, unless ``mode`` says more, and belongs to the owner of its folder.
    Raises OutputError, with the path and the system's reason, and leaves no part of a file behind.
    """
    # Not derived from the name, which may be as long as a file system allows.
    unfinished = path.parent / f".cglab-{secrets.token_hex(8)}.tmp"
    try:
        make_parents(path.parent)
        descriptor = create_new(str(unfinished))
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123
                os.fchmod(descriptor, mode)
                give_to_owner(descriptor, path.parent.stat())
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # some file systems report a full disk only here
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink()
            raise
    except OSError as error:
        raise cannot_write(path, error) from error


def remove_stale(path: Path) -> None:
    """Remove a file of an earlier run that was not made anew. Raises OutputError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error that says why ``path`` cannot be written and what to do."""
    return OutputError(
        f"Cannot write {path}: {error.strerror or error}",
        hint="Free some space there, or choose another folder with --out.",
    )
