from __future__ import annotations

import pytest
from unit.filtering.builders import (
    ASYNC,
    FIND,
    MAIN,
    MY_HANDLER,
    OVERRIDE,
    READ_EVENT,
    STOR,
    method,
    plain,
)

from callgraph_lab.filtering.globs import GlobList, search_names
from callgraph_lab.model import Function

HANDLERS_EMIT = method("logging.handlers:SocketHandler.emit")
LOOP = method("pyftpdlib.ioloop:_IOLoop.loop", "pyftpdlib.ioloop:Epoll", "pyftpdlib.ioloop:_IOLoop")
INNER = plain("app:outer.<locals>.inner")
LOCAL_CLASS = method("app:make.<locals>.Local.run", "app:make.<locals>.Local")
STATIC = plain("app:Tool.build")
WORKER = method("app:Worker.run", "app:Worker", "threading:Thread")


def matches(glob: str, function: Function) -> bool:
    return GlobList([glob]).find(search_names(function)) is not None


@pytest.mark.parametrize(
    ("glob", "function"),
    [
        # The full name, with the class of the object.
        ("pyftpdlib.ioloop.Epoll.loop", LOOP),
        ("*.Epoll.loop", LOOP),
        ("*.Epoll", LOOP),
        ("__main__.main", MAIN),
        ("__main__.mai?", MAIN),
        ("__main__.[l-n]ain", MAIN),
        ("*", MAIN),
        # The name as defined.
        ("pyftpdlib.ioloop._IOLoop.loop", LOOP),
        ("asyncore.dispatcher.handle_*", READ_EVENT),
        # A module, and the packages it is in.
        ("logging", HANDLERS_EMIT),
        ("logging.*", HANDLERS_EMIT),
        ("logging.handlers", HANDLERS_EMIT),
        ("logging*", HANDLERS_EMIT),
        ("log*ng", HANDLERS_EMIT),
        ("importlib._bootstrap*", FIND),
        ("importlib", FIND),
        # A class, and what is in it.
        ("logging.handlers.SocketHandler", HANDLERS_EMIT),
        ("SocketHandler", HANDLERS_EMIT),
        ("app.Tool", STATIC),
        ("Tool.*", STATIC),
        ("Local.run", LOCAL_CLASS),
        ("app.make.<locals>.Local", LOCAL_CLASS),
        # Along the ancestors, with their module and without.
        ("FTPHandler.*", OVERRIDE),
        ("FTPHandler", OVERRIDE),
        ("FTPHandler.ftp_STOR", OVERRIDE),
        ("*Handler.ftp_*", OVERRIDE),
        ("pyftpdlib.handlers.ftp.control.FTPHandler.ftp_STOR", OVERRIDE),
        ("pyftpdlib.*.FTPHandler.*", OVERRIDE),
        ("pyftpdlib.handlers.ftp.control.FTPHandler", OVERRIDE),
        ("asyncore.dispatcher.*", OVERRIDE),
        ("dispatcher.*", OVERRIDE),
        ("MyHandler.*", READ_EVENT),
        ("__main__.MyHandler.*", READ_EVENT),
        ("Thread.*", WORKER),
        ("threading.Thread", WORKER),
        # What is local to a function, when it is asked for.
        ("app.outer.<locals>.inner", INNER),
        ("app.outer.*", INNER),
        ("app.*", INNER),
        ("app", INNER),
    ],
)
def test_glob_finds(glob: str, function: Function) -> None:
    assert matches(glob, function)


@pytest.mark.parametrize(
    ("glob", "function"),
    [
        ("log", HANDLERS_EMIT),
        ("logging.hand", HANDLERS_EMIT),
        ("handlers", HANDLERS_EMIT),
        ("Logging.*", HANDLERS_EMIT),
        ("ftphandler.*", OVERRIDE),
        ("main", MAIN),
        ("__main__.mai", MAIN),
        ("__main__.[!l-n]ain", MAIN),
        ("*.poll", LOOP),
        # A function's name is not the name of what is local to it.
        ("app.outer", INNER),
        ("app.make", LOCAL_CLASS),
        # A glob that names a module only says nothing of classes elsewhere that derive from its.
        ("asyncore.*", OVERRIDE),
        ("asyncore", OVERRIDE),
        ("asyncore*", STOR),
        ("pyftpdlib.*", OVERRIDE),
        ("threading.*", WORKER),
        ("__main__.*", READ_EVENT),
    ],
)
def test_glob_does_not_find(glob: str, function: Function) -> None:
    assert not matches(glob, function)


def test_first_glob_of_the_list_is_the_one_told() -> None:
    names = search_names(LOOP)
    globs = ["nothing", "*.loop", "pyftpdlib", "*"]
    assert GlobList(globs).find(names) == (1, "pyftpdlib.ioloop.Epoll.loop")
    assert GlobList(globs[::-1]).find(names) == (0, "pyftpdlib.ioloop.Epoll.loop")


def test_own_names_are_told_before_inherited_ones() -> None:
    globs = GlobList(["asyncore.dispatcher.*", "__main__.*"])
    assert globs.find(search_names(OVERRIDE)) == (1, "__main__.MyHandler.ftp_STOR")


def test_name_of_an_ancestor_is_told() -> None:
    found = GlobList(["asyncore.dispatcher.*"]).find(search_names(OVERRIDE))
    assert found == (0, "asyncore.dispatcher.ftp_STOR")


def test_no_globs_match_nothing() -> None:
    assert GlobList([]).find(search_names(MAIN)) is None


def test_names_of_a_method() -> None:
    names = search_names(OVERRIDE)
    assert names.plain == (
        "__main__.MyHandler.ftp_STOR",
        "MyHandler.ftp_STOR",
        "FTPHandler.ftp_STOR",
        "AsyncChat.ftp_STOR",
        "async_chat.ftp_STOR",
        "dispatcher.ftp_STOR",
    )
    assert [name for name, _ in names.inherited] == [
        f"{ancestor.replace(':', '.')}.ftp_STOR" for ancestor in MY_HANDLER
    ]
    assert MY_HANDLER[2:] == ASYNC


def test_class_is_known_without_ancestors() -> None:
    function = Function("app", "Base.run", class_name="lib:Child")
    assert matches("Child.*", function)
    assert matches("lib.Child.run", function)


def test_function_without_a_module() -> None:
    assert matches("main", Function("", "main"))
    assert matches("*", Function("", ""))


@pytest.mark.parametrize(
    "character", ["\n", "\0", "é", "汉", "\N{GRINNING FACE}", "'", '"', "\\", "("]
)
def test_awkward_characters_in_names_and_globs(character: str) -> None:
    function = plain(f"app:f{character}g")
    assert matches(f"app.f{character}g", function)
    assert matches("app.f?g", function)
    assert matches("app.*g", function)
    assert matches("app", function)
    assert not matches("app.fg", function)


def test_glob_of_many_stars_is_decided_at_once() -> None:
    function = plain(f"app:{'a' * 4000}")
    assert not matches("*a" * 50 + "*b", function)
