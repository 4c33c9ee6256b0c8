"""Sessions of a server that makes one object after the other, at one address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support_cli import as_json, cglab, write_target
from support_native import needs_native

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_native
SERVER = """
class Connection:
    def __init__(self):
        self.number = 1

    def on_get(self):
        return self.number

    def on_gone(self):
        return self.number

def serve():
    one = Connection()
    one.on_get()
    one.on_get()
    one.on_gone()

for _ in range(5):
    serve()
"""
GET = """
[event_map]

[[event_map.action]]
start = "Connection.on_get"
name = "get"
"""
CONNECT = """
[[event_map.action]]
start = "Connection.__init__"
name = "connect"
"""
GONE = """
[[event_map.action]]
start = "Connection.on_gone"
name = "disconnect"
once = true
"""


def recorded(event_map: str, folder: Path) -> dict[str, Any]:
    write_target(folder, SERVER)
    write_target(folder, event_map, "own.toml")
    words = ("run", "--no-render", "--engine", "native", "--event-map", "own.toml", "target.py")
    cglab(*words, folder=folder)
    actions = as_json("actions", "--format", "json", folder=folder)["actions"]
    return {item["name"]: item for item in actions}


@pytest.mark.parametrize("more", [CONNECT, GONE, CONNECT + GONE])
def test_who_sees_a_beginning_or_an_end_knows_how_many(more: str, tmp_path: Path) -> None:
    actions = recorded(GET + more, tmp_path)
    for name in actions.keys() & {"get", "connect", "disconnect"}:
        assert (actions[name]["sessions"], actions[name]["sessions_at_least"]) == (5, False)
    assert "at least" not in cglab("actions", folder=tmp_path).stdout


def test_else_it_is_said_that_there_may_be_more(tmp_path: Path) -> None:
    action = recorded(GET, tmp_path)["get"]
    assert action["count"] == 10
    assert 1 <= action["sessions"] <= 5
    assert action["sessions_at_least"]
    assert f"at least {action['sessions']}" in cglab("actions", folder=tmp_path).stdout
    told = as_json("explain", "get", "--format", "json", folder=tmp_path)
    assert told["sessions_at_least"]
