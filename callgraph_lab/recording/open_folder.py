"""Files and folders in an open folder, whose path others may have changed since it was opened.

What is read is a regular file of the folder's owner, of ours or of root, never a link, a pipe or a
device; what is made was not there before. This module also runs inside targets: it imports little.
"""

from __future__ import annotations

import errno
import os
import stat

PRIVATE = 0o600
"""The mode of what only its owner may read."""
_ROOT = 0


def open_in(folder: int, name: str | bytes) -> int:
    """Open a file of an open folder for reading, if it is to be trusted. Raise ``OSError``."""
    # A pipe would be waited for.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            raise OSError(errno.EINVAL, "it is not a file") from None
        raise
    try:
        _check(os.fstat(descriptor), os.fstat(folder))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(file: os.stat_result, folder: os.stat_result) -> None:
    if not stat.S_ISREG(file.st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    if file.st_uid not in (folder.st_uid, os.geteuid(), _ROOT):
        raise OSError(errno.EINVAL, "it belongs to another user than its folder")


def create_new(name: str | bytes, folder: int | None = None, mode: int = PRIVATE) -> int:
    """Create a file that was not there and return its descriptor. Raise ``OSError``."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, mode, dir_fd=folder)


def make_folder(name: str | bytes, folder: int) -> int:
    """Make a private folder in an open one, for its owner; return a descriptor of the new one.

    Raise ``OSError``, a ``FileExistsError`` where something of that name is there.
    """
    os.mkdir(name, 0o700, dir_fd=folder)
    descriptor = open_folder_in(folder, name)
    give_to_owner(descriptor, os.fstat(folder))
    return descriptor


def open_folder_in(folder: int, name: str | bytes) -> int:
    """Return a descriptor of a folder in an open one; a link to a folder is none."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(name, flags, dir_fd=folder)


def give_to_owner(descriptor: int, folder: os.stat_result) -> None:
    """Give what root has made in somebody's folder to that folder's owner.

    A folder that everybody may write to, as the one for temporary files, is nobody's.
    """
    is_everybodys = bool(folder.st_mode & stat.S_IWOTH)
    if os.geteuid() == _ROOT and folder.st_uid != _ROOT and not is_everybodys:
        # Not allowed everywhere, as on a network's file system: it stays root's then.
        try:  # noqa: SIM105
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
        except OSError:
            pass
