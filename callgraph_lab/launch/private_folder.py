"""A folder of one run, outside its recording, that does not outlive it, however the run ends.

A ``cglab`` that is killed cannot remove its own, so the next one does: as long as the owner lives
it holds a kernel lock, and as long as its run goes on there is a live folder.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX = "cglab-run-"
_LOCK = "lock"
_LIVE_FOLDER = "live"


class PrivateFolder:
    """The folder, where it can be named in PYTHONPATH. Raise ``OSError`` where there is no room."""

    def __init__(self, live_folder: Path) -> None:
        place = _place(live_folder)
        remove_leftovers(place)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        try:
            # From now on the folder is kept while there is the live folder, and while we live.
            (self.path / _LIVE_FOLDER).symlink_to(live_folder.resolve())
            self._descriptor = _lock(self.path)
        except OSError:
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._descriptor)


def remove_leftovers(place: Path) -> None:
    """Remove the folders of this user's runs that are over and whose ``cglab`` was killed."""
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            live_folder = (folder / _LIVE_FOLDER).readlink()
            # Children that the target starts need the folder until all of them have ended.
            if live_folder.exists():
                continue
            descriptor = _lock(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)


def _lock(folder: Path) -> int:
    """Return a descriptor with the lock of a folder. Raise ``OSError`` where another has it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(folder / _LOCK, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _place(live_folder: Path) -> Path:
    """Return the folder for temporary files, or another: PYTHONPATH is split at colons."""
    usual = Path(tempfile.gettempdir())
    for place in (usual, Path("/tmp"), Path("/var/tmp"), live_folder.resolve().parent):  # noqa: S108 - mkdtemp
        if ":" not in str(place) and os.access(place, os.W_OK | os.X_OK):
            return place
    raise OSError(
        errno.EINVAL, "PYTHONPATH cannot name a folder with a colon in its path", str(usual)
    )
