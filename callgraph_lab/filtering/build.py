"""From what the user asked for (names, globs, switches) to the set of filters in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callgraph_lab.errors import FilterError
from callgraph_lab.filtering.filter_set import FilterSet, Layers, checks_for
from callgraph_lab.filtering.presets import load_with_parents
from callgraph_lab.filtering.program import has_ftp_server, program_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from callgraph_lab.filtering.definition import Filter
    from callgraph_lab.model import Function

DEFAULT_FILTER = "auto"


def build_filter_set(  # noqa: PLR0913 - what a query can say, all but the names by keyword
    names_or_files: Sequence[str] = (DEFAULT_FILTER,),
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    stdlib: bool | None = None,
    functions: Sequence[Function] = (),
    target_files: Sequence[str] = (),
) -> FilterSet:
    """Build the set of filters for one query.

    ``names_or_files`` are names of filters or paths of TOML files (none of them means ``auto``),
    ``include`` and ``exclude`` the command line's globs, ``stdlib`` its ``--stdlib`` (True) or
    ``--no-stdlib`` (False). ``functions`` are those of the recording: ``auto`` chooses by them, and
    they tell what the target is. ``target_files`` are absolute paths of the script, needed only
    where it was started through a symbolic link. Raises FilterError.
    """
    for option, globs in (("--include", include), ("--exclude", exclude)):
        if not all(globs):
            raise FilterError(
                f"{option} needs a glob, and got an empty text",
                hint=f"for example {option} 'logging.*'",
            )
    asked = tuple(names_or_files) or (DEFAULT_FILTER,)
    reasons = []
    named: dict[Filter, None] = {}
    filters: dict[Filter, None] = {}
    for wanted in asked:
        name = wanted
        if wanted == DEFAULT_FILTER:
            name, reason = choose_filter(functions, has_include=bool(include))
            reasons.append(reason)
        loaded = load_with_parents(name)
        named[loaded[-1]] = None
        filters.update(dict.fromkeys(loaded))
    layers = Layers(
        named=tuple(named),
        filters=tuple(filters),
        include=tuple(dict.fromkeys(include)),
        exclude=tuple(dict.fromkeys(exclude)),
        stdlib=stdlib,
        facts=program_facts(functions, target_files),
    )
    return FilterSet(
        names=tuple(dict.fromkeys(one.name for one in named)),
        choice=" ".join(dict.fromkeys(reasons)),
        checks=checks_for(layers),
    )


def choose_filter(functions: Sequence[Function], *, has_include: bool) -> tuple[str, str]:
    """Resolve ``auto``: return the name of a filter and a sentence that says why this one."""
    if has_include:
        # The guess at what the user wants to see gives way to what the user says.
        return "no-stdlib", "auto chose no-stdlib, because --include says what to show."
    if has_ftp_server(functions):
        return "ftp-server", "auto chose ftp-server, because pyftpdlib is in the recording."
    return "no-stdlib", "auto chose no-stdlib, because no pyftpdlib is in the recording."
