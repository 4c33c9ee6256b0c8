"""How long ``cglab --help`` takes, beside an empty ``python -c pass`` and ``python -m click``.

Run: ``python benchmarks/help_startup.py [--repeat 20]``
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "cglab --help": [sys.executable, "-m", "callgraph_lab", "--help"],
    "cglab run --help": [sys.executable, "-m", "callgraph_lab", "run", "--help"],
}


def seconds(command: list[str]) -> float:
    """Run a command once; return its wall time."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=20)
    repeat = parser.parse_args().repeat
    # In turn, so that the machine's moods meet all alike.
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(repeat):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    base = statistics.median(times["python -c pass"])
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:26} {median * 1000:7.1f} ms   {median / base:5.2f} times an empty python")


if __name__ == "__main__":
    main()
