"""One guarded way to read a file of a live folder, and one to write it.

A live folder may lie where others can write, and a process of root may look into it. So what is
read is checked when it is open; what is written is a new file that then takes its name, and belongs
to the folder's owner.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from callgraph_lab.recording.open_folder import (
    create_new,
    give_to_owner,
    open_folder_in,
    open_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

_HOLLOW_FROM_BYTES = 64 << 20
_MOST_BYTES_A_BYTE_ON_DISK = 32
"""Files of ours are not all holes; a file system may compress what it keeps, though."""
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


def open_guarded(path: Path) -> BufferedReader:
    """Open a file of a live folder for reading. Raise ``OSError`` for what is not to be trusted."""
    with opened_folder(path.parent, follow_links=False) as folder:
        return open(open_in(folder, path.name), "rb")  # noqa: PTH123


def check_not_hollow(file: BufferedReader, size_bytes: int) -> None:
    """Raise ``OSError`` where so much of a file is a hole, made to fill the memory of a reader."""
    on_disk_bytes = 512 * os.fstat(file.fileno()).st_blocks
    if size_bytes > max(_HOLLOW_FROM_BYTES, on_disk_bytes * _MOST_BYTES_A_BYTE_ON_DISK):
        raise OSError(errno.EFBIG, "it is a hole for the most part")


def read_guarded(path: Path, most_bytes: int) -> bytes:
    """Return what is in a file of a live folder, ``most_bytes`` of it. Raise ``OSError``."""
    with open_guarded(path) as file:
        return file.read(most_bytes)


def write_guarded(path: Path, content: bytes) -> None:
    """Put a file into a live folder, whole or not at all, for its owner only. Raise ``OSError``.

    It belongs to the folder's owner, also where root writes it.
    """
    with opened_folder(path.parent, follow_links=False) as folder:
        temporary = f".{path.name}.{os.urandom(8).hex()}.tmp"
        descriptor = create_new(temporary, folder)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123
                give_to_owner(file.fileno(), os.fstat(folder))
                file.write(content)
            os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise


def make_parents(path: Path) -> None:
    """Make a folder and those that it lies in, as far as they are not there. Raise ``OSError``.

    Each belongs to the owner of the one that it is in.
    """
    new = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(new):
        with contextlib.suppress(OSError), opened_folder(folder.parent) as parent:
            descriptor = open_folder_in(parent, folder.name)
            try:
                give_to_owner(descriptor, os.fstat(parent))
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def opened_folder(path: Path, *, follow_links: bool = True) -> Iterator[int]:
    """Hold a folder open, so that what is opened in it is in this one. Raise ``OSError``."""
    descriptor = os.open(path, _FOLDER | (0 if follow_links else os.O_NOFOLLOW))
    try:
        yield descriptor
    finally:
        os.close(descriptor)
