"""Start a target with a larger stack than its user's limit gives.

Under the engine ``native`` a Python call uses C stack. The limit is raised for the target's
``exec`` alone: ``bootstrap`` puts it back before the target's first line, and keeps the stack.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

STACK_BYTES = 256 * 1024 * 1024
"""Room for several hundred thousand calls. It is address space, used as far as it is touched."""
_NEVER_OVERCOMMIT = "2"


def soft_limit() -> int:
    """Return the limit on the stack that the target is to see, in bytes (RLIM_INFINITY: none)."""
    return resource.getrlimit(resource.RLIMIT_STACK)[0]


def raise_for_exec() -> None:
    """Raise the limit of this process, which is about to become the target, if that can be undone.

    Where memory is limited a large stack would be missing elsewhere: it is left as it is.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK_BYTES if hard == resource.RLIM_INFINITY else min(STACK_BYTES, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted or not _may_claim(wanted):
        return
    resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))


def _may_claim(size_bytes: int) -> bool:
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        return False
    try:
        policy = Path("/proc/sys/vm/overcommit_memory").read_text(encoding="ascii").strip()
    except OSError:
        return False
    machine_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return policy != _NEVER_OVERCOMMIT and size_bytes <= machine_bytes // 2
