"""Inside the target: what a limit does with pyftpdlib's own means.

The engine ``native`` records neither these functions nor what they call.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def pause(handler: Any, seconds: float, *, is_upload: bool) -> None:  # noqa: ANN401
    """Take a data channel out of its event loop for so long."""
    event = handler.ioloop.READ if is_upload else handler.ioloop.WRITE

    def go_on() -> None:
        # It may be closed by now, or have been put back by whoever has taken it out as well.
        if not handler._closed and handler._fileno not in handler.ioloop.socket_map:  # noqa: SLF001
            handler.add_channel(events=event)

    handler.del_channel()
    handler.ioloop.call_later(seconds, go_on, _errback=handler.handle_error)


def has_room(server: Any, most: int) -> bool:  # noqa: ANN401
    """Say whether a server may serve one more; it counts those that it knows of."""
    tasks = getattr(server, "_active_tasks", None)
    if tasks is None:
        # The new one is among them.
        return len(server.ip_map) <= most
    if len(tasks) >= most:
        server._refresh_tasks()  # noqa: SLF001
    return len(server._active_tasks) < most  # noqa: SLF001
