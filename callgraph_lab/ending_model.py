"""How processes end, and what that makes of the calls that have not returned by then."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, cast, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

Ending = Literal["running", "exited", "replaced", "killed", "stopped"]
ENDINGS: tuple[Ending, ...] = get_args(Ending)
"""How a process ended, and so its open calls: not yet, by leaving (``os._exit`` and the like), by
running another program (``exec``), by a signal or otherwise without a word; or recording stopped
before it did."""


@dataclass(frozen=True, slots=True)
class OpenCalls:
    """How many calls have not returned, by how the processes ended that they were made in.

    The fields are ``ENDINGS``. Only the first are still at work.
    """

    running: int = 0
    exited: int = 0
    replaced: int = 0
    killed: int = 0
    stopped: int = 0

    @classmethod
    def of(cls, ending: Ending, calls: int) -> OpenCalls:
        """Return the open calls of a process that ended like this."""
        return cls(**{ending: calls})

    @property
    def total(self) -> int:
        """How many there are, however their processes ended."""
        return self.running + self.exited + self.replaced + self.killed + self.stopped

    @property
    def by_ending(self) -> dict[Ending, int]:
        """Those that there are, in the order of ``ENDINGS``."""
        counts = {cast("Ending", item.name): getattr(self, item.name) for item in fields(self)}
        return {ending: calls for ending, calls in counts.items() if calls}

    def __add__(self, other: OpenCalls) -> OpenCalls:
        """Return those of both."""
        return self._with(other, lambda calls, more: calls + more)

    def larger(self, other: OpenCalls) -> OpenCalls:
        """Return of each ending as many as one of the two has."""
        return self._with(other, max)

    def _with(self, other: OpenCalls, join: Callable[[int, int], int]) -> OpenCalls:
        return OpenCalls(*(join(getattr(self, name), getattr(other, name)) for name in ENDINGS))


NO_OPEN_CALLS = OpenCalls()
