from __future__ import annotations

import re
import tomllib
import warnings
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from unit.filtering.builders import (
    DUMPS,
    EMIT,
    FIND,
    FTP_PROGRAM,
    GET,
    HELPER,
    MAIN,
    MY_HANDLER,
    OVERRIDE,
    READ_EVENT,
    SCRIPT,
    STOR,
    method,
    plain,
)

from callgraph_lab.filtering import KEYS, available_filters, build_filter_set, load_filter
from callgraph_lab.filtering.presets import shipped_filter_names
from callgraph_lab.shipped import shipped_folder

if TYPE_CHECKING:
    from callgraph_lab.model import Function

WANTED = {
    "no-importlib",
    "no-logging",
    "no-stdlib",
    "no-tests",
    "ftp-server",
    "http-server",
    "asyncio-server",
    "target-only",
}


def visible(names: list[str], *functions: Function) -> list[bool]:
    filter_set = build_filter_set(names, functions=[*FTP_PROGRAM, *functions])
    return [filter_set.decide(function).visible for function in functions]


def test_the_wanted_ones_are_there() -> None:
    assert set(shipped_filter_names()) >= WANTED
    assert [one.name for one in available_filters()[:2]] == ["auto", "none"]


@pytest.mark.parametrize("name", shipped_filter_names())
def test_preset_is_named_described_and_loads(name: str) -> None:
    preset = load_filter(name)
    assert preset.name == name
    assert preset.description.endswith(".")
    assert "\n" not in preset.description
    assert preset.source == str(shipped_folder("filters") / f"{name}.toml")
    assert build_filter_set([name]).names == (name,)
    # And by its path.
    assert load_filter(preset.source) == preset


@pytest.mark.parametrize("name", shipped_filter_names())
def test_preset_states_something_in_the_order_of_the_keys(name: str) -> None:
    keys = list(tomllib.loads((shipped_folder("filters") / f"{name}.toml").read_text()))
    assert keys[:2] == list(KEYS)[:2]
    assert len(keys) > 2


def test_every_preset_keeps_the_script_s_path() -> None:
    for name in shipped_filter_names():
        assert visible([name], SCRIPT, MAIN, OVERRIDE) == [True, True, True], name


def test_no_importlib() -> None:
    hidden = [
        FIND,
        plain("importlib._bootstrap_external:_path_join", stdlib=True),
        plain("_frozen_importlib_external:_path_join", stdlib=True),
        method("importlib._bootstrap_external:SourceFileLoader.exec_module", stdlib=True),
        method("zipimport:zipimporter.__init__", stdlib=True),
        method("_distutils_hack:DistutilsMetaFinder.find_spec"),
    ]
    assert not any(visible(["no-importlib"], *hidden))
    shown = [plain("importlib:import_module", stdlib=True), plain("zipimporter:f"), DUMPS, EMIT]
    assert all(visible(["no-importlib"], *shown))


def test_no_logging() -> None:
    socket_handler = method("logging.handlers:SocketHandler.emit", stdlib=True)
    own = method("__main__:Mine.emit", "__main__:Mine", "logging:Handler")
    other = plain("logging_tools:f")
    assert visible(["no-logging"], EMIT, socket_handler, own, other) == [False, False, True, True]


def test_target_only() -> None:
    assert visible(["target-only"], MAIN, HELPER, OVERRIDE, STOR, DUMPS) == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_ftp_server() -> None:
    shown = [
        MAIN,
        HELPER,
        OVERRIDE,
        STOR,
        READ_EVENT,
        plain("asyncore:read", stdlib=True),
        plain("asyncore:read"),  # the package pyasyncore
        method("asynchat:async_chat.push", *MY_HANDLER),
        method(
            "pyftpdlib.ioloop:_IOLoop.loop", "pyftpdlib.ioloop:Epoll", "pyftpdlib.ioloop:_IOLoop"
        ),
        method("pyftpdlib.handlers.ftp.control:FTPHandler.log_cmd"),
        method("__main__:MyHandler.logline", *MY_HANDLER),
        method("other_package:Handler.f", "other_package:Handler", "pyftpdlib.x:FTPHandler"),
    ]
    assert all(visible(["ftp-server"], *shown))
    hidden = [
        DUMPS,
        EMIT,
        FIND,
        GET,
        plain("pyftpdlib.log:debug"),
        plain("pyftpdlib:<module>"),
        plain("pyftpdlib.handlers.ftp.control:FTPHandler"),
        plain("asyncore:dispatcher", stdlib=True),
        method("pyftpdlib.handlers.ftp.control:FTPHandler.logline"),
        method("socketserver:BaseServer.serve_forever", stdlib=True),
    ]
    assert not any(visible(["ftp-server"], *hidden))


