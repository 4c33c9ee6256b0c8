"""Every call is charged to the action that it serves, by rules, whatever comes in between."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support_actions import (
    SELF,
    SERVER,
    calls_by_action,
    calls_of_instance,
    event_map,
    instances_of,
)
from support_native import counts, needs_native, run

from callgraph_lab.recording import live_format as layout

if TYPE_CHECKING:
    from pathlib import Path

    from callgraph_lab.recording.live_part import LiveInstance, LivePart

pytestmark = needs_native


def recorded(script: str, folder: Path, *more: dict[str, object], **settings: object) -> LivePart:
    ran = run(SERVER + script, folder, event_map=event_map(*more, **settings))
    assert (ran.status, ran.errors) == (0, "")
    return ran.part


INTERLEAVED = """
import random
chance = random.Random(7)
jobs, truth = [], {}

def session(number):
    handler = (SubHandler if number % 3 else Handler)()
    yield handler.greet
    for _ in range(number % 4 + 1):
        verb = chance.choice(["STOR", "stor", "APPE", "RETR"])
        path = f"/{number}"
        yield handler.process, verb, path
        channel = handler.channel
        for _ in range(chance.randrange(5)):
            yield channel.read, 10
            if chance.random() < 0.3:
                yield handler.process, "NOOP"
        yield channel.close,
        yield handler.process, "FAIL"
    yield handler.gone,

def next_of(sessions):
    while sessions:
        one = chance.choice(sessions)
        try:
            job = next(one)
        except StopIteration:
            sessions.remove(one)
        else:
            yield job if isinstance(job, tuple) else (job,)

