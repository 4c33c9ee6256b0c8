from collections.abc import Callable, Sequence
from os import PathLike
from typing import TypedDict

class Status(TypedDict):
    recording: bool
    hook_installed: bool
    hook_has_predecessor: bool
    contexts: int
    functions: int
    bytes: int
    found_calls: int
    memory_blocks: int
    memory_table_bytes: int
    path: str | None
    clock: str

def start(
    folder: str | PathLike[str],
    information: str | bytes,
    /,
    whole_program: bool = True,
    max_contexts: int = 1_000_000,
    follow_forks: bool = True,
    c_calls: bool = False,
    event_map: dict[str, object] | None = None,
    memory: bool = False,
    lines: Sequence[str] = (),
    max_functions: int = 50_000,
) -> str: ...
def learn(function: Callable[[], None], /) -> None: ...
def stop() -> None: ...
def status() -> Status: ...
def follow_children(folder: str | PathLike[str], variable: str, text: str, /) -> None: ...
def count_other_pythons() -> None: ...
def keep_stack(limit: int | None, /) -> None: ...
def watch_end(header: memoryview, /) -> None: ...
def start_heap(
    folder: str | PathLike[str],
    every_ns: int,
    follow_forks: bool,
    actions: tuple[str, ...],
    counters: tuple[Callable[..., object], Callable[..., object]],
    guppy: tuple[object, object] | None,
    /,
) -> None: ...
def watch_limits(texts: dict[str, str], /) -> None: ...
def take_heap_at_exit() -> None: ...
