"""Locks on bytes of files that the kernel lets go of when their holder ends, however it ends.

They belong to the opening of a file (``F_OFD_SETLK``), not to a process: closing another descriptor
of the same file leaves them, and a mapping made through the opening keeps it open. They hold across
containers that share a folder, and asking for one disturbs nobody. This module runs inside the
target as well.
"""

from __future__ import annotations

import fcntl
import struct

_FLOCK = struct.Struct("hhqqi4x")
"""type, whence, start, length, pid: ``struct flock`` of 64-bit Linux."""


def lock_byte(descriptor: int, byte: int) -> bool:
    """Lock a byte of an open file. Return whether it is ours: not where there are no locks."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, 0, byte, 1, 0))
    except OSError:
        return False
    return True


def is_locked(descriptor: int, first_byte: int, count: int = 1) -> bool:
    """Say whether another opening of a file holds a lock on one of ``count`` bytes."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, 0, first_byte, count, 0)
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked)
    except OSError:
        return False
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