def test_ftp_commands_leaves_the_event_loop_out() -> None:
    loop = method("pyftpdlib.ioloop:AsyncChat.handle_read", *MY_HANDLER)
    assert visible(["ftp-commands"], STOR, OVERRIDE, READ_EVENT, loop) == [True, True, False, False]


def test_http_server() -> None:
    shown = [
        MAIN,
        method("http.server:BaseHTTPRequestHandler.handle", stdlib=True),
        method("socketserver:BaseServer.serve_forever", "http.server:HTTPServer", stdlib=True),
        method("__main__:Mine.do_GET", "__main__:Mine", "http.server:BaseHTTPRequestHandler"),
        plain("wsgiref.util:guess_scheme", stdlib=True),
    ]
    assert all(visible(["http-server"], *shown))
    assert not any(
        visible(["http-server"], DUMPS, GET, plain("http.client:parse_headers", stdlib=True))
    )


def test_asyncio_server() -> None:
    run = method("asyncio.base_events:BaseEventLoop.run_forever", stdlib=True)
    note = method("asyncio.events:Handle._repr_info", stdlib=True)
    assert visible(["asyncio-server"], run, note, MAIN, DUMPS) == [True, False, True, False]


def test_no_stdlib() -> None:
    made_up = plain("namedtuple_Point:<lambda>", file="<string>")
    assert visible(["no-stdlib"], MAIN, GET, DUMPS, made_up) == [True, True, False, False]


def test_no_tests() -> None:
    run = method(
        "unittest.case:TestCase.run", "__main__:MyTest", "unittest.case:TestCase", stdlib=True
    )
    test = method("__main__:MyTest.test_one", "__main__:MyTest", "unittest.case:TestCase")
    assert visible(["no-tests"], run, test, plain("_pytest.main:main")) == [False, True, False]


def test_no_noise_takes_over_the_rules_of_others() -> None:
    filter_set = build_filter_set(["no-noise"], functions=FTP_PROGRAM)
    assert filter_set.names == ("no-noise",)
    assert filter_set.decide(FIND).rule == "exclude importlib._bootstrap* (filter no-importlib)"
    assert filter_set.decide(EMIT).rule == "exclude logging (filter no-logging)"
    assert filter_set.decide(plain("re:compile")).rule == "exclude re (filter no-noise)"
    assert filter_set.decide(plain("json:<module>")).rule == "code of imports (filter no-noise)"
    assert filter_set.decide(DUMPS).visible


def pyftpdlib_classes() -> set[type]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # asyncore is deprecated in Python 3.11
        from pyftpdlib import authorizers, filesystems, handlers, ioloop, servers  # noqa: PLC0415

    values = chain.from_iterable(
        vars(module).values() for module in (authorizers, filesystems, handlers, ioloop, servers)
    )
    classes = {value for value in values if isinstance(value, type)}
    return {
        one
        for one in classes
        if one.__module__.startswith("pyftpdlib.") and not issubclass(one, Exception)
    }


def methods_of(class_: type) -> list[Function]:
    mro = class_.__mro__[:-1]
    return [
        method(
            f"{one.__module__}:{one.__qualname__}.{name}",
            *(f"{ancestor.__module__}:{ancestor.__qualname__}" for ancestor in mro),
        )
        for one in mro
        for name, value in vars(one).items()
        if callable(value) and not name.startswith("__")
    ]


def copied(function: Function) -> Function:
    """Rename the modules, as whoever copies them does."""

    def renamed(name: str) -> str:
        return re.sub(r"^pyftpdlib[.\w]*?(\w+:)", r"copy_of_\1", name)

    return method(
        renamed(f"{function.module}:{function.qualname}"), *map(renamed, function.ancestors)
    )


def test_ftp_server_shows_pyftpdlib_s_methods() -> None:
    functions = list(chain.from_iterable(map(methods_of, pyftpdlib_classes())))
    assert len(functions) > 200
    filter_set = build_filter_set(functions=functions)
    assert filter_set.names == ("ftp-server",)
    hidden = {f.own_name for f in functions if not filter_set.decide(f).visible}
    assert hidden <= {"log", "logline", "get_repr_info"}


def test_ftp_server_shows_methods_of_copies() -> None:
    functions = [
        copied(function)
        for class_ in pyftpdlib_classes()
        if class_.__name__ != "_Base"  # no object is only that
        for function in methods_of(class_)
    ]
    assert not any("pyftpdlib" in f.name for f in functions)
    filter_set = build_filter_set(functions=functions)
    assert filter_set.names == ("ftp-server",)
    assert [f.name for f in functions if not filter_set.decide(f).visible] == []
