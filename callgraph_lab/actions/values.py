"""What the values of an event map's keys must be. Each reader raises ``ValueError`` otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from callgraph_lab.actions.patterns import (
    PATTERN_EXAMPLE,
    SOURCE_EXAMPLE,
    Pattern,
    Source,
    parse_name,
    parse_pattern,
    parse_source,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_STALL_MS = 3_600_000
_MOST_FIELDS = 16
_LINE = "a line of text"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: the field it becomes, what its value must be, how it is read, and what it means."""

    field: str
    expected: str
    read: Callable[[Any], Any]
    meaning: str
    required: bool = False


def patterns(value: object) -> tuple[Pattern, ...]:
    """Read one pattern, or a list of them."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise ValueError("the list is empty")
    return tuple(map(parse_pattern, items))


def sources(value: object) -> tuple[Source, ...]:
    """Read a list of sources that are numbers of the call."""
    return tuple(map(source_of_call, _list(value)))


def source_of_call(value: object) -> Source:
    """Read a source that is an object or a value of the call."""
    source = parse_source(value)
    if source[0] not in ("argument", "attribute", "item"):
        raise ValueError(f"{value!r} is not read from the call")
    return source


def owner(value: object) -> Source:
    """Read whom an object belongs to."""
    return ("current",) if value == "<current>" else source_of_call(value)


def detail(value: object) -> Source:
    """Read a text of the call, for an action's record."""
    source = parse_source(value)
    if source[0] in ("current", "session", "action", "detail"):
        raise ValueError(f"{value!r} is not known yet where an action begins")
    return source


def fields(value: object) -> tuple[tuple[str, Source], ...]:
    """Read a sensor's fields: a table of names and sources."""
    if not isinstance(value, dict) or len(value) > _MOST_FIELDS:
        raise ValueError(f"a table of at most {_MOST_FIELDS} fields is needed")
    read = []
    for name, text in value.items():
        source = parse_source(text)
        if not name.isidentifier() or source[0] == "current":
            raise ValueError(f"{name} = {text!r} is no field")
        read.append((name, source))
    return tuple(read)


def line(value: object) -> str:
    """Read a line of text."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(f"{value!r} is no line of text")
    return value


def lines(value: object) -> tuple[str, ...]:
    """Read a list of lines of text."""
    return tuple(map(line, _list(value)))


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list")  # noqa: TRY004 - one kind of error
    return value


def switch(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither")  # noqa: TRY004 - one kind of error
    return value


def milliseconds(value: object) -> int:
    """Read a number of milliseconds."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _LONGEST_STALL_MS:
        raise ValueError(f"{value!r} is not between 1 and {_LONGEST_STALL_MS}")
    return value


def moment(value: object) -> str:
    """Read ``entry`` or ``exit``."""
    if value not in ("entry", "exit"):
        raise ValueError(f"{value!r} is neither")
    return str(value)


_FUNCTIONS = f"a pattern or a list of patterns ({PATTERN_EXAMPLE})"
_SOURCE = f"what to read of the call: {SOURCE_EXAMPLE}"


def _functions(meaning: str, *, field: str = "functions", required: bool = True) -> Key:
    return Key(field, _FUNCTIONS, patterns, meaning, required)


MAP_KEYS = {
    "loop": _functions("what runs until the server stops", field="loops", required=False),
    "pass": _functions("one pass of the event loop", field="passes", required=False),
    "stalled_after_ms": Key(
        "stalled_after_ms",
        "a number of milliseconds",
        milliseconds,
        "a pass that works longer than this is an event, loop-stalled",
    ),
}
"""The keys of ``[event_map]`` itself."""

TABLE_KEYS: dict[str, dict[str, Key]] = {
    "action": {
        "start": _functions("entering it begins the action", field="start"),
        "name": Key(
            "name",
            'text, with what is read of the call in braces: "{cmd}", "{*} {self.path}"',
            parse_name,
            "what the action is called",
            required=True,
        ),
        "session": Key("session", _SOURCE, source_of_call, "whose it is; self if not given"),
        "upper_case": Key("upper_case", "true or false", switch, "true writes it in capitals"),
        "cut_query": Key("cut_query", "true or false", switch, "true cuts the name at a ?"),
        "once": Key("once", "true or false", switch, "true counts one a session, the first"),
        "nested": Key("nested", "true or false", switch, "true begins inside its like, too"),
        "family": Key("family", _LINE, line, "what is its like: other tables of this family"),
        "until": Key(
            "until",
            f"a pattern ({PATTERN_EXAMPLE})",
            parse_pattern,
            "it ends when this returns, not when its start does",
        ),
        "detail": Key("detail", _SOURCE, detail, "a text to keep with each time, such as a file"),
        "detail_of": Key("detail_of", "a list of actions", lines, "keep it for these only"),
    },
    "owner": {
        "constructor": _functions("what makes the objects"),
        "belongs_to": Key(
            "belongs_to",
            f"{_SOURCE}, or <current>",
            owner,
            "the session, an object of one, or <current>: the action that runs now",
            required=True,
        ),
    },
    "later": {
        "functions": _functions("what the event loop calls to go on with an action"),
        "session": Key("session", _SOURCE, source_of_call, "whose, where no owner is known"),
    },
    "reply": {
        "functions": _functions("what answers the client"),
        "text": Key(
            "text", _SOURCE, source_of_call, "the answer; its number is the outcome", required=True
        ),
    },
    "end": {
        "functions": _functions("its return ends an action that went on after its first call"),
        "session": Key("session", _SOURCE, source_of_call, "whose action; self if not given"),
        "bytes": Key("bytes", f"a list of {_SOURCE}", sources, "numbers to add up: bytes moved"),
    },
    "phase": {
        "name": Key("name", _LINE, line, "what the phase is called", required=True),
        "sentence": Key("sentence", _LINE, line, "what happens in it", required=True),
        "functions": _functions("what it is seen by"),
        "prepared_by": Key(
            "prepared_by", "a list of actions", lines, "these do its work ahead of the action"
        ),
    },
    "sensor": {
        "name": Key("name", _LINE, line, "what the event is called", required=True),
        "functions": _functions("the calls that are events"),
        "when": Key("when", '"entry" or "exit"', moment, "which end of the call is the event"),
        "actions": Key("actions", "a list of actions", lines, "only inside these"),
        "fields": Key(
            "fields",
            'a table such as { user = "self.username", file = "<detail>" }',
            fields,
            "what the event says; at an exit self is read again, arguments are not",
        ),
    },
}
"""The keys of each table of a map, by the table's name."""