loop(next_of([session(number) for number in range(50)]))
"""


def test_interleaved_sessions(tmp_path: Path) -> None:
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    part = recorded(INTERLEAVED, tmp_path / "with")
    by_action = calls_by_action(part)
    plain = run(SERVER + INTERLEAVED, tmp_path / "without").part
    # The sum over all labels is the recording without a map, function by function.
    assert counts(part) == counts(plain)
    assert not any(plain.label)
    verbs = ("STOR", "APPE", "RETR")
    reads = sum(by_action[verb]["Channel.read"] for verb in verbs)
    assert reads == counts(plain)["Channel.read"]
    assert set(by_action) == {
        *verbs,
        "NOOP",
        "FAIL",
        "connect",
        "disconnect",
        "idle",
        "startup",
    } | ({"shutdown"} & set(by_action))
    for verb in verbs:
        ended = instances_of(part, verb)
        action = next(item for item in part.actions if item.name == verb)
        assert action.count == action.ended == len(ended)
        assert by_action[verb]["Handler.process"] >= action.count
        assert by_action[verb]["Channel.close"] == action.count
        assert action.bytes == 10 * by_action[verb]["Channel.read"]
        assert action.bytes == sum(item.bytes for item in ended)
        assert action.sessions == len({item.session for item in ended})
        assert {item.outcome for item in ended} == {226}
        assert all(item.detail.startswith("/") for item in ended)
        assert not any(item.abandoned or item.late_work for item in ended)
        for item in ended:
            reads_of_it = item.bytes // 10
            assert item.entries == reads_of_it + 2
            assert item.passes == item.entries
            assert item.phases[1][0]
            assert bool(item.phases[2][0]) == bool(reads_of_it)
            assert item.begin_ticks < item.end_ticks
    assert next(item for item in part.actions if item.name == "connect").count == 50
    assert next(item for item in part.actions if item.name == "disconnect").sessions == 50


def duration_ticks(instance: LiveInstance) -> int:
    return instance.end_ticks - instance.begin_ticks


def test_first_last_and_slowest_have_trees_of_their_own(tmp_path: Path) -> None:
    part = recorded(INTERLEAVED, tmp_path)
    for verb in ("STOR", "APPE", "RETR", "NOOP", "connect", "disconnect"):
        ended = sorted(instances_of(part, verb), key=lambda item: item.end_ticks)
        # Of two that took equally long either may be kept.
        kept = [item for item in ended if calls_of_instance(part, item) is not None]
        slowest = sorted(kept, key=duration_ticks)[-3:]
        assert [*map(duration_ticks, slowest)] == sorted(map(duration_ticks, ended))[-3:]
        for item in (ended[0], ended[-1], *slowest):
            tree = calls_of_instance(part, item)
            assert tree is not None, f"{verb} {item.serial}"
            assert tree["Channel.read"] == item.bytes // 10
            assert tree["Channel.close"] == (verb in {"STOR", "APPE", "RETR"})
            assert tree["work"] >= 1
        # Lanes are used again: there are about as many as were in flight at a time, and the kept.
        lanes = {item.label for item in ended}
        assert len(lanes) <= min(len(ended), 56)


def test_outermost_command_and_other_commands_in_between(tmp_path: Path) -> None:
    part = recorded(
        """
        one, two = Handler(), SubHandler()
        loop([
            (one.process, "appe", "/a"),
            (two.process, "RETR", "/b"),
            (one.process, "NOOP"),
            (lambda: one.channel.read(5),),
            (two.process, "ABOR"),
            (one.process, "ABOR"),
        ])
        """.replace("\n        ", "\n"),
        tmp_path,
    )
    by_action = calls_by_action(part)
    assert "STOR" not in by_action
    assert by_action["APPE"]["Handler.process"] == 2
    assert by_action["RETR"] == Counter(
        {
            "SubHandler.process": 1,
            "Handler.process": 1,
            "Handler.do_stor": 1,
            "Handler.reply": 1,
            "Channel.__init__": 1,
            "work": 1,
        }
    )
    # The abort's own calls close the channel, which ends the transfer and not the abort.
    assert by_action["ABOR"]["Channel.close"] == 2
    (appe,) = instances_of(part, "APPE")
    assert (appe.bytes, appe.entries, appe.outcome, appe.detail) == (5, 2, 150, "/a")
    assert [item for item in part.instances if not item.end_ticks] == instances_of(part, "connect")
    assert [item.outcome for item in instances_of(part, "ABOR")] == [226, 226]


def test_overrides_may_call_their_arguments_otherwise(tmp_path: Path) -> None:
    part = recorded(
        """
        class Other(Handler):
            def process(self, verb, path=None):
                super().process(verb, path)
        class Another(Handler):
            def process(self, word, *words):
                super().process(word, *words)
        class Within(Handler):
            def do_appe(self, path):
                pass
            def process(self, verb, *rest):
                super().process("appe", "/of another command")
                super().process(verb, *rest)
                super().process(verb, "/second")
        other, another, within = Other(), Another(), Within()
        loop([
            (other.process, "stor", "/a"),
            (another.process, "retr", "/b"),
            (within.process, "retr", "/c"),
            (within.process, "retr", "/d"),
        ])
        """.replace("\n        ", "\n"),
        tmp_path,
    )
    assert [item.detail for item in instances_of(part, "STOR")] == ["/a"]
    # The first of its own, and never that of another command in between.
    assert [item.detail for item in instances_of(part, "RETR")] == ["/b", "/c", "/d"]
    by_action = calls_by_action(part)
    assert "APPE" not in by_action
    # The name is not known before the base is called.
    assert by_action["idle"]["Another.process"] == 1
    assert "Other.process" in by_action["STOR"]


def test_delayed_calls_are_late_work(tmp_path: Path) -> None:
    part = recorded(
        """
        one = Handler()
        loop([(one.process, "LATER"), (one.process, "NOOP"), (lambda: delayed[0].call(),)])
        Later(work).call()
        """.replace("\n        ", "\n"),
        tmp_path,
    )
    by_action = calls_by_action(part)
    assert by_action["LATER"]["Later.call"] == 1
    assert by_action["LATER"]["work"] == 1
    (later,) = instances_of(part, "LATER")
    assert later.late_work
    assert calls_of_instance(part, later) == Counter(
        {"Handler.process": 1, "Handler.do_later": 1, "Later.__init__": 1}
    )
    # Made where nothing was served, it serves nothing.
    assert by_action["shutdown"]["Later.call"] == 1
    assert not instances_of(part, "NOOP")[0].late_work


def test_connect_waits_and_a_closed_session_abandons_its_transfer(tmp_path: Path) -> None:
    part = recorded(
        """
        one = Handler()
        loop([
            (work,), (one.greet,), (one.process, "STOR", "/x"), (one.gone,), (one.gone,),
        ])
        """.replace("\n        ", "\n"),
        tmp_path,
    )
    by_action = calls_by_action(part)
    assert by_action["connect"] == Counter(
        {"Handler.__init__": 1, "Handler.greet": 1, "Handler.reply": 1, "work": 2}
    )
    (connect,) = instances_of(part, "connect")
    assert (connect.entries, connect.outcome, connect.passes) == (2, 220, 1)
    (stor,) = instances_of(part, "STOR")
    assert stor.abandoned
    assert stor.end_ticks
    (gone,) = instances_of(part, "disconnect")
    assert not gone.abandoned
    assert next(item for item in part.actions if item.name == "disconnect").once
    assert connect.session == stor.session == gone.session


def test_a_constructor_seen_again_is_a_new_session(tmp_path: Path) -> None:
    part = recorded(
        """
        for _ in range(20):
            one = Handler()
            one.process("STOR", "/x")
            one.channel.close()
            del one
        """.replace("\n        ", "\n"),
        tmp_path,
    )
    assert len({item.session for item in instances_of(part, "STOR")}) == 20
    assert next(item for item in part.actions if item.name == "STOR").sessions == 20


def test_phases_of_the_background(tmp_path: Path) -> None:
    part = recorded(
        """
        def before(): pass
        def after(): pass
        def again(): pass
        before()
        loop([(before,), (before,)])
        after()
        loop([(again,)])
        after()
        """.replace("\n        ", "\n"),
        tmp_path,
    )
    by_action = calls_by_action(part)
    assert by_action["startup"]["before"] == 1
    assert by_action["idle"]["before"] == 2
    assert by_action["idle"]["again"] == 1
    assert by_action["shutdown"]["after"] == 2
    assert by_action["idle"]["poll"] == 3
    assert all(item.background for item in part.actions[:3])
    assert part.actions[0].busy_ticks
    assert part.actions[1].busy_ticks


ATTRIBUTES = """
ran = []

