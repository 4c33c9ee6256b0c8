"""Links from a function in a picture to its source: ``vscode://file/...`` or ``file://...``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

if TYPE_CHECKING:
    from callgraph_lab.model import Function

Links = Literal["vscode", "file", "none"]
LINK_CHOICES: tuple[Links, ...] = ("vscode", "file", "none")
_LONGEST_PATH_BYTES = 4096  # PATH_MAX of Linux: there is no such file


def link_to(function: Function, links: Links) -> str | None:
    """Return the link to where ``function`` is defined, or None.

    None where links are off, and for code that is in no file (``<string>``, frozen modules). The
    scheme is always ours and everything of the path is percent-encoded, so a file name can neither
    make another kind of link nor end the attribute it stands in.
    """
    if links == "none" or not function.file.startswith("/"):
        return None
    try:
        encoded = os.fsencode(function.file)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte: no such file
        return None
    if len(encoded) > _LONGEST_PATH_BYTES:
        return None
    path = quote(encoded, safe="/")
    return f"file://{path}" if links == "file" else f"vscode://file{path}:{max(1, function.line)}"
