"""What goes wrong in ``cglab`` itself beside a target is said, and ends nothing else."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, TypeVar

from callgraph_lab.errors import CallgraphLabError

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")
DEBUG_VARIABLE = "CGLAB_DEBUG"
"""Set to anything, it has the traceback of a fault of ours printed with the sentence."""


class Faults:
    """Does what may fail. ``say`` gets a sentence for each thing that did, once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._given_up: set[str] = set()
        self.notes: list[str] = []

    def guard(self, what: str, do: Callable[[], _Result], otherwise: _Result) -> _Result:
        """Return what ``do`` returns, or ``otherwise`` from the first time on that it failed."""
        if what in self._given_up:
            return otherwise
        try:
            return do()
        except Exception as error:  # noqa: BLE001 - whatever it is, the target is to run
            self.tell(what, error)
            return otherwise

    def tell(self, what: str, error: Exception) -> None:
        """Say that something has failed, if that has not been said."""
        if what not in self._given_up:
            self._given_up.add(what)
            note = f"{what} failed: {reason_of(error)}"
            self.notes.append(note)
            self._say(note)


def reason_of(error: BaseException) -> str:
    """Return what an error says, and that it is a fault of ours where it is none of the user's."""
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    if isinstance(error, CallgraphLabError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        name = "" if error.filename is None else f": {os.fsdecode(error.filename)}"
        return f"{error.strerror}{name}"
    text = str(error)
    return f"a fault of cglab itself ({type(error).__name__}{f': {text}' if text else ''})"
