"""Globs and the names they are compared with.

A glob has the meaning it has in ``fnmatch``: ``*``, ``?``, ``[seq]`` and ``[!seq]``, with upper and
lower case apart and ``*`` crossing dots. Two things are added, because people think in modules and
classes:

- A glob that names a package, a module or a class stands for everything in it, so that ``logging``
  finds ``logging.handlers.X.emit``. What is local to a *function* is not in it: ``m.f`` does not
  find ``m.f.<locals>.g``.
- A method is found by every class its object descends from, so that ``FTPHandler.*`` finds
  ``__main__.MyHandler.ftp_STOR``.
"""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.model import Function

_WHAT_IS_IN_IT = r"(?:\.(?!<locals>).*)?"
"""A dot and anything, unless the glob named a function and this is what is local to it."""

_LOCAL = "<locals>."
_WILDCARD = re.compile(r"[*?[]")

_NO_CLASS = "\0"
"""Stands in a name where a class would, and is no class's name.

A glob that matches an ancestor's method with this for the class as well does not speak of the
class, and does not count: ``asyncore.*`` means the module, not every class in other modules that
derives from ``asyncore.dispatcher`` (all of an FTP server's handlers, for one).
"""


def with_own_names(patterns: Sequence[str]) -> tuple[str, ...]:
    """Add what finds functions by their own name for each pattern that is one plain word."""
    added = (f"*.{word}" for word in patterns if not re.search(r"[.*?[]", word))
    return (*patterns, *added)


class SearchNames(NamedTuple):
    """A function with all the names that a glob may find it by."""

    function: Function
    plain: tuple[str, ...]
    inherited: tuple[tuple[str, str], ...]
    """A method's name by each class that its object descends from, and that class's module."""


def search_names(function: Function) -> SearchNames:
    """Collect the names of a function: full, as defined, and along the ancestors of its class."""
    qualname, own_name = function.qualname, function.own_name
    # A dict keeps the order and drops what comes twice: for most functions, most of them.
    plain = {function.name: None}
    plain[f"{function.module}.{qualname}" if function.module else qualname] = None
    inherited = []
    holder = qualname[: -len(own_name) - 1]
    if holder and not holder.endswith("<locals>"):
        # Where a class is local to a function, its own name alone will do.
        plain[f"{holder.rpartition(_LOCAL)[2]}.{own_name}"] = None
    for ancestor in function.ancestors or (function.class_name,):
        if ancestor:
            module, _, class_qualname = ancestor.rpartition(":")
            plain[f"{class_qualname.rpartition(_LOCAL)[2]}.{own_name}"] = None
            if module:
                inherited.append((f"{module}.{class_qualname}.{own_name}", module))
    return SearchNames(function, tuple(plain), tuple(inherited))


class GlobList:
    """Globs compiled into one expression, which still tells which of them matched."""

    def __init__(self, globs: Sequence[str]) -> None:
        bodies = [_expression(glob) for glob in globs]
        # A list without globs must match nothing; an empty expression would match everything.
        self._any = re.compile("|".join(f"({body})" for body in bodies) or r"(?!)")
        self._singles = [re.compile(body) for body in bodies]
        # Most names match nothing, and most of these are told by their first letters.
        heads = [_WILDCARD.split(glob, maxsplit=1)[0] for glob in globs]
        self._start_length = min(map(len, heads), default=0)
        self._starts = frozenset(head[: self._start_length] for head in heads)

    def find(self, names: SearchNames) -> tuple[int, str] | None:
        """Return the index of the first glob that matches, and the name it matches, or None.

        The classes a method is inherited by are asked only where its own names match nothing.
        """
        starts, length, match_any = self._starts, self._start_length, self._any.match
        found: list[tuple[int, str]] = []
        for name in names.plain:
            if name[:length] in starts:
                match = match_any(name)
                # The first alternative that matches; no glob holds a group, so it is the last one.
                if match and match.lastindex:
                    found.append((match.lastindex - 1, name))
        if not found:
            for name, module in names.inherited:
                if name[:length] in starts and match_any(name):
                    without_class = f"{module}.{_NO_CLASS}.{names.function.own_name}"
                    found += [
                        (index, name)
                        for index, single in enumerate(self._singles)
                        if single.match(name) and not single.match(without_class)
                    ]
        return min(found, key=itemgetter(0), default=None)


@lru_cache(maxsize=64)
def compiled_globs(globs: tuple[str, ...]) -> GlobList:
    """Return the list of these globs, compiled once however many queries use it."""
    return GlobList(globs)


def _expression(glob: str) -> str:
    # The translation ends in \Z (\z from Python 3.14 on): what is in it may follow before the end.
    translated = fnmatch.translate(glob)
    return f"{translated[:-2]}(?s:{_WHAT_IS_IN_IT}){translated[-2:]}"
