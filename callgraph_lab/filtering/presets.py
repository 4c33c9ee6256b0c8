"""Loading filters from TOML files: those shipped with the package, and the user's own.

The one module of this folder that reads files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callgraph_lab.errors import FilterError
from callgraph_lab.filtering.definition import (
    RESERVED_NAMES,
    Filter,
    did_you_mean,
    filter_from_table,
    line_of_item,
)
from callgraph_lab.shipped import shipped_folder
from callgraph_lab.toml_text import table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUFFIX = ".toml"
_LARGEST_FILE_BYTES = 1_000_000

BUILT_IN = (
    Filter(
        name="auto",
        description="The default: ftp-server where pyftpdlib ran, else no-stdlib. With an include "
        "on the command line, no-stdlib.",
    ),
    Filter(name="none", description="Hides nothing, not even the standard library.", stdlib=True),
)


def shipped_filter_names() -> tuple[str, ...]:
    """Return the names of the filters that come with the package, sorted."""
    return tuple(sorted(path.stem for path in shipped_folder("filters").glob(f"*{_SUFFIX}")))


def available_filters() -> tuple[Filter, ...]:
    """Return every filter that has a name here: ``auto``, ``none``, and those shipped."""
    return BUILT_IN + tuple(load_filter(name) for name in shipped_filter_names())


def load_filter(name_or_file: str, *, folder: Path | None = None) -> Filter:
    """Load the filter of that name, or the file where it is a path; ``extends`` is not followed.

    A relative path starts at ``folder``, or at the current one. Raises FilterError.
    """
    for built_in in BUILT_IN:
        if built_in.name == name_or_file:
            return built_in
    if is_path(name_or_file):
        return _load_file((folder or Path()) / _expanded(name_or_file))
    if name_or_file not in shipped_filter_names():
        known = (*RESERVED_NAMES, *shipped_filter_names())
        raise FilterError(
            f"no such filter {name_or_file!r}{did_you_mean(name_or_file, known)}",
            hint="`cglab filters list` shows the filters; a file is written with its ending, .toml",
        )
    return _load_shipped(shipped_folder("filters") / f"{name_or_file}{_SUFFIX}")


def load_with_parents(name_or_file: str) -> tuple[Filter, ...]:
    """Load a filter and all that it extends, each once, itself last.

    ``stdlib`` and ``import_code`` of each are what it says or, where it does not say, what those it
    extends say (hiding wins). Raises FilterError for a name that does not exist and for filters
    that extend each other.
    """
    loader = _Loader()
    loader.add(name_or_file)
    return tuple(loader.loaded.values())


@dataclass(slots=True)
class _Loader:
    """Follows ``extends``; ``path`` is the way to the filter being loaded, to see a cycle."""

    loaded: dict[str, Filter] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)

    def add(self, name_or_file: str, folder: Path | None = None) -> Filter:
        current = load_filter(name_or_file, folder=folder)
        # Two files may have one name, and one file several paths: the resolved source tells.
        identity = str(Path(current.source).resolve()) if current.source else current.name
        if identity in self.path:
            circle = [*self.path[self.path.index(identity) :], identity]
            names = " -> ".join(Path(item).stem for item in circle)
            raise FilterError(f"filters extend each other in a circle: {names}")
        if identity not in self.loaded:
            self.path.append(identity)
            parents = [self._add_parent(current, parent) for parent in current.extends]
            self.path.pop()
            self.loaded[identity] = replace(
                current,
                stdlib=_own_or_hiding(current.stdlib, [parent.stdlib for parent in parents]),
                import_code=_own_or_hiding(
                    current.import_code, [parent.import_code for parent in parents]
                ),
            )
        return self.loaded[identity]

    def _add_parent(self, current: Filter, parent: str) -> Filter:
        where = f"{current.source}:{_line_of_parent(current, parent)}: 'extends'"
        if parent in RESERVED_NAMES:
            raise FilterError(
                f"{where}: {parent!r} cannot be extended",
                hint="extend no-stdlib or ftp-server, or drop the entry",
            )
        try:
            return self.add(parent, Path(current.source).parent)
        except FilterError as error:
            # One sentence with the innermost file is enough where circles and chains are long.
            if str(error).startswith(("no such filter", "filters extend")):
                raise FilterError(f"{where}: {error}", hint=error.hint) from error
            raise


def _own_or_hiding(own: bool | None, others: Sequence[bool | None]) -> bool | None:  # noqa: FBT001 - three values
    if own is not None:
        return own
    return False if False in others else True if True in others else None


def _line_of_parent(current: Filter, parent: str) -> int:
    return line_of_item(_read(Path(current.source)), "extends", parent)


def is_path(name_or_file: str) -> bool:
    """Say whether what a user wrote is a file, and no name."""
    return name_or_file.endswith(_SUFFIX) or "/" in name_or_file


def _expanded(name_or_file: str) -> Path:
    try:
        return Path(name_or_file).expanduser()
    except RuntimeError:  # "~nobody/x.toml": no such user, so perhaps a folder of that name
        return Path(name_or_file)


@cache
def _load_shipped(path: Path) -> Filter:
    # These files do not change while a program runs; the user's may.
    return _load_file(path)


def _load_file(path: Path) -> Filter:
    table, text = read_table(path)
    return filter_from_table(table, name=path.stem, text=text, source=str(path))


def read_table(path: Path) -> tuple[dict[str, Any], str]:
    """Return a TOML file's content, and its text. Raises FilterError."""
    text = _read(path)
    try:
        return table_of(text), text
    except ValueError as error:
        # Not every error of its reader says where it is.
        line = re.search(r"at line (\d+)", str(error))
        at_end = f":{text.count(chr(10)) + 1}" if "end of document" in str(error) else ""
        where = f":{line[1]}" if line else at_end
        raise FilterError(f"{path}{where}: not valid TOML: {error}") from error


def _read(path: Path) -> str:
    try:
        if path.is_dir():
            raise FilterError(f"{path} is a folder, not a filter file")
        if path.exists() and not path.is_file():
            raise FilterError(f"{path} is not a regular file")
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise FilterError(
            f"no such filter file {str(path)!r}{did_you_mean(path.stem, shipped_filter_names())}",
            hint="`cglab filters list` shows the filters that need no file",
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise FilterError(f"cannot read the filter file {str(path)!r}: {error}") from error
    if len(content) > _LARGEST_FILE_BYTES:
        raise FilterError(f"{path} is too large for a filter file (more than 1 MB)")
    try:
        # An editor's byte order mark is nothing to complain about; TOML's line ends are LF.
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FilterError(f"{path}:{line}: not valid UTF-8") from error
