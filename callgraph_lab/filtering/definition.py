"""What a filter is, and how it is read from a table of a TOML file.

The keys stand in one table, ``KEYS``, with their types and meanings: validation, error messages and
``cglab filters show`` all read it, so a new key is one line there and one field of ``Filter``.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from callgraph_lab.errors import FilterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RESERVED_NAMES = ("auto", "none")
"""Names with a meaning of their own, which no file may take."""
FOREIGN_KEYS = ("event_map", "sensor")
"""Keys that a filter's file may have for others: an event map stands beside the filter."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Rules with a name, as a file states them: ``extends`` is not followed yet.

    ``stdlib`` False hides the standard library, True shows it, None leaves it to others.
    ``import_code`` False hides what runs only because a module is imported. ``target`` True counts
    the script and the modules in its folder as included. ``source`` is the file it came from.
    """

    name: str
    description: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()
    target: bool = False
    stdlib: bool | None = None
    import_code: bool | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One key that a filter's file may have: what its value must be, and what it means."""

    expected: str
    is_valid: Callable[[Any], bool]
    meaning: str


def _is_line(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _is_name(value: object) -> bool:
    return _is_line(value) and value not in RESERVED_NAMES


def _are_lines(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_line, value))


def _are_globs(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


_GLOBS = 'a list of globs, such as ["logging.*", "FTPHandler.log*"]'
_SWITCH = "true or false"

KEYS: Mapping[str, Key] = {
    "name": Key(
        f"a line of text, and not {' or '.join(RESERVED_NAMES)}",
        _is_name,
        "what the filter is called; without it, the file's name",
    ),
    "description": Key("text", _is_text, "one sentence for `cglab filters list`"),
    "include": Key(_GLOBS, _are_globs, "show these; what no include matches is hidden"),
    "exclude": Key(_GLOBS, _are_globs, "hide these, included or not"),
    "extends": Key(
        'a list of filters, such as ["no-importlib"]',
        _are_lines,
        "filters whose rules this one takes over; names, or files beside this one",
    ),
    "target": Key(_SWITCH, _is_switch, "true includes the script and the modules in its folder"),
    "stdlib": Key(
        _SWITCH, _is_switch, "false hides the standard library where nothing includes it"
    ),
    "import_code": Key(
        _SWITCH, _is_switch, "false hides modules' top-level code and the bodies of classes"
    ),
}


def filter_from_table(table: Mapping[str, Any], *, name: str, text: str, source: str) -> Filter:
    """Make a filter of a parsed TOML file.

    ``name`` is the name where the file gives none, ``text`` the file's text (to find the line of
    an error), ``source`` its path. Raises FilterError that names file, line and key.
    """
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in FOREIGN_KEYS:
            continue
        where = f"{source}:{line_of_key(text, key)}"
        if key not in KEYS:
            raise FilterError(
                f"{where}: unknown key {key!r}{did_you_mean(key, (*KEYS, *FOREIGN_KEYS))}",
                hint=f"the keys of a filter are {', '.join(KEYS)}; those of an event map"
                f" {' and '.join(FOREIGN_KEYS)}",
            )
        if not KEYS[key].is_valid(value):
            raise FilterError(
                f"{where}: {key!r} must be {KEYS[key].expected}, not {_shortened(value)}",
                hint=f"{key}: {KEYS[key].meaning}",
            )
        values[key] = tuple(value) if isinstance(value, list) else value
    return Filter(**{"name": name, **values, "source": source})


def line_of_key(text: str, key: str) -> int:
    """Return the number of the line where a key of the top level is set, 1 where it is not found.

    Only for messages: a line inside a text of several lines that looks like the key wins.
    """
    quoted = re.escape(key)
    pattern = re.compile(rf"""^[ \t[]*["']?{quoted}["']?[ \t]*[=.\]]""", re.MULTILINE)
    match = pattern.search(text)
    return text.count("\n", 0, match.start()) + 1 if match else 1


def line_of_item(text: str, key: str, item: str) -> int:
    """Return the line where ``item`` stands in the list ``key``, or else the key's own."""
    first = line_of_key(text, key)
    for number, line in enumerate(text.splitlines()[first - 1 :], first):
        if f'"{item}"' in line or f"'{item}'" in line:
            return number
    return first


def did_you_mean(wrong: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return ``; did you mean 'exclude'?`` for the known word that is nearest, or nothing."""
    nearest = difflib.get_close_matches(wrong.lower(), list(known), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _shortened(value: object) -> str:
    shown = repr(value)
    longest = 60
    return shown if len(shown) <= longest else f"{shown[:longest]}..."
