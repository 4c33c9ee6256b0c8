"""What the tests of the native engine share: run a program under it, read what it recorded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import callgraph_lab
from callgraph_lab.engines import native
from callgraph_lab.recording.live_reader import read_part, was_begun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callgraph_lab.recording.live_part import LivePart

PACKAGES = Path(callgraph_lab.__file__).parent.parent
TARGETS = Path(__file__).resolve().parent / "targets" / "native"
_found = native.availability()
needs_native = pytest.mark.skipif(not _found.available, reason=f"native: {_found.reason}")
_compiler = shutil.which("cc")
needs_compiler = pytest.mark.skipif(_compiler is None, reason="there is no C compiler")

_SITE = """
import sys
sys.path.insert(0, {packages!r})
from callgraph_lab import _native
_native.start({folder!r}, "{{}}", **{options!r})
sys.path.pop(0)
"""


def build_other_tool(source: str, folder: Path) -> str:
    """Build the module ``other_tool``; return the first lines of a program that uses it."""
    path, library = folder / "other_tool.c", folder / "other_tool.so"
    path.write_text(source, encoding="utf-8")
    include = sysconfig.get_path("include")
    assert _compiler is not None
    command = [_compiler, "-shared", "-fPIC", "-pthread", f"-I{include}", str(path), "-o"]
    subprocess.run([*command, str(library)], check=True, capture_output=True)
    return f"""
import sys
sys.path[:0] = [{str(folder)!r}, {str(PACKAGES)!r}]
import other_tool
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that ran recorded: how it ended, what it wrote, its parts by process."""

    status: int
    output: str
    errors: str
    parts: dict[int, LivePart] = field(default_factory=dict)

    @property
    def part(self) -> LivePart:
        """The only part there is."""
        (part,) = self.parts.values()
        return part


def start(
    script: str,
    folder: Path,
    *,
    python: Iterable[str] = (),
    arguments: Iterable[str] = (),
    **options: object,
) -> subprocess.Popen[str]:
    """Start a program under the engine, from its first frame on."""
    site, live = folder / "site", folder / "live"
    site.mkdir()
    live.mkdir(exist_ok=True)
    site_text = _SITE.format(packages=str(PACKAGES), folder=str(live), options=options)
    (site / "sitecustomize.py").write_text(site_text, encoding="utf-8")
    program = folder / "program.py"
    program.write_text(textwrap.dedent(script), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.Popen(
        [sys.executable, *python, str(program), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_parts(folder: Path) -> dict[int, LivePart]:
    """Read every live file of a program that ``start`` started, as far as they were begun."""
    paths = sorted((folder / "live").glob("*.part"))
    parts = [read_part(path) for path in paths if was_begun(path)]
    return {part.pid: part for part in parts}


def run(script: str, folder: Path, *, timeout_s: float = 120, **settings: object) -> Ran:
    """Run a program under the engine to its end."""
    process = start(script, folder, **settings)  # type: ignore[arg-type]
    output, errors = process.communicate(timeout=timeout_s)
    return Ran(process.returncode, output, errors, read_parts(folder))


def counts(part: LivePart) -> Counter[str]:
    """Return calls and resumes together of every function, by its qualified name."""
    found: Counter[str] = Counter()
    for function, calls, resumes in zip(part.function, part.calls, part.resumes, strict=True):
        found[part.functions[function].qualname] += calls + resumes
    return found


def paths(part: LivePart) -> Counter[str]:
    """Return calls of every context, by the qualified names on the way to it."""
    found: Counter[str] = Counter()
    names: list[str] = []
    for parent, function, calls in zip(part.parent, part.function, part.calls, strict=True):
        name = part.functions[function].qualname
        names.append(name if parent < 0 else f"{names[parent]} > {name}")
        found[names[-1]] += calls
    return +found
