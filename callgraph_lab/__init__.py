"""Record every call of a running Python program once; ask for its call graph at any depth.

>>> import callgraph_lab
>>> with callgraph_lab.trace("run.cglab"):
...     total = sum(len(word) for word in "what does this program do".split())
>>> recording = callgraph_lab.open("run.cglab")
>>> [node.name for node in recording.graph(max_depth=2, filters=["none"]).nodes][0]
'MainThread'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from callgraph_lab.api import OpenRecording, open_recording as open, trace  # noqa: A004, I001
    from callgraph_lab.errors import CallgraphLabError
    from callgraph_lab.model import CallGraph, Function, GraphEdge, GraphNode

__all__ = [
    "CallGraph",
    "CallgraphLabError",
    "Function",
    "GraphEdge",
    "GraphNode",
    "OpenRecording",
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
