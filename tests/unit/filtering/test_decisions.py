from __future__ import annotations

import pytest
from unit.filtering.builders import (
    DUMPS,
    EMIT,
    FIND,
    FTP_PROGRAM,
    GET,
    HELPER,
    LAB,
    MAIN,
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

from callgraph_lab.errors import FilterError
from callgraph_lab.filtering import FilterSet, build_filter_set
from callgraph_lab.model import Decision, Function


def shown(filter_set: FilterSet, *functions: Function) -> list[bool]:
    return [filter_set.decide(function).visible for function in functions]


def test_none_shows_everything() -> None:
    filter_set = build_filter_set(["none"], functions=FTP_PROGRAM)
    assert filter_set.names == ("none",)
    assert filter_set.choice == ""
    assert all(shown(filter_set, *FTP_PROGRAM))
    assert filter_set.decide(DUMPS).rule == "no rule hides it"


def test_exclude_beats_include() -> None:
    filter_set = build_filter_set(["none"], include=["json.*"], exclude=["json.dumps"])
    assert shown(filter_set, DUMPS, plain("json:loads")) == [False, True]
    assert filter_set.decide(DUMPS) == Decision(
        visible=False,
        rule="--exclude json.dumps",
        reason="It matches 'json.dumps', which the command line excludes.",
    )


def test_several_includes_are_alternatives() -> None:
    filter_set = build_filter_set(["none"], include=["json.*", "requests"])
    assert shown(filter_set, DUMPS, GET, MAIN) == [True, True, False]
    assert filter_set.decide(GET).rule == "--include requests"
    assert filter_set.decide(MAIN).rule == "not included (--include json.*, --include requests)"


def test_include_overrides_the_hiding_of_the_standard_library() -> None:
    filter_set = build_filter_set(["no-stdlib"], include=["json", "__main__"])
    assert shown(filter_set, DUMPS, EMIT, MAIN) == [True, False, True]
    assert filter_set.decide(EMIT).rule == "standard library (filter no-stdlib)"


def test_include_of_a_filter_overrides_the_hiding_of_the_standard_library() -> None:
    for stdlib in (None, False):
        filter_set = build_filter_set(["ftp-server"], stdlib=stdlib, functions=FTP_PROGRAM)
        assert shown(filter_set, READ_EVENT, EMIT) == [True, False]


def test_command_line_decides_before_the_filters() -> None:
    filter_set = build_filter_set(
        ["no-logging", "target-only"],
        include=["logging"],
        exclude=["helper"],
        functions=FTP_PROGRAM,
    )
    assert shown(filter_set, EMIT, HELPER, MAIN, GET) == [True, False, True, False]
    assert filter_set.decide(EMIT).rule == "--include logging"


def test_exclude_of_one_filter_beats_the_include_of_another() -> None:
    filter_set = build_filter_set(["http-server", "no-logging"], include=["nothing"])
    assert shown(filter_set, method("http.server:HTTPServer.f"), EMIT) == [True, False]
    assert filter_set.decide(EMIT).rule == "exclude logging (filter no-logging)"


def test_command_line_includes_add_to_those_of_a_named_filter() -> None:
    filter_set = build_filter_set(["ftp-server"], include=["requests"], functions=FTP_PROGRAM)
    assert shown(filter_set, STOR, MAIN, GET, DUMPS) == [True, True, True, False]
    assert filter_set.decide(plain("other:f")).rule == (
        "not included (filter ftp-server, --include requests)"
    )


@pytest.mark.parametrize("names", [[], ["auto"]])
def test_auto_is_ftp_server_where_pyftpdlib_ran(names: list[str]) -> None:
    filter_set = build_filter_set(names, functions=FTP_PROGRAM)
    assert filter_set.names == ("ftp-server",)
    assert filter_set.choice == ("auto chose ftp-server, because pyftpdlib is in the recording.")
    visible = [SCRIPT, MAIN, HELPER, OVERRIDE, STOR, READ_EVENT, THREAD]
    assert [f for f in FTP_PROGRAM if filter_set.decide(f).visible] == visible


def test_auto_is_no_stdlib_elsewhere() -> None:
    filter_set = build_filter_set(functions=OTHER_PROGRAM)
    assert filter_set.names == ("no-stdlib",)
    assert "no pyftpdlib" in filter_set.choice
    assert [f for f in OTHER_PROGRAM if filter_set.decide(f).visible] == [
        SCRIPT,
        MAIN,
        HELPER,
        GET,
        THREAD,
    ]


def test_auto_gives_way_to_includes() -> None:
    filter_set = build_filter_set(include=["FTPHandler.*"], functions=FTP_PROGRAM)
    assert filter_set.names == ("no-stdlib",)
    assert "--include" in filter_set.choice
    visible = [OVERRIDE, STOR, READ_EVENT, THREAD]
    assert [f for f in FTP_PROGRAM if filter_set.decide(f).visible] == visible


def test_auto_keeps_its_filter_with_excludes_only() -> None:
    filter_set = build_filter_set(exclude=["asyncore"], functions=FTP_PROGRAM)
    assert filter_set.names == ("ftp-server",)
    assert shown(filter_set, STOR, READ_EVENT, OVERRIDE) == [True, False, True]


def test_auto_beside_another_filter() -> None:
    filter_set = build_filter_set(["auto", "no-tests", "auto"], functions=OTHER_PROGRAM)
    assert filter_set.names == ("no-stdlib", "no-tests")
    assert filter_set.choice.count("auto chose") == 1


def test_copied_modules_are_an_ftp_server_too() -> None:
    copies = f"{LAB}/.copies/pyftpdlib-2.2.0"
    serve = method("servers:FTPServer.serve_forever", file=f"{copies}/servers.py")
    elsewhere = method(
        "copy_of_ioloop:_IOLoop.loop", "copy_of_ioloop:Epoll", "copy_of_ioloop:_IOLoop"
    )
    fork = plain("prefork:fork_processes", file=f"{copies}/prefork.py")
    functions = [SCRIPT, serve, elsewhere, fork, DUMPS, GET]
    filter_set = build_filter_set(functions=functions)
    assert filter_set.names == ("ftp-server",)
    assert shown(filter_set, *functions) == [True, True, True, True, False, False]


def test_threads_show_always() -> None:
    filter_set = build_filter_set(["target-only"], exclude=["*"], stdlib=False)
    assert filter_set.decide(THREAD).visible
    assert filter_set.decide(MAIN).rule == "--exclude *"


def test_no_stdlib_switch() -> None:
    filter_set = build_filter_set(["none"], stdlib=False)
    assert shown(filter_set, DUMPS, GET) == [False, True]
    assert filter_set.decide(DUMPS) == Decision(
        visible=False,
        rule="--no-stdlib",
        reason="It belongs to the standard library, which --no-stdlib hides, and no include "
        "matches it.",
    )


def test_stdlib_switch_overrides_a_filter() -> None:
    assert shown(build_filter_set(["no-stdlib"], stdlib=True), DUMPS, GET) == [True, True]


def test_stdlib_switch_shows_what_a_filter_s_includes_leave_out() -> None:
    filter_set = build_filter_set(["ftp-server"], stdlib=True, functions=FTP_PROGRAM)
    assert shown(filter_set, DUMPS, GET, STOR) == [True, False, True]
    assert filter_set.decide(DUMPS).rule == "--stdlib"


def test_stdlib_switch_adds_nothing_to_the_command_line_s_includes() -> None:
    filter_set = build_filter_set(include=["json"], stdlib=True, functions=FTP_PROGRAM)
    assert shown(filter_set, DUMPS, EMIT, MAIN) == [True, False, False]


def test_module_of_the_standard_library_that_is_run_is_no_standard_library() -> None:
    run = method("__main__:SimpleHTTPRequestHandler.do_GET", stdlib=True)
    assert shown(build_filter_set(functions=[run, DUMPS]), run, DUMPS) == [True, False]


def test_files_of_the_target_are_passed_on() -> None:
    helper = plain("helper:f", file="/srv/real/helper.py")
    filter_set = build_filter_set(
        ["target-only"], functions=[SCRIPT], target_files=["/srv/real/ftpServer.py"]
    )
    assert shown(filter_set, helper) == [True]


def test_decide_all_keeps_the_order() -> None:
    filter_set = build_filter_set(functions=FTP_PROGRAM)
    assert filter_set.decide_all(FTP_PROGRAM) == [filter_set.decide(f) for f in FTP_PROGRAM]
    assert filter_set.decide_all([]) == []


@pytest.mark.parametrize("option", ["include", "exclude"])
def test_empty_glob_is_refused(option: str) -> None:
    with pytest.raises(FilterError, match=f"--{option} needs a glob") as caught:
        build_filter_set(include=[""] if option == "include" else [], exclude=["x", ""])
    assert caught.value.hint
    assert caught.value.exit_status == 2


def test_named_twice_counts_once() -> None:
    filter_set = build_filter_set(["target-only", "target-only"], include=["x", "x"])
    assert filter_set.names == ("target-only",)
    assert filter_set.decide(GET).rule == "not included (filter target-only, --include x)"


def test_importing_is_hidden_by_no_imports() -> None:
    body = plain("requests.api:Session", file=f"{SITE}/requests/api.py")
    top = plain("requests.api:<module>", file=f"{SITE}/requests/api.py")
    filter_set = build_filter_set(["no-imports"], functions=[SCRIPT, body, top])
    assert shown(filter_set, SCRIPT, MAIN, body, top, FIND, GET, DUMPS) == [
        True,
        True,
        False,
        False,
        False,
        True,
        True,
    ]
    assert filter_set.decide(body).rule == "code of imports (filter no-imports)"
    assert filter_set.decide(FIND).rule == ("exclude importlib._bootstrap* (filter no-importlib)")


def test_c_functions_show_with_their_callers() -> None:
    length = Function(module="builtins", qualname="len", kind="c_function")
    for filter_set in (
        build_filter_set([], functions=FTP_PROGRAM),
        build_filter_set(["no-stdlib"], functions=FTP_PROGRAM),
        build_filter_set([], include=["pyftpdlib"], functions=FTP_PROGRAM),
    ):
        decision = filter_set.decide(length)
        assert (decision.visible, decision.with_caller) == (True, True)


def test_globs_hide_c_functions_or_show_them_everywhere() -> None:
    receive = Function(module="_socket", qualname="socket.recv", kind="c_function")
    filter_set = build_filter_set(["none"], exclude=["socket.*"])
    assert not filter_set.decide(receive).visible
    decision = build_filter_set(["no-stdlib"], include=["socket.recv"]).decide(receive)
    assert (decision.visible, decision.with_caller) == (True, False)
