"""One lock for a live folder: who changes which files are in it, and who reads all of them."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from callgraph_lab.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def locked(live_folder: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold the folder's lock, alone or ``shared`` with other readers.

    Give False where the folder is gone, and where another holds the lock and we do not ``wait``.
    """
    try:
        descriptor = os.open(live_folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    except OSError as error:
        raise OutputError(f"cannot open {live_folder}: {error.strerror}") from error
    try:
        how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
        is_free = True
        try:
            fcntl.flock(descriptor, how)
        except BlockingIOError:
            is_free = False
        except OSError:
            # Some network file systems have no locks; there two commands at once may be unlucky.
            is_free = True
        yield is_free and live_folder.is_dir()
    finally:
        os.close(descriptor)
