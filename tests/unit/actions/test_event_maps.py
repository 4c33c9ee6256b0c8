from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from callgraph_lab.actions.compile import LARGEST_BYTES, compile_maps, recorded_event_map
from callgraph_lab.actions.load import load_event_maps, shipped_map_names
from callgraph_lab.actions.values import TABLE_KEYS
from callgraph_lab.errors import EventMapError

if TYPE_CHECKING:
    from pathlib import Path

SMALL = """\
name = "mine"

[event_map]
loop = "Loop.run"
pass = ["Loop.turn", "app:turn"]
stalled_after_ms = 250

[[event_map.action]]
start = ["Session.on_*", "Session.other"]
name = "{*} {path}"
cut_query = true
until = "Session.done"
detail = "args[1]"
detail_of = ["a x"]

[[event_map.action]]
start = "Session.__init__"
name = "hello"
session = "owner"
once = true
nested = true
upper_case = true

[[event_map.owner]]
constructor = "Task.__init__"
belongs_to = "<current>"

[[event_map.later]]
functions = "Task.*"
session = "self.session"

[[event_map.reply]]
functions = "Session.answer"
text = "text"

[[event_map.end]]
functions = "Task.close"
bytes = ["self.sent"]

[[event_map.phase]]
name = "one"
sentence = "First."
functions = "Session.on_*"

[[sensor]]
name = "seen"
functions = "Session.on_*"
when = "exit"
actions = ["a x"]
fields = { who = "self.user", what = "<detail>" }
"""


def written(folder: Path, text: str) -> str:
    path = folder / "map.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def rules_of(folder: Path, text: str) -> list[dict[str, object]]:
    rules: list[dict[str, object]] = compile_maps(load_event_maps([written(folder, text)]))["rules"]
    return rules


def test_the_rules_of_a_map(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, SMALL)
    kinds = [rule["kind"] for rule in rules]
    assert kinds == [
        *("loop", "pass", "pass", "start", "start", "start", "link", "continue", "reply", "end"),
        *("phase", "sensor"),
    ]
    assert rules[2] == {"kind": "pass", "class": "", "module": "app", "function": "turn"}
    until = {"class": "Session", "module": "", "function": "done"}
    first = {
        "kind": "start",
        "class": "Session",
        "module": "",
        "function": "on_*",
        "id": 1,
        "name": [["star"], ["literal", " "], ["argument", "path"]],
        "upper": False,
        "path": True,
        "session": ["argument", "self"],
        "once": False,
        "nested": False,
        "detail": ["item", "args", 1],
        "detail_actions": ["a x"],
        "until": until,
    }
    assert rules[3:5] == [first, {**first, "function": "other"}]
    hello = rules[5]
    assert (hello["session"], hello["once"], hello["nested"]) == (["argument", "owner"], True, True)
    assert (hello["upper"], hello["detail"], hello["until"]) == (True, None, None)
    assert rules[6]["to"] == ["current"]
    assert rules[7]["session"] == ["attribute", "self", "session"]
    assert rules[8]["text"] == ["argument", "text"]
    assert rules[9]["bytes"] == [["attribute", "self", "sent"]]
    assert rules[10]["id"] == 0
    sensor = rules[11]
    assert (sensor["id"], sensor["when"], sensor["actions"]) == (0, "exit", ["a x"])
    assert sensor["fields"] == [["who", ["attribute", "self", "user"]], ["what", ["detail"]]]


def test_what_the_engine_is_to_keep(tmp_path: Path) -> None:
    compiled = compile_maps(load_event_maps([written(tmp_path, SMALL)]), keep_instances=7)
    assert compiled["keep_instances"] == 7
    assert compiled["stall_ns"] == 250_000_000
    assert json.loads(json.dumps(compiled)) == compiled


def test_what_a_recording_keeps_of_maps(tmp_path: Path) -> None:
    maps = load_event_maps(["auto", written(tmp_path, SMALL)])
    kept = recorded_event_map(maps)
    assert kept.maps == (*shipped_map_names(), "mine")
    assert [phase.id for phase in kept.phases] == list(range(len(kept.phases)))
    assert kept.phases[-1].name == "one"
    assert kept.phases[-1].functions == ("Session.on_*",)
    assert kept.sensors[-1].name == "seen"
    # The shortest of the thresholds.
    assert kept.stall_ns == 100_000_000
    ids = {rule["id"] for rule in compile_maps(maps)["rules"] if rule["kind"] == "sensor"}
    assert ids == {sensor.id for sensor in kept.sensors}


def test_rules_of_a_family_share_their_number(tmp_path: Path) -> None:
    text = "".join(
        f'[[event_map.action]]\nstart = "A.{name}"\nname = "{name}"\n{more}\n'
        for name, more in (("a", 'family = "x"'), ("b", ""), ("c", 'family = "x"'), ("d", ""))
    )
    a, b, c, d = (rule["id"] for rule in rules_of(tmp_path, text))
    assert a == c
    assert len({a, b, d}) == 3


