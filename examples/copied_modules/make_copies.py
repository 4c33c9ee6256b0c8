"""Copy pyftpdlib's servers.py and ioloop.py, and make the copies import each other.

People who want to put a decorator or a print into a library often copy the modules in question
into their project and patch the imports. This script does the copying, from whatever pyftpdlib is
installed. It does so at the first run, and the repository holds no copies, so that they always
match the installed version, and nobody has to keep 1,700 lines of another project up to date here.

The copies go into a folder beside this file, not into a temporary one: a recording names the file
and line of every function, and these should still be there to look at when the run is over. Its
name begins with a dot, so that linters and test collectors leave the code of others alone, and the
copies of each version have a folder of their own in it.

Run:   python examples/copied_modules/make_copies.py
See:   the folder with the two copies. (ftpServer.py, beside this file, calls it for itself.)

pyftpdlib is Copyright (C) 2007 Giampaolo Rodola', under the MIT licence: the copies keep the
header that says so.
"""

import os
import re
from pathlib import Path

import pyftpdlib

COPIED = ("servers", "ioloop")
NOTE = "\n# Copied from pyftpdlib {} by make_copies.py; only relative imports were changed.\n"


def make_copies() -> Path:
    """Write the copies unless they are there already, and return the folder that holds them."""
    source = Path(pyftpdlib.__file__).parent
    folder = Path(__file__).parent / ".copies" / f"pyftpdlib-{pyftpdlib.__ver__}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        copy = folder / f"{name}.py"
        # The note stands at the end: every line keeps the number that it has in the original.
        original = (source / copy.name).read_text(encoding="utf-8")
        text = patch(original) + NOTE.format(pyftpdlib.__ver__)
        if not copy.exists() or copy.read_text(encoding="utf-8") != text:
            # Written aside, then moved: a server that starts now must not import half a file.
            unfinished = copy.with_suffix(f".{os.getpid()}")
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(copy)
    return folder


def patch(text: str) -> str:
    """Make relative imports absolute: of the other copy where there is one, else of pyftpdlib."""

    def absolute(match: re.Match[str]) -> str:
        indent, module = match.groups()
        return f"{indent}from {module if module in COPIED else 'pyftpdlib.' + module} import"

    return re.sub(r"^(\s*)from \.(\w+) import", absolute, text, flags=re.MULTILINE)


if __name__ == "__main__":
    print(make_copies())
