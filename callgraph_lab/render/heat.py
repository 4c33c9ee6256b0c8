"""What the boxes of a picture are filled by, and folded by: time, or memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from callgraph_lab.memory_model import NodeMemory
from callgraph_lab.render.text import count, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from callgraph_lab.model import CallGraph, GraphNode

HeatBy = Literal["time", "memory", "allocated"]
HEATS: tuple[HeatBy, ...] = get_args(HeatBy)
NOTHING = NodeMemory()


@dataclass(frozen=True, slots=True)
class Heat:
    """A figure that functions have of their own and with their callees.

    ``title`` and ``whole`` are for the legend: of what, and a share of what. ``figure`` is what a
    box says of it, empty where the box has its time anyway.
    """

    title: str
    whole: str
    own: Callable[[GraphNode], int]
    inclusive: Callable[[GraphNode], int]
    figure: Callable[[GraphNode], str] = lambda _: ""

    def total(self, graph: CallGraph) -> int:
        """Return the figure of all threads together, which the shares are of.

        It is the same at every depth of a recording, so a function keeps its colour across depths.
        """
        threads = sum(
            self.inclusive(node) for node in graph.nodes if node.function.kind == "thread"
        )
        return threads or sum(self.own(node) for node in graph.nodes)


def memory_of(node: GraphNode) -> NodeMemory:
    """Return what a function has allocated and holds; nothing where that was not counted."""
    return node.memory or NOTHING


def is_of_memory(heat_by: HeatBy) -> bool:
    """Say whether it takes a recording in which memory was counted."""
    return heat_by != "time"


def has_memory(nodes: Iterable[GraphNode]) -> bool:
    """Say whether memory was counted."""
    return any(node.memory is not None for node in nodes)


def _held(node: GraphNode) -> str:
    memory = memory_of(node)
    return f"holds {size(memory.net_bytes)}, {size(memory.inclusive_net_bytes)} inclusive"


def _allocated(node: GraphNode) -> str:
    memory = memory_of(node)
    return f"{size(memory.allocated_bytes)} in {count(memory.blocks, 'block')}"


HEAT: dict[HeatBy, Heat] = {
    "time": Heat(
        "self time",
        "of the run",
        own=lambda node: node.self_ns,
        inclusive=lambda node: node.inclusive_ns,
    ),
    "memory": Heat(
        "net memory",
        "of all that is held",
        own=lambda node: memory_of(node).net_bytes,
        inclusive=lambda node: memory_of(node).inclusive_net_bytes,
        figure=_held,
    ),
    "allocated": Heat(
        "allocated memory",
        "of all that was allocated",
        own=lambda node: memory_of(node).allocated_bytes,
        inclusive=lambda node: memory_of(node).inclusive_allocated_bytes,
        figure=_allocated,
    ),
}
