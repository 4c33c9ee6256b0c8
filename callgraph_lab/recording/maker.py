"""Who made a recording: a key that each user has, and seals that are made with it.

The owner of a file does not say it: what somebody was sent belongs to the one who has saved it. So
each user has a key of 32 random bytes in a file of mode 0600, and a recording holds an HMAC of what
this user vouches for. A live folder is sealed with its place on the disk, so that one which came in
an archive is nobody's.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import pwd
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LIVE_SEAL_FILE = ".maker"
_KEY_BYTES = 32
_MOST_SEAL_BYTES = 200
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def seal(what: str, value: object) -> str:
    """Return what shows that this user vouches for ``value``, or nothing where there is no key."""
    key = _key(creates=True)
    return "" if key is None else _seal(key, what, value)


def is_sealed(text: str, what: str, value: object) -> bool:
    """Say whether ``text`` is the seal that this user has put to ``value``."""
    key = _key(creates=False)
    return key is not None and hmac.compare_digest(
        text.encode("utf-8", "surrogatepass"), _seal(key, what, value).encode("ascii")
    )


def seal_live_folder(live_folder: Path) -> None:
    """Note in a live folder that this user has made it; do without where that cannot be done."""
    with contextlib.suppress(OSError):
        text = seal("live", _place_of(live_folder))
        descriptor = os.open(live_folder / LIVE_SEAL_FILE, _CREATE, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor
            file.write(text)


def is_own_live_folder(live_folder: Path) -> bool:
    """Say whether this user has made a live folder, here."""
    try:
        descriptor = os.open(live_folder / LIVE_SEAL_FILE, _READ)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            text = file.read(_MOST_SEAL_BYTES).decode("ascii", "replace")
        return is_sealed(text, "live", _place_of(live_folder))
    except OSError:
        return False


def _place_of(live_folder: Path) -> list[int]:
    status = live_folder.stat()
    return [status.st_dev, status.st_ino]


def _seal(key: bytes, what: str, value: object) -> str:
    return hmac.new(key, json.dumps([what, value]).encode("ascii"), "sha256").hexdigest()


def _key(*, creates: bool) -> bytes | None:
    for folder in _state_folders():
        path = folder / "callgraph_lab" / "maker.key"
        with contextlib.suppress(OSError):
            return _read_key(path)
        if creates:
            with contextlib.suppress(OSError):
                return _new_key(path)
    return None


def _state_folders() -> Iterator[Path]:
    """Yield where a user's programs keep such things, also where HOME is somebody else's."""
    given = os.environ.get("XDG_STATE_HOME", "")
    if given.startswith("/"):
        yield Path(given)
    homes = []
    with contextlib.suppress(KeyError):
        homes.append(pwd.getpwuid(os.geteuid()).pw_dir)
    homes.append(os.environ.get("HOME", ""))
    for home in homes:
        if home.startswith("/"):
            yield Path(home) / ".local" / "state"


def _read_key(path: Path) -> bytes:
    """Return a key that nobody else can know. Raise ``OSError`` where there is none."""
    with open(os.open(path, _READ), "rb") as file:  # noqa: PTH123 - a descriptor
        status = os.fstat(file.fileno())
        is_private = status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077
        key = file.read(_KEY_BYTES) if is_private and stat.S_ISREG(status.st_mode) else b""
    if len(key) != _KEY_BYTES:
        raise PermissionError(f"{path} is no key of this user")
    return key


def _new_key(path: Path) -> bytes:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent.stat().st_uid != os.geteuid():
        raise PermissionError(f"{path.parent} is somebody else's")
    key = secrets.token_bytes(_KEY_BYTES)
    unfinished = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(os.open(unfinished, _CREATE, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(key)
        # Whoever comes first makes it: another process may make one at the same moment.
        os.link(unfinished, path)
    except FileExistsError:
        return _read_key(path)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
    return key
