"""The filters of a page: every preset with its rules, so that the page can combine them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callgraph_lab.filtering import available_filters, choose_filter
from callgraph_lab.filtering.build import DEFAULT_FILTER
from callgraph_lab.filtering.presets import load_with_parents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.filtering import Filter
    from callgraph_lab.model import Function


def preset_documents(asked: Sequence[str]) -> list[dict[str, Any]]:
    """Return every filter that has a name, and the files among those that were ``asked`` for.

    A file goes by the path that was asked for. Raises FilterError where it cannot be read.
    """
    names = [item.name for item in available_filters()]
    return [_preset(name) for name in dict.fromkeys((*names, *asked)) if name != DEFAULT_FILTER]


def automatic_choices(functions: Sequence[Function]) -> dict[str, dict[str, str]]:
    """Return what ``auto`` means for a recording, without an include and with one."""
    return {
        key: dict(zip(("name", "reason"), choose_filter(functions, has_include=has), strict=True))
        for key, has in (("plain", False), ("with_include", True))
    }


def _preset(name: str) -> dict[str, Any]:
    layers = load_with_parents(name)
    return {
        "name": name,
        "description": layers[-1].description,
        "layers": [_layer(item) for item in layers],
    }


def _layer(item: Filter) -> dict[str, Any]:
    return {
        "name": item.name,
        "include": list(item.include),
        "exclude": list(item.exclude),
        "target": item.target,
        "stdlib": item.stdlib,
        "import_code": item.import_code,
    }
