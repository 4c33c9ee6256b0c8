"""The seam between the rest of the project and whatever records calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from callgraph_lab.recording.live_format import DEFAULT_MAX_CONTEXTS, DEFAULT_MAX_FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


class Availability(NamedTuple):
    """Whether an engine can be used here, and one sentence of why (or why not).

    No dataclass: engines import this inside the target, where ``dataclasses`` would bring much.
    """

    available: bool
    reason: str


class Engine(Protocol):
    """An engine is a module of this package with these two functions.

    ``start`` runs inside the target and must import as little as it can.
    """

    def availability(self) -> Availability:
        """Say whether ``start`` would work under this interpreter."""

    def start(  # noqa: PLR0913 - all by keyword but the folder
        self,
        folder: Path | str,
        *,
        information: Mapping[str, object],
        whole_program: bool = True,
        follow_forks: bool = True,
        max_contexts: int = DEFAULT_MAX_CONTEXTS,
        max_functions: int = DEFAULT_MAX_FUNCTIONS,
        c_calls: bool = False,
        event_map: Mapping[str, object] | None = None,
        memory: bool = False,
        lines: Sequence[str] = (),
    ) -> Callable[[], None]:
        """Record this process into a new live file in ``folder`` from now on.

        ``information`` is kept with it as JSON. With ``whole_program`` the main thread is recorded
        from the first frame that has no caller, as the interpreter runs the target; otherwise from
        the next call on. ``follow_forks`` says whether forked children record into files of their
        own. Past ``max_contexts`` an engine either counts more coarsely or stops, past
        ``max_functions`` all others are one, and it says so in the live file. ``c_calls``, which
        only engines in ``choice.C_CALL_ENGINES`` are ever given, asks for functions written in C,
        too; ``RuntimeError`` says why they cannot be recorded in this process. ``event_map`` holds
        the compiled rules by which calls are attributed to actions; an engine that cannot do it
        leaves a remark in the live file. ``memory``, which only engines in
        ``choice.MEMORY_ENGINES`` are ever given, asks for what each context allocates and frees.
        ``lines``, which only engines in ``choice.LINE_ENGINES`` are ever given, are globs: of
        functions that one of them finds, every source line is counted. Returns
        the function that stops recording; a process that never calls it loses nothing.
        """
