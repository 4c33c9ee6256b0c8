"""What the tests of actions share: rules written by hand, a small server, what was attributed."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callgraph_lab.recording.live_part import LiveInstance, LivePart

SELF = ["argument", "self"]


def event_map(*more: dict[str, Any], **settings: object) -> dict[str, Any]:
    """Return the rules for ``SERVER``, and more."""
    return {"rules": [*RULES, *more], **settings}


RULES: list[dict[str, Any]] = [
    {
        "kind": "start",
        "class": "Handler",
        "function": "__init__",
        "name": [["literal", "connect"]],
        "session": SELF,
        "until": {"class": "Handler", "function": "greet"},
    },
    {
        "kind": "start",
        "class": "Handler",
        "function": "process",
        "name": [["argument", "verb"]],
        "upper": True,
        "session": SELF,
        "detail": ["item", "arguments", 0],
        "detail_actions": ["STOR", "RETR", "APPE"],
    },
    {
        "kind": "start",
        "class": "Handler",
        "function": "gone",
        "name": [["literal", "disconnect"]],
        "once": True,
        "session": SELF,
    },
    {"kind": "link", "class": "Channel", "function": "__init__", "to": ["argument", "owner"]},
    {"kind": "link", "class": "Later", "function": "__init__", "to": ["current"]},
    {"kind": "continue", "class": "Channel", "function": "*"},
    {"kind": "continue", "class": "Later", "function": "call"},
    {"kind": "reply", "class": "Handler", "function": "reply", "text": ["argument", "text"]},
    {
        "kind": "end",
        "class": "Channel",
        "function": "close",
        "bytes": [["attribute", "self", "got"], ["attribute", "self", "sent"]],
    },
    {"kind": "loop", "class": "", "function": "loop"},
    {"kind": "pass", "class": "", "function": "poll"},
    {"kind": "phase", "class": "Channel", "function": "__init__", "id": 1},
    {"kind": "phase", "class": "Channel", "function": "read", "id": 2},
]

SERVER = textwrap.dedent("""
    class Handler:
        def __init__(self):
            self.channel = None
            work()
        def greet(self):
            self.reply("220 hello")
        def process(self, verb, *arguments):
            getattr(self, "do_" + verb.lower())(*arguments)
        def do_stor(self, path):
            self.reply("150 go on")
            self.channel = Channel(self)
        do_retr = do_stor
        def do_appe(self, path):
            self.process("STOR", path)
        def do_noop(self):
            self.reply("200 yes")
        def do_abor(self):
            if self.channel is not None:
                self.channel.close()
            self.reply("226 aborted")
        def do_fail(self):
            raise ValueError("no")
        def do_later(self):
            delayed.append(Later(work))
        def reply(self, text):
            work()
        def gone(self):
            work()

    class SubHandler(Handler):
        def __init__(self):
            super().__init__()
        def process(self, verb, *arguments):
            super().process(verb, *arguments)

    class Base:
        def close(self):
            self.open = False

    class Channel(Base):
        def __init__(self, owner):
            self.owner = owner
            self.got = self.sent = 0
        def read(self, count):
            self.got += count
            work()
        def close(self):
            super().close()
            self.owner.reply("226 done")
            self.owner.channel = None

    class Later:
        __slots__ = ("target",)
        def __init__(self, target):
            self.target = target
        def call(self):
            self.target()

    delayed = []

    def work():
        pass

    def loop(jobs):
        for job, *arguments in jobs:
            poll(job, arguments)

    def poll(job, arguments):
        try:
            job(*arguments)
        except ValueError:
            pass
""")


def name_of_label(part: LivePart, label: int) -> str:
    return part.actions[part.labels[label - 1].action - 1].name if label else ""


def calls_by_action(part: LivePart) -> dict[str, Counter[str]]:
    """Return calls and resumes of every function by the action that they served."""
    found: dict[str, Counter[str]] = {}
    for function, calls, resumes, label in zip(
        part.function, part.calls, part.resumes, part.label, strict=True
    ):
        named = part.functions[function]
        if calls + resumes and not named.is_thread:
            by_name = found.setdefault(name_of_label(part, label), Counter())
            by_name[named.qualname] += calls + resumes
    return found


def calls_of_instance(part: LivePart, instance: LiveInstance) -> Counter[str] | None:
    """Return the calls of an instance whose lane still tells, else None."""
    if part.labels[instance.label - 1].instance != instance.serial:
        return None
    found: Counter[str] = Counter()
    for position, label in enumerate(part.label):
        if label == instance.label:
            name = part.functions[part.function[position]].qualname
            found[name] += part.calls[position] - part.base_calls[position]
            assert part.ticks[position] >= part.base_ticks[position]
    return +found


def instances_of(part: LivePart, name: str) -> list[LiveInstance]:
    return [item for item in part.instances if part.actions[item.action - 1].name == name]
