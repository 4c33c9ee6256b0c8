"""The calling-context tree as compressed columns, and the checks of one that comes from a file."""

from __future__ import annotations

import sys
import zlib
from array import array
from typing import TYPE_CHECKING

from callgraph_lab.model import MEMORY_COLUMNS, NO_PARENT, TREE_COLUMNS, CallTree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callgraph_lab.model import Column

ColumnRow = tuple[str, int, int, bytes]
"""A column's name, bytes an item, items, and its compressed content."""

_FAST = 1
# Zeros can be compressed a thousandfold, but a context of a real tree takes ten bytes and more: a
# file that claims to do with less would only fill the memory of who reads it.
_COMPRESSED_BYTES_A_CONTEXT = 4
_CONTEXTS_ALWAYS_ALLOWED = 100_000


def pack_tree(tree: CallTree) -> list[ColumnRow]:
    """Return the columns of a tree, compressed; little-endian whatever the machine."""
    return [pack_column(column.name, getattr(tree, column.name)) for column in tree.columns]


def pack_column(name: str, values: array[int]) -> ColumnRow:
    """Return one column, compressed; little-endian whatever the machine."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    content = zlib.compress(values.tobytes(), _FAST)
    return name, values.itemsize, len(values), content


def unpack_tree(rows: Iterable[ColumnRow], functions: int) -> CallTree:
    """Return the tree of packed columns. Raise ``ValueError`` where it cannot be one.

    ``functions`` is how many the recording has, which the contexts refer to.
    """
    row_of = {row[0]: row for row in rows}
    columns: tuple[Column, ...] = TREE_COLUMNS
    if MEMORY_COLUMNS[0].name in row_of:
        columns = (*TREE_COLUMNS, *MEMORY_COLUMNS)
    if row_of.keys() != {column.name for column in columns}:
        raise ValueError("its columns are not those of a tree")
    lengths = {row[2] for row in row_of.values()}
    if len(lengths) != 1:
        raise ValueError("its columns differ in length")
    compressed = sum(len(row[3]) for row in row_of.values())
    most = _CONTEXTS_ALWAYS_ALLOWED + compressed // _COMPRESSED_BYTES_A_CONTEXT
    if not 0 <= lengths.pop() <= most:
        raise ValueError("it claims more contexts than its size allows")
    tree = CallTree()
    for column in columns:
        setattr(tree, column.name, unpack_column(row_of[column.name], column.typecode))
    _check_tree(tree, functions)
    return tree


def unpack_column(row: ColumnRow, typecode: str) -> array[int]:
    """Return one column. Raise ``ValueError`` where its content is not what its row says."""
    name, item_bytes, items, content = row
    values: array[int] = array(typecode)
    if item_bytes != values.itemsize:
        raise ValueError(f"its column {name} has items of a wrong size")
    size = item_bytes * items
    # No more than was announced, whatever the content would unfold into. The one byte more makes
    # zlib go on to its checksum.
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(content, size + 1)
    if len(data) != size or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"its column {name} has a wrong length")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def _check_tree(tree: CallTree, functions: int) -> None:
    """Check what the graph relies on: callers before callees, in preorder, known functions."""
    if not len(tree):
        return
    parents = tree.parent
    if max(tree.function) >= functions or min(parents) < NO_PARENT:
        raise ValueError("a context names what is not there")
    caller = NO_PARENT
    for before, parent in enumerate(parents, -1):
        # A context is called by the one before it, or by one that this was reached through.
        if parent != before:
            while caller > parent:
                caller = parents[caller]
            if caller != parent:
                raise ValueError(f"context {before + 1} is out of order")
        caller = parent
