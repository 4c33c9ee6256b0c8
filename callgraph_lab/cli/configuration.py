"""Defaults of options from ``cglab.toml`` or ``[tool.cglab]`` of ``pyproject.toml``.

Keys are the names of long options. Those at the top hold for every command that has the option,
those in a table named after a command for that one: ``[tool.cglab.run] duration = 10``.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.parameters import FormatsType
from callgraph_lab.errors import UsageError
from callgraph_lab.toml_text import table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN_FILE = "cglab.toml"
_PROJECT_FILE = "pyproject.toml"


def load_defaults(command: str | None) -> dict[str, Any] | None:
    """Return click's ``default_map`` from the nearest file of settings, or None without one.

    Raise ``UsageError`` where the file is not TOML, or names an option that does not exist.
    """
    if command is None:
        return None
    found = _find_settings(Path.cwd())
    if found is None:
        return None
    path, settings = found
    commands = _commands()
    _check(path, settings, {name: _options_below(item) for name, item in commands.items()})
    if command not in commands:
        return None
    return {command: _defaults_of(commands[command], path, settings, settings.get(command, {}))}


def _defaults_of(
    command: click.Command, path: Path, settings: dict[str, Any], own: dict[str, Any]
) -> dict[str, Any]:
    common = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    defaults = {}
    for key, parameter in _long_options(command):
        # --format of a table is another thing than that of a picture: a common one is for pictures.
        is_common = key in common and parameter.name != "output_format"
        if key in own or is_common:
            value = own[key] if key in own else common[key]
            defaults[str(parameter.name)] = _as_option_value(path, key, value, parameter)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            defaults[name] = _defaults_of(inner, path, settings, own)
    return defaults


def _find_settings(start: Path) -> tuple[Path, dict[str, Any]] | None:
    for folder in (start, *start.parents):
        own, project = folder / _OWN_FILE, folder / _PROJECT_FILE
        if own.is_file():
            return own, _read(own)
        if project.is_file():
            tools = _read(project).get("tool")
            settings = tools.get("cglab") if isinstance(tools, dict) else None
            if isinstance(settings, dict):
                return project, settings
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return table_of(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}", hint="mend it first") from error


def _commands() -> dict[str, click.Command]:
    from callgraph_lab.cli.group import COMMANDS, cglab  # noqa: PLC0415 - it imports us

    context = cglab.make_context("cglab", [], resilient_parsing=True)
    found = {name: cglab.get_command(context, name) for name in COMMANDS}
    return {name: command for name, command in found.items() if command is not None}


def _options_below(command: click.Command) -> dict[str, click.Parameter]:
    """Return the options of a command, or of all commands of a group, by their long names."""
    options = dict(_long_options(command))
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            options.update(_options_below(inner))
    return options


def _long_options(command: click.Command) -> Iterator[tuple[str, click.Parameter]]:
    for parameter in command.params:
        for option in parameter.opts:
            if option.startswith("--"):
                yield option[2:], parameter


def _check(
    path: Path, settings: dict[str, Any], parameters: dict[str, dict[str, click.Parameter]]
) -> None:
    every_option = {name for options in parameters.values() for name in options}
    for key, value in settings.items():
        if isinstance(value, dict):
            if key not in parameters:
                raise _unknown(path, f"[{key}]", "command", key, parameters)
            for inner in value:
                if inner not in parameters[key]:
                    raise _unknown(path, f"{key}.{inner}", "option", inner, parameters[key])
        elif key not in every_option:
            raise _unknown(path, key, "option", key, every_option)


def _unknown(path: Path, shown: str, kind: str, name: str, known: Any) -> UsageError:
    near = difflib.get_close_matches(name, list(known), 1)
    return UsageError(
        f"{path}: {shown} is no {kind} of cglab" + (f"; did you mean {near[0]!r}?" if near else ""),
        hint="keys are long options without their dashes: max-depth = 6",
    )


def _as_option_value(path: Path, key: str, value: Any, parameter: click.Parameter) -> Any:
    if "\0" in str(value):  # on a command line there can be none, so nobody looks for it later
        raise UsageError(f"{path}: {key} holds a null character", hint="leave it out")
    if getattr(parameter, "multiple", False):
        return value if isinstance(value, list) else [value]
    if isinstance(value, list):
        if isinstance(parameter.type, FormatsType):
            return ",".join(map(str, value))
        raise UsageError(f"{path}: {key} takes one value, not a list", hint="name one")
    # A flag takes its value as it is; the others are parsed like text on the command line.
    return value if isinstance(value, bool) else str(value)
