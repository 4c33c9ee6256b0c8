"""Graphs of random trees, beside a model that is slow and obviously right."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.graph.builders import Call, decisions, query, recording, thread

from callgraph_lab.ending_model import ENDINGS, NO_OPEN_CALLS, OpenCalls
from callgraph_lab.graph.build import build_graph, build_graphs
from callgraph_lab.graph.search import find_functions

if TYPE_CHECKING:
    from callgraph_lab.model import CallGraph, Recording

NAMES = [f"{module}.{name}" for module in ("m", "lib") for name in "abc"]
HIDDEN = st.lists(st.sampled_from([*NAMES, "lib", "m"]), max_size=3)
DEPTH_BY = st.sampled_from(["visible", "stack"])
COUNTS = st.integers(0, 5)


def made_call(name: str, callees: list[Call], figures: tuple[int, int, int, int]) -> Call:
    calls, resumes, open_calls, self_ns = figures
    return Call(name, tuple(callees), calls, resumes, open_calls=open_calls, self_ns=self_ns)


def calls_below(children: st.SearchStrategy[Call]) -> st.SearchStrategy[Call]:
    return st.builds(
        made_call,
        st.sampled_from(NAMES),
        st.lists(children, max_size=4),
        st.tuples(COUNTS, COUNTS, COUNTS, COUNTS),
    )


CALLS = st.recursive(
    st.builds(Call, st.sampled_from(NAMES), self_ns=COUNTS), calls_below, max_leaves=25
)
THREADS = st.builds(
    lambda name, callees, ending: thread(name, *callees, ending=ending),
    st.sampled_from(["MainThread", "worker-1", "worker-2"]),
    st.lists(CALLS, max_size=4),
    st.sampled_from(ENDINGS),
)
PROGRAMS = st.lists(THREADS, min_size=1, max_size=3)


@dataclass
class ModelNode:
    calls: int = 0
    resumes: int = 0
    unreturned: OpenCalls = NO_OPEN_CALLS
    self_ns: int = 0
    inclusive_ns: int = 0
    depths: set[int] = field(default_factory=set)


@dataclass
class ModelEdge:
    calls: int = 0
    resumes: int = 0
    inclusive_ns: int = 0
    skipped: set[int] = field(default_factory=set)


EdgeName = tuple[str, str, bool]


class Model:
    """Goes down every path, and at each context looks back at all of it."""

    def __init__(
        self, threads: list[Call], hidden: list[str], max_depth: int, depth_by: str
    ) -> None:
        self.hidden, self.max_depth, self.depth_by = hidden, max_depth, depth_by
        workers = {item.name for item in threads if "worker" in item.name}
        self.worker = "worker-N" if len(workers) > 1 else ""
        self.nodes: defaultdict[str, ModelNode] = defaultdict(ModelNode)
        self.edges: defaultdict[EdgeName, ModelEdge] = defaultdict(ModelEdge)
        for item in threads:
            self.visit([item])

    def shows(self, item: Call) -> bool:
        return item.name.startswith("thread:") or not item.name.startswith(tuple(self.hidden))

    def name(self, item: Call) -> str:
        if item.name.startswith("thread:worker") and self.worker:
            return f"thread {self.worker}"
        return item.name.replace("thread:", "thread ")

    def edge_of(self, path: list[Call]) -> EdgeName | None:
        """Return the edge that the last call of a path makes, if it shows."""
        if len(path) == 1 or not self.shows(path[-1]):
            return None
        skipped = self.skipped(path)
        return self.name(path[-2 - skipped]), self.name(path[-1]), skipped > 0

    def skipped(self, path: list[Call]) -> int:
        skipped = 0
        while not self.shows(path[-2 - skipped]):
            skipped += 1
        return skipped

    def visit(self, path: list[Call]) -> None:
        item = path[-1]
        counted = [self.depth_by == "stack" or self.shows(step) for step in path[1:]]
        depth = sum(counted)
        if self.shows(item) and depth <= self.max_depth:
            node = self.nodes[self.name(item)]
            node.calls += item.calls
            node.resumes += item.resumes
            node.unreturned += OpenCalls.of(path[0].ending, item.open_calls)
            node.self_ns += item.self_ns
            node.depths.add(depth)
            above = [self.name(step) for step in path[:-1] if self.shows(step)]
            if self.name(item) not in above:
                node.inclusive_ns += item.inclusive_ns
            edge_name = self.edge_of(path)
            if edge_name is not None:
                edge = self.edges[edge_name]
                edge.calls += item.calls
                edge.resumes += item.resumes
                edge.skipped.add(self.skipped(path))
                if edge_name not in [self.edge_of(path[:end]) for end in range(1, len(path))]:
                    edge.inclusive_ns += item.inclusive_ns
        for callee in item.callees:
            self.visit([*path, callee])


@settings(max_examples=150)
@given(threads=PROGRAMS, hidden=HIDDEN, max_depth=st.integers(0, 7), depth_by=DEPTH_BY)
def test_graph_is_the_models(
    threads: list[Call], hidden: list[str], max_depth: int, depth_by: str
) -> None:
    program = recording(*threads)
    graph = build_graph(program, query(max_depth, depth_by=depth_by), decisions(program, *hidden))
    model = Model(threads, hidden, max_depth, depth_by)
    assert {
        item.id: ModelNode(
            item.calls, item.resumes, item.unreturned, item.self_ns, item.inclusive_ns
        )
        for item in graph.nodes
    } == {name: replace(item, depths=set()) for name, item in model.nodes.items()}
    assert {item.id: item.min_depth for item in graph.nodes} == {
        name: min(item.depths) for name, item in model.nodes.items()
    }
    found = {(item.source, item.target, item.bridged): item for item in graph.edges}
    assert len(found) == len(graph.edges)
    assert {
        name: (item.calls, item.resumes, item.inclusive_ns, item.skipped_frames)
        for name, item in found.items()
    } == {
        name: (item.calls, item.resumes, item.inclusive_ns, max(item.skipped))
        for name, item in model.edges.items()
    }
    whole = Model(threads, hidden, 1_000, depth_by)
    assert {item.id: item.total_calls for item in graph.nodes} == {
        name: whole.nodes[name].calls for name in model.nodes
    }
    deepest = max(depth for item in whole.nodes.values() for depth in item.depths)
    assert graph.deepest == deepest


def graphs_of(
    threads: list[Call], hidden: list[str], depth_by: str
) -> tuple[Recording, tuple[CallGraph, ...]]:
    program = recording(*threads)
    return program, build_graphs(
        program, query(depth_by=depth_by), decisions(program, *hidden), (*range(10), None)
    )


@settings(max_examples=60)
@given(threads=PROGRAMS, hidden=HIDDEN, depth_by=DEPTH_BY)
def test_a_greater_depth_shows_no_less(
    threads: list[Call], hidden: list[str], depth_by: str
) -> None:
    _, graphs = graphs_of(threads, hidden, depth_by)
    for index in range(len(graphs) - 1):
        shallow, deep = graphs[index], graphs[index + 1]
        deep_nodes = {item.id: item for item in deep.nodes}
        for item in shallow.nodes:
            assert item.calls <= deep_nodes[item.id].calls
            assert item.inclusive_ns <= deep_nodes[item.id].inclusive_ns
            assert item.min_depth == deep_nodes[item.id].min_depth
        deep_edges = {(item.source, item.target, item.bridged): item for item in deep.edges}
        for edge in shallow.edges:
            assert edge.calls <= deep_edges[edge.source, edge.target, edge.bridged].calls
        for item in deep.nodes:
            if item.id not in {shown.id for shown in shallow.nodes}:
                assert item.min_depth == index + 1 or deep.query.max_depth is None


@settings(max_examples=60)
@given(threads=PROGRAMS, hidden=HIDDEN, depth_by=DEPTH_BY)
def test_all_depths_in_one_pass_are_the_graphs_one_by_one(
    threads: list[Call], hidden: list[str], depth_by: str
) -> None:
    program, graphs = graphs_of(threads, hidden, depth_by)
    decided = decisions(program, *hidden)
    for graph in graphs:
        assert graph == build_graph(program, graph.query, decided)


@settings(max_examples=60)
@given(threads=PROGRAMS, hidden=HIDDEN, depth_by=DEPTH_BY)
def test_calls_are_conserved_and_every_node_is_reached(
    threads: list[Call], hidden: list[str], depth_by: str
) -> None:
    _, graphs = graphs_of(threads, hidden, depth_by)
    for graph in graphs:
        roots = {item.id for item in graph.nodes if item.function.kind == "thread"}
        callees: defaultdict[str, list[str]] = defaultdict(list)
        for edge in graph.edges:
            callees[edge.source].append(edge.target)
        for item in graph.nodes:
            if item.id not in roots:
                incoming = [edge for edge in graph.edges if edge.target == item.id]
                assert sum(edge.calls for edge in incoming) == item.calls
                assert sum(edge.resumes for edge in incoming) == item.resumes
                assert item.calls <= item.total_calls
        reached, to_do = set(roots), list(roots)
        while to_do:
            new = set(callees[to_do.pop()]) - reached
            reached |= new
            to_do += new
        assert reached == {item.id for item in graph.nodes}


@settings(max_examples=40)
@given(threads=PROGRAMS)
def test_hiding_everything_and_nothing(threads: list[Call]) -> None:
    program = recording(*threads)
    nothing = build_graph(program, query(), decisions(program, ""))
    assert all(item.function.kind == "thread" for item in nothing.nodes)
    assert nothing.edges == ()
    everything = build_graph(program, query(), decisions(program))
    assert everything.hidden == ()
    assert not any(edge.bridged for edge in everything.edges)
    functions = sum(item.kind == "function" for item in program.functions)
    assert nothing.hidden_functions == functions
    shown = [item for item in everything.nodes if item.function.kind == "function"]
    assert nothing.hidden_calls == sum(item.calls for item in shown)
    assert len(shown) == functions


@settings(max_examples=40)
@given(threads=PROGRAMS, hidden=HIDDEN)
def test_every_function_that_shows_is_found_with_a_path(
    threads: list[Call], hidden: list[str]
) -> None:
    program = recording(*threads)
    decided = decisions(program, *hidden)
    graph = build_graph(program, query(), decided)
    shown = {item.id: item for item in graph.nodes if item.function.kind == "function"}
    found = {item.node.id: item for item in find_functions(program, "", decided)}
    assert found.keys() == shown.keys()
    for item in found.values():
        assert sum(caller.calls for caller in item.callers) == item.node.calls
        assert len(item.path) == item.node.min_depth + 1
        assert item.path[0].kind == "thread"
        assert item.path[-1] == item.node.function
