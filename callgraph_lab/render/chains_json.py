"""Call chains, and callers and callees by level, as JSON, schema 1. Keys are only ever added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callgraph_lab.render.json_graph import function_document

if TYPE_CHECKING:
    from callgraph_lab.graph.call_chains import CallChain, ChainStep
    from callgraph_lab.graph.nearest import NearestReached
    from callgraph_lab.graph.neighbours import Level


def chain_document(chain: CallChain) -> dict[str, Any]:
    """Return one chain: its figures are those of its last step."""
    end = chain.steps[-1]
    return {
        "calls": end.calls,
        "resumes": end.resumes,
        "inclusive_ns": end.inclusive_ns,
        "calls_below": chain.calls_below,
        "resumes_below": chain.resumes_below,
        "length": chain.length,
        "steps": [_step(step) for step in chain.steps],
    }


def _step(step: ChainStep) -> dict[str, Any]:
    return {
        "id": step.id,
        **function_document(step.function, step.name),
        "calls": step.calls,
        "resumes": step.resumes,
        "inclusive_ns": step.inclusive_ns,
        "open_calls_by_ending": step.unreturned.by_ending,
        "skipped_frames": step.skipped_frames,
        "from": step.is_start,
        "action": step.action or None,
        "enters": step.enters,
    }


def nearest_document(nearest: NearestReached | None) -> dict[str, Any] | None:
    """Return what came nearest to a function that was not reached, and the way from there."""
    if nearest is None:
        return None
    return {
        "id": nearest.id,
        **function_document(nearest.function, nearest.name),
        "inside": nearest.is_inside,
        "way": [function.name for function in nearest.way],
    }


def level_document(level: Level, *, nearer_key: str) -> dict[str, Any]:
    """Return one level of callers or callees; ``nearer_key`` says what the nearer ones are."""
    return {
        "level": level.number,
        "functions": [
            {
                "id": item.id,
                **function_document(item.function, item.name),
                "calls": item.calls,
                "resumes": item.resumes,
                "inclusive_ns": item.inclusive_ns,
                "open_calls_by_ending": item.unreturned.by_ending,
                nearer_key: [
                    {
                        "id": near.id,
                        "name": near.name,
                        "calls": near.calls,
                        "resumes": near.resumes,
                    }
                    for near in item.nearer
                ],
            }
            for item in level.neighbours
        ],
    }
