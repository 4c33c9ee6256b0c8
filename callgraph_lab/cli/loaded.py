"""A recording with the filters of a command line applied: what most commands begin with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from callgraph_lab import cost
from callgraph_lab.cli.messages import print_error, say
from callgraph_lab.errors import RecordingError, TooCostlyError
from callgraph_lab.filtering import build_filter_set
from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.c_functions import hide_with_callers
from callgraph_lab.graph.processes import only_process
from callgraph_lab.graph.slicing import select_slice, slice_title
from callgraph_lab.model import GraphQuery
from callgraph_lab.recording import catalog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from callgraph_lab.cli.options import QueryOptions
    from callgraph_lab.errors import CallgraphLabError
    from callgraph_lab.filtering import FilterSet
    from callgraph_lab.model import CallGraph, Decision, Function, Recording


@dataclass(frozen=True, slots=True)
class LoadedRecording:
    """A recording, what to show of it, and the decision for each of its functions."""

    entry: catalog.Entry
    recording: Recording
    options: QueryOptions
    filter_set: FilterSet
    decisions: list[Decision]

    def query(self, max_depth: int | None) -> GraphQuery:
        """Return the query that the options mean at a depth."""
        return graph_query(self.options, self.filter_set, max_depth)

    def graph(self, max_depth: int | None) -> CallGraph:
        """Return the graph down to a depth, or of every depth."""
        return build_graph(self.recording, self.query(max_depth), self.decisions)


def graph_query(options: QueryOptions, filter_set: FilterSet, max_depth: int | None) -> GraphQuery:
    """Return the query that options and the filters they mean make at a depth."""
    return GraphQuery(
        max_depth=max_depth,
        depth_by=options.depth_by,
        naming=options.naming,
        include=options.include,
        exclude=options.exclude,
        filters=filter_set.names,
        stdlib=options.stdlib,
        process=options.process,
        action=options.action,
        nth=options.nth,
    )


def find_recording(reference: str | None, folder: Path) -> catalog.Entry:
    """Return the recording a user means, after folding what killed runs have left."""
    failed = _fold_abandoned(folder)
    entry = catalog.find(reference, folder)
    for other, error in failed:
        # What cannot be read now cannot be read in a moment either: it is said once.
        if other.path == entry.path and isinstance(error, (RecordingError, TooCostlyError)):
            raise error
        print_error(error)
    return entry


def fold_abandoned(folder: Path) -> None:
    """Finish recordings whose ``cglab`` was killed, and say so."""
    for _, error in _fold_abandoned(folder):
        print_error(error)


def _fold_abandoned(folder: Path) -> list[tuple[catalog.Entry, CallgraphLabError]]:
    """Finish such recordings and say so; return those that could not be finished."""
    failed: list[tuple[catalog.Entry, CallgraphLabError]] = []
    for entry, error in catalog.fold_abandoned(folder, say):
        if error is not None:
            failed.append((entry, error))
        elif entry.live_folder is None:
            outlived = catalog.load_run(entry).exit_status is not None
            what = "which its first process had left" if outlived else "whose cglab had been killed"
            say(f"finished {entry.path}, {what}")
    cost.renew()
    return failed


def filter_set_of(options: QueryOptions, functions: Sequence[Function]) -> FilterSet:
    """Return the filters that the options mean for a recording with these functions."""
    return build_filter_set(
        options.filters,
        include=options.include,
        exclude=options.exclude,
        stdlib=options.stdlib,
        functions=functions,
    )


def check_filters(options: QueryOptions) -> None:
    """Raise ``FilterError`` for filters that cannot be used: before a long run, not after it."""
    filter_set_of(options, ())


def load_recording(reference: str | None, folder: Path, options: QueryOptions) -> LoadedRecording:
    """Read the recording a user means and decide what of it shows."""
    return apply_filters(find_recording(reference, folder), options)


def apply_filters(entry: catalog.Entry, options: QueryOptions) -> LoadedRecording:
    """Read a recording and decide what of it shows."""
    recording = catalog.load(entry)
    if options.process is not None:
        recording = only_process(recording, options.process)
    if options.action is not None:
        title = slice_title(recording, options.action)
        recording = select_slice(recording, options.action, options.nth)
        options = replace(options, action=title)
    filter_set = filter_set_of(options, recording.functions)
    decisions = filter_set.decide_all(recording.functions)
    recording, decisions = hide_with_callers(recording, decisions)
    return LoadedRecording(entry, recording, options, filter_set, decisions)
