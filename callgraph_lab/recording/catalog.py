"""The recordings of a folder: finished files, running ones, and ones whose ``cglab`` was killed."""

from __future__ import annotations

import contextlib
import difflib
import glob
import os
import re
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from callgraph_lab import cost
from callgraph_lab.errors import (
    CallgraphLabError,
    OutputError,
    RecordingError,
    TooCostlyError,
    not_yours,
)
from callgraph_lab.recording import folding, store
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.ended import merge_ended_parts
from callgraph_lab.recording.guarded_file import make_parents
from callgraph_lab.recording.live_folder import read_live_folder
from callgraph_lab.recording.maker import is_own_live_folder
from callgraph_lab.recording.open_folder import PRIVATE
from callgraph_lab.recording.removing import remove_live_folder, remove_remains_in
from callgraph_lab.recording.run_file import read_run_file
from callgraph_lab.recording.running import is_running

if TYPE_CHECKING:
    from collections.abc import Callable

    from callgraph_lab.model import Recording, RunInformation

RECORDING_SUFFIX = ".cglab"
_UNFIT_FOR_A_NAME = re.compile(r"[^\w.+-]+")
_LONGEST_STEM_CHARACTERS = 80
# A name has at most 255 bytes, and the longest of ours adds the second, a number, the suffixes,
# and the name of a damaged part.
_LONGEST_STEM_BYTES = 140
_TIME_IN_NAME = re.compile(r"-(\d{8}-\d{6})(?:-(\d{1,4}))?$")
_MOST_IN_A_SECOND = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording in a folder. ``path`` is the file, whether it is there yet or still live."""

    path: Path
    live_folder: Path | None
    modified: float

    @property
    def running(self) -> bool:
        """Whether a process of the run, or the ``cglab`` that watches it, is still there."""
        return self.live_folder is not None and is_running(self.live_folder)

    @property
    def readable(self) -> bool:
        """Whether this user may read it."""
        if self.live_folder is None:
            return os.access(self.path, os.R_OK)
        return os.access(self.live_folder, os.R_OK | os.X_OK)

    @property
    def mode(self) -> int:
        """The mode of what is made of it: as private as the recording is."""
        try:
            return PRIVATE | (self.path.stat().st_mode & 0o666)
        except OSError:
            return PRIVATE

    @property
    def size_bytes(self) -> int:
        """Bytes on disk; 0 where it is gone by now."""
        try:
            if self.live_folder is None:
                return self.path.stat().st_size
            return sum(item.stat().st_size for item in self.live_folder.iterdir())
        except OSError:
            return 0


def name_stem(target: str) -> str:
    """Return what recordings of ``target`` are named after: ``ftpServer`` of ``x/ftpServer.py``."""
    name = Path(target).name.removesuffix(".py")
    # A name that begins with a dash would be taken for an option.
    stem = _UNFIT_FOR_A_NAME.sub("_", name).lstrip("-").strip(".")[:_LONGEST_STEM_CHARACTERS]
    return stem.encode()[:_LONGEST_STEM_BYTES].decode("utf-8", "ignore") or "recording"


def reserve_recording(folder: Path, stem: str) -> tuple[Path, Path]:
    """Make a live folder for a new recording and return the recording's path and that folder.

    The name carries the second, and a number where two begin in one; nothing is ever overwritten.
    Where the clock has been set back the second is that of the newest recording there, so that this
    one is the newest now. Raise ``OutputError`` where the folder cannot be made.
    """
    second, first = _after_all_others(folder, f"{datetime.now().astimezone():%Y%m%d-%H%M%S}")
    base = f"{stem}-{second}"
    for attempt in range(first, _MOST_IN_A_SECOND):
        name = base if attempt == 1 else f"{base}-{attempt}"
        path = folder / f"{name}{RECORDING_SUFFIX}"
        live_folder = reserve_live_folder(path)
        if live_folder is None:
            continue
        # Looked for only now: its owner may just have finished, and removed its live folder.
        if not path.exists():
            return path, live_folder
        live_folder.rmdir()
    raise OutputError(f"there are too many recordings named {base} in {folder}")


def _after_all_others(folder: Path, second: str) -> tuple[str, int]:
    """Return a second and a number that no name of a recording in the folder is later than."""
    matches = (
        _TIME_IN_NAME.search(
            item.name.removesuffix(layout.LIVE_SUFFIX).removesuffix(RECORDING_SUFFIX)
        )
        for item in _items(folder)
        if item.name.endswith((RECORDING_SUFFIX, RECORDING_SUFFIX + layout.LIVE_SUFFIX))
    )
    latest = max(((match[1], int(match[2] or 1)) for match in matches if match), default=("", 0))
    return (latest[0], latest[1] + 1) if latest[0] > second else (second, 1)


def reserve_live_folder(path: Path) -> Path | None:
    """Make the live folder of the recording ``path``, or return None where it exists already."""
    live_folder = path.with_name(path.name + layout.LIVE_SUFFIX)
    try:
        make_parents(path.parent)
    except (FileExistsError, NotADirectoryError):
        raise OutputError(
            f"{path.parent} is not a folder", hint="choose another folder with --out"
        ) from None
    except OSError as error:
        raise _cannot_write(path.parent, error) from error
    try:
        live_folder.mkdir(mode=0o700)
    except FileExistsError:
        return None
    except OSError as error:
        raise _cannot_write(path.parent, error) from error
    return live_folder


def _cannot_write(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write to {folder}: {error.strerror}", hint="choose another folder with --out"
    )


def entries(folder: Path) -> list[Entry]:
    """Return the recordings of a folder, the one that began last first."""
    found: dict[Path, Entry] = {}
    for item in _items(folder):
        is_live = item.name.endswith(RECORDING_SUFFIX + layout.LIVE_SUFFIX)
        path = _path_of(item) if is_live else item
        if path.suffix == RECORDING_SUFFIX and path not in found:
            entry = _entry(path, item if is_live else None)
            if entry is not None:
                found[path] = entry
    return sorted(found.values(), key=_age_key, reverse=True)


def _entry(path: Path, live_folder: Path | None) -> Entry | None:
    """Return a recording, or None where nothing is left of it, or nothing that we may see.

    A run that ends while we look has its recording before its live folder is gone, and so even
    where the folder was listed without it.
    """
    with contextlib.suppress(OSError):
        if live_folder is not None and _is_live_folder(live_folder) and not path.exists():
            return Entry(path, live_folder, live_folder.stat().st_mtime)
    with contextlib.suppress(OSError):
        if path.is_file():
            return Entry(path, None, path.stat().st_mtime)
    return None


def _items(folder: Path) -> list[Path]:
    try:
        return [item for item in folder.iterdir() if not item.name.startswith(".")]
    except OSError:
        return []


def _is_live_folder(item: Path) -> bool:
    is_named_so = item.name.endswith(RECORDING_SUFFIX + layout.LIVE_SUFFIX)
    return is_named_so and item.is_dir() and not item.is_symlink()


def _path_of(live_folder: Path) -> Path:
    return live_folder.with_name(live_folder.name.removesuffix(layout.LIVE_SUFFIX))


def _age_key(entry: Entry) -> tuple[float, int, float, str]:
    """Return what sorts recordings by when they began.

    A file's own time says when it was finished or copied, so it decides only within a second. Most
    names carry the time; only the others have to be opened.
    """
    match = _TIME_IN_NAME.search(entry.path.name.removesuffix(RECORDING_SUFFIX))
    started, number = entry.modified, 1
    with contextlib.suppress(ValueError, OverflowError, OSError, RecordingError):
        if match:
            number = int(match[2] or 1)
            started = datetime.strptime(match[1], "%Y%m%d-%H%M%S").astimezone().timestamp()
        else:
            started = datetime.fromisoformat(load_run(entry).started).timestamp()
    return int(started), number, entry.modified, entry.path.name


def find(reference: str | None, folder: Path) -> Entry:
    """Return the recording that a user means: a path, a name in ``folder``, or the newest.

    Raise ``RecordingError`` where there is none.
    """
    known = entries(folder)
    if reference is None:
        if known:
            return next((entry for entry in known if entry.readable), known[0])
        raise RecordingError(
            f"there is no recording in {folder} yet",
            hint="make one: cglab run SCRIPT.py, or cglab demo",
        )
    for entry in known:
        if reference in (entry.path.name, entry.path.name.removesuffix(RECORDING_SUFFIX)):
            return entry
    for text in (reference, reference + RECORDING_SUFFIX):
        with contextlib.suppress(OSError, ValueError):
            path = Path(text.rstrip("/").removesuffix(layout.LIVE_SUFFIX))
            live_folder = Path(f"{path}{layout.LIVE_SUFFIX}")
            if path.exists():
                return Entry(path, None, path.stat().st_mtime)
            if live_folder.is_dir():
                return Entry(path, live_folder, live_folder.stat().st_mtime)
    raise RecordingError(
        f"there is no recording {reference or repr(reference)}",
        hint=_hint_instead_of(reference, [entry.path.name for entry in known], folder),
    )


def _hint_instead_of(reference: str, names: list[str], folder: Path) -> str:
    if not names:
        return "make one: cglab run SCRIPT.py"
    near = [name for name in names if reference and name.startswith(reference)]
    near += difflib.get_close_matches(Path(reference).name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"'cglab list' shows those in {folder}"


def load(entry: Entry) -> Recording:
    """Return a recording, finished or live. Raise ``RecordingError`` if it cannot be read."""
    if entry.live_folder is None:
        return store.load(entry.path)
    try:
        recording = read_live(entry.live_folder)
    except RecordingError:
        if not entry.path.exists():
            raise
    else:
        if not entry.path.exists():
            return recording
    # Another cglab has folded it meanwhile: what we have read may lack the parts it has removed.
    return store.load(entry.path)


def load_run(entry: Entry) -> RunInformation:
    """Return what was run, without reading what it did."""
    if entry.live_folder is None:
        return store.load_run(entry.path)
    return read_run_file(entry.live_folder).information(now_monotonic_ns=time.monotonic_ns())


def read_live(live_folder: Path) -> Recording:
    """Return what the processes of a run have recorded up to now.

    A damaged part is left out, which a note of the run tells. Raise ``RecordingError`` where there
    is nothing else.
    """
    return read_live_folder(live_folder).recording


def fold(entry: Entry, say: Callable[[str], None] = lambda _line: None) -> Entry:
    """Turn the live files of a run that is over into its recording; return the finished entry.

    A recording with processes that are still running is left as it is. Raise ``RecordingError``
    where nothing can be read and ``OutputError`` where nothing can be written: the live files stay.
    ``say`` gets a line now and then where it takes long.
    """
    if entry.live_folder is None:
        return entry
    path = folding.fold_live_folder(entry.live_folder, entry.path, say)
    return entry if path is None else Entry(path, None, path.stat().st_mtime)


def fold_abandoned(
    folder: Path, say: Callable[[str], None] = lambda _line: None
) -> list[tuple[Entry, CallgraphLabError | None]]:
    """Fold every run in ``folder`` of which nothing runs any more; say what could not be folded."""
    remove_remains_in(folder)
    folded: list[tuple[Entry, CallgraphLabError | None]] = []
    for item in sorted(_items(folder)):
        if not _is_live_folder(item) or not os.access(item, os.R_OK | os.X_OK):
            continue
        # A large run of one's own takes as long as it takes, and is finished once.
        with cost.lifted() if is_own_live_folder(item) else contextlib.nullcontext():
            try:
                folded += _fold_if_abandoned(item, say)
            except TooCostlyError as error:
                # Nothing is lost: the live files are still there. No other is tried now.
                error = TooCostlyError(f"{item} was not finished: {error}", hint=error.hint)
                return [*folded, (Entry(_path_of(item), item, 0), error)]
    return folded


def _fold_if_abandoned(
    item: Path, say: Callable[[str], None]
) -> list[tuple[Entry, CallgraphLabError | None]]:
    try:
        if is_running(item):
            with contextlib.suppress(RecordingError, OutputError):
                merge_ended_parts(item)
            return []
        entry = Entry(_path_of(item), item, item.stat().st_mtime)
    except OSError:
        # Another command is removing it.
        return []
    try:
        return [] if folding.remove_remains(item) else [(fold(entry, say), None)]
    except (RecordingError, OutputError) as error:
        return [(entry, error)]
    except MemoryError as error:
        raise cost.too_large() from error


def remove(entry: Entry) -> None:
    """Delete a recording that is not running. Raise ``RecordingError`` if it is."""
    if entry.running:
        raise RecordingError(
            f"{entry.path.name} is still running", hint="stop its target first, then remove it"
        )
    if not entry.readable and entry.path.exists():
        raise not_yours(entry.path)
    try:
        if entry.live_folder is not None:
            remove_live_folder(entry.live_folder)
        else:
            entry.path.unlink(missing_ok=True)
        kept = f"{glob.escape(entry.path.name)}.*{folding.DAMAGED_SUFFIX}"
        for part in entry.path.parent.glob(kept):
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot remove {entry.path}: {error.strerror}") from error
