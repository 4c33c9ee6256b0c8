"""A call graph as JSON, schema 1. Other tools rely on it: keys are only ever added.

Times are integers in nanoseconds, depths count from 1 (a thread's root has 0). ``class`` is the
class of ``self``, ``defined_in`` the class whose body holds the function where that is another one.
``memory`` is null where the recording counted none; its ``peak_bytes`` is the process's, and stands
at the roots of threads only. ``open_calls_by_ending`` parts the open calls by what became of their
processes: ``running``, ``exited``, ``replaced`` (by exec), ``killed``, or recording ``stopped``.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callgraph_lab.model import (
        CallGraph,
        Function,
        GraphEdge,
        GraphNode,
        GraphQuery,
        RecordedProcess,
        RecordedThread,
        RunInformation,
    )

SCHEMA = 1


def graph_document(
    graph: CallGraph,
    run: RunInformation,
    *,
    processes: Iterable[RecordedProcess] = (),
    threads: Iterable[RecordedThread] = (),
) -> dict[str, Any]:
    """Return the graph and the run it is of as one JSON-ready dictionary."""
    return {
        "schema": SCHEMA,
        "recording": {
            "name": run.name,
            "target": run.target,
            "argv": list(run.argv),
            "python": run.python,
            "engine": run.engine,
            "started": run.started,
            "duration_ns": run.duration_ns,
            "complete": run.complete,
            "running": run.running,
            "exit_status": run.exit_status,
            "notes": list(run.notes),
            "processes": [_process(process) for process in processes],
            "threads": [_thread(thread) for thread in threads],
        },
        "query": query_document(graph.query),
        "deepest": graph.deepest,
        "nodes": [node_document(node) for node in graph.nodes],
        "edges": [_edge(edge) for edge in graph.edges],
        "hidden": {
            "functions": graph.hidden_functions,
            "calls": graph.hidden_calls,
            "by_rule": [
                {"rule": rule.rule, "functions": rule.functions, "calls": rule.calls}
                for rule in graph.hidden
            ],
        },
    }


def query_document(query: GraphQuery) -> dict[str, Any]:
    """Return what a graph was asked to show."""
    return {
        "max_depth": query.max_depth,
        "depth_by": query.depth_by,
        "naming": query.naming,
        "include": list(query.include),
        "exclude": list(query.exclude),
        "filters": list(query.filters),
        "process": query.process,
        "action": query.action,
        "nth": query.nth,
        "stdlib": query.stdlib,
    }


def json_text(document: dict[str, Any]) -> str:
    """Return the document as text, in ASCII: names may hold what UTF-8 cannot carry."""
    return json.dumps(document, indent=1) + "\n"


def _process(process: RecordedProcess) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "parent_pid": process.parent_pid,
        "argv": list(process.argv),
        "running": process.running,
        "ending": process.ending,
        "stop_reason": process.stop_reason,
        "processes": process.processes,
        "peak_bytes": process.peak_bytes,
    }


def _thread(thread: RecordedThread) -> dict[str, Any]:
    return {
        "pid": thread.pid,
        "name": thread.name,
        "threads": thread.threads,
        "alive": thread.alive,
        "ending": thread.ending,
    }


def node_document(node: GraphNode) -> dict[str, Any]:
    """Return one function of a graph; a thread's root has the kind ``thread``."""
    return {
        "id": node.id,
        **function_document(node.function, node.name),
        "calls": node.calls,
        "total_calls": node.total_calls,
        "resumes": node.resumes,
        "open_calls": node.open_calls,
        "open_calls_by_ending": node.unreturned.by_ending,
        "suspended": node.suspended,
        "inclusive_ns": node.inclusive_ns,
        "self_ns": node.self_ns,
        "min_depth": node.min_depth,
        "memory": None if node.memory is None else asdict(node.memory),
    }


def function_document(function: Function, name: str) -> dict[str, Any]:
    """Return what a function is and where, called ``name``."""
    class_name = function.class_name
    return {
        "kind": function.kind,
        "name": name,
        "pycallgraph2_name": function.pycallgraph2_name,
        "module": function.module,
        "qualname": function.qualname,
        "class": None if class_name is None else class_name.replace(":", ".", 1),
        "defined_in": function.defined_in,
        "file": function.file,
        "line": function.line,
        "stdlib": function.stdlib,
    }


def _edge(edge: GraphEdge) -> dict[str, Any]:
    return {
        "source": edge.source,
        "target": edge.target,
        "calls": edge.calls,
        "resumes": edge.resumes,
        "inclusive_ns": edge.inclusive_ns,
        "bridged": edge.bridged,
        "skipped_frames": edge.skipped_frames,
    }
