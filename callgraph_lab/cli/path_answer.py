"""What ``cglab path`` answers: the chains, or what came nearest; as JSON, and as a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.call_chains import call_chains
from callgraph_lab.graph.excerpt import only_ways_to
from callgraph_lab.graph.nearest import nearest_reached, similar_names
from callgraph_lab.graph.reached import contexts_below, entered_contexts
from callgraph_lab.graph.search import select_functions
from callgraph_lab.graph.within import look_within
from callgraph_lab.render.chains_json import chain_document, nearest_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.action_model import Nth
    from callgraph_lab.cli.loaded import LoadedRecording
    from callgraph_lab.cli.options import PictureOptions
    from callgraph_lab.graph.call_chains import CallChain
    from callgraph_lab.graph.nearest import NearestReached
    from callgraph_lab.graph.within import Within
    from callgraph_lab.model import Recording


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked, and what was found; ``targets`` and ``starts`` by the ids of their nodes."""

    names: tuple[str, ...]
    action: str | None
    nth: Nth | None
    recording: Recording
    within: Within
    targets: dict[str, set[int]]
    starts: dict[str, set[int]] | None
    chains: tuple[CallChain, ...]

    @property
    def start_numbers(self) -> set[int] | None:
        """The functions to lead from; None where any root is."""
        return None if self.starts is None else set().union(*self.starts.values())

    @property
    def target_numbers(self) -> set[int]:
        """The functions to lead to."""
        return set().union(*self.targets.values())


def answer_of(
    loaded: LoadedRecording, names: tuple[str, ...], action: str | None, nth: Nth | None
) -> Answer:
    """Return the answer for ``[FROM] TO`` in a recording that is not cut down to the action."""
    recording, within = look_within(loaded.recording, action, nth)
    answer = Answer(
        names=names,
        action=action,
        nth=nth,
        recording=recording,
        within=within,
        targets=select_functions(recording, names[-1]),
        starts=select_functions(recording, names[0]) if len(names) > 1 else None,
        chains=(),
    )
    chains = call_chains(
        recording,
        answer.target_numbers,
        starts=answer.start_numbers,
        decisions=loaded.decisions,
        within=within,
    )
    return replace(answer, chains=chains)


def nearest_of(answer: Answer, loaded: LoadedRecording) -> NearestReached | None:
    """Return what came nearest to the targets, in what was asked for."""
    starts = answer.start_numbers
    inside = entered_contexts(answer.recording.tree, answer.within)
    if starts is not None:
        inside = contexts_below(answer.recording.tree, starts, inside)
    return nearest_reached(loaded.recording, answer.target_numbers, inside, loaded.decisions)


def document_of(
    answer: Answer, shown: Sequence[CallChain], loaded: LoadedRecording
) -> dict[str, Any]:
    """Return the answer, with some of its chains, as one JSON-ready dictionary."""
    document: dict[str, Any] = {
        "schema": 1,
        "recording": loaded.entry.path.name,
        "from": None if answer.starts is None else list(answer.starts),
        "to": list(answer.targets),
        "action": answer.action,
        "reached": bool(answer.chains),
        "total_chains": len(answer.chains),
        "chains": [chain_document(chain) for chain in shown],
        "nearest": None,
        "similar": [],
    }
    if not answer.chains:
        document["nearest"] = nearest_document(nearest_of(answer, loaded))
        if not answer.targets:
            document["similar"] = list(similar_names(answer.recording, answer.names[-1]))
    return document


def picture_of(
    answer: Answer,
    shown: Sequence[CallChain],
    loaded: LoadedRecording,
    pictures: PictureOptions,
) -> str:
    """Return the DOT text of the chains alone, with the figures of their calls."""
    from callgraph_lab.render.dot import dot_text  # noqa: PLC0415

    ends = [context for chain in shown for context in chain.contexts]
    excerpt = (
        f"only the call chains {'from' if answer.starts else 'to'} {' to '.join(answer.names)}"
    )
    if answer.action is not None:
        which = "" if answer.nth is None else f"the {answer.nth} "
        excerpt += f", where that serves {which}{answer.action}"
    query = replace(loaded.query(None), excerpt=excerpt)
    # What was asked for shows, whatever the filters say.
    decisions = [
        replace(decision, visible=decision.visible or number in answer.target_numbers)
        for number, decision in enumerate(loaded.decisions)
    ]
    graph = build_graph(only_ways_to(answer.recording, ends), query, decisions)
    notes = {
        step.id: f"{step.action} enters here"
        for chain in shown
        for step in chain.steps
        if step.enters
    }
    nodes = tuple(replace(node, note=notes.get(node.id, "")) for node in graph.nodes)
    return dot_text(
        replace(graph, nodes=nodes),
        loaded.recording.run,
        max_nodes=pictures.max_nodes,
        links=pictures.links,
    )
