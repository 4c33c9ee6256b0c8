from __future__ import annotations

import pytest
from unit.filtering.builders import (
    DUMPS,
    GET,
    HELPER,
    LAB,
    MAIN,
    MY_HANDLER,
    OTHER_PROGRAM,
    OVERRIDE,
    READ_EVENT,
    SCRIPT,
    SITE,
    STOR,
    THREAD,
    method,
    plain,
)

from callgraph_lab.filtering.program import has_ftp_server, program_facts
from callgraph_lab.model import Function


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (SCRIPT, True),
        (OVERRIDE, True),
        (HELPER, True),
        (plain("package.deep:f", file=f"{LAB}/package/deep.py"), True),
        (plain("ioloop:f", file=f"{LAB}/.copies/pyftpdlib-2.2.0/ioloop.py"), True),
        (plain("__mp_main__:main", file=f"{LAB}/ftpServer.py"), True),
        (plain("lab2:f", file="/home/user/lab2/lab2.py"), False),
        (plain("installed:f", file=f"{LAB}/venv/lib/python3.11/site-packages/x/y.py"), False),
        (plain("installed:f", file=f"{LAB}/env/lib/python3/dist-packages/x.py"), False),
        (plain("json:dumps", file=f"{LAB}/python/lib/json/__init__.py", stdlib=True), False),
        (GET, False),
        (DUMPS, False),
        (STOR, False),
    ],
)
def test_target_is_the_script_and_its_folder(function: Function, expected: bool) -> None:  # noqa: FBT001 - a table
    assert program_facts([SCRIPT]).is_target(function) is expected


def test_target_file_adds_the_folder_behind_a_symbolic_link() -> None:
    linked = plain("helper:f", file="/srv/real/helper.py")
    assert not program_facts([SCRIPT]).is_target(linked)
    assert program_facts([SCRIPT], ["/srv/other/../real/ftpServer.py"]).is_target(linked)


def test_installed_module_that_is_run_is_the_target() -> None:
    run = plain("__main__:<module>", file=f"{SITE}/pyftpdlib/__main__.py")
    facts = program_facts([run])
    assert facts.is_target(plain("pyftpdlib.servers:f", file=f"{SITE}/pyftpdlib/servers.py"))
    assert not facts.is_target(GET)


def test_module_at_the_top_of_site_packages_makes_not_everything_the_target() -> None:
    facts = program_facts([plain("__main__:<module>", file=f"{SITE}/tool.py")])
    assert facts.is_target(MAIN)
    assert not facts.is_target(GET)


@pytest.mark.parametrize("file", ["", "<string>", "relative.py"])
def test_file_without_a_folder(file: str) -> None:
    facts = program_facts([plain("__main__:<module>", file=file)], [file])
    assert facts.target_folders == ()
    assert facts.is_target(MAIN)


def test_script_in_the_root_folder() -> None:
    facts = program_facts([plain("__main__:<module>", file="/script.py")])
    assert facts.is_target(plain("helper:f", file="/helper.py"))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (plain("helper:<module>", file=f"{LAB}/helper.py"), True),
        (plain("json:<module>", stdlib=True), True),
        (SCRIPT, False),
        (plain("__mp_main__:<module>"), False),
        # Bodies of classes: a method or an object of the class was seen, or the name looks like it.
        (plain("asyncore:dispatcher"), True),
        (plain("__main__:MyHandler", file=f"{LAB}/ftpServer.py"), True),
        (plain("app:Outer"), True),
        (plain("app:Outer.Inner"), True),
        (plain("pyftpdlib.exceptions:AuthorizerError"), True),
        (plain("pyftpdlib.ioloop:_BasePollEpoll"), True),
        (plain("app:make.<locals>.Local"), True),
        # Functions.
        (MAIN, False),
        (STOR, False),
        (plain("app:make"), False),
        (plain("app:<lambda>"), False),
        (plain("__main__:Main", file=f"{LAB}/ftpServer.py"), False),
        (method("app:Outer.Inner.Method"), False),
        (THREAD, False),
        (Function("", "Thread-1", kind="thread"), False),
    ],
)
def test_import_code(function: Function, expected: bool) -> None:  # noqa: FBT001 - a table
    seen = [SCRIPT, READ_EVENT, OVERRIDE, method("app:Outer.Inner.f"), plain("app:make.<locals>.g")]
    assert program_facts(seen).is_import_code(function) is expected


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (STOR, True),
        (OVERRIDE, True),
        (plain("pyftpdlib:<module>"), True),
        (method("servers:FTPServer.serve_forever"), True),
        (method("handlers:FTPHandler.ftp_STOR", "__main__:Mine", "handlers:FTPHandler"), True),
        (method("__main__:MyHandler.f", *MY_HANDLER), True),
        (plain("pyftpdlib_tools:f"), False),
        (plain("app:FTPHandler"), False),
        (method("asyncore:dispatcher.close"), False),
        (method("ftplib:FTP.storbinary", stdlib=True), False),
        (method("http.server:HTTPServer.serve_forever"), False),
    ],
)
def test_ftp_server_is_recognised(function: Function, expected: bool) -> None:  # noqa: FBT001 - a table
    assert has_ftp_server([*OTHER_PROGRAM, function]) is expected
