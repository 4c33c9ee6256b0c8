"""``cglab doctor`` and ``cglab engines``: what works here, what does not, and why."""

from __future__ import annotations

import sys
from typing import Any

import click

from callgraph_lab.cli.options import json_option


def _engine_facts() -> list[dict[str, Any]]:
    from callgraph_lab.engines.choice import ENGINE_NAMES, availability, choose  # noqa: PLC0415
    from callgraph_lab.errors import EngineError  # noqa: PLC0415

    try:
        chosen = choose().name
    except EngineError:
        chosen = ""
    facts = []
    for name in ENGINE_NAMES:
        found = availability(name)
        facts.append(
            {
                "name": name,
                "available": found.available,
                "chosen_by_auto": name == chosen,
                "reason": found.reason,
            }
        )
    return facts


@click.command(epilog="Example: cglab engines")
@json_option
def engines(output_format: str) -> None:
    """Say which engines can be used here, which one --engine auto takes, and why."""
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415

    facts = _engine_facts()
    if output_format == "json":
        print_json({"schema": 1, "engines": facts})
        return
    rows = [
        (
            item["name"],
            "yes" if item["available"] else "no",
            "yes" if item["chosen_by_auto"] else "",
            item["reason"],
        )
        for item in facts
    ]
    titles = ("engine", "available", "auto", "why")
    print_table([TableColumn(title) for title in titles], rows)


@click.command(epilog="Example: cglab doctor")
@json_option
def doctor(output_format: str) -> None:
    """Check this installation: Python, engines, Graphviz, fonts. Exit 1 if something is missing."""
    from callgraph_lab.cli.printing import print_json  # noqa: PLC0415
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415
    from callgraph_lab.launch.interpreter import this_interpreter  # noqa: PLC0415

    interpreter = this_interpreter()
    checks = [
        ("cglab", True, f"{_version('callgraph_lab')}, pycallgraph2 {_version('pycallgraph2')}"),
        ("Python", True, f"{interpreter.version}, {interpreter.program}"),
    ]
    engine_facts = _engine_facts()
    for item in engine_facts:
        state = "chosen by auto; " if item["chosen_by_auto"] else ""
        checks.append((f"engine {item['name']}", item["available"], f"{state}{item['reason']}"))
    checks += _layout_checks()
    # Only one engine is needed; and text in Chinese is not in every program.
    needed = any(item["available"] for item in engine_facts)
    works = needed and all(good for name, good, _ in checks if name in ("Graphviz", "text font"))
    if output_format == "json":
        shown = [{"name": name, "good": good, "text": text} for name, good, text in checks]
        print_json({"schema": 1, "works": works, "checks": shown})
    else:
        print_table(
            (TableColumn("what"), TableColumn("good"), TableColumn("details")),
            [(name, "yes" if good else "no", text) for name, good, text in checks],
        )
    sys.exit(0 if works else 1)


def _version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(not installed, run from its folder)"


def _layout_checks() -> list[tuple[str, bool, str]]:
    from callgraph_lab.render.describe import describe_layout  # noqa: PLC0415

    layout = describe_layout()
    problems = list(layout.problems)
    return [
        (
            "Graphviz",
            layout.kind is not None,
            f"{layout.version}, by the {layout.kind} {layout.path}" if layout.kind else problems[0],
        ),
        (
            "text font",
            layout.text_font is not None,
            str(layout.text_font or "missing, so pictures have no letters; reinstall cglab"),
        ),
        (
            "Chinese, Japanese, Korean font",
            layout.cjk_font is not None,
            str(layout.cjk_font or problems[-1]),
        ),
    ]
