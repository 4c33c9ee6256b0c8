"""Which files of source may be shown of a recording, and what is in them.

A recording names files, and whoever made it could write any name into it. What is shown of a file
may then go on to others: so without being asked, only files are read that this user's own target
ran, and only while they hold what they held then.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tokenize
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from callgraph_lab.recording.maker import is_own_live_folder, is_sealed, seal
from callgraph_lab.source_model import RecordedSources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from callgraph_lab.model import Recording

LARGEST_FILE_BYTES = 5_000_000
"""Of source that is shown: more than any that a person wrote."""
_SEALED = "sources"
_ENDINGS = (".py", ".pyw")
_WITH_SOURCES = "--sources FOLDER reads sources in a folder that you name"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The lines of a file, with their ends, and a sentence of what a reader must know of them."""

    lines: tuple[str, ...] = ()
    problem: str = ""
    has_changed: bool = False


def with_sources(recording: Recording) -> Recording:
    """Return a recording that this user has just made, with what its source files hold now."""
    scripts = {recording.run.target, *recording.run.argv[:1]}
    digests = []
    for file in sorted({item.file for item in recording.functions if item.kind == "function"}):
        if not file.startswith("/"):
            continue
        try:
            content = _content_of(Path(file))
        except (OSError, ValueError):
            continue
        if _is_source(file, content, scripts):
            digests.append((file, hashlib.sha256(content).hexdigest()))
    sources = RecordedSources(tuple(digests), seal(_SEALED, digests))
    return replace(recording, sources=sources)


def source_files(
    recording: Recording, path: Path, live_folder: Path | None, folder: Path | None
) -> SourceFiles:
    """Return what may be read for a recording at ``path``, or in a live folder.

    ``folder`` is one in which the user wants sources to be looked for.
    """
    if live_folder is not None:
        if is_own_live_folder(live_folder):
            recording = with_sources(recording)
        is_own = recording.sources.seal != ""
    else:
        is_own = _is_owner(path)
    sealed = recording.sources.seal
    digests = [list(pair) for pair in recording.sources.digests]
    is_own = is_own and sealed != "" and is_sealed(sealed, _SEALED, digests)
    return SourceFiles(
        dict(recording.sources.digests) if is_own else {},
        recording.run.started,
        folder,
        is_own=is_own,
    )


def _is_owner(path: Path) -> bool:
    try:
        return path.stat().st_uid == os.geteuid()
    except OSError:
        return False


class SourceFiles:
    """Reads the sources of a recording, as far as they may be shown."""

    def __init__(
        self,
        digests: Mapping[str, str],
        started: str,
        folder: Path | None = None,
        *,
        is_own: bool = True,
    ) -> None:
        self._digests = digests
        self._started_s = _seconds_of(started)
        self._folder = folder
        self._is_own = is_own
        self._has_refused = False

    @property
    def problem(self) -> str:
        """Why something was not read that might have been, or nothing."""
        if not self._has_refused:
            return ""
        if not self._is_own:
            return (
                "no sources are shown: nothing says that you have made this recording yourself;"
                f" {_WITH_SOURCES}"
            )
        return f"some sources are not shown: they have changed since; {_WITH_SOURCES}"

    def read(self, file: str) -> SourceFile:
        """Return what is in a file that a function of the recording names."""
        if not file.startswith("/"):
            return SourceFile(problem=f"{file or 'its code'} is no file that can be read")
        in_folder = None if self._folder is None else _below(self._folder, file)
        path = Path(file) if in_folder is None else in_folder
        digest = self._digests.get(file)
        if in_folder is None and digest is None:
            self._has_refused = self._has_refused or not self._is_own
            reason = (
                f"{file} is no file of Python source that the target ran"
                if self._is_own
                else f"{file} is not read: nothing says that you have made this recording yourself"
            )
            return SourceFile(problem=f"{reason}; {_WITH_SOURCES}")
        return self._read(path, digest, must_be_same=in_folder is None)

    def _read(self, path: Path, digest: str | None, *, must_be_same: bool) -> SourceFile:
        changed = f"{path} has changed since it was recorded"
        try:
            content = _content_of(path)
            if must_be_same and hashlib.sha256(content).hexdigest() != digest:
                self._has_refused = True
                return SourceFile(problem=f"{changed}: {_WITH_SOURCES}", has_changed=True)
            is_younger = path.stat().st_mtime > self._started_s
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
            text = io.TextIOWrapper(io.BytesIO(content), encoding).read()
        except (OSError, ValueError, SyntaxError, LookupError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            return SourceFile(problem=f"{path} cannot be read: {reason}")
        return SourceFile(
            tuple(text.splitlines(keepends=True)),
            f"{changed}: lines may be others by now" if is_younger else "",
            has_changed=is_younger,
        )


def _below(folder: Path, file: str) -> Path | None:
    """Return the file in a folder whose path ends most like ``file``."""
    parts = Path(file).parts[1:]
    if ".." in parts or not file.endswith(_ENDINGS):
        return None
    root = folder.resolve()
    for first in range(len(parts)):
        candidate = root.joinpath(*parts[first:])
        try:
            # A link may lead out of the folder that the user has named.
            if candidate.is_file() and candidate.resolve().is_relative_to(root):
                return candidate
        except (OSError, ValueError):
            continue
    return None


def _content_of(path: Path) -> bytes:
    """Return what is in a file. Raise ``OSError``, ``ValueError`` where it is no text of a size."""
    # A pipe or a device of that name would never end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_FILE_BYTES:
            raise ValueError("it is no file of source code")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(LARGEST_FILE_BYTES)
    finally:
        os.close(descriptor)


def _is_source(file: str, content: bytes, scripts: Iterable[str]) -> bool:
    """Say whether a file was there to be run: code may call itself after any file there is."""
    if file.endswith(_ENDINGS):
        return True
    first_line = content[:200].partition(b"\n")[0]
    if first_line.startswith(b"#!") and b"python" in first_line:
        return True
    return any(name and file.endswith(f"/{name.lstrip('./')}") for name in scripts)


def _seconds_of(started: str) -> float:
    try:
        return datetime.fromisoformat(started).timestamp()
    except (ValueError, OverflowError):
        return float("inf")
