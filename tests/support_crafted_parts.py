"""Live files changed by their own layout: fields of headers, of blocks and of records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support_crafted import TEXTS, changed_json, changed_number, fields_of, flipped

from callgraph_lab.recording import live_format as layout

if TYPE_CHECKING:
    import random

_RECORDS = {
    layout.BLOCK_CONTEXTS: layout.CONTEXT.format,
    layout.BLOCK_ACTIONS: layout.ACTION.format,
    layout.BLOCK_LABELS: layout.LABEL.format,
    layout.BLOCK_INSTANCES: layout.INSTANCE.format,
    layout.BLOCK_EVENTS: layout.EVENT.format,
    layout.BLOCK_MEMORY: "<8Q",
    layout.BLOCK_INSTANCE_MEMORY: "<II56x8Q",
    layout.BLOCK_LINES: layout.LINE.format,
}
_HEADER = layout.IDENTITY.format + "6QII" + "7Q" + "4Q" + "QI" + "I" + "3I4xQ"


def changed_part(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Return a live file in which a few things are otherwise, and what."""
    changed, done = bytearray(data), []
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        kind = chance.random()
        if kind < 0.15:
            done.append(_change_field(changed, 0, _HEADER, chance))
        elif kind < 0.2:
            done.append(_change_texts_of_header(changed, chance))
        elif kind < 0.85:
            done.append(_change_block(changed, chance))
        else:
            changed = bytearray(flipped(bytes(changed), chance))
            done.append("bytes")
    return bytes(changed), "; ".join(done)


def _change_field(data: bytearray, start: int, format_text: str, chance: random.Random) -> str:
    offset, size, code = chance.choice(fields_of(format_text))
    at = start + offset
    if at + size > len(data):
        return "nothing"
    if code == "s":
        text = chance.choice(TEXTS).encode("utf-8", "surrogatepass")[:size]
        data[at : at + size] = text.ljust(size, b"\0")
        return f"text at {at} = {text!r}"
    old = int.from_bytes(data[at : at + size], "little")
    new = changed_number(old, (1 << 8 * size) - 1, chance)
    if chance.random() < 0.1:
        new = chance.choice((len(data), len(data) - start, start, layout.PAGE_BYTES)) & 0xFFFFFFFF
    data[at : at + size] = new.to_bytes(size, "little")
    return f"at {start} + {offset}: {old} = {new}"


def _change_texts_of_header(data: bytearray, chance: random.Random) -> str:
    start, size = layout.STOP_REASON_OFFSET, layout.STOP_REASON_BYTES
    if chance.random() < 0.7:
        start, size = layout.INFORMATION_OFFSET, layout.INFORMATION_BYTES
        old = bytes(data[start : start + size]).partition(b"\0")[0].decode(errors="replace")
        text = changed_json(old, chance)
    else:
        text = chance.choice(TEXTS)
    written = text.encode("utf-8", "surrogatepass")[:size].ljust(size, b"\0")
    data[start : start + size] = written[: len(data) - start]
    return f"text of the header = {text[:60]!r}"


def _blocks(data: bytearray) -> list[tuple[int, int, int, int]]:
    """Return place, type, size and used of each block."""
    found, at = [], layout.HEADER_BYTES
    while at + layout.BLOCK_HEADER_BYTES <= len(data):
        magic, kind, size, used, *_ = layout.BLOCK_HEADER.unpack_from(data, at)
        if magic != layout.BLOCK_MAGIC or not 0 < size <= len(data) - at:
            break
        found.append((at, kind, size, used))
        at += size
    return found


def _change_block(data: bytearray, chance: random.Random) -> str:
    blocks = _blocks(data)
    if not blocks:
        return "nothing"
    # Each type as often as another, however many blocks of it there are.
    wanted = chance.choice(sorted({kind for _, kind, *_ in blocks}))
    at, kind, size, used = chance.choice([block for block in blocks if block[1] == wanted])
    what, payload = chance.random(), at + layout.BLOCK_HEADER_BYTES
    if what < 0.15:
        done = _change_field(data, at, layout.BLOCK_HEADER.format, chance)
    elif what < 0.2:
        other, _, other_size, _ = chance.choice(blocks)
        length = min(size, other_size)
        data[at : at + length] = data[other : other + length]
        done = f"copied from {other}"
    elif kind == layout.BLOCK_FUNCTIONS:
        done = _change_function(data, payload, used, chance)
    elif kind == layout.BLOCK_THREAD:
        done = _change_thread(data, payload, chance)
    else:
        done = _change_record(data, payload, at + size, (kind, used), chance)
    return f"block of type {kind} at {at}: {done}"


def _change_thread(data: bytearray, payload: int, chance: random.Random) -> str:
    """Change a thread, or one of its open calls."""
    if chance.random() < 0.5:
        return _change_field(data, payload, layout.THREAD.format, chance)
    depth = min(int.from_bytes(data[payload + 40 : payload + 48], "little"), 20)
    entry = payload + layout.THREAD_ENTRIES_OFFSET
    entry += layout.OPEN_ENTRY.size * chance.randrange(depth + 1)
    return _change_field(data, entry, layout.OPEN_ENTRY.format, chance)


def _change_record(
    data: bytearray, payload: int, end: int, block: tuple[int, int], chance: random.Random
) -> str:
    """Change a record of a block, or copy another over it."""
    kind, used = block
    record = _RECORDS.get(kind, "<8Q")
    length = sum(size for _, size, _ in fields_of(record))
    length = layout.INSTANCE_MEMORY_BYTES if kind == layout.BLOCK_INSTANCE_MEMORY else length
    count = max(min(used, (end - payload) // length), 1)
    place = payload + length * chance.randrange(count)
    if chance.random() < 0.1:
        other = payload + length * chance.randrange(count)
        data[place : place + length] = data[other : other + length]
        return f"record at {place} copied from {other}"
    return _change_field(data, place, record, chance)


def _change_function(data: bytearray, payload: int, used: int, chance: random.Random) -> str:
    """Change a field of a function's record, the length of a text in it, or the text."""
    records, at = [], payload
    while at + layout.FUNCTION_HEADER.size <= min(payload + used, len(data)):
        records.append(at)
        length = int.from_bytes(data[at : at + 4], "little")
        if not 0 < length <= used:
            break
        at += length
    if not records:
        return "nothing"
    at = chance.choice(records)
    if chance.random() < 0.5:
        return _change_field(data, at, layout.FUNCTION_HEADER.format, chance)
    at += layout.FUNCTION_HEADER.size
    for _ in range(chance.randrange(layout.FUNCTION_STRINGS)):
        at += 4 + min(int.from_bytes(data[at : at + 4], "little"), layout.LONGEST_STRING_BYTES)
    if chance.random() < 0.3:
        return _change_field(data, at, "<I", chance)
    size = min(int.from_bytes(data[at : at + 4], "little"), layout.LONGEST_STRING_BYTES)
    text = chance.choice(TEXTS).encode("utf-8", "surrogatepass")[:size]
    data[at + 4 : at + 4 + size] = text.ljust(size, b" ")
    return f"text of a function at {at} = {text!r}"
