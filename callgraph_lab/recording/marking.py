"""Put a mark on the time line of a recording: a copy of its counters at this moment.

Who marks copies: the target, its client, or ``cglab mark``. Nothing runs in the target for it, or
waits. ``marks/<moment>-<pid>-<bytes>`` of the live folder holds the copied files of one mark, and
its name; ``marks.py`` reads them. This module also runs inside targets, which import it like any
other: it imports little, and the engines record neither it nor what it calls.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import open_folder

RECORDING_VARIABLE = "CGLAB_RECORDING"
"""What leads a client of ``--drive`` to the recording: the path of its live folder."""
MARKS_FOLDER = "marks"
NAME_FILE = "name"
MOST_MARKS = 1000
MOST_MARK_BYTES = 512 * 1024 * 1024
"""How much the marks of a recording may take on disk, all together, while it runs."""
LONGEST_NAME_CHARACTERS = 200
NOT_COPIED = frozenset((b"resources",))
"""Files of a live folder that a mark has no use for."""

_LIVE_FOLDER_ENDING = b".cglab" + layout.LIVE_SUFFIX.encode()
_PART_ENDING = layout.PART_SUFFIX.encode()


def mark(name: str) -> bool:
    """Put a mark called ``name`` on the recording that this process belongs to.

    That is its own one where this process is being recorded, or else the one that it was started
    for as a client, by ``cglab run --drive``. Return whether there is one: elsewhere nothing
    happens, so that calls of this can stay in a program. Several marks may have one name.

    Raise ``UsageError`` for what cannot be a name, or one mark too many, and ``OutputError`` where
    there is no room.
    """
    check_name(name)
    folders = _own_recordings() or _recording_of_client()
    # A list, so that every one of them is marked.
    return any([put_mark(folder, name) for folder in folders])  # noqa: C419


def check_name(name: str) -> None:
    """Raise ``UsageError`` for what cannot be the name of a mark."""
    is_text = isinstance(name, str) and name.isprintable() and not name.isspace()
    if not is_text or not 0 < len(name) <= LONGEST_NAME_CHARACTERS:
        from callgraph_lab.errors import UsageError  # noqa: PLC0415 - not in most targets

        raise UsageError(
            f"{name!r} cannot be the name of a mark",
            hint=f"a name has 1 to {LONGEST_NAME_CHARACTERS} printable characters",
        )


def put_mark(live_folder: bytes, name: str) -> bool:
    """Put a mark on the recording in a live folder; return False where it is none any more.

    Raise as ``mark`` does.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(live_folder, flags)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _cannot_mark(live_folder, error) from error
    try:
        # So that nobody folds parts together while they are copied.
        try:  # noqa: SIM105
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError:  # some network file systems have no locks
            pass
        marks = _open_marks(descriptor)
        if marks is None:
            return False
        try:
            _copy(descriptor, marks, name)
        finally:
            os.close(marks)
    except _FullError:
        _refuse(live_folder)
    except OSError as error:
        raise _cannot_mark(live_folder, error) from error
    finally:
        os.close(descriptor)
    return True


class _FullError(Exception):
    """A recording holds as many marks as it may."""


def _own_recordings() -> set[bytes]:
    """Return the live folders of which this process has a part mapped."""
    with open("/proc/self/maps", "rb") as maps:  # noqa: PTH123 - pathlib is dear to import
        lines = maps.read().split(b"\n")
    folders = set()
    for line in lines:
        if line.endswith(_PART_ENDING):
            folder = line[line.index(b"/") :].rpartition(b"/")[0].replace(rb"\012", b"\n")
            if folder.endswith(_LIVE_FOLDER_ENDING):
                folders.add(folder)
    return folders


def _recording_of_client() -> set[bytes]:
    folder = os.environb.get(RECORDING_VARIABLE.encode())
    return {folder} if folder else set()


def _open_marks(live_folder: int) -> int | None:
    """Return a descriptor of the folder of marks, or None where the live folder is removed."""
    name = MARKS_FOLDER.encode()
    try:
        return open_folder.make_folder(name, live_folder)
    except FileExistsError:
        return open_folder.open_folder_in(live_folder, name)
    except FileNotFoundError:
        return None