def test_auto_is_all_that_come_with_the_package() -> None:
    assert [item.name for item in load_event_maps()] == list(shipped_map_names())
    assert {"ftp-server", "http-server"} <= set(shipped_map_names())
    assert load_event_maps(["none"]) == ()
    assert [item.name for item in load_event_maps(["ftp-server", "ftp-server"])] == ["ftp-server"]


def test_the_shipped_maps_are_small_enough_and_have_room_for_more() -> None:
    maps = load_event_maps()
    assert len(json.dumps(compile_maps(maps))) < LARGEST_BYTES / 3
    assert len(recorded_event_map(maps).phases) <= 6


def test_no_shipped_map_reads_an_argument_of_the_password_command() -> None:
    (ftp,) = load_event_maps(["ftp-server"])
    details = [action for action in ftp.actions if action.detail == ("item", "args", 0)]
    assert details
    assert all(action.detail_of and "PASS" not in action.detail_of for action in details)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("cut_query = true", "cut_querry = true", 11, "did you mean 'cut_query'"),
        ("stalled_after_ms = 250", "stalled_after_ms = 0", 6, "between 1 and"),
        ("stalled_after_ms = 250", "stall = 1", 6, "unknown key 'stall'"),
        ('loop = "Loop.run"', 'loop = "run"', 4, "'run' is no pattern"),
        ('loop = "Loop.run"', "loop = []", 4, "the list is empty"),
        ('start = "Session.__init__"\n', "", 16, "the key 'start' is missing"),
        ("once = true", 'once = "yes"', 20, "'once' must be true or false"),
        ('detail = "args[1]"\n', "", 13, "'detail_of' needs 'detail'"),
        ('name = "{*} {path}"', 'name = "{*"', 10, "a brace is not closed"),
        ('belongs_to = "<current>"', 'belongs_to = "<session>"', 26, "not read from the call"),
        ('text = "text"', 'text = "*"', 34, "not read from the call"),
        ('bytes = ["self.sent"]', 'bytes = "self.sent"', 38, "is no list"),
        ('when = "exit"', 'when = "later"', 48, 'must be "entry" or "exit"'),
        ('who = "self.user"', 'who = "self.password"', 50, "never recorded"),
        ("[[event_map.later]]", "[[event_map.latter]]", 3, "did you mean 'later'"),
        ("[[event_map.end]]", "[event_map.end]", 36, "must be a list of tables"),
        (
            "[[sensor]]",
            '[[sensor]]\nname = "seen"\nfunctions = "A.b"\n[[sensor]]',
            49,
            "two sensors",
        ),
        ('name = "mine"', 'nam = "mine"', 1, "unknown key 'nam'"),
        ("[[sensor]]", "[[sensors]]", 45, "did you mean 'sensor'"),
        ("[event_map]", "[event_map", 3, "not valid TOML"),
    ],
)
def test_an_error_says_where_it_is_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, line: int, told: str
) -> None:
    assert old in SMALL
    path = written(tmp_path, SMALL.replace(old, new, 1))
    with pytest.raises(EventMapError) as caught:
        load_event_maps([path])
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    assert told in message


def test_an_unknown_key_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(EventMapError) as caught:
        load_event_maps([written(tmp_path, SMALL.replace("belongs_to", "belongs"))])
    assert all(key in str(caught.value.hint) for key in TABLE_KEYS["owner"])


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("ftp-serve", "did you mean 'ftp-server'"),
        ("no-stdlib", "no such event map 'no-stdlib'"),
        ("nowhere.toml", "no such event map file"),
    ],
)
def test_a_map_that_is_not_there(choice: str, told: str) -> None:
    with pytest.raises(EventMapError, match=told):
        load_event_maps([choice])


def test_a_file_without_a_map(tmp_path: Path) -> None:
    with pytest.raises(EventMapError, match="has no event map"):
        load_event_maps([written(tmp_path, 'include = ["a"]\n')])


def test_more_phases_than_there_is_room_for(tmp_path: Path) -> None:
    phase = '[[event_map.phase]]\nname = "x"\nsentence = "y"\nfunctions = "A.b"\n'
    with pytest.raises(EventMapError, match="9 phases together, and there is room for 8"):
        recorded_event_map(load_event_maps([written(tmp_path, phase * 9)]))


def test_a_map_that_is_too_large_for_the_engine(tmp_path: Path) -> None:
    patterns = ", ".join(f'"A{number}.f"' for number in range(2000))
    maps = load_event_maps([written(tmp_path, f"[event_map]\npass = [{patterns}]\n")])
    with pytest.raises(EventMapError, match="too large together"):
        compile_maps(maps)


def test_a_filter_may_stand_in_the_same_file(tmp_path: Path) -> None:
    (item,) = load_event_maps([written(tmp_path, 'include = ["a"]\nstdlib = false\n' + SMALL)])
    assert item.name == "mine"
