"""What must hold for any filters and any functions, however odd."""

from __future__ import annotations

import fnmatch
import operator
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from callgraph_lab.errors import FilterError
from callgraph_lab.filtering import (
    FilterSet,
    build_filter_set,
    explain,
    function_from_name,
    load_filter,
)
from callgraph_lab.filtering.definition import filter_from_table
from callgraph_lab.filtering.globs import GlobList, search_names
from callgraph_lab.filtering.presets import shipped_filter_names
from callgraph_lab.model import Function

# Names made of few parts, so that globs made of the same parts often match.
PARTS = ["a", "b", "ab", "A", "_C", "FTPHandler", "pyftpdlib", "logging", "__main__", "<locals>"]
WILDCARDS = ["*", "?", ".", "[ab]", "[!a]", "[", "]", "[!", "**"]
FILES = ["", "/lab/a.py", "/lab/b/c.py", "/usr/x.py", "<string>"]

hostile = st.text(alphabet=st.characters(codec="utf-8"), max_size=8)
part = st.sampled_from(PARTS) | hostile
dotted = st.lists(part, min_size=1, max_size=4).map(".".join)
class_name = st.builds("{}:{}".format, dotted, dotted)
glob_parts = st.sampled_from([*PARTS, *WILDCARDS]) | hostile
glob = st.lists(glob_parts, min_size=1, max_size=5).map("".join).filter(bool)
globs = st.lists(glob, max_size=3).map(tuple)
function = st.builds(
    Function,
    module=dotted | st.just(""),
    qualname=dotted | st.sampled_from(["<module>", "<lambda>", ""]),
    file=st.sampled_from(FILES) | hostile,
    class_name=st.none() | class_name,
    ancestors=st.lists(class_name, max_size=3).map(tuple),
    stdlib=st.booleans(),
    kind=st.sampled_from(["function", "function", "function", "thread"]),
)
preset = st.sampled_from(["auto", "none", *shipped_filter_names()])


@dataclass(frozen=True)
class Query:
    """What a user may ask for, and the functions of the recording."""

    names: tuple[str, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    stdlib: bool | None
    functions: tuple[Function, ...]

    def filter_set(self) -> FilterSet:
        return build_filter_set(
            self.names,
            include=self.include,
            exclude=self.exclude,
            stdlib=self.stdlib,
            functions=self.functions,
        )

    def visible(self) -> list[bool]:
        return [decision.visible for decision in self.filter_set().decide_all(self.functions)]


queries = st.builds(
    Query,
    names=st.lists(preset, max_size=3).map(tuple),
    include=globs,
    exclude=globs,
    stdlib=st.none() | st.booleans(),
    functions=st.lists(function, max_size=6).map(tuple),
)


def matched_by(pattern: str, asked: Function) -> bool:
    return GlobList([pattern]).find(search_names(asked)) is not None


@given(queries)
def test_exclude_beats_include(query: Query) -> None:
    decisions = query.filter_set().decide_all(query.functions)
    for one, decision in zip(query.functions, decisions, strict=True):
        if one.kind == "thread":
            assert decision.visible
        elif any(matched_by(pattern, one) for pattern in query.exclude):
            assert not decision.visible
        elif any(matched_by(pattern, one) for pattern in query.include):
            assert decision.visible


@given(queries, glob)
def test_another_exclude_never_shows_more(query: Query, more: str) -> None:
    after = replace(query, exclude=(*query.exclude, more))
    assert all(map(operator.ge, query.visible(), after.visible()))


@given(queries, glob, glob)
def test_another_include_never_hides(query: Query, first: str, more: str) -> None:
    # The first include says "only these"; every further one adds to them.
    before = replace(query, include=(*query.include, first))
    after = replace(before, include=(*before.include, more))
    assert all(map(operator.le, before.visible(), after.visible()))


@given(queries, st.sampled_from(["ftp-server", "http-server", "target-only"]), glob)
def test_first_include_beside_a_filter_with_includes_never_hides(
    query: Query, name: str, more: str
) -> None:
    before = replace(query, names=(name,), include=())
    assert all(map(operator.le, before.visible(), replace(before, include=(more,)).visible()))


@given(queries)
def test_stdlib_shows_no_less_and_no_stdlib_no_more(query: Query) -> None:
    least, default, most = (replace(query, stdlib=one).visible() for one in (False, None, True))
    assert all(map(operator.le, least, default))
    assert all(map(operator.le, default, most))


@given(queries)
def test_order_of_globs_and_filters_is_irrelevant(query: Query) -> None:
    turned = replace(
        query,
        names=query.names[::-1],
        include=query.include[::-1],
        exclude=query.exclude[::-1],
    )
    assert turned.visible() == query.visible()


@given(queries)
def test_decide_all_is_decide_for_each_and_explanations_agree(query: Query) -> None:
    filter_set = query.filter_set()
    decisions = [filter_set.decide(one) for one in query.functions]
    assert filter_set.decide_all(query.functions) == decisions
    for one, decision in zip(query.functions, decisions, strict=True):
        explanation = explain(filter_set, one)
        assert explanation.decision == decision
        assert sum(step.decides for step in explanation.steps) == 1
        assert decision.rule
        assert decision.reason.endswith(".")


@given(glob, function)
def test_glob_finds_all_that_fnmatch_finds(pattern: str, one: Function) -> None:
    names = [one.name, f"{one.module}.{one.qualname}" if one.module else one.qualname]
    if any(fnmatch.fnmatchcase(name, pattern) for name in names):
        assert matched_by(pattern, one)


@given(st.lists(glob, max_size=5), function)
def test_list_finds_what_one_of_its_globs_finds(patterns: list[str], one: Function) -> None:
    found = GlobList(patterns).find(search_names(one))
    singles = [matched_by(pattern, one) for pattern in patterns]
    assert (found is not None) == any(singles)
    if found is not None:
        assert singles[found[0]]


@given(dotted.filter(bool))
def test_module_stands_for_all_in_it(module: str) -> None:
    literal = module.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
    for name in (module, f"{module}.below"):
        assert matched_by(literal, Function(name, "C.f"))
        assert matched_by(literal, Function(name, "<module>"))


@given(preset)
def test_every_preset_loads(name: str) -> None:
    assert load_filter(name).description


@given(hostile)
def test_any_text_as_a_filter_s_name_is_a_filter_or_an_error(text: str) -> None:
    try:
        build_filter_set([text])
    except FilterError as error:
        assert str(error)  # noqa: PT017 - it need not be raised


@given(
    st.dictionaries(
        st.sampled_from(["include", "exclude", "extends", "stdlib", "target", "name"]) | hostile,
        st.none() | st.booleans() | st.integers() | hostile | st.lists(hostile | st.integers()),
    )
)
def test_any_table_is_a_filter_or_an_error(table: dict[str, object]) -> None:
    try:
        loaded = filter_from_table(table, name="x", text="", source="x.toml")
    except FilterError as error:
        assert str(error).startswith("x.toml:1: ")  # noqa: PT017 - it need not be raised
    else:
        assert isinstance(hash(loaded), int)


@given(st.text(max_size=30))
def test_any_text_as_a_function_s_name_is_a_function_or_an_error(text: str) -> None:
    try:
        one = function_from_name(text)
    except FilterError:
        return
    assert build_filter_set(["none"]).decide(one).visible
