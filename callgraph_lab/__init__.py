"""Record every call of a running Python program once; ask for its call graph at any depth.

>>> import callgraph_lab
>>> def greet(name):
...     return " ".join(["hello", polite(name)])
>>> def polite(name):
...     return name.title()
>>> with callgraph_lab.trace("run.cglab"):
...     greet("world")
'hello World'

``open`` gives an ``OpenRecording``, and that a ``CallGraph`` of any depth:

>>> recording = callgraph_lab.open("run.cglab")
>>> isinstance(recording, callgraph_lab.OpenRecording)
True
>>> graph = recording.graph(max_depth=1)
>>> isinstance(graph, callgraph_lab.CallGraph), graph.deepest
(True, 2)

Its nodes (``GraphNode``: a function and its figures) and edges (``GraphEdge``) are plain values:

>>> from callgraph_lab import Function, GraphEdge, GraphNode
>>> [(node.function.qualname, node.calls) for node in graph.nodes if isinstance(node, GraphNode)]
[('MainThread', 1), ('greet', 1)]
>>> whole = recording.graph(max_depth=None)
>>> names = {node.id: node.function.qualname for node in whole.nodes}
>>> edges = [edge for edge in whole.edges if isinstance(edge, GraphEdge)]
>>> [(names[edge.source], names[edge.target], edge.calls) for edge in edges]
[('MainThread', 'greet', 1), ('greet', 'polite', 1)]
>>> [item.line for item in recording.functions() if isinstance(item, Function)]
[1, 1]

``mark`` puts a mark on the recording of this process, or of the server whose client it is by
``cglab run --drive``; it says whether there is one:

>>> callgraph_lab.mark("nobody records")
False

Whatever goes wrong is a ``CallgraphLabError`` with a sentence, and often a hint:

>>> try:
...     callgraph_lab.open("missing.cglab")
... except callgraph_lab.CallgraphLabError as error:
...     print(error)
there is no recording missing.cglab
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would be seen in the target
if TYPE_CHECKING:
    from callgraph_lab.api import OpenRecording, open_recording as open, trace  # noqa: A004, I001
    from callgraph_lab.errors import CallgraphLabError
    from callgraph_lab.model import CallGraph, Function, GraphEdge, GraphNode
    from callgraph_lab.recording.marking import mark

__all__ = [
    "CallGraph",
    "CallgraphLabError",
    "Function",
    "GraphEdge",
    "GraphNode",
    "OpenRecording",
    "mark",
    "open",
    "trace",
]

_PLACES = {
    "CallGraph": ("model", "CallGraph"),
    "CallgraphLabError": ("errors", "CallgraphLabError"),
    "Function": ("model", "Function"),
    "GraphEdge": ("model", "GraphEdge"),
    "GraphNode": ("model", "GraphNode"),
    "OpenRecording": ("api", "OpenRecording"),
    "mark": ("recording.marking", "mark"),
    "open": ("api", "open_recording"),
    "trace": ("api", "trace"),
}


def __getattr__(name: str) -> object:
    """Import a public name on first use: a target loads this package too, and must stay light."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - not before it is needed, as said above

    module, attribute = _PLACES[name]
    value = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
