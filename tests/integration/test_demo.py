"""``cglab demo``: one command, nothing to prepare, and everything is there afterwards."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from support_cli import cglab, figures
from support_viewer import data_of

if TYPE_CHECKING:
    from pathlib import Path


def test_demo(tmp_path: Path) -> None:
    result = cglab("demo", "-o", "my lab", folder=tmp_path)
    lab = tmp_path / "my lab"
    (recording,) = lab.glob("*.cglab*")
    functions = figures(recording)
    # connect, log in, put two files, get one back, list, quit
    verbs = {"USER": 1, "PASS": 1, "STOR": 2, "LIST": 1, "RETR": 1, "QUIT": 1}
    assert {verb: functions[f"FTPHandler.ftp_{verb}"].total_calls for verb in verbs} == verbs
    assert functions["FTPServer.serve_forever"].open_calls == 0
    for depth in range(1, 9):
        stem = f"ftpServer.depth-{depth}"
        assert (lab / f"{stem}.dot").read_text().startswith("digraph")
        assert (lab / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        ET.parse(lab / f"{stem}.svg")  # noqa: S314 - our own file
    (page,) = lab.glob("ftpServer-*.html")
    assert data_of(page.read_bytes())["recording"]["name"] == page.stem
    assert len(list(lab.iterdir())) == 1 + 3 * 8 + 1
    rows = [line for line in result.stdout.splitlines() if re.match(r" +\d ", line)]
    assert len(rows) == 8
    said = result.stderr
    assert f"open my lab/{page.name} " in said
    for step in ("recording", "the target listens on 127.0.0.1:", "stopped as by Ctrl-C", "next:"):
        assert step in said
    # What it proposes next works as it stands.
    proposed = re.findall(r"^  (cglab (?:find|functions) .*?)   ", said, re.MULTILINE)
    assert [shlex.split(line)[1] for line in proposed] == ["find", "functions"]
    for line in proposed:
        assert "--out 'my lab'" in line
        assert cglab(*shlex.split(line)[1:], folder=tmp_path).stdout
    assert not (tmp_path / "out").exists()
