"""What must hold of every part that is read, however its file came to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unit.graph.builders import decisions, query
from unit.recording.builders import RUN

from callgraph_lab.graph.build import build_graph
from callgraph_lab.model import NO_PARENT
from callgraph_lab.recording import store, tree_columns
from callgraph_lab.recording.assemble import assemble
from callgraph_lab.recording.ends import last_sign_ns

if TYPE_CHECKING:
    from callgraph_lab.recording.live_part import LivePart


def check_valid(part: LivePart) -> None:
    """Whatever was read must make a recording, which can be saved, loaded and asked."""
    recording = assemble([part], RUN, now_ns=part.clock.first_ns + 1_000_000)
    assert last_sign_ns(part) >= 0
    tree = recording.tree
    tables = store._rows_of(recording)
    assert tree_columns.unpack_tree(tables["tree_column"], len(recording.functions)) == tree
    for row in (*tables["process"], *tables["function"], *tables["thread"]):
        # What SQLite would refuse: integers of more than 64 bits.
        assert all(not isinstance(item, int) or -(2**63) <= item < 2**63 for item in row)
    roots = [item.root for item in recording.threads]
    assert sorted(roots) == [i for i, parent in enumerate(tree.parent) if parent == NO_PARENT]
    build_graph(recording, query(3), decisions(recording, "m"))
