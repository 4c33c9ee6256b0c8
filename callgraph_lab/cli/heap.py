"""``cglab heap``: objects and bytes by type, and what grew between two snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from callgraph_lab.cli.options import folder_option, json_option, recording_argument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from callgraph_lab.heap_model import HeapSnapshot, HeapTotal

_FEWEST_TO_COMPARE = 2


@click.command(
    epilog="""\b
Examples:
  cglab run --heap every=10s --heap exit ftpServer.py
  cglab heap
  cglab heap --diff first last
  cglab run --heap action=STOR ftpServer.py
  cglab heap --diff 'STOR#1' 'STOR#1000'"""
)
@recording_argument
@folder_option
@click.option("--snapshot", default="last", metavar="N", help="Which one to show.  [default: last]")
@click.option("--diff", nargs=2, metavar="FIRST LAST", help="What grew from one to another.")
@click.option(
    "--top", type=click.IntRange(min=1), default=20, show_default=True, help="How many types."
)
@json_option
def heap(  # noqa: PLR0913, PLR0917 - click hands each option as a keyword
    recording: str | None,
    folder: Path,
    snapshot: str,
    diff: tuple[str, str] | None,
    top: int,
    output_format: str,
) -> None:
    """List the snapshots of a RECORDING's heap (the newest by default), and the types in one.

    Snapshots are called by their numbers, or first and last. One that was taken at the end of an
    action is STOR#12, too: after the twelfth STOR. So are STOR#first and STOR#last.
    """
    from callgraph_lab.cli.loaded import find_recording  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.messages import say  # noqa: PLC0415
    from callgraph_lab.cli.printing import print_json, print_line  # noqa: PLC0415
    from callgraph_lab.heap_model import dropped, grown, spent_ns  # noqa: PLC0415
    from callgraph_lab.recording import catalog  # noqa: PLC0415

    entry = find_recording(recording, folder)
    snapshots = catalog.load(entry).heap
    as_json = output_format == "json"
    if not snapshots and not as_json:
        say(
            f"{entry.path.name} has no snapshots of the heap: it was recorded without --heap, or"
            " ended before the first was due"
        )
        say("record with --heap exit, --heap action, or --heap every=10s with a shorter time")
        return
    described: dict[str, Any] = {
        "schema": 1,
        "snapshots": _describe(snapshots),
        "dropped": dropped(snapshots),
        "spent_ns": spent_ns(snapshots),
    }
    if diff is not None and len(snapshots) < _FEWEST_TO_COMPARE:
        raise click.UsageError(
            f"--diff compares two snapshots, and {entry.path.name} has {len(snapshots)};"
            " record for longer, with a shorter --heap every=10s, or with --heap exit as well."
        )
    if diff is not None:
        first, last = (snapshots[_index(word, snapshots)] for word in diff)
        if first.pid != last.pid:
            raise click.UsageError(
                f"These are of two processes, {first.pid} and {last.pid}; name two of one."
            )
        if first.counter != last.counter:
            raise click.UsageError(
                f"{first.counter} counted one of these and {last.counter} the other."
            )
        described["grown"] = _types(grown(first, last))
    elif snapshots:
        described["types"] = _types(snapshots[_index(snapshot, snapshots)].types)
    if as_json:
        print_json(described)
    elif diff is not None:
        if described["grown"]:
            _print_growth(first, last)
        _print_types(described["grown"], top, signed=True)
    else:
        _print_snapshots(described["snapshots"])
        _tell_what_they_cost(described)
        print_line()
        _print_types(described["types"], top, signed=False)


def _index(word: str, snapshots: Sequence[HeapSnapshot]) -> int:
    """Return the place of the snapshot that a user calls ``word``."""
    action, mark, number = word.rpartition("#")
    if mark:
        return _index_of_action(word, action, number, snapshots)
    count = len(snapshots)
    place = {"first": 1, "last": count}.get(word)
    if place is None and word.isdecimal():
        place = int(word)
    if place is None or not 1 <= place <= count:
        actions = dict.fromkeys(f"{one.action}#1" for one in snapshots if one.action)
        rather = "".join(f", {name}" for name in list(actions)[:3])
        raise click.UsageError(
            f"{word!r} is no snapshot; there are 1 to {count}, first and last{rather}."
        )
    return place - 1


def _index_of_action(word: str, action: str, number: str, snapshots: Sequence[HeapSnapshot]) -> int:
    places = [
        place
        for place, one in enumerate(snapshots)
        if one.action and one.action.casefold() == action.casefold()
    ]
    if not places:
        names = ", ".join(dict.fromkeys(one.action for one in snapshots if one.action))
        raise click.UsageError(f"There are snapshots of {names or 'no action'}, not of {action!r}.")
    if number in ("first", "last"):
        return places[0 if number == "first" else -1]
    there = [place for place in places if str(snapshots[place].number) == number]
    if len(there) == 1:
        return there[0]
    if there:
        processes = " and ".join(
            f"{place + 1} (process {snapshots[place].pid})" for place in there[:5]
        )
        raise click.UsageError(f"{word} is several: say {processes}.")
    kept = sorted({snapshots[place].number for place in places})
    near = [str(one) for one in kept]
    if number.isdecimal():
        near = [str(one) for one in sorted(sorted(kept, key=lambda n: abs(n - int(number)))[:3])]
    raise click.UsageError(
        f"There is no snapshot {word}. Of {action} there are {len(kept)}: try"
        f" {action}#{f', {action}#'.join(near[:3])}."
    )


def _describe(snapshots: Sequence[HeapSnapshot]) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "moment_ns": one.moment_ns,
            "pid": one.pid,
            "cause": one.cause,
            "label": one.label,
            "action": one.action or None,
            "nth": one.number or None,
            "counter": one.counter,
            "duration_ns": one.duration_ns,
            "objects": one.total.objects,
            "bytes": one.total.bytes,
        }
        for number, one in enumerate(snapshots, 1)
    ]


def _types(types: Mapping[str, HeapTotal]) -> list[dict[str, Any]]:
    """Return what takes most, or has grown most, first."""
    ordered = sorted(types.items(), key=lambda item: (-item[1].bytes, -item[1].objects, item[0]))
    return [{"type": name, "objects": one.objects, "bytes": one.bytes} for name, one in ordered]


def _print_snapshots(described: list[dict[str, Any]]) -> None:
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415 - not for --help
    from callgraph_lab.render.text import duration  # noqa: PLC0415

    titles = ("snapshot", "at", "process", "cause", "objects", "bytes", "took")
    print_table(
        [TableColumn(title, number=title != "cause") for title in titles],
        [
            (
                str(item["number"]),
                duration(item["moment_ns"]),
                str(item["pid"]),
                item["label"],
                f"{item['objects']:,}",
                f"{item['bytes']:,}",
                duration(item["duration_ns"]),
            )
            for item in described
        ],
    )


def _tell_what_they_cost(described: dict[str, Any]) -> None:
    from callgraph_lab.cli.messages import say  # noqa: PLC0415 - not for --help
    from callgraph_lab.render.text import duration  # noqa: PLC0415

    for action, count in described["dropped"].items():
        say(f"{count:,} more snapshots after {action} were taken and not kept")
    say(f"the target stood still for {duration(described['spent_ns'])} in all")


def _print_growth(first: HeapSnapshot, last: HeapSnapshot) -> None:
    """Say in a line what the table tells by type."""
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415 - not for --help

    objects = last.total.objects - first.total.objects
    size = last.total.bytes - first.total.bytes
    what = f"from {first.label} to {last.label}"
    if first.action and first.action == last.action:
        what = f"after {abs(last.number - first.number):,} more {first.action}"
    print_line(f"{what}: {objects:+,} objects, {size:+,} bytes")
    print_line()


def _print_types(types: list[dict[str, Any]], top: int, *, signed: bool) -> None:
    from callgraph_lab.cli.messages import say  # noqa: PLC0415 - not for --help
    from callgraph_lab.cli.printing import print_line  # noqa: PLC0415
    from callgraph_lab.cli.tables import TableColumn, print_table  # noqa: PLC0415

    if not types:
        print_line("nothing grew, and nothing shrank" if signed else "nothing is alive")
        return
    form = "+,d" if signed else ",d"
    print_table(
        [
            TableColumn("type"),
            TableColumn("objects", number=True),
            TableColumn("bytes", number=True),
        ],
        [
            (item["type"], format(item["objects"], form), format(item["bytes"], form))
            for item in types[:top]
        ],
    )
    if len(types) > top:
        say(f"{len(types) - top:,} more types; --top shows more")
