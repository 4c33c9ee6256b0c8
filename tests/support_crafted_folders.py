"""Live folders with files that are changed, missing, renamed, or no files at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
from typing import TYPE_CHECKING

from support_crafted import TEXTS, changed_json, flipped, number
from support_crafted_parts import changed_part
from support_crafted_recordings import tables_of, write_changed

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from support_crafted_recordings import Tables


_LARGE_BYTES = 1 << 22
_WAYS_TO_CHANGE_A_FILE = (
    *("gone", "empty", "twice", "renamed", "sparse", "mode"),
    *("fifo", "link", "folder", "socket"),
)


class LiveFolders:
    """Makes live folders that are each like one of a run, but for something."""

    def __init__(self, base: Path, elsewhere: Path) -> None:
        """Take the files of ``base``; ``elsewhere`` is a file that nobody may read or write."""
        self._base = base
        self._elsewhere = elsewhere
        self._files = sorted(path.relative_to(base) for path in base.rglob("*") if path.is_file())
        self._content = {path: (base / path).read_bytes() for path in self._files}
        self._merged: dict[Path, Tables] = {
            path: tables_of(base / path) for path in self._files if path.suffix == ".cglab"
        }

    def make(self, folder: Path, chance: random.Random) -> str:
        """Make a live folder; say what is otherwise in it."""
        # Not all of it each time: fewer files are read sooner, and there are more such runs.
        without = {kind for kind in ("marks", "merged", "heap") if chance.random() < 0.5}
        files = [path for path in self._files if not without & {_kind_of(path), path.parts[0]}]
        if "merged" in without:
            files = [path for path in files if path.name != "ended.json"]
        self._copy_to(folder, files)
        done = []
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            # Each kind of file as often as another.
            kinds = sorted({_kind_of(path) for path in files})
            kind = chance.choice((*kinds, "part", "part", "part"))
            path = chance.choice([path for path in files if _kind_of(path) == kind])
            done.append(f"{path}: {self._change(folder, path, kind, chance)}")
        return " | ".join(done)

    def _copy_to(self, folder: Path, files: list[Path]) -> None:
        if folder.is_dir():
            for item in folder.rglob("*"):
                if item.is_dir() and not item.is_symlink():
                    item.chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)
        for path in sorted({path.parent for path in files}):
            (folder / path).mkdir(parents=True, exist_ok=True)
        for path in files:
            (folder / path).write_bytes(self._content[path])

    def _change(self, folder: Path, path: Path, kind: str, chance: random.Random) -> str:
        target = folder / path
        if chance.random() < 0.15:
            return self._change_file(folder, target, chance)
        if not target.is_file() or target.is_symlink() or target.stat().st_size > _LARGE_BYTES:
            return "nothing"
        if kind == "merged" and chance.random() < 0.9:
            return write_changed(target, self._merged[path], chance)
        change = _CHANGES.get(kind, _flip) if chance.random() < 0.9 else _flip
        content, done = change(target.read_bytes(), chance)
        target.write_bytes(content)
        return done

    def _change_file(self, folder: Path, target: Path, chance: random.Random) -> str:
        """Have a file otherwise, or something that is no file in its place."""
        is_file = target.is_file() and not target.is_symlink()
        what = chance.choice(_WAYS_TO_CHANGE_A_FILE)
        # What cannot be, such as two files of one name, stays as it is.
        with contextlib.suppress(OSError):
            if what == "renamed":
                # A folder of a mark as well as a file.
                in_folder = target.parent != folder and chance.random() < 0.5
                moved = target.parent if in_folder else target
                name = _other_name(moved, chance)
                if not os.path.lexists(name):
                    moved.rename(name)
            elif what == "twice" and is_file:
                shutil.copy(target, _other_name(target, chance))
            elif what == "sparse" and is_file:
                os.truncate(target, chance.choice((1 << 20, 1 << 31, 1 << 40)))
            elif what == "mode" and is_file:
                target.chmod(chance.choice((0o000, 0o777, 0o200)))
            else:
                target.unlink()
                self._put(what, target, chance)
        return what

    def _put(self, what: str, target: Path, chance: random.Random) -> None:
        if what == "empty":
            target.touch()
        elif what == "fifo":
            os.mkfifo(target)
        elif what == "folder":
            target.mkdir()
        elif what == "link":
            others = (self._elsewhere, "/", "/dev/zero", target, target.parent)
            target.symlink_to(chance.choice(others))
        elif what == "socket" and len(os.fsencode(target)) < 100:
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(target))


def _kind_of(path: Path) -> str:
    by_ending = {".part": "part", ".note": "note", ".cglab": "merged"}
    return by_ending.get(path.suffix, "heap" if path.parent.name == "heap" else path.name)


def _other_name(path: Path, chance: random.Random) -> Path:
    """Return another name for a file, one by the rules of such names or not."""
    stem, dot, ending = path.name.partition(".")
    numbers = stem.split("-")
    numbers[chance.randrange(len(numbers))] = chance.choice(
        (
            *("0", "1", "-1", "9" * 10, "9" * 19, "9" * 20, "9" * 40, "x", "00000000000000000000"),
            str(os.getpid()),
        )
    )
    name = "-".join(numbers) + dot + ending
    if chance.random() < 0.3:
        text = chance.choice(TEXTS).replace("/", "").replace("\0", "")[:60]
        name = text + chance.choice(("", dot + ending)) or "x"
    if name in (".", ".."):
        name = "..."
    return path.with_name(name.encode("utf-8", "replace").decode()[:80])


def _flip(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    return flipped(content, chance), "bytes"


def _change_json(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    text = changed_json(content.decode(errors="replace"), chance)
    return text.encode("utf-8", "surrogatepass"), text[:100]


def _change_sample(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Put another number into a file of samples."""
    changed = bytearray(content)
    if len(changed) < 16:
        return _flip(content, chance)
    at = chance.randrange(8, len(changed) - 7) & ~7
    struct.pack_into("<Q", changed, at, number(chance) & (2**64 - 1))
    return bytes(changed), f"sample at {at}"


def _change_words(content: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Put another word into a file of lines of words."""
    lines = content.decode(errors="replace").split("\n")
    at = chance.randrange(len(lines))
    words = lines[at].split(" ")
    words[chance.randrange(len(words))] = chance.choice((*TEXTS, str(number(chance))))
    lines[at] = " ".join(words)
    return "\n".join(lines).encode("utf-8", "surrogatepass"), f"line {at} = {lines[at][:60]!r}"


_CHANGES = {
    "part": changed_part,
    "run.json": _change_json,
    "ended.json": _change_json,
    "resources": _change_sample,
    "heap": _change_words,
    "name": _change_words,
    "note": _change_words,
}