def _copy(live_folder: int, marks: int, name: str) -> None:
    """Copy the files of a live folder into a folder of its own among the marks.

    Descriptors of folders, since whoever the live folder belongs to can put links in their place.
    """
    with os.scandir(live_folder) as entries:
        names = [entry.name.encode(errors="surrogateescape") for entry in entries]
    others = [entry for entry in os.listdir(marks) if not entry.startswith(".")]
    sizes = [entry.rpartition("-")[2] for entry in others]
    room = MOST_MARK_BYTES - sum([int(size) for size in sizes if size.isdigit()])
    while True:
        moment_ns = time.monotonic_ns()
        mark_name = b"%020d-%d-" % (moment_ns, os.getpid())
        temporary = b"." + mark_name + b"tmp"
        try:
            folder = open_folder.make_folder(temporary, marks)
        except FileExistsError:
            continue  # of another thread, at the same nanosecond
        break
    copied: list[bytes] = []
    try:
        size = 0
        for file in names:
            if not file.startswith(b".") and file not in NOT_COPIED:
                size += _copy_file(live_folder, folder, file, copied)
        if size > room or len(others) >= MOST_MARKS:
            raise _FullError  # noqa: TRY301 - for what is copied to be removed
        copied.append(NAME_FILE.encode())
        writing = _create(copied[-1], folder)
        try:
            os.write(writing, name.encode())
        finally:
            os.close(writing)
        # Whole or not at all: readers pass over what begins with a dot.
        whole = mark_name + b"%d" % size
        os.rename(temporary, whole, src_dir_fd=marks, dst_dir_fd=marks)
    except BaseException:
        _remove(marks, temporary, folder, copied)
        raise
    finally:
        os.close(folder)


def _remove(marks: int, name: bytes, folder: int, files: list[bytes]) -> None:
    for file in files:
        try:
            os.unlink(file, dir_fd=folder)
        except OSError:
            continue
    try:  # noqa: SIM105
        os.rmdir(name, dir_fd=marks)
    except OSError:
        pass


def _create(name: bytes, folder: int) -> int:
    descriptor = open_folder.create_new(name, folder)
    open_folder.give_to_owner(descriptor, os.fstat(folder))
    return descriptor


def _copy_file(live_folder: int, folder: int, name: bytes, copied: list[bytes]) -> int:
    """Copy a file, a part as far as its writer has published it. Return how many bytes it took."""
    try:
        reading = open_folder.open_in(live_folder, name)
    except OSError as error:
        # Removed since, or no file that was recorded: readers say what is wrong with that.
        if error.errno in (errno.ENOENT, errno.EINVAL):
            return 0
        raise
    try:
        copied.append(name)
        writing = _create(name, folder)
        try:
            if not name.endswith(_PART_ENDING):
                return _send(reading, writing, 0, os.fstat(reading).st_size)
            return _copy_part(reading, writing)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _copy_part(reading: int, writing: int) -> int:
    """Copy a part while its writer goes on, so that the copy can be read by itself.

    What contexts of the copy refer to must be in it: so the functions are copied last, those of
    blocks that are new by then included, and no new contexts.
    """
    end = _send(reading, writing, 0, _published_end(reading))
    if end < layout.HEADER_BYTES:
        return end
    end_now = _published_end(reading)
    at, copied_to = layout.HEADER_BYTES, end
    while at + layout.BLOCK_HEADER_BYTES <= end_now:
        header = os.pread(reading, layout.BLOCK_HEADER_BYTES, at)
        _, kind, size, *_ = layout.BLOCK_HEADER.unpack_from(header)
        if size < layout.BLOCK_HEADER_BYTES or size > end_now - at:
            break  # damaged: for the reader to say
        if kind == layout.BLOCK_FUNCTIONS:
            os.lseek(writing, at if at < end else copied_to, os.SEEK_SET)
            sent = _send(reading, writing, at, size)
            if at >= end:
                copied_to += sent
        at += size
    os.pwrite(writing, copied_to.to_bytes(8, "little"), layout.END_OFFSET)
    return copied_to


def _published_end(descriptor: int) -> int:
    """Return how far a part has been published; 0 where it has only been created."""
    header = os.pread(descriptor, layout.HEADER_BYTES, 0)
    if not header.startswith(layout.MAGIC):
        return 0
    end = int.from_bytes(header[layout.END_OFFSET : layout.END_OFFSET + 8], "little")
    return min(end, os.fstat(descriptor).st_size)


def _send(reading: int, writing: int, offset: int, size: int) -> int:
    left = size
    while left > 0:
        sent = os.sendfile(writing, reading, offset, left)
        if sent == 0:
            break
        offset += sent
        left -= sent
    return size - left


def _refuse(live_folder: bytes) -> None:
    from callgraph_lab.errors import UsageError  # noqa: PLC0415 - not in most targets

    raise UsageError(
        f"{live_folder.decode(errors='replace')} holds as many marks as it may: {MOST_MARKS:,},"
        f" or {MOST_MARK_BYTES // 1024**2} MB of them",
        hint="those that it has are kept; put fewer, or record again",
    )


def _cannot_mark(live_folder: bytes, error: OSError) -> Exception:
    from callgraph_lab.errors import OutputError  # noqa: PLC0415 - not in most targets

    return OutputError(
        f"cannot put a mark on {live_folder.decode(errors='replace')}: {error.strerror}",
        hint="make room there; what has been marked is kept",
    )
