"""The table of cases that the page's TypeScript is tested with is what Python answers."""

from __future__ import annotations

import json

import pytest
from viewer_cases.make import HERE, tables

_TABLES = tables()


@pytest.mark.parametrize("name", sorted(_TABLES))
def test_python_answers_as_the_table_says(name: str) -> None:
    written = json.loads((HERE / name).read_text(encoding="ascii"))
    # If the rules were meant to change: python tests/viewer_cases/make.py, and change the page.
    assert json.loads(json.dumps(_TABLES[name])) == written


def test_the_table_has_what_is_easy_to_get_wrong() -> None:
    graphs = [case["expected"] for case in _TABLES["graphs.json"]["cases"]]
    edges = [edge for graph in graphs for edge in graph["edges"]]
    assert any(edge["bridged"] and edge["skipped_frames"] > 1 for edge in edges)
    assert any(edge["source"] == edge["target"] for edge in edges)
    nodes = [node for graph in graphs for node in graph["nodes"]]
    assert any(node["suspended"] for node in nodes)
    assert any(node["calls"] < node["total_calls"] for node in nodes)
    assert any("#" in node["id"] for node in nodes)
    rules = {rule["rule"] for graph in graphs for rule in graph["hidden"]["by_rule"]}
    assert {"hidden callers of C functions", "standard library (filter no-stdlib)"} <= rules
    assert any(len(case["expected"]["folds"]) > 1 for case in _TABLES["budgets.json"]["cases"])
