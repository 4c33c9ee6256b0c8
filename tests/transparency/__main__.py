"""Run test suites that no one here wrote, untraced and under the engine native, and compare them.

    python tests/transparency stdlib --quick           modules of the standard library's own suite
    python tests/transparency stdlib test_sys test_gc
    python tests/transparency folder pyftpdlib-2.2.0   a folder with a pytest suite in it

Fails when a test ends otherwise than without us, except for the differences that
``known_differences.py`` gives the reasons of, and when the recording lacks the tests' own calls.
A suite that differs is run again, both ways: tests that race are told, and fail nothing. So
are ends that were also seen without us, a crash of a C library included.
"""

from __future__ import annotations

import argparse
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from known_differences import reason_for
from suites import (
    EXIT_STATUS,
    MODULES,
    SLOW_MODULES,
    Comparison,
    Suite,
    compare,
    folder_suites,
    module_suite,
)

ATTEMPTS = 4
"""So often at most a suite is compared that differs."""


def parse() -> tuple[list[Suite], int]:
    """Return the suites that the command line names, and how many to run at once."""
    parser = argparse.ArgumentParser(
        prog="python tests/transparency",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    stdlib = kinds.add_parser("stdlib", help="modules of the standard library's suite")
    stdlib.add_argument("modules", nargs="*", metavar="MODULE", help="default: all of the list")
    stdlib.add_argument("--quick", action="store_true", help=f"not {', '.join(SLOW_MODULES)}")
    stdlib.add_argument("--jobs", type=int, default=1, metavar="N", help="N modules at once")
    folder = kinds.add_parser("folder", help="a folder with a pytest suite in it")
    folder.add_argument("folder", type=Path)
    folder.add_argument("--without", metavar="WORD", help="leave out tests with this in the name")
    options = parser.parse_args()
    if options.kind == "folder":
        return folder_suites(options.folder.resolve(), options.without), 1
    left_out = SLOW_MODULES if options.quick else ()
    modules = options.modules or [name for name in MODULES if name not in left_out]
    return [module_suite(name) for name in modules], options.jobs


def unexplained(found: Comparison) -> set[str]:
    """Return the tests that differ without a known reason."""
    names = {item.test for item in found.differences}
    unknown = {name for name in names if reason_for(name) is None}
    # The exit status tells that some test failed.
    return set() if unknown == {EXIT_STATUS} and names != unknown else unknown


def unlike_any_plain(attempts: list[Comparison]) -> set[str]:
    """Return the tests that differed each time, recorded once as they never ended without us."""
    seen_plain: dict[str, set[str]] = {}
    seen_recorded: dict[str, set[str]] = {}
    for item in (item for attempt in attempts for item in attempt.differences):
        seen_plain.setdefault(item.test, set()).add(item.plain)
        seen_recorded.setdefault(item.test, set()).add(item.recorded)
    always = set.intersection(*map(unexplained, attempts))
    return {test for test in always if not seen_recorded[test] <= seen_plain[test]}


def run(suite: Suite) -> tuple[Suite, list[Comparison]]:
    """Compare a suite, again where something differs."""
    attempts = [compare(suite)]
    while len(attempts) < ATTEMPTS and (unlike_any_plain(attempts) or attempts[-1].faults):
        attempts.append(compare(suite))
    return suite, attempts


def why_not_known(test: str, attempt: Comparison, failing: set[str]) -> str:
    """Return what to say of a difference that has no reason of its own."""
    if test in failing:
        return "?"
    return "not always so" if test in unexplained(attempt) else "because of the others"


def report(suite: Suite, attempts: list[Comparison]) -> bool:
    """Print what came of a suite and return whether it is as untraced."""
    found = attempts[-1]
    print(
        f"{suite.name:28} {found.plain_s:8.1f} {found.recorded_s:8.1f} {found.tests:6}"
        f" {found.passed:7} {len(found.differences):7} {found.own_calls:10}"
    )
    failing = unlike_any_plain(attempts)
    for number, attempt in enumerate(attempts, 1):
        for item in attempt.differences:
            reason = reason_for(item.test) or why_not_known(item.test, attempt, failing)
            which = f"attempt {number}: " if len(attempts) > 1 else ""
            print(f"    {which}{item.test}: {item.plain}, recorded: {item.recorded} ({reason})")
    for fault in found.faults:
        print(f"    {fault}")
    is_good = not failing and not found.faults
    if not is_good:
        print(f"--- the end of what {suite.name} said, recorded\n{found.said[-4000:]}\n---")
    sys.stdout.flush()
    return is_good


def main() -> int:
    """Print a line for every suite and return 1 where one of them differs."""
    suites, jobs = parse()
    print(f"Python {platform.python_version()}, seconds without and with the engine native")
    print("suite                         without     with  tests  passed  differ  own calls")
    with ThreadPoolExecutor(jobs) as pool:
        good = [report(*result) for result in pool.map(run, suites)]
    print(f"{sum(good)} passed, {len(good) - sum(good)} failed")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
