"""The two small notations of an event map: which functions are meant, and what to read of a call.

A *pattern* names functions: ``FTPHandler.process_command``, ``DTPHandler.*``, ``Handler.do_*`` (the
class may be any ancestor of the class of ``self``), or ``package.module:function`` for functions
that are no methods. A *source* says what to read when one is entered: ``cmd`` (an argument),
``self.remote_ip`` (an attribute), ``args[0]`` (an item), ``'text'``, ``*`` (what the star of the
pattern stood for), ``<action>``, ``<detail>``, ``<session>`` or ``<current>``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callgraph_lab.model import Function

MOST_ATTRIBUTES = 7
LONGEST_TEXT = 200
_NAME = r"[^\W\d]\w*"
_METHOD = re.compile(rf"({_NAME})\.((?:{_NAME})?\*|{_NAME})")
_PLAIN = re.compile(rf"((?:{_NAME}\.)*{_NAME})?:((?:{_NAME})?\*|{_NAME})")
_ARGUMENT = re.compile(rf"({_NAME})((?:\.{_NAME})*)")
_ITEM = re.compile(rf"({_NAME})\[(\d{{1,4}})\]")
_LITERAL = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_KNOWN = re.compile(r"<(action|detail|session|current)>")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SECRET = re.compile(r"passw|passphrase|secret", re.IGNORECASE)

Source = tuple[str | int, ...]
"""As the engine takes it: ``("attribute", "self", "remote_ip")``."""

PATTERN_EXAMPLE = "Class.function, Class.do_*, Class.* or module:function"
SOURCE_EXAMPLE = "an argument (cmd), an attribute (self.user), an item (args[0]) or 'text'"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which functions are meant: methods of a class and its descendants, or a module's functions.

    ``class_name`` is empty for a plain function; an empty ``module`` is any.
    """

    function: str
    class_name: str = ""
    module: str = ""

    def __str__(self) -> str:
        return (
            f"{self.class_name}.{self.function}"
            if self.class_name
            else f"{self.module}:{self.function}"
        )


def is_meant(pattern: Pattern, function: Function) -> bool:
    """Say whether a pattern means a recorded function, as the engine would."""
    name = pattern.function
    fits = (
        function.own_name.startswith(name[:-1]) if name.endswith("*") else function.own_name == name
    )
    if not fits or function.kind == "thread":
        return False
    if not pattern.class_name:
        return pattern.module in ("", function.module)
    classes = (ancestor.rpartition(":")[2] for ancestor in function.ancestors)
    return pattern.class_name in (name.rpartition(".")[2] for name in classes)


def parse_pattern(text: object) -> Pattern:
    """Return the functions that a text means. Raise ``ValueError`` where it is no pattern."""
    if isinstance(text, str):
        if match := _METHOD.fullmatch(text):
            return Pattern(class_name=match[1], function=match[2])
        match = _PLAIN.fullmatch(text)
        # Every function of every module is nothing that a map could mean.
        if match and (match[1] or match[2] != "*"):
            return Pattern(module=match[1] or "", function=match[2])
    raise ValueError(f"{text!r} is no pattern; write {PATTERN_EXAMPLE}")


def parse_source(text: object) -> Source:
    """Return what a text says to read. Raise ``ValueError`` where it says nothing, or a secret."""
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise ValueError(f"{text!r} is nothing to read; write {SOURCE_EXAMPLE}")
    if text == "*":
        return ("star",)
    if match := _KNOWN.fullmatch(text):
        return (match[1],)
    if match := _LITERAL.fullmatch(text):
        return ("literal", match[1] or match[2] or "")
    if _SECRET.search(text):
        raise ValueError(f"{text!r} looks like a password, and those are never recorded")
    if match := _ITEM.fullmatch(text):
        return ("item", match[1], int(match[2]))
    if match := _ARGUMENT.fullmatch(text):
        attributes = match[2].split(".")[1:]
        if not attributes:
            return ("argument", match[1])
        if len(attributes) <= MOST_ATTRIBUTES:
            return ("attribute", match[1], *attributes)
    raise ValueError(f"{text!r} is nothing to read; write {SOURCE_EXAMPLE}")


def parse_name(text: object) -> tuple[Source, ...]:
    """Return the parts of a name: text, and sources in braces. Raise ``ValueError``."""
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        raise ValueError(f"{text!r} is no name")
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a name has at most {LONGEST_TEXT} characters")
    parts: list[Source] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        parts += _literal(text[end : match.start()])
        source = parse_source(match[1])
        if source[0] in ("session", "current", "action", "detail"):
            raise ValueError(f"{match[1]} is not known yet where an action gets its name")
        parts.append(source)
        end = match.end()
    return (*parts, *_literal(text[end:]))


def _literal(text: str) -> list[Source]:
    if "{" in text or "}" in text:
        raise ValueError("a brace is not closed, or not opened")
    return [("literal", text)] if text else []
