"""Values that somebody who means harm would write into a file, and how to put one there."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

from support_hostile import HOSTILE

if TYPE_CHECKING:
    import random

NUMBERS = (
    *(0, 1, -1, 2, -2, 7, 8, 255, 256, 4095, 4096, 65_535),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**62, 2**63 - 1, -(2**31), -(2**63)),
    *(10**9, 10**15, 10**17, 10**18),
)
TEXTS = (
    *("", ".", "..", "/", "*", "[", "\0", "a\0b", "%s%n", "-o", "--help", "=", "a:b", "a\nb"),
    *("/etc/passwd", "../../../../etc/passwd", "<script>alert(1)</script>", "</script>", "]]>"),
    *("\x1b[31mX\x1b[0m", "\x9b31m", "\u202eevil", "\ud800", "\udcff", "e\u0301" * 50, HOSTILE),
    *("9999-12-31T23:59:59", "0001-01-01T00:00:00+00:00", "2026-01-01", "1e999", "NaN", "-1"),
    *("null", "[]", "{}", "[null]", '{"a": 1}', "[[1, 2]]", '[["user", "\x1b]0;t\x07"]]'),
    *("[null, null, null, null, null, null, null, null]", "[" * 2_000, "9" * 5_000, '"\\ud800"'),
    *("x" * 20_000, "thread", "function", "running", "killed", "action", "gc"),
)
_NOT_TEXT: tuple[object, ...] = (
    None,
    True,
    False,
    1.5,
    float("nan"),
    float("inf"),
    10**30,
    [],
    {},
    [[]],
    [None],
    {"a": []},
)


def number(chance: random.Random, like: int | None = None) -> int:
    """Return a number, perhaps one near another."""
    if like is not None and chance.random() < 0.4:
        return like + chance.choice((1, -1, 2, 8, -8, 1000))
    return chance.choice(NUMBERS) if chance.random() < 0.7 else chance.randrange(300)


def changed_number(value: int, most: int, chance: random.Random) -> int:
    """Return a number for a place that has ``most + 1`` of them."""
    if chance.random() < 0.1:
        return value ^ (1 << chance.randrange(most.bit_length()))
    return number(chance, value) & most


def changed_json(text: str, chance: random.Random) -> str:
    """Return a JSON text in which something is otherwise, or a text that is none."""
    if chance.random() < 0.08:
        return chance.choice(TEXTS)
    try:
        holder = [json.loads(text)]
    except (ValueError, TypeError, RecursionError):  # changed before
        return chance.choice(TEXTS)
    place, key = _place(holder, chance)
    old = place[key]
    kind = chance.random()
    if kind < 0.1 and place is not holder:
        del place[key]
    elif kind < 0.15 and isinstance(place, list) and place is not holder:
        place.insert(chance.randrange(len(place) + 1), old)
    elif kind < 0.2 and isinstance(place, dict):
        place[chance.choice(TEXTS)] = old
    elif kind < 0.65 and isinstance(old, int):
        place[key] = number(chance, old)
    elif kind < 0.65 and isinstance(old, str):
        place[key] = chance.choice(TEXTS)
    elif kind < 0.65 and isinstance(old, list):
        place[key] = chance.choice(
            ([], [*old, chance.choice(TEXTS)], old * 3, ["x"] * 1000, old[::-1])
        )
    else:
        place[key] = chance.choice((*_NOT_TEXT, number(chance), chance.choice(TEXTS)))
    return json.dumps(holder[0])


def _place(holder: Any, chance: random.Random) -> tuple[Any, Any]:
    """Return a list or dictionary in a value, and what to replace there."""
    place, key = holder, 0
    while isinstance(place[key], (list, dict)) and place[key] and chance.random() < 0.9:
        place = place[key]
        key = (
            chance.choice(list(place)) if isinstance(place, dict) else chance.randrange(len(place))
        )
    return place, key


def flipped(data: bytes, chance: random.Random) -> bytes:
    """Return bytes of which some are others, left out, or put in between."""
    if not data:
        return chance.randbytes(chance.randrange(100))
    changed, kind = bytearray(data), chance.random()
    if kind < 0.1:
        return data[: chance.randrange(len(data) + 1)]
    if kind < 0.15:
        at = chance.randrange(len(data))
        return data[:at] + chance.randbytes(chance.randrange(1, 200)) + data[at:]
    if kind < 0.2:
        at = chance.randrange(len(data))
        return data[:at] + data[at + chance.randrange(1, 200) :]
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        at = chance.randrange(len(data))
        for _ in range(50):  # rather where something is written
            if changed[at]:
                break
            at = chance.randrange(len(data))
        width = chance.choice((1, 1, 4, 8))
        at -= at % width
        old = int.from_bytes(changed[at : at + width], "little")
        new = changed_number(old, (1 << 8 * width) - 1, chance).to_bytes(width, "little")
        changed[at : at + width] = new[: len(changed) - at]
    return bytes(changed)


def fields_of(format_text: str) -> list[tuple[int, int, str]]:
    """Return offset, size and code of each field of a struct."""
    fields, offset, count = [], 0, ""
    for code in format_text.lstrip("<"):
        if code.isdigit():
            count += code
            continue
        repeated = 1 if code in "sx" else int(count or 1)
        size = int(count or 1) if code in "sx" else struct.calcsize("<" + code)
        for _ in range(repeated):
            if code != "x":
                fields.append((offset, size, code))
            offset += size
        count = ""
    return fields
