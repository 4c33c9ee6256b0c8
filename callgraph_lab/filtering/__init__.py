"""Filters: which functions a graph shows, by which rule, and why.

Everything here is pure but ``presets``, which reads TOML files. ``build_filter_set`` turns what the
user asked for into a ``FilterSet``; its ``decide`` answers for one function.
"""

from callgraph_lab.filtering.build import DEFAULT_FILTER, build_filter_set, choose_filter
from callgraph_lab.filtering.definition import KEYS, Filter
from callgraph_lab.filtering.explain import Explanation, Step, explain, function_from_name
from callgraph_lab.filtering.filter_set import FilterSet
from callgraph_lab.filtering.presets import available_filters, load_filter

__all__ = [
    "DEFAULT_FILTER",
    "KEYS",
    "Explanation",
    "Filter",
    "FilterSet",
    "Step",
    "available_filters",
    "build_filter_set",
    "choose_filter",
    "explain",
    "function_from_name",
    "load_filter",
]
