"""Inside the target: do something to a module once somebody has imported it.

A finder waits for that, and then goes. Nothing is imported for it. The engines pass over these
functions: what they call hangs on their caller, as it would without them.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Not even ``typing`` is imported for real: whatever is stays in the target.
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


def after_import(name: str, change: Any) -> None:  # noqa: ANN401 - a function of a module
    """Call ``change`` with the module ``name``, now or when it has been imported."""
    if name in sys.modules:
        change(sys.modules[name])
    else:
        sys.meta_path.insert(0, _AfterImport(name, change))


class _AfterImport:
    """A finder that calls a function with a module when somebody has imported it, and goes."""

    def __init__(self, name: str, change: Any) -> None:  # noqa: ANN401
        self._name = name
        self._change = change

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = _Loader(spec.loader, self, self._change)  # type: ignore[assignment]
                    return spec
        return None


class _Loader:
    """Loads as another loader does, then leaves that one in its place."""

    def __init__(self, loader: Any, finder: _AfterImport, change: Any) -> None:  # noqa: ANN401
        self._loader = loader
        self._finder = finder
        self._change = change

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        self._change(module)
