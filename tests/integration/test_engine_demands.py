"""What not every engine can do is refused by it, and ``auto`` takes none that cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support_cli import cglab, write_target

from callgraph_lab.engines import choice, native
from callgraph_lab.engines.protocol import Availability
from callgraph_lab.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("options", "demand"),
    [
        (["--c-calls"], "record C functions"),
        (["--memory"], "count memory"),
        (["--lines", "*.f"], "count source lines"),
    ],
)
def test_an_engine_that_cannot(options: list[str], demand: str, tmp_path: Path) -> None:
    write_target(tmp_path, "def f(): pass\nf()\n")
    ran = cglab(
        "run", "--engine", "pycallgraph2", *options, "target.py", folder=tmp_path, status=None
    )
    assert ran.returncode == EngineError.exit_status
    assert f"the engine pycallgraph2 cannot {demand}; native can" in ran.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "demand"),
    [
        ({"c_calls": True}, "record C functions"),
        ({"memory": True}, "count memory"),
        ({"lines": True}, "count source lines"),
    ],
)
def test_auto_takes_no_engine_that_cannot(
    options: dict[str, bool], demand: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = Availability(available=False, reason="not built for this Python")
    monkeypatch.setattr(native, "availability", lambda: absent)
    with pytest.raises(EngineError, match=f"no engine can {demand} here: native is not built"):
        choice.choose(**options)
