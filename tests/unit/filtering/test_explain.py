from __future__ import annotations

import pytest
from unit.filtering.builders import DUMPS, FTP_PROGRAM, OVERRIDE, READ_EVENT, THREAD

from callgraph_lab.errors import FilterError
from callgraph_lab.filtering import build_filter_set, explain, function_from_name
from callgraph_lab.model import Function


def test_every_question_is_listed_and_the_deciding_one_marked() -> None:
    filter_set = build_filter_set(
        ["ftp-server"], include=["json.*"], exclude=["requests"], functions=FTP_PROGRAM
    )
    explanation = explain(filter_set, DUMPS)
    assert explanation.decision == filter_set.decide(DUMPS)
    assert [(step.subject, step.decides) for step in explanation.steps] == [
        ("threads", False),
        ("excludes of the command line", False),
        ("includes of the command line", True),
        ("excludes of filter ftp-server", False),
        ("imports, by filter ftp-server", False),
        ("includes of filter ftp-server", False),
        ("the target, by filter ftp-server", False),
        ("C functions", False),
        ("the standard library, by filter ftp-server", False),
        ("what no include matched", False),
    ]
    sentences = [step.sentence for step in explanation.steps]
    assert sentences[0] == "does not apply"
    assert sentences[1] == "none of 1 matches"
    assert sentences[2] == "--include json.* matches json.dumps"
    assert sentences[8].startswith("It belongs to the standard library")
    # What would have happened without the include.
    assert explanation.steps[8].decision is not None
    assert not explanation.steps[8].decision.visible


def test_inherited_name_that_matched_is_told() -> None:
    filter_set = build_filter_set(["none"], include=["FTPHandler.*"])
    explanation = explain(filter_set, OVERRIDE)
    assert [step.sentence for step in explanation.steps if step.decides] == [
        "--include FTPHandler.* matches FTPHandler.ftp_STOR"
    ]
    assert "FTPHandler.ftp_STOR" in explanation.names
    assert "asyncore.dispatcher.ftp_STOR" in explanation.names


@pytest.mark.parametrize("function", [*FTP_PROGRAM, Function("", "")])
@pytest.mark.parametrize("name", ["auto", "none", "no-noise", "target-only"])
def test_explanation_agrees_with_the_decision(name: str, function: Function) -> None:
    filter_set = build_filter_set([name], functions=FTP_PROGRAM)
    explanation = explain(filter_set, function)
    deciding = [step for step in explanation.steps if step.decides]
    assert [step.decision for step in deciding] == [filter_set.decide(function)]
    assert explanation.decision == filter_set.decide(function)


def test_thread() -> None:
    assert explain(build_filter_set(), THREAD).steps[0].decides


@pytest.mark.parametrize(
    ("name", "module", "qualname", "class_name", "stdlib"),
    [
        (
            "pyftpdlib.servers.FTPServer.serve_forever",
            "pyftpdlib.servers",
            "FTPServer.serve_forever",
            "pyftpdlib.servers:FTPServer",
            False,
        ),
        (
            "pyftpdlib.ioloop._IOLoop.loop",
            "pyftpdlib.ioloop",
            "_IOLoop.loop",
            "pyftpdlib.ioloop:_IOLoop",
            False,
        ),
        ("FTPHandler.ftp_STOR", "", "FTPHandler.ftp_STOR", ":FTPHandler", False),
        (
            "importlib._bootstrap._find_and_load",
            "importlib._bootstrap",
            "_find_and_load",
            None,
            True,
        ),
        ("json.dumps", "json", "dumps", None, True),
        ("__main__.<module>", "__main__", "<module>", None, False),
        ("main", "", "main", None, False),
        ("logging:Handler.emit", "logging", "Handler.emit", "logging:Handler", True),
        ("asyncore:dispatcher.close", "asyncore", "dispatcher.close", "asyncore:dispatcher", None),
        ("app.make.<locals>.inner", "app", "make.<locals>.inner", None, False),
        ("app.Tool.f.<locals>.<lambda>", "app", "Tool.f.<locals>.<lambda>", None, False),
        ("app.f.<locals>.C.m", "app", "f.<locals>.C.m", "app:f.<locals>.C", False),
        ("a..b", "a.", "b", None, False),
    ],
)
def test_function_from_name(
    name: str,
    module: str,
    qualname: str,
    class_name: str | None,
    stdlib: bool | None,  # noqa: FBT001 - a table
) -> None:
    function = function_from_name(name)
    assert (function.module, function.qualname) == (module, qualname)
    assert function.class_name == class_name
    assert function.name == name.replace(":", ".")
    if stdlib is not None:  # asyncore left the standard library with Python 3.12
        assert function.stdlib is stdlib


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\0"])
def test_text_that_is_no_name(name: str) -> None:
    with pytest.raises(FilterError, match="is not the name of a function") as caught:
        function_from_name(name)
    assert caught.value.hint


def test_names_that_are_in_no_recording_can_be_explained() -> None:
    stor = function_from_name("FTPHandler.ftp_STOR")
    assert build_filter_set(["ftp-server"]).decide(stor).rule == (
        "include FTPHandler (filter ftp-server)"
    )
    event = function_from_name("pyftpdlib.servers.FTPServer.serve_forever")
    assert build_filter_set(functions=[event]).names == ("ftp-server",)
    assert (
        build_filter_set(["no-importlib"])
        .decide(function_from_name("importlib._bootstrap._find_and_load"))
        .rule
        == "exclude importlib._bootstrap* (filter no-importlib)"
    )
    assert READ_EVENT.name == "asyncore.MyHandler.handle_read_event"
