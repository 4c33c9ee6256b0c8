"""Made-up programs for the table of cases: small, each with something that is easy to get wrong."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unit.graph.builders import Call, call, recording, thread

from callgraph_lab.ending_model import ENDINGS
from callgraph_lab.model import Function, RecordedProcess, Recording

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STDLIB = ("logging", "asyncore", "asyncio", "json", "importlib", "_socket")


def programs() -> dict[str, Recording]:
    """Return the programs by name."""
    found = {
        "empty": recording(thread("MainThread")),
        "chain": recording(thread("MainThread", _chain("a.f", "b.g", "c.h", "d.i", "e.j"))),
        "recursion": _recursion(),
        "bridges": _bridges(),
        "generators": _generators(),
        "threads": _threads(),
        "processes": _processes(),
        "names": _names(),
        "c functions": _c_functions(),
        "server": _server(),
    }
    for number in range(8):
        found[f"random {number}"] = _random(number)
    return {name: _dressed(item) for name, item in found.items()}


def _chain(*names: str) -> Call:
    first, *rest = names
    return call(first, *([_chain(*rest)] if rest else ()), self_ns=len(names))


def _recursion() -> Recording:
    countdown = call("m.down", call("m.down", call("m.down", calls=2), calls=3), calls=4)
    even = call("m.even", call("m.odd", call("m.even", call("m.odd"), self_ns=5), self_ns=7))
    hidden = call("m.walk", call("logging.visit", call("m.walk", call("logging.visit"))))
    return recording(thread("MainThread", call("m.main", countdown, even, hidden, countdown)))


def _bridges() -> Recording:
    deep = call("logging.a", call("logging.b", call("logging.c", call("m.leaf", calls=3))))
    near = call("logging.a", call("m.leaf", call("logging.d", calls=9)))
    return recording(
        thread(
            "MainThread",
            deep,
            call("m.top", call("m.leaf"), near, deep, call("logging.end", call("logging.end"))),
        )
    )


def _generators() -> Recording:
    inner = call("m.numbers", calls=2, resumes=7, suspensions=8, open_calls=1, self_ns=50)
    waiting = call("m.wait", inner, calls=0, resumes=5, suspensions=6, self_ns=3)
    return recording(
        thread("MainThread", call("m.main", inner, waiting, open_calls=1)),
        thread("Loop", call("logging.run", waiting)),
    )


def _threads() -> Recording:
    return recording(
        thread("MainThread", call("m.main", call("m.work"))),
        thread("Thread-1 (work)", call("m.work", call("m.step", calls=2))),
        thread("Thread-22 (work)", call("m.work", call("m.step", calls=3))),
        thread("('127.0.0.1', 50123)", call("m.work")),
        thread("('127.0.0.1', 50124)", call("m.work", calls=2)),
        thread("worker-7", call("m.work")),
        thread("pool-9", call("m.step")),
        thread("m.work", call("m.work")),
        shared=["pool-9"],
    )


def _processes() -> Recording:
    """Return a program whose processes ended differently, with calls that had not returned."""
    waits = call("m.wait", open_calls=1)
    made = recording(
        thread(
            "MainThread", call("m.serve", call("m.fork"), waits, open_calls=1), ending="running"
        ),
        thread(
            "MainThread",
            call("m.serve", call("m.child", calls=5, open_calls=2), waits, open_calls=1),
            ending="killed",
        ),
        thread("Thread-1", call("m.child"), ending="killed"),
        thread("Thread-2", call("m.child", call("m.serve"), waits), ending="exited"),
        thread("Thread-3", waits, ending="replaced"),
        thread("Thread-4", call("logging.log", waits, open_calls=1), ending="stopped"),
    )
    pids = (1, 20, 20, 300, 300, 300)
    return replace(
        made,
        threads=tuple(replace(item, pid=pid) for item, pid in zip(made.threads, pids, strict=True)),
        processes=(RecordedProcess(1, 0), RecordedProcess(20, 1), RecordedProcess(300, 1)),
    )


def _names() -> Recording:
    calls = [call(f"m.same{number}", call("m.<lambda>"), calls=number) for number in range(1, 6)]
    made = recording(thread("MainThread", *calls), thread("thread m.f", call("m.f")))
    changes: Mapping[str, dict[str, Any]] = {
        "m.same1": {"qualname": "same", "line": 1},
        "m.same2": {"qualname": "same", "line": 2},
        "m.same3": {"qualname": "same#2", "line": 3},
        "m.same4": {"qualname": "same", "line": 1, "stdlib": True},
        "m.same5": {"qualname": "same", "line": 1, "file": "/other.py"},
    }
    return replace(
        made,
        functions=[replace(item, **changes.get(item.name, {})) for item in made.functions],
    )


def _c_functions() -> Recording:
    return recording(
        thread(
            "MainThread",
            call("m.f", call("c.len", calls=2), call("logging.g", call("c.len", calls=5))),
            call("logging.g", call("c.sort", call("m.key", call("c.len", calls=7)))),
            call("c.map", call("c.len", calls=11)),
        )
    )


def _server() -> Recording:
    """Return a program with functions of every kind that filters tell apart."""
    names = [
        "__main__.<module>",
        "__main__.main",
        "__main__.Shop",
        "__main__.Handler.ftp_STOR",
        "shop.<module>",
        "shop.cart.Cart.add",
        "shop.cart.Cart.total",
        "shop.cart.Cart.__repr__",
        "shop.cart.load.<locals>.parse",
        "shop.cart.load.<locals>.Reader.read",
        "vendor.Thing",
        "vendor.thing",
        "pyftpdlib.<module>",
        "pyftpdlib.handlers.FTPHandler.handle",
        "pyftpdlib.handlers.FTPHandler.log",
        "pyftpdlib.log.logger",
        "pyftpdlib.ioloop.Epoll.loop",
        "asyncore.dispatcher.handle_read",
        "asyncore.dispatcher_with_send.send",
        "asyncio.events.Handle._run",
        "asyncio.log.debug",
        "json.dumps",
        "logging.Logger.info",
        "importlib._bootstrap._find_spec",
        "c.len",
        "weird.[x].*?.f",
        "a.b.c.d.e",
    ]
    calls = [call(name, call("json.dumps"), calls=number) for number, name in enumerate(names, 1)]
    return recording(thread("MainThread", call("__main__.<module>", *calls)))


def _random(seed: int) -> Recording:
    dice = random.Random(seed)  # noqa: S311 - no secret
    names = ["m.a", "m.b", "shop.c", "logging.d", "logging.e", "json.f", "c.g"]

    def some(depth: int) -> Iterator[Call]:
        for _ in range(dice.randint(0, 3) if depth else 0):
            yield call(
                dice.choice(names),
                *some(depth - 1),
                calls=dice.randint(0, 4),
                resumes=dice.choice((0, 0, 2)),
                suspensions=dice.choice((0, 0, 3)),
                open_calls=dice.choice((0, 0, 0, 1)),
                self_ns=dice.randint(0, 90),
            )

    return recording(
        thread("MainThread", *some(5), ending=dice.choice(ENDINGS)),
        thread("Thread-1", *some(4), ending=dice.choice(ENDINGS)),
    )


_CLASSES: Mapping[str, tuple[str, ...]] = {
    "__main__.Handler.ftp_STOR": (
        "__main__:Handler",
        "pyftpdlib.handlers:FTPHandler",
        "asyncore:dispatcher",
    ),
    "pyftpdlib.handlers.FTPHandler.handle": (
        "pyftpdlib.handlers:FTPHandler",
        "asyncore:dispatcher",
    ),
    "pyftpdlib.ioloop.Epoll.loop": ("pyftpdlib.ioloop:Epoll", "pyftpdlib.ioloop:_IOLoop"),
    "asyncore.dispatcher.handle_read": ("asyncore:dispatcher",),
    "shop.cart.Cart.add": ("shop.cart:Basket", "shop.cart:Cart"),
    "shop.cart.load.<locals>.Reader.read": ("shop.cart:load.<locals>.Reader",),
    "vendor.thing": (),
}
"""Methods that know the class of ``self``: that and its ancestors."""


def _dressed(program: Recording) -> Recording:
    """Return a program whose functions are what their names say: of C, of the standard library."""
    return replace(program, functions=[_as_named(item) for item in program.functions])


def _as_named(function: Function) -> Function:
    name = function.name
    module = _module_of(name)
    if function.kind == "thread" or function.line > 1:
        return function
    if module == "c":
        return Function(module="c", qualname=function.qualname, kind="c_function")
    ancestors = _CLASSES.get(name, ())
    folder = "/srv/app" if module.partition(".")[0] in {"__main__", "shop"} else "/usr/lib/python3"
    qualname = name[len(module) + 1 :] if name.startswith(f"{module}.") else function.qualname
    if ancestors and name == "pyftpdlib.ioloop.Epoll.loop":
        qualname = "_IOLoop.loop"
    return replace(
        function,
        module=module,
        qualname=qualname,
        file=function.file
        if function.file == "/other.py"
        else f"{folder}/{module.replace('.', '/')}.py",
        class_name=ancestors[0] if ancestors else None,
        ancestors=ancestors,
        stdlib=module.partition(".")[0] in _STDLIB,
    )


def _module_of(name: str) -> str:
    """Return the part of a name before its first class or function: as Python would have it."""
    parts = name.split(".")
    for index, part in enumerate(parts):
        if part[:1].isupper() or part in {"load", "<module>", "[x]"} or "dispatcher" in part:
            return ".".join(parts[:index])
    return ".".join(parts[:-1])
