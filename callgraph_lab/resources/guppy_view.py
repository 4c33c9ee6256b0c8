"""Inside the target: load what of guppy3 counts objects, and leave nothing of it to be seen.

Its two extension modules are enough. The packages around them would bring dozens of modules along.
"""

from __future__ import annotations

import sys
from _frozen_importlib_external import PathFinder
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Not even ``typing`` is imported for real: whatever is stays in the target.
    from typing import Any

_PACKAGES = ("guppy", "guppy.sets", "guppy.heapy")


def load() -> tuple[Any, Any] | None:
    """Return a view of the heap and its classifier by type, or None where guppy3 does not load."""
    spec = PathFinder.find_spec(_PACKAGES[0])
    folders = () if spec is None else spec.submodule_search_locations or ()
    if not folders:
        return None
    modules_before = dict(sys.modules)
    cached_before = set(sys.path_importer_cache)
    try:
        for name in _PACKAGES:
            package = type(sys)(name)
            inner = name.partition(".")[2]
            package.__path__ = [f"{folders[0]}/{inner}" if inner else folders[0]]
            sys.modules[name] = package
        sys.modules["guppy"].sets = sys.modules["guppy.sets"]  # type: ignore[attr-defined]
        sets = import_module("guppy.sets.setsc")
        heapy = import_module("guppy.heapy.heapyc")
        view = heapy.HeapView(heapy.RootState, (sets._NyHeapDefs_,))
        return view, view.cli_type()
    except (ImportError, AttributeError, TypeError, ValueError):
        return None
    finally:
        for name in set(sys.modules) - set(modules_before):
            del sys.modules[name]
        sys.modules.update(modules_before)
        for folder in set(sys.path_importer_cache) - cached_before:
            del sys.path_importer_cache[folder]
