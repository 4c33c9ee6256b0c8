"""Names and figures as a person reads them: hostile text made visible, times, counts, widths.

A name in a recording is whatever the target called it. Everything drawn goes through
``visible_text`` first, so that no character in it can move, hide or end other text.
"""

from __future__ import annotations

from unicodedata import east_asian_width

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
LONGEST_TOOLTIP_NAME = 10_000
"""Characters of a name that a tooltip shows. Past it no one reads, and viewers slow down."""

_NS_PER_US = 1_000
_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000
_BYTES_PER_KIB = 1024
_S_PER_MIN = 60
_S_PER_H = 3600
_THREE_DIGITS = 999.5
_LAST_LATIN1 = 0xFF
_LAST_OF_PLANE_0 = 0xFFFF


def visible_text(text: str) -> str:
    r"""Return ``text`` with every character that does not print written as its escape.

    Control characters, line breaks, bidirectional overrides, zero-width and private characters
    and lone surrogates (undecodable bytes of a path) become ``\n``, ``\x00``, ``\u202e`` and so
    on; the result holds only characters that XML 1.0 and UTF-8 can carry.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    short = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(char)
    if short is not None:
        return short
    code = ord(char)
    if code <= _LAST_LATIN1:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _LAST_OF_PLANE_0 else f"\\U{code:08x}"


def columns(text: str) -> int:
    """Return how wide ``text`` is in columns of a terminal: two for a wide (CJK) character."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def shorten(text: str, most_columns: int) -> str:
    """Return ``text``, its middle replaced by an ellipsis where it is wider than that."""
    if columns(text) <= most_columns:
        return text
    room = most_columns - 1
    tail = _prefix(text[::-1], room // 2)[::-1]
    return f"{_prefix(text, room - columns(tail))}{ELLIPSIS}{tail}"


def _prefix(text: str, most_columns: int) -> str:
    used = 0
    for index, char in enumerate(text):
        used += columns(char)
        if used > most_columns:
            return text[:index]
    return text


def wrap(text: str, most_columns: int) -> list[str]:
    """Break ``text`` into lines no wider than that: at spaces, else within a word."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and columns(lines[-1]) + 1 + columns(word) <= most_columns:
            lines[-1] += f" {word}"
            continue
        rest = word
        while columns(rest) > most_columns:
            lines.append(_prefix(rest, most_columns))
            rest = rest[len(lines[-1]) :]
        lines.append(rest)
    return lines


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Return ``1 call`` or ``1,234 calls``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def duration(duration_ns: int) -> str:
    """Return a time with three digits and the unit that suits it: ``950 ns``, ``1.20 s``."""
    seconds = duration_ns / _NS_PER_S
    if seconds >= _S_PER_H:
        return f"{int(seconds // _S_PER_H)} h {int(seconds % _S_PER_H // _S_PER_MIN):02} min"
    if seconds >= 2 * _S_PER_MIN:
        return f"{int(seconds // _S_PER_MIN)} min {int(seconds % _S_PER_MIN):02} s"
    if duration_ns < _NS_PER_US:
        return f"{duration_ns} ns"
    for unit, size in (("µs", _NS_PER_US), ("ms", _NS_PER_MS)):
        if duration_ns / size < _THREE_DIGITS:
            return f"{_three_digits(duration_ns / size)} {unit}"
    return f"{_three_digits(seconds)} s"


def size(size_bytes: int) -> str:
    """Return bytes with three digits and the unit that suits them: ``950 B``, ``1.20 MiB``."""
    if size_bytes < _BYTES_PER_KIB:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("KiB", "MiB", "GiB"):
        value /= _BYTES_PER_KIB
        if value < _THREE_DIGITS:
            return f"{_three_digits(value)} {unit}"
    return f"{_three_digits(value / _BYTES_PER_KIB)} TiB"


def _three_digits(value: float) -> str:
    for digits, limit in ((2, 9.995), (1, 99.95)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:.0f}"


def percent(part: int, whole: int) -> str:
    """Return ``12.3 %``; ``<0.1 %`` for what is little but not nothing."""
    if whole <= 0:
        return "0 %"
    share = 100 * part / whole
    if 0 < share < 0.1:  # noqa: PLR2004 - the least that one decimal shows
        return "<0.1 %"
    return f"{share:.1f} %"
