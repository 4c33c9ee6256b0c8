"""Pieces of a file mapped into the target, and the lock that says that it is still there.

This module runs inside the target and imports little.
"""

from __future__ import annotations

import mmap
import os
import sys

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.kernel_lock import is_locked, lock_byte

_LEAST_DESCRIPTOR = 500


def _map(descriptor: int, size: int, *, offset: int = 0, protection: int) -> mmap.mmap:
    """Map a piece of a file without taking a descriptor that the target would have got."""
    if sys.version_info >= (3, 13):
        return mmap.mmap(descriptor, size, offset=offset, prot=protection, trackfd=False)
    # The mapping keeps a duplicate: have all the low numbers taken while it is made.
    taken = _take_low_descriptors(descriptor)
    try:
        return mmap.mmap(descriptor, size, offset=offset, prot=protection)
    finally:
        for number in taken:
            os.close(number)


def _take_low_descriptors(descriptor: int) -> list[int]:
    taken: list[int] = []
    try:
        while not taken or taken[-1] < _LEAST_DESCRIPTOR:
            taken.append(os.dup(descriptor))
    except OSError:
        # The process may have fewer descriptors than that, or most are in use. One has to be free.
        if taken:
            os.close(taken.pop())
    return taken


class Extent:
    """A mapped piece of the file that blocks are cut from, one after the other."""

    __slots__ = ("bytes", "mapping", "offset", "size", "used", "words")

    def __init__(self, path: str, offset: int, size: int, *, lock: int | None = None) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            # Reserve the room first: touching a hole on a full disk would be SIGBUS.
            os.posix_fallocate(descriptor, offset, size)
            if lock is not None:
                lock_byte(descriptor, lock)
            self.mapping = _map(
                descriptor, size, offset=offset, protection=mmap.PROT_READ | mmap.PROT_WRITE
            )
        finally:
            os.close(descriptor)
        self.bytes = memoryview(self.mapping)
        self.words = self.bytes.cast("Q")
        self.offset = offset
        self.size = size
        self.used = 0


def hold_owners_lock(path: str) -> mmap.mmap | None:
    """Return what holds the lock on a part that this process alone has, or None.

    It is a page that a forked child does not get, mapped through an opening of its own. A file
    system may map another file than the one that was opened (overlayfs does): there the lock is
    gone with the descriptor, which is tried. To be kept for good: in a forked child other memory
    may lie where the page was.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if not lock_byte(descriptor, layout.LOCK_OF_OWNER):
            return None
        # Nothing else may hold the opening: a forked child has all descriptors.
        page = _map_without_descriptor(descriptor)
    finally:
        os.close(descriptor)
    page.madvise(mmap.MADV_DONTFORK)
    other = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return page if is_locked(other, layout.LOCK_OF_OWNER) else None
    finally:
        os.close(other)


def _map_without_descriptor(descriptor: int) -> mmap.mmap:
    if sys.version_info >= (3, 13):
        return _map(descriptor, layout.PAGE_BYTES, protection=mmap.PROT_READ)
    taken = _take_low_descriptors(descriptor)
    try:
        # The mapping's duplicate gets the lowest number that is free.
        number = os.dup(descriptor)
        os.close(number)
        page = mmap.mmap(descriptor, layout.PAGE_BYTES, prot=mmap.PROT_READ)
        if os.path.samestat(os.fstat(number), os.fstat(descriptor)):
            os.close(number)
    finally:
        for item in taken:
            os.close(item)
    return page
