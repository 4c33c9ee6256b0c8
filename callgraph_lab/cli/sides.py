"""What the two words of ``cglab diff`` mean: an action, a mark, or a recording."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from callgraph_lab.action_model import NTH_CHOICES
from callgraph_lab.cli.loaded import find_recording
from callgraph_lab.errors import RecordingError, UsageError
from callgraph_lab.graph.compare import ComparedSide
from callgraph_lab.graph.processes import only_process
from callgraph_lab.graph.slicing import find_slice, select_slice, slice_names
from callgraph_lab.recording import catalog

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    from callgraph_lab.action_model import Nth
    from callgraph_lab.model import Recording

    Kind = Literal["action", "mark", "recording"]

_KINDS = ("action", "mark", "recording")
_MOST_NAMED = 8


@dataclass(slots=True)
class Sides:
    """Finds what a word means: in the recording ``reference`` (None: the newest), or in ``folder``.

    ``process`` leaves of every recording only what one process did.
    """

    folder: Path
    reference: str | None = None
    process: int | None = None
    _entry: catalog.Entry | None = None
    _base: Recording | None = None

    def find(self, word: str) -> tuple[ComparedSide, Recording]:
        """Return what a word stands for.

        ``action:STOR``, ``mark:a`` or ``recording:x`` says what kind it is; ``STOR@slowest`` means
        one instance of an action. Raise ``UsageError`` where nothing is called so, or where several
        kinds of things are.
        """
        kind, _, name = word.partition(":")
        if kind in _KINDS and name:
            return self._of_kind(cast("Kind", kind), name)
        kinds = [kind for kind in ("action", "mark") if self._has(kind, word)]
        kinds += ["recording"] if _recording_called(word, self.folder) else []
        if len(kinds) > 1:
            raise UsageError(
                f"{word!r} is the name of {' and of '.join(f'{_article(kind)}' for kind in kinds)}",
                hint=f"say which: {' or '.join(f'{kind}:{word}' for kind in kinds)}",
            )
        if not kinds:
            raise UsageError(
                f"there is no action, mark or recording called {word!r}", hint=self._hint()
            )
        return self._of_kind(cast("Kind", kinds[0]), word)

    def _of_kind(self, kind: Kind, name: str) -> tuple[ComparedSide, Recording]:
        if kind == "recording":
            entry = catalog.find(name, self.folder)
            recording = self._load(entry)
            shown = entry.path.name.removesuffix(catalog.RECORDING_SUFFIX)
            return ComparedSide(shown, kind, recording.run), recording
        base = self._only(kind)
        plain, nth = _split(name, base)
        side = ComparedSide(name, kind, base.run)
        return side, select_slice(base, plain, nth)

    def _has(self, kind: str, word: str) -> bool:
        try:
            base = self._only(kind)
            find_slice(base, _split(word, base)[0])
        except UsageError:
            return False
        return True

    def _only(self, kind: str) -> Recording:
        """Return the recording with no names in it but those of a kind."""
        base = self._load_base()
        return replace(base, marks=()) if kind == "action" else replace(base, actions=())

    def _load_base(self) -> Recording:
        if self._entry is None:
            self._entry = find_recording(self.reference, self.folder)
        if self._base is None:
            self._base = self._load(self._entry)
        return self._base

    def _load(self, entry: catalog.Entry) -> Recording:
        recording = catalog.load(entry)
        return recording if self.process is None else only_process(recording, self.process)

    def _hint(self) -> str:
        names = slice_names(self._load_base())
        base_name = "" if self._entry is None else self._entry.path.name
        known = f"{base_name} has no actions or marks"
        if names:
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            known = f"{base_name} has {', '.join(names[:_MOST_NAMED])}{more}"
        return f"{known}; 'cglab list' shows the recordings in {self.folder}"


def _split(word: str, base: Recording) -> tuple[str, Nth | None]:
    """Return the name and which instance ``STOR@slowest`` means."""
    name, at, nth = word.rpartition("@")
    if not at or nth not in NTH_CHOICES or word in slice_names(base):
        return word, None
    return name, nth


def _recording_called(word: str, folder: Path) -> bool:
    try:
        entry = catalog.find(word, folder)
    except RecordingError:
        return False
    # A file that only happens to be called so is no recording.
    return entry.live_folder is not None or entry.path.name.endswith(catalog.RECORDING_SUFFIX)


def _article(kind: str) -> str:
    return f"an {kind}" if kind == "action" else f"a {kind}"
