"""One call of each kind that the interpreter makes without C, for the native engine to learn from.

The functions that are called have the names that ``native/recursion.c`` knows them by. Each kind is
made several times: some instructions are replaced by others when they have run twice.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator


def call_with_arguments() -> None:
    """Be called with arguments one by one."""


def call_with_names(*, name: int) -> None:
    """Be called with keywords."""


def call_with_list(*_arguments: int) -> None:
    """Be called as ``f(*arguments)``."""


def call_with_list_and_names(*_arguments: int, **_names: int) -> None:
    """Be called as ``f(*arguments, **names)``."""


def iterate_generator() -> Generator[None]:
    """Be resumed by a ``for`` loop."""
    yield


def resume_generator() -> Generator[None]:
    """Be resumed by a generator that delegates to this one."""
    yield


def delegate() -> Generator[None]:
    """Delegate."""
    yield from resume_generator()


async def resume_coroutine() -> None:
    """Be resumed by a coroutine that awaits this one."""


async def await_coroutine() -> None:
    """Await."""
    await resume_coroutine()


class Plain:
    """An object with a method of each kind."""

    # Without them Python 3.13 would call the constructor around the hook before long.
    __slots__ = ()

    def __init__(self) -> None:
        """Be called by the constructor."""

    def __getitem__(self, index: int) -> int:
        """Be called by a subscript."""
        return index

    @property
    def get_property(self) -> None:
        """Be called by an attribute."""


class Overriding:
    """An object whose attributes are what its class says."""

    def __getattribute__(self, name: str) -> str:
        """Be called by any attribute."""
        return name


def run(coroutine: Coroutine[None, None, None]) -> None:
    """Run a coroutine that waits for nothing."""
    try:  # contextlib is not to be imported into the target
        coroutine.send(None)
    except StopIteration:
        return


def make_each() -> None:
    """Make one call of each kind, several times."""
    arguments = (1,)
    names = {"name": 1}
    overriding = Overriding()
    for _ in range(4):
        call_with_arguments()
        call_with_names(name=1)
        call_with_list(*arguments)
        call_with_list_and_names(*arguments, **names)
        for _ in iterate_generator():
            pass
        for _ in delegate():
            pass
        run(await_coroutine())
        plain = Plain()
        plain[0]
        plain.get_property  # noqa: B018 - it is called
        overriding.name  # noqa: B018 - it is called
