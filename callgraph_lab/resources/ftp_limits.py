"""Inside the target: hold the transfers and connections of a pyftpdlib server to limits.

Bytes are counted where every handler of pyftpdlib's counts them, TLS and throttled ones and the
target's own included: in ``DTPHandler``, whose methods are wrapped once it is imported.
A transfer that has had its share leaves the event loop for a while, as pyftpdlib's own throttling
does it. The engines pass over these functions: what they call hangs on their caller.
"""

from __future__ import annotations

from posix import O_CREAT, O_EXCL, O_WRONLY, close, getpid, open, write  # noqa: A004 - no buffers

from callgraph_lab.resources.after_import import after_import
from callgraph_lab.resources.ftp_pace import Pace
from callgraph_lab.resources.ftp_pause import has_room, pause

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Not even ``typing`` is imported for real: whatever is stays in the target.
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

UPLOAD, DOWNLOAD, CONNECTIONS = "upload", "download", "connections"
_NOTE_MODE = 0o644


def install(limits: Mapping[str, tuple[int, bool, str]], live_folder: str) -> None:
    """Hold the target to limits, by their names: a number, whether of all sessions, its text.

    ``upload`` and ``download`` are bytes a second; of a session each, or of all that one process
    serves. The first time that one is reached is noted in the live folder.
    """

    def limit_transfers(module: ModuleType) -> None:
        handler_class: Any = vars(module)["DTPHandler"]
        paces = []
        for name, methods, size, counter in (
            (UPLOAD, ("handle_read", "handle_read_event"), "ac_in_buffer_size", "received"),
            (DOWNLOAD, ("initiate_send", "initiate_sendfile"), "ac_out_buffer_size", "sent"),
        ):
            if name in limits:
                rate, is_total, text = limits[name]
                pace = Pace(rate, is_total=is_total)
                paces.append(pace)
                note = _Note(name, text, live_folder)
                for method in methods:
                    # Older versions of pyftpdlib have no sendfile on some platforms.
                    if method in vars(handler_class):
                        _wrap_transfer(
                            handler_class, method, pace, note, (size, f"tot_bytes_{counter}")
                        )
        if paces:
            _wrap_close(vars(module)["FTPHandler"], paces)

    def limit_connections(module: ModuleType) -> None:
        most, _, text = limits[CONNECTIONS]
        _wrap_acceptance(vars(module)["FTPServer"], most, _Note(CONNECTIONS, text, live_folder))

    if UPLOAD in limits or DOWNLOAD in limits:
        after_import("pyftpdlib.handlers", limit_transfers)
    if CONNECTIONS in limits:
        after_import("pyftpdlib.servers", limit_connections)


class _Note:
    """Writes down, once in a process, what reached a limit first."""

    def __init__(self, name: str, text: str, live_folder: str) -> None:
        self._name = name
        self._text = text
        self._live_folder = live_folder
        self._pid = 0

    def write(self, what: str) -> None:
        """Leave a note in the live folder."""
        if self._pid == getpid():
            return
        self._pid = getpid()
        text = f"process {self._pid}: the limit {self._text} was first reached by {what}"
        path = f"{self._live_folder}/limit-{self._name}-{self._pid}.note"
        try:
            descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, _NOTE_MODE)
        except OSError:  # no right to the folder, as after a chroot
            return
        try:
            write(descriptor, text.encode("utf-8", "replace"))
        finally:
            close(descriptor)


def _wrap_transfer(
    handler_class: Any,  # noqa: ANN401
    method: str,
    pace: Pace,
    note: _Note,
    attributes: tuple[str, str],
) -> None:
    original = vars(handler_class)[method]
    size, counter = attributes

    def transfer(self: Any) -> Any:  # noqa: ANN401
        if self._closed:
            return original(self)
        usual_bytes = getattr(self, size)
        wait_s, part_bytes = pace.turn(self, int(usual_bytes))
        if wait_s > 0:
            pause(self, wait_s, is_upload=size == "ac_in_buffer_size")
            return None
        # It is open now, and may be gone afterwards.
        file = getattr(self.file_obj, "name", "no file")
        before = getattr(self, counter)
        setattr(self, size, part_bytes)
        try:
            return original(self)
        finally:
            setattr(self, size, usual_bytes)
            if pace.moved(self, getattr(self, counter) - before):
                note.write(f"{self.cmd or 'a transfer'} of {file}, {_who(self.cmd_channel)}")

    _take_the_place_of(original, transfer)
    setattr(handler_class, method, transfer)


def _wrap_close(session_class: Any, paces: list[Pace]) -> None:  # noqa: ANN401
    original = session_class.close

    def close(self: Any) -> Any:  # noqa: ANN401
        for pace in paces:
            pace.forget(self)
        return original(self)

    _take_the_place_of(original, close)
    session_class.close = close


def _wrap_acceptance(server_class: Any, most: int, note: _Note) -> None:  # noqa: ANN401
    original = server_class._accept_new_cons  # noqa: SLF001

    def _accept_new_cons(self: Any) -> Any:  # noqa: ANN401
        if not has_room(self, most):
            note.write(f"a connection from {self.ip_map[-1] if self.ip_map else 'a client'}")
            return False
        return original(self)

    _take_the_place_of(original, _accept_new_cons)
    server_class._accept_new_cons = _accept_new_cons  # noqa: SLF001


def _take_the_place_of(original: Any, ours: Any) -> None:  # noqa: ANN401
    ours.__name__ = original.__name__
    ours.__qualname__ = original.__qualname__
    ours.__module__ = original.__module__
    ours.__doc__ = original.__doc__


def _who(session: Any) -> str:  # noqa: ANN401
    return f"{session.username or 'nobody'}@{session.remote_ip}:{session.remote_port}"
