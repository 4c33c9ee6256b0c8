"""JSON as text that is harmless on a terminal, and one line where a line was asked for."""

from __future__ import annotations

import json
import re

_FIRST_OF_PLANE_1 = 0x10000
# What a terminal, a pager or a program that splits lines could take for more than text: controls,
# line and paragraph separators, and characters without a look of their own, which a terminal
# either hides or lets reorder the others. Which ones those are, str.isprintable() knows.
_BEYOND_ASCII = re.compile(r"[^\n -~]")


def json_text(value: object, *, indent: int | None = None) -> str:
    r"""Return a value as JSON, each character that does not print as ``\u`` and four digits.

    Whoever parses it gets the value as it was.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text if text.isascii() and "\x7f" not in text else _BEYOND_ASCII.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    if char.isprintable():
        return char
    code = ord(char)
    if code < _FIRST_OF_PLANE_1:
        return f"\\u{code:04x}"
    high, low = divmod(code - _FIRST_OF_PLANE_1, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
