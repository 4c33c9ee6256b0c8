"""What the filters need to know of a program as a whole, read off its recorded functions.

Pure: files are compared by their names and never looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from os.path import normpath
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from callgraph_lab.model import Function

MAIN_MODULES = frozenset({"__main__", "__mp_main__"})
"""The script, under its own name and under the one it has in a child that was spawned."""

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_FTP_CLASSES = frozenset({"FTPHandler", "FTPServer"})
_MOST_NESTED_CLASSES = 20  # CPython allows as many blocks within each other
_CLASS_LIKE = re.compile(r"_*[A-Z]")


@dataclass(frozen=True, slots=True)
class ProgramFacts:
    """Where the target's own modules are, and which names are classes (module, qualname)."""

    target_folders: tuple[str, ...] = ()
    classes: frozenset[tuple[str, str]] = frozenset()

    def is_target(self, function: Function) -> bool:
        """Tell whether a function is the script's, or of a module in the script's folder."""
        if function.module in MAIN_MODULES:
            return True
        if function.stdlib:
            return False
        return any(_is_below(function.file, folder) for folder in self.target_folders)

    def is_import_code(self, function: Function) -> bool:
        """Tell whether it runs when a module is imported: its top level, or a class's body.

        The script's top level is no such thing, it is the program. A class's body is a function
        with the class's name; where no method of the class was ever called there is no telling it
        from a function, and a capital letter decides, but not in the target, whose author may
        like functions with capital letters.
        """
        if function.qualname == "<module>":
            return function.module not in MAIN_MODULES
        if function.class_name is not None or function.kind != "function":
            return False
        if (function.module, function.qualname) in self.classes:
            return True
        return _CLASS_LIKE.match(function.own_name) is not None and not self.is_target(function)


def program_facts(functions: Iterable[Function], target_files: Sequence[str] = ()) -> ProgramFacts:
    """Read the facts off the functions of a recording.

    ``target_files`` are absolute paths of the script, for what the functions do not say: Python
    looks for modules where a symbolic link to the script points to, and names the link.
    """
    files = dict.fromkeys(target_files)
    classes: set[tuple[str, str]] = set()
    for function in functions:
        if function.qualname == "<module>" and function.module in MAIN_MODULES:
            files[function.file] = None
        classes.update(_classes_named_by(function))
    folders = dict.fromkeys(PurePath(normpath(file)).parent for file in files if file)
    return ProgramFacts(
        # "<string>" has no folder; site-packages itself (`-m module`) is not the target's own.
        target_folders=tuple(
            str(folder)
            for folder in folders
            if folder.is_absolute() and folder.name not in _INSTALLED
        ),
        classes=frozenset(classes),
    )


def has_ftp_server(functions: Iterable[Function]) -> bool:
    """Tell whether pyftpdlib ran, under its own name or as a copy that somebody made of it."""
    return any(
        _is_pyftpdlib(function.module) or any(map(_is_ftp_class, function.ancestors))
        for function in functions
    )


def _is_pyftpdlib(module: str) -> bool:
    return module == "pyftpdlib" or module.startswith("pyftpdlib.")


def _is_ftp_class(ancestor: str) -> bool:
    module, _, qualname = ancestor.rpartition(":")
    return _is_pyftpdlib(module) or qualname in _FTP_CLASSES


def _classes_named_by(function: Function) -> Iterator[tuple[str, str]]:
    for ancestor in (function.class_name, *function.ancestors):
        if ancestor:
            module, _, qualname = ancestor.rpartition(":")
            yield module, qualname
    # `A.B.method` stands in class A.B, which stands in class A; `f.<locals>.g` in no class.
    holder = function.qualname.rpartition(".")[0]
    for _ in range(_MOST_NESTED_CLASSES):
        if not holder or holder.endswith("<locals>"):
            break
        yield function.module, holder
        holder = holder.rpartition(".")[0]


def _is_below(file: str, folder: str) -> bool:
    # The root folder ends in a slash already.
    prefix = folder if folder.endswith("/") else f"{folder}/"
    if not file.startswith(prefix):
        return False
    # A virtual environment often stands in the script's folder. The folders above do not count:
    # the target may itself be installed, as `python -m pyftpdlib` is.
    return _INSTALLED.isdisjoint(file[len(prefix) :].split("/"))
