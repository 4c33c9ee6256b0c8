from __future__ import annotations

import pytest

from callgraph_lab.actions.patterns import Pattern, parse_name, parse_pattern, parse_source


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("FTPHandler.close", Pattern(class_name="FTPHandler", function="close")),
        ("_CallLater.__init__", Pattern(class_name="_CallLater", function="__init__")),
        ("Handler.do_*", Pattern(class_name="Handler", function="do_*")),
        ("DTPHandler.*", Pattern(class_name="DTPHandler", function="*")),
        ("app.views:show_*", Pattern(module="app.views", function="show_*")),
        ("app:*", Pattern(module="app", function="*")),
        (":handle", Pattern(function="handle")),
    ],
)
def test_patterns(text: str, pattern: Pattern) -> None:
    assert parse_pattern(text) == pattern
    assert str(pattern) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "handle",
        "*",
        "*.close",
        ":*",
        "a.b.close",
        "A.clo*se",
        "A.[a]",
        "A.close()",
        "9.f",
        7,
        [],
    ],
)
def test_what_is_no_pattern(text: object) -> None:
    with pytest.raises(ValueError, match="is no pattern"):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("cmd", ("argument", "cmd")),
        ("self.remote_ip", ("attribute", "self", "remote_ip")),
        ("self.cmd_channel.user", ("attribute", "self", "cmd_channel", "user")),
        ("args[0]", ("item", "args", 0)),
        ("'a b'", ("literal", "a b")),
        ('"a"', ("literal", "a")),
        ("*", ("star",)),
        ("<action>", ("action",)),
        ("<session>", ("session",)),
    ],
)
def test_sources(text: str, source: tuple[str | int, ...]) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "self.",
        ".x",
        "args[-1]",
        "args[x]",
        "f()",
        "<nobody>",
        "a" + ".b" * 8,
        "a" * 300,
        3,
    ],
)
def test_what_is_no_source(text: object) -> None:
    with pytest.raises(ValueError, match="is nothing to read"):
        parse_source(text)


@pytest.mark.parametrize("text", ["password", "self.password", "self.user.passwd", "Passphrase"])
def test_a_password_is_never_read(text: str) -> None:
    with pytest.raises(ValueError, match="never recorded"):
        parse_source(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("connect", (("literal", "connect"),)),
        ("{cmd}", (("argument", "cmd"),)),
        ("{*} {self.path}", (("star",), ("literal", " "), ("attribute", "self", "path"))),
    ],
)
def test_names(text: str, parts: tuple[tuple[str, ...], ...]) -> None:
    assert parse_name(text) == parts


@pytest.mark.parametrize("text", ["", " ", "{", "a}", "{a b}", "{<action>}", "x\n", "a" * 300, 1])
def test_what_is_no_name(text: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_name(text)
