"""A call that is refused with ``RecursionError`` leaves neither a context nor an action."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support_actions import SELF, SERVER, calls_by_action, event_map, instances_of
from support_cli import as_json, cglab, write_target
from support_native import needs_native, run

from callgraph_lab.recording.refused import without_refused

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_native

REFUSED = '''
import sys

def probe():
    pass

def deeper(levels, call, *arguments):
    return deeper(levels - 1, call, *arguments) if levels else call(*arguments)

def refused(call, *arguments):
    """Call it one level deeper than calls may be."""
    usual = sys.getrecursionlimit()
    for limit in range(1, usual):
        try:
            sys.setrecursionlimit(limit)
            break
        except RecursionError:
            pass
    levels = 0
    try:
        while True:
            deeper(levels, probe)
            levels += 1
    except RecursionError:
        pass
    try:
        deeper(levels, call, *arguments)
    except RecursionError:
        return True
    finally:
        sys.setrecursionlimit(usual)
    return False
'''


def test_an_action_whose_starting_call_is_refused_never_began(tmp_path: Path) -> None:
    script = f"""{SERVER}{REFUSED}
handler = Handler()
handler.greet()
handler.process("NOOP")
handler.process("STOR", "/a")
channel = handler.channel
print(refused(handler.process, "NOOP"), refused(handler.process, "RETR", "/b"))
print(refused(channel.read, 5), refused(handler.gone), refused(channel.close))
channel.read(10)
channel.close()
handler.process("NOOP")
handler.gone()
"""
    ran = run(script, tmp_path, event_map=event_map())
    assert (ran.status, ran.errors) == (0, "")
    assert ran.output == "True True\nTrue True True\n"
    actions = {action.name: (action.count, action.ended) for action in ran.part.actions}
    actions.pop("background", None)
    assert {name: counted for name, counted in actions.items() if counted != (0, 0)} == {
        "connect": (1, 1),
        "NOOP": (2, 2),
        "STOR": (1, 1),
        "disconnect": (1, 1),
    }
    (upload,) = instances_of(ran.part, "STOR")
    assert upload.bytes == 10
    assert calls_by_action(ran.part)["STOR"]["Channel.read"] == 1
    assert calls_by_action(ran.part)["disconnect"]["Handler.gone"] == 1


def test_a_generator_that_is_refused_begins_no_other_action(tmp_path: Path) -> None:
    script = f"""{SERVER}{REFUSED}
class Sender:
    def send(self):
        for _ in range(3):
            work()
            yield

sender = Sender()
steps = sender.send()
next(steps)
print(refused(steps.__next__))
for _ in Sender().send():
    pass
"""
    rule = {
        "kind": "start",
        "class": "Sender",
        "function": "send",
        "name": [["literal", "send"]],
        "session": SELF,
    }
    ran = run(script, tmp_path, event_map=event_map(rule))
    assert (ran.status, ran.output, ran.errors) == (0, "True\n", "")
    (action,) = [action for action in ran.part.actions if action.name == "send"]
    assert action.count == 2
    assert calls_by_action(ran.part)["send"]["work"] == 4


COMMANDS = f"""{REFUSED}
def never():
    raise AssertionError

def ran():
    pass

class Ran:
    def method(self):
        pass

print(refused(never), refused(Ran().method))
ran()
"""


@pytest.mark.parametrize("options", [(), ("--memory",)])
def test_no_command_shows_what_never_ran(options: tuple[str, ...], tmp_path: Path) -> None:
    write_target(tmp_path, COMMANDS)
    for name in ("one", "two"):
        ran = cglab("run", "--no-render", "--name", name, *options, "target.py", folder=tmp_path)
        assert ran.stdout == "True True\n"
    found = as_json("functions", "--format", "json", folder=tmp_path)["functions"]
    names = {item["qualname"] for item in found}
    assert {"refused", "deeper", "ran"} <= names
    assert not {"never", "Ran.method"} & names
    assert "never" not in str(as_json("find", "*", "--format", "json", folder=tmp_path))
    for command in (
        ("path", "never"),
        ("callees", "*deeper"),
        ("diff", "one", "two"),
        ("render", "--format", "dot,json", "--max-depth", "9"),
    ):
        asked = cglab(*command, folder=tmp_path, status=None)
        assert "Ran.method" not in asked.stdout
    for picture in (*(tmp_path / "out").glob("*.dot"), *(tmp_path / "out").glob("*.json")):
        assert ".deeper" in picture.read_text()
        assert "never" not in picture.read_text()


def test_what_a_refused_call_allocates_is_its_callers(tmp_path: Path) -> None:
    script = f"""{REFUSED}
def never():
    raise AssertionError

print(refused(never))
"""
    ran = run(script, tmp_path, memory=True)
    assert (ran.status, ran.output, ran.errors) == (0, "True\n", "")
    kept = without_refused(ran.part)
    assert len(kept.parent) < len(ran.part.parent)
    assert "never" not in {kept.functions[function].qualname for function in kept.function}
    assert kept.memory is not None
    assert ran.part.memory is not None
    for column, columns_before in zip(kept.memory.columns, ran.part.memory.columns, strict=True):
        assert sum(column) == sum(columns_before)
