from __future__ import annotations

from array import array
from dataclasses import replace

from unit.graph.builders import call, decisions, main, query, recording, thread

from callgraph_lab.action_model import ActionInstance, RecordedAction, RecordedLabel
from callgraph_lab.graph.build import build_graph, build_graphs
from callgraph_lab.graph.excerpt import only_ways_to
from callgraph_lab.graph.processes import only_process
from callgraph_lab.graph.slicing import select_slice
from callgraph_lab.graph.within import look_within
from callgraph_lab.memory_model import NodeMemory
from callgraph_lab.model import CallGraph, RecordedMark, Recording


def with_memory(program: Recording) -> Recording:
    """Give each context bytes by its number: 100 times that allocated, 10 times held, ..."""
    contexts = range(len(program.tree))
    tree = replace(
        program.tree,
        allocated_bytes=array("Q", [100 * context for context in contexts]),
        blocks=array("Q", [3 * context for context in contexts]),
        freed_bytes=array("Q", [7 * context for context in contexts]),
        net_bytes=array("Q", [10 * context for context in contexts]),
        instance_allocated_bytes=array("Q", [50 * context for context in contexts]),
        instance_blocks=array("Q", [2 * context for context in contexts]),
        instance_freed_bytes=array("Q", [3 * context for context in contexts]),
        instance_net_bytes=array("Q", [5 * context for context in contexts]),
    )
    processes = tuple(replace(process, peak_bytes=5000) for process in program.processes)
    return replace(program, tree=tree, processes=processes)


def recursive() -> Recording:
    """Return main > f > g > f, and main > g: contexts 0 to 4 in that order, 0 the thread."""
    return with_memory(main(call("m.f", call("m.g", call("m.f"))), call("m.g")))


def memory_of(graph: CallGraph) -> dict[str, NodeMemory]:
    return {node.name: node.memory for node in graph.nodes if node.memory is not None}


def test_self_adds_up_and_recursion_counts_once() -> None:
    program = recursive()
    figures = memory_of(build_graph(program, query(), decisions(program)))
    assert figures["m.f"] == NodeMemory(400, 28, 40, 12, 100 + 200 + 300, 10 + 20 + 30)
    assert figures["m.g"] == NodeMemory(600, 42, 60, 18, 200 + 300 + 400, 20 + 30 + 40)
    assert figures["MainThread"] == NodeMemory(0, 0, 0, 0, 1000, 100, 5000)


def test_a_graph_of_a_depth_has_what_happened_down_to_it() -> None:
    program = recursive()
    first, second, third = build_graphs(program, query(), decisions(program), (1, 2, 3))
    assert memory_of(first)["m.f"] == NodeMemory(100, 7, 10, 3, 600, 60)
    assert memory_of(first)["m.g"] == NodeMemory(400, 28, 40, 12, 400, 40)
    assert memory_of(second)["m.g"] == NodeMemory(600, 42, 60, 18, 900, 90)
    assert memory_of(third)["m.f"] == NodeMemory(400, 28, 40, 12, 600, 60)


def test_hidden_functions_keep_theirs_within_their_callers() -> None:
    program = recursive()
    figures = memory_of(build_graph(program, query(), decisions(program, "m.g")))
    assert "m.g" not in figures
    assert figures["m.f"].allocated_bytes == 400
    assert figures["m.f"].inclusive_allocated_bytes == 600


def test_without_figures_there_are_none() -> None:
    program = main(call("m.f"))
    assert all(
        node.memory is None for node in build_graph(program, query(), decisions(program)).nodes
    )


def test_an_action_has_what_its_contexts_have() -> None:
    program = with_memory(
        replace(
            main(call("m.loop", call("m.stor", call("m.write", label=1), label=1))),
            actions=(RecordedAction("STOR"),),
            labels=(RecordedLabel(), RecordedLabel(action=0)),
        )
    )
    # The root's own belongs to no action.
    program.tree.allocated_bytes[0] = 12345
    sliced = select_slice(program, "STOR")
    figures = memory_of(build_graph(sliced, query(), decisions(sliced)))
    assert figures["m.stor"].allocated_bytes == 200
    assert figures["m.stor"].inclusive_allocated_bytes == 500
    assert figures["MainThread"].allocated_bytes == 0
    assert figures["MainThread"].inclusive_allocated_bytes == 500


def test_one_instance_has_its_own() -> None:
    program = with_memory(
        replace(
            main(call("m.loop", call("m.stor", label=1, calls=2, instance_calls=1, instance_ns=5))),
            actions=(RecordedAction("STOR"),),
            labels=(RecordedLabel(), RecordedLabel(action=0, lane=1, instance=0)),
            instances=(ActionInstance(1, 1, 1, action=0, label=1, begin_ns=0, end_ns=5),),
        )
    )
    sliced = select_slice(program, "STOR", "last")
    figures = memory_of(build_graph(sliced, query(), decisions(sliced)))
    assert figures["m.stor"] == NodeMemory(100, 6, 10, 4, 100, 10)
    whole, _ = look_within(program, "STOR", "last")
    assert list(whole.tree.allocated_bytes) == [0, 100, 100]


def test_of_the_time_after_a_mark_it_is_not_known() -> None:
    program = recursive()
    nothing = array("Q", bytes(8 * len(program.tree)))
    mark = RecordedMark("begin", 0, nothing, nothing, nothing, nothing)
    program = replace(program, marks=(mark,))
    assert not select_slice(program, "begin").tree.has_memory
    whole, _ = look_within(program, "begin")
    assert not whole.tree.has_memory


def test_parts_of_a_tree_keep_theirs() -> None:
    program = recursive()
    assert only_process(program, 1).tree == program.tree
    excerpt = only_ways_to(program, [4])
    assert list(excerpt.tree.allocated_bytes) == [0, 400]
    assert list(excerpt.tree.net_bytes) == [0, 40]


def test_threads_of_one_name_are_one_root() -> None:
    program = with_memory(recording(thread("worker 1", call("m.f")), thread("worker 2")))
    graph = build_graph(program, query(), decisions(program))
    (root,) = (node for node in graph.nodes if node.function.kind == "thread")
    assert root.memory == NodeMemory(0 + 200, 0 + 14, 0 + 20, 0 + 6, 100 + 200, 10 + 20, 5000)