class Loud:
    def __getattr__(self, name):
        ran.append(name)
        return "loud"

class Handlerish(Handler):
    @property
    def secret(self):
        ran.append("secret")
        return "property"

class Slotted:
    __slots__ = ("value",)

class Sneaky(dict):
    def __getitem__(self, key):
        ran.append(key)
        raise KeyError

def show(subject, count, text, *rest):
    return text

one = Handlerish()
one.plain = "pl\\u00e4in"
one.loud = Loud()
one.slotted = Slotted()
one.slotted.value = 12
one.half = 2.5
one.large = 10 ** 30
setattr(one, "".join(["conc", "atenated"]), "yes")
show(one, -3, "lone \\udcff", "item")
vars(one)
show(one, True, "dict made", "item")
one.__dict__ = {**one.__dict__, 5: "five"}
show(one, 1, "x" * 1000, 7)
assert ran == [], ran
print(len(ran))
"""


def test_reading_runs_nothing_of_the_target(tmp_path: Path) -> None:
    fields = [
        ["plain", ["attribute", "subject", "plain"]],
        ["secret", ["attribute", "subject", "secret"]],
        ["loud", ["attribute", "subject", "loud", "anything"]],
        ["slot", ["attribute", "subject", "slotted", "value"]],
        ["missing", ["attribute", "subject", "slotted", "other"]],
        ["method", ["attribute", "subject", "process"]],
        ["half", ["attribute", "subject", "half"]],
        ["large", ["attribute", "subject", "large"]],
        ["concatenated", ["attribute", "subject", "concatenated"]],
        ["count", ["argument", "count"]],
        ["text", ["argument", "text"]],
        ["item", ["item", "rest", 0]],
        ["beyond", ["item", "rest", 1]],
        ["literal", ["literal", "\u00e4"]],
    ]
    sensor = {"kind": "sensor", "class": "", "function": "show", "id": 3, "fields": fields}
    part = recorded(ATTRIBUTES, tmp_path, sensor)
    always = {"plain": "pl\u00e4in", "slot": "12", "concatenated": "yes", "literal": "\u00e4"}
    first, second, third = part.events
    assert first.fields == {**always, "count": "-3", "text": "lone \\udcff", "item": "item"}
    assert second.fields == {**always, "text": "dict made", "item": "item"}
    # A dictionary with keys that are no strings is not searched: comparing them may run code.
    assert third.fields["count"] == "1"
    assert third.fields["item"] == "7"
    assert set(third.fields["text"]) == {"x"}
    assert len(third.fields["text"]) < 1000
    assert {event.sensor for event in part.events} == {3}


def test_sensors(tmp_path: Path) -> None:
    common = {"class": "Channel", "function": "close"}
    part = recorded(
        """
        one = Handler()
        loop([
            (one.process, "STOR", "/s"), (lambda: one.channel.read(9),),
            (lambda: one.channel.close(),),
            (one.process, "RETR", "/r"), (lambda: one.channel.close(),),
        ])
        work()
        """.replace("\n        ", "\n"),
        tmp_path,
        {
            "kind": "sensor",
            "id": 1,
            "when": "exit",
            "actions": ["STOR"],
            **common,
            "fields": [
                ["bytes", ["attribute", "self", "got"]],
                ["path", ["detail"]],
                ["action", ["action"]],
                ["session", ["session"]],
            ],
        },
        {"kind": "sensor", "id": 2, "when": "entry", **common, "fields": []},
        {"kind": "sensor", "id": 3, "when": "exit", **common, "fields": [["open", SELF]]},
        {
            "kind": "sensor",
            "id": 4,
            "when": "entry",
            "class": "Handler",
            "function": "do_*",
            "fields": [["star", ["star"]]],
        },
    )
    by_sensor = {number: [e for e in part.events if e.sensor == number] for number in range(1, 5)}
    (stored,) = by_sensor[1]
    assert stored.fields == {
        "bytes": "9",
        "path": "/s",
        "action": "STOR",
        "session": str(stored.session),
    }
    assert part.actions[stored.action - 1].name == "STOR"
    assert stored.duration_ticks > 0
    assert stored.context is not None
    assert part.functions[part.function[stored.context]].qualname == "Channel.close"
    # Base.close, which it calls, matches as well, and is not told of.
    assert [len(by_sensor[number]) for number in (2, 3)] == [2, 2]
    assert [event.fields["star"] for event in by_sensor[4]] == ["stor", "stor"]
    assert (part.events_made, part.events_dropped) == (7, 0)
    assert [event.serial for event in part.events] == list(range(1, 8))


def test_rings_keep_the_latest_and_count_the_rest(tmp_path: Path) -> None:
    part = recorded(
        """
        one = Handler()
        for number in range(500):
            one.process("NOOP")
        """.replace("\n        ", "\n"),
        tmp_path,
        {"kind": "sensor", "id": 1, "class": "Handler", "function": "do_noop", "fields": []},
        keep_instances=20,
        keep_events=30,
    )
    noop = next(item for item in part.actions if item.name == "NOOP")
    kept = instances_of(part, "NOOP")
    assert (noop.count, noop.ended) == (500, 500)
    assert noop.dropped == 500 - len(kept)
    assert 20 <= len(kept) <= 25
    serials = [item.serial for item in kept]
    assert serials[0] == 2
    assert serials[-1] == 501
    assert [event.serial for event in part.events] == list(range(471, 501))
    assert (part.events_made, part.events_dropped) == (500, 470)


def test_many_names_and_many_in_flight(tmp_path: Path) -> None:
    part = recorded(
        """
        class Wide(Handler):
            def __getattr__(self, name):
                return work
        one = Wide()
        one.greet()
        for number in range(400):
            one.process("V" + str(number) + "x" * 100)
        many = [Handler() for _ in range(700)]
        """.replace("\n        ", "\n"),
        tmp_path,
    )
    names = [item.name for item in part.actions if not item.background]
    assert len(names) == 257
    assert names[-1] == "(other)"
    assert next(item for item in part.actions if item.name == "(other)").count == 400 - 255
    assert max(len(name) for name in names) == 56
    assert len([label for label in part.labels if label.lane]) == 512
    connect = instances_of(part, "connect")
    assert len(connect) == 701
    assert calls_by_action(part)["connect"]["Handler.__init__"] == 701
    assert any(part.labels[item.label - 1].lane == 0 for item in connect)


def test_past_the_budget_of_contexts_nothing_is_lost(tmp_path: Path) -> None:
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    ran = run(SERVER + INTERLEAVED, tmp_path / "with", event_map=event_map(), max_contexts=60)
    plain = run(SERVER + INTERLEAVED, tmp_path / "without")
    assert ran.part.folded_from == 60
    assert counts(ran.part) == counts(plain.part)
    by_action = calls_by_action(ran.part)
    reads = sum(by_action[verb]["Channel.read"] for verb in ("STOR", "APPE", "RETR"))
    assert reads == counts(plain.part)["Channel.read"]


def test_a_stalled_pass_names_the_call(tmp_path: Path) -> None:
    part = recorded(
        """
        import time
        def quick(): pass
        def deep(): time.sleep(0.3)
        def around(): deep()
        def nap(): time.sleep(0.004)
        def several():
            for _ in range(80):
                nap()
        loop([(quick,), (around,), (quick,), (several,), (quick,)])
        """.replace("\n        ", "\n"),
        tmp_path,
        stall_ns=250_000_000,
    )
    assert [event.sensor for event in part.events] == [layout.SENSOR_STALLED] * 2
    names = [part.functions[part.function[event.context or 0]].qualname for event in part.events]
    assert names == ["deep", "several"]
    for event in part.events:
        assert part.clock.duration_ns(event.duration_ticks) > 250_000_000


def test_time_is_charged_once(tmp_path: Path) -> None:
    part = recorded(
        """
        import time
        Handler.do_slow = lambda self: time.sleep(0.05)
        def spin(self):
            until = time.thread_time() + 0.05
            while time.thread_time() < until: pass
        Handler.do_busy = spin
        one = Handler()
        loop([(one.process, "SLOW"), (one.process, "BUSY"), (time.sleep, 0.05)])
        """.replace("\n        ", "\n"),
        tmp_path,
    )
    slow, busy = instances_of(part, "SLOW")[0], instances_of(part, "BUSY")[0]
    nanoseconds = part.clock.duration_ns
    assert nanoseconds(slow.busy_ticks) >= 50_000_000
    assert slow.cpu_ns < 25_000_000
    assert busy.cpu_ns >= 49_000_000
    startup, idle = part.actions[:2]
    assert startup.cpu_ns > 0
    assert nanoseconds(idle.busy_ticks) >= 50_000_000
    for action, instance in (("SLOW", slow), ("BUSY", busy)):
        totals = next(item for item in part.actions if item.name == action)
        assert (totals.busy_ticks, totals.cpu_ns) == (instance.busy_ticks, instance.cpu_ns)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {},
        {"rules": 5},
        {"rules": [5]},
        {"rules": [{"kind": "nonsense", "function": "f"}]},
        {"rules": [{"kind": "loop"}]},
        {"rules": [{"kind": "loop", "function": 7}]},
        {"rules": [{"kind": "start", "function": "f", "name": [["nowhere", "x"]]}]},
        {"rules": [{"kind": "start", "function": "f", "name": [["argument"]]}]},
        {"rules": [{"kind": "start", "function": "f", "session": ["item", "a", -1]}]},
        {"rules": [{"kind": "start", "function": "f", "until": 5}]},
        {"rules": [{"kind": "sensor", "function": "f", "fields": [["key"]]}]},
        {"rules": [{"kind": "reply", "function": "f", "text": ["attribute", *"abcdefghij"]}]},
    ],
)
def test_a_map_that_is_none_is_refused(wrong: object, tmp_path: Path) -> None:
    from callgraph_lab import _native  # noqa: PLC0415 - it may not be there

    with pytest.raises((ValueError, TypeError)):
        _native.start(str(tmp_path), "{}", whole_program=False, event_map=wrong)  # type: ignore[arg-type]
    assert not list(tmp_path.glob("*.part"))
    assert not _native.status()["recording"]
