"""Questions to the call graph, the filters and their globs, with Python's answers."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callgraph_lab.filtering import build_filter_set
from callgraph_lab.filtering.globs import compiled_globs, search_names
from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.c_functions import hide_with_callers
from callgraph_lab.graph.processes import only_process
from callgraph_lab.model import GraphQuery
from callgraph_lab.render.json_graph import graph_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.filtering import FilterSet
    from callgraph_lab.model import CallGraph, Function, Recording

HERE = Path(__file__).resolve().parent
OWN_FILTER = "own.toml"
HIDING = {"filters": ["no-stdlib"]}
_NOTHING: dict[str, Any] = {
    "filters": ["none"],
    "include": [],
    "exclude": [],
    "stdlib": None,
    "max_depth": None,
    "depth_by": "visible",
    "process": None,
}
Table = dict[str, Any]
Programs = dict[str, "Recording"]


def graph_cases(made: Programs) -> list[Table]:
    """Return queries with the graphs that they ask for."""
    return [_graph_case(made, *case) for case in _graph_questions(made)]


def filter_cases(made: Programs) -> list[Table]:
    """Return sets of filters with what they decide for each function."""
    return [_filter_case(made, query) for query in _filter_questions()]


def glob_cases(made: Programs) -> list[Table]:
    """Return lists of globs with the first that matches each function."""
    return [_glob_case(made["server"], globs) for globs in _GLOBS]


def _filter_set(asked: Table, functions: Sequence[Function]) -> FilterSet:
    with contextlib.chdir(HERE):
        return build_filter_set(
            asked["filters"],
            include=asked["include"],
            exclude=asked["exclude"],
            stdlib=asked["stdlib"],
            functions=functions,
        )


def _graph_questions(made: Programs) -> list[tuple[str, Table]]:
    found: list[tuple[str, Table]] = []
    for name in made:
        depths = (1, 3) if name.startswith("random") else (1, 2, 3, 4, 99)
        found += [(name, {}), (name, HIDING)]
        found += [(name, {**HIDING, "max_depth": depth}) for depth in depths]
        found += [(name, {**HIDING, "max_depth": depth, "depth_by": "stack"}) for depth in (2, 4)]
    found += [("processes", {"process": pid}) for pid in (1, 20, 300)]
    found += [("c functions", {"exclude": ["c.len"]}), ("c functions", {"include": ["c.sort"]})]
    found += [("server", {"filters": []}), ("server", {"filters": [OWN_FILTER], "max_depth": 2})]
    return found


def asked_query(query: Table) -> Table:
    """Return a query with all that it leaves open."""
    return {**_NOTHING, **query}


def graph_of(program: Recording, query: Table) -> CallGraph:
    """Return the graph that ``cglab render`` would draw."""
    asked = asked_query(query)
    if asked["process"] is not None:
        program = only_process(program, asked["process"])
    filters = _filter_set(asked, program.functions)
    program, decisions = hide_with_callers(program, filters.decide_all(program.functions))
    return build_graph(
        program,
        GraphQuery(max_depth=asked["max_depth"], depth_by=asked["depth_by"]),
        decisions,
    )


def _graph_case(made: Programs, name: str, query: Table) -> Table:
    graph = graph_of(made[name], query)
    document = graph_document(graph, made[name].run)
    return {
        "program": name,
        "query": asked_query(query),
        "expected": {
            "deepest": document["deepest"],
            "nodes": [_figures_of_node(node) for node in document["nodes"]],
            "edges": document["edges"],
            "hidden": document["hidden"],
        },
    }


def _figures_of_node(node: Table) -> Table:
    said_of_functions = ("pycallgraph2_name", "module", "qualname", "file", "stdlib", "memory")
    return {key: value for key, value in node.items() if key not in said_of_functions}


def _filter_questions() -> list[Table]:
    shipped = ["none", "no-stdlib", "no-importlib", "ftp-server", "ftp-commands", "asyncio-server"]
    return [
        {},
        {"filters": []},
        *({"filters": [name]} for name in shipped),
        {"filters": [OWN_FILTER]},
        {"filters": [], "include": ["shop"]},
        {"filters": ["no-stdlib", "own.toml"]},
        {"filters": ["ftp-server", "asyncio-server"], "stdlib": True},
        {"filters": ["ftp-server"], "stdlib": False},
        {"filters": ["ftp-commands"], "include": ["json"], "exclude": ["shop.cart"]},
        {"include": ["shop.*", "json.dumps"]},
        {"include": ["shop"], "stdlib": True},
        {"exclude": ["shop", "*.<module>"], "stdlib": False},
        {"include": ["c.*"], "exclude": ["*"]},
        {"include": ["FTPHandler"]},
        {"include": ["asyncore"]},
    ]


def _filter_case(made: Programs, query: Table) -> Table:
    asked = asked_query(query)
    functions = made["server"].functions
    filters = _filter_set(asked, functions)
    return {
        "program": "server",
        "query": asked,
        "expected": {
            "names": list(filters.names),
            "choice": filters.choice,
            "decisions": [
                {
                    "visible": decision.visible,
                    "rule": decision.rule,
                    "reason": decision.reason,
                    "with_caller": decision.with_caller,
                }
                for decision in filters.decide_all(functions)
            ],
        },
    }


_GLOBS: tuple[tuple[str, ...], ...] = (
    ("*",),
    ("shop",),
    ("shop.cart",),
    ("shop.cart.load",),
    ("shop.cart.load.*",),
    ("Cart", "Cart.add"),
    ("Basket.*",),
    ("Reader.read", "*<locals>*"),
    ("FTPHandler.*",),
    ("asyncore.*",),
    ("asyncore.dispatcher.*", "dispatcher"),
    ("_IOLoop", "Epoll.loop", "pyftpdlib.ioloop._IOLoop.*"),
    ("pyftpdlib.*.log", "pyftpdlib.log"),
    ("*.__*__", "?main*"),
    ("json.[dl]umps", "json.[!a-c]*", "json.[]d]*", "json.[d-", "json.["),
    ("weird.[[]x[]].*",),
    ("a.b", "a.b.c.d", "a.?.c.d.e", "A.b"),
    ("", "nothing"),
    ("*.Shop", "__main__.S*", "[_]_main__.*"),
    ("MainThread",),
    ("**.Cart.*d?", "s+hop", "sh(op)", "shop.cart|json"),
)


def _glob_case(program: Recording, globs: tuple[str, ...]) -> Table:
    found = [compiled_globs(globs).find(search_names(item)) for item in program.functions]
    return {
        "program": "server",
        "globs": list(globs),
        # By function: the number of the first glob that matches, or null.
        "expected": [None if match is None else match[0] for match in found],
    }
