"""The one command of the benchmarks: suites side by side, tables printed, figures kept as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks import blocks_suite, echo_suite, ftp_suite, pyperformance_suite, size_suite
from benchmarks.comparison import describe_machine
from benchmarks.tracers import DESCRIPTIONS, TRACERS, UNTRACED, build_empty_hooks, is_available

SUITES = {
    "pyperformance": pyperformance_suite.run,
    "ftp": ftp_suite.run,
    "echo": echo_suite.run,
    "ftpbench": ftp_suite.run_ftpbench,
    "size": size_suite.run,
    "blocks": blocks_suite.run,
}
RESULTS = Path(__file__).parent / "results"


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES) + " (all)")
    parser.add_argument("--tracers", default=",".join(TRACERS), help=", ".join(TRACERS) + " (all)")
    parser.add_argument("--turns", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument(
        "--limit", type=float, default=300, dest="limit_s", help="seconds for one measurement (300)"
    )
    parser.add_argument("--json", type=Path, help="where figures go (benchmarks/results/...)")
    parser.add_argument("--only", help="pyperformance: these benchmarks, separated by commas")
    parser.add_argument("--rounds", type=int, default=3, help="pyperformance: rounds a process (3)")
    parser.add_argument("--clients", type=int, default=300, help="ftpbench: how many (300)")
    parser.add_argument("--file-size", default="1M", help="ftpbench: of each transfer (1M)")
    parser.add_argument("--echo-rounds", type=int, default=1000, help="echo: lines a client (1000)")
    parser.add_argument("--calls", type=int, default=10**9, help="size: so many (1000000000)")
    parser.add_argument("--blocks", type=int, default=10**6, help="blocks: how many (1000000)")
    options = parser.parse_args()
    unknown = set(options.suites) - set(SUITES) or set(options.tracers.split(",")) - set(TRACERS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return options


def main() -> None:
    options = parse_options()
    version = ".".join(map(str, sys.version_info[:2]))
    results = options.json or RESULTS / f"python-{version}.json"
    # Figures of other suites stay: they may be measured one by one.
    figures = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        build_empty_hooks(Path(folder))
        asked = options.tracers.split(",")
        missing = [tracer for tracer in asked if not is_available(tracer)]
        if missing:
            print("not installed, so left out:", ", ".join(missing))
        tracers = [UNTRACED, *[tracer for tracer in asked if tracer not in missing]]
        print(f"Python {sys.version.split()[0]}; slowdown, traced / untraced")
        for tracer in tracers[1:]:
            print(f"  {tracer}: {DESCRIPTIONS[tracer]}")
        for suite in options.suites or SUITES:
            machine = describe_machine()
            figures[suite] = {"machine": machine, **SUITES[suite](options, tracers)}
            results.parent.mkdir(parents=True, exist_ok=True)
            results.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"figures: {results}")


if __name__ == "__main__":
    main()
