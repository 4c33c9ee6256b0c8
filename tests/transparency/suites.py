"""A test suite run twice, untraced and recorded, and what differs between the two."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from callgraph_lab.recording import catalog

MODULES = (
    "test_generators",
    "test_coroutines",
    "test_asyncgen",
    "test_contextlib",
    "test_exceptions",
    "test_traceback",
    "test_inspect",
    "test_sys",
    "test_sys_settrace",
    "test_sys_setprofile",
    "test_threading",
    "test_thread",
    "test_fork1",
    "test_multiprocessing_fork",
    "test_subprocess",
    "test_signal",
    "test_weakref",
    "test_gc",
    "test_pickle",
    "test_super",
    "test_functools",
    "test_asyncio",
    "test_unittest",
)
SLOW_MODULES = (
    "test_threading",
    "test_multiprocessing_fork",
    "test_subprocess",
    "test_signal",
    "test_asyncio",
)
"""Modules that take longer than all the others together."""

FORK_PACKAGE = "test_multiprocessing_fork"
FORK_TESTS = {
    "processes": 'only_type="processes"',
    "manager": 'only_type="manager"',
    "threads": 'only_type="threads"',
    "misc": "exclude_types=True",
}
"""The files of that package, which some releases forgot to install, and all that is in them."""

PATIENCE_S = 600


@dataclass(frozen=True, slots=True)
class Suite:
    """What to hand to Python, where to run it, and the modules that hold the tests."""

    name: str
    arguments: tuple[str, ...]
    report_option: str
    """The option that names the file for a report in JUnit's format."""
    folder: Path | None = None
    """Where to run it; None for an empty folder of its own."""
    files: dict[str, str] = field(default_factory=dict)
    """Files to put into the folder first."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A test that ended otherwise: how it ended how often, without and with recording."""

    test: str
    plain: str
    recorded: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of running a suite twice."""

    plain_s: float
    recorded_s: float
    tests: int
    passed: int
    """How many of the tests passed without recording."""
    own_calls: int
    """How many of the tests that ran are in the recording, as functions that were called."""
    differences: list[Difference]
    faults: list[str]
    said: str


def module_suite(name: str) -> Suite:
    """Return a module of the standard library's suite, run in one process."""
    import test  # noqa: PLC0415 - a large package that not every Python has

    base = ("-m", "test")
    if name != FORK_PACKAGE or any((Path(place) / name).exists() for place in test.__path__):
        return Suite(name, (*base, name), "--junit-xml")
    files = {
        f"{name}_{kind}.py": "from test._test_multiprocessing import install_tests_in_module_dict\n"
        f"install_tests_in_module_dict(globals(), 'fork', {argument})\n"
        for kind, argument in FORK_TESTS.items()
    }
    names = (file.removesuffix(".py") for file in files)
    return Suite(name, (*base, "--testdir", ".", *names), "--junit-xml", files=files)


def folder_suites(folder: Path, without: str | None) -> list[Suite]:
    """Return the pytest suite of a folder, file by file, without the tests of some name."""
    # Not with the options of the project's own, which may want plugins.
    base = ["-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider"]
    if without is not None:
        base += ["-k", f"not {without}"]
    files = (path.relative_to(folder) for path in sorted(folder.glob("**/test_*.py")))
    return [Suite(file.stem, (*base, str(file)), "--junit-xml", folder=folder) for file in files]


def compare(suite: Suite) -> Comparison:
    """Run a suite untraced and recorded."""
    # A suite may leave a process behind, which is still recorded into the folder while it goes.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as text:
        folder = Path(text)
        plain, plain_s, plain_said = _run(suite, folder / "plain", [])
        out = folder / "out"
        cglab = ["-m", "callgraph_lab", "run", "--engine", "native", "--no-render"]
        recorded, recorded_s, said = _run(suite, folder / "recorded", [*cglab, "--out", str(out)])
        faults = [] if len(plain) > 1 else [f"no test ran untraced: {plain_said[-2000:]}"]
        own_calls, missing = _tests_recorded(recorded, out)
    faults.extend(missing)
    return Comparison(
        plain_s=plain_s,
        recorded_s=recorded_s,
        tests=plain.total() - 1,
        passed=sum(count for (_, end), count in plain.items() if end == PASSED),
        own_calls=own_calls,
        differences=_differences(plain, recorded),
        faults=faults,
        said=said,
    )


Outcomes = Counter[tuple[str, str]]
"""How often a test of this name ended this way."""
PASSED = "passed"
EXIT_STATUS = "(exit status)"
"""The name under which the exit status of the whole stands among the tests."""


def _run(suite: Suite, folder: Path, before: list[str]) -> tuple[Outcomes, float, str]:
    folder.mkdir()
    report = folder / "report.xml"
    place = suite.folder or folder / "work"
    place.mkdir(exist_ok=True)
    for name, text in suite.files.items():
        (place / name).write_text(text, encoding="utf-8")
    said = folder / "said.txt"
    begun = time.monotonic()
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *before, *suite.arguments, suite.report_option, str(report)],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            # What cglab returns for a target that a signal ended, as a shell does.
            status = process.wait(PATIENCE_S)
            ended = str(status if status >= 0 else 128 - status)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            ended = f"none within {PATIENCE_S} s"
    took_s = time.monotonic() - begun
    outcomes: Outcomes = Counter({(EXIT_STATUS, ended): 1})
    if report.exists():
        outcomes.update(_outcome(case) for case in ET.parse(report).iter("testcase"))  # noqa: S314
    return outcomes, took_s, said.read_text(encoding="utf-8", errors="replace")


def _outcome(case: ET.Element) -> tuple[str, str]:
    name = ".".join(filter(None, (case.get("classname"), case.get("name", "?"))))
    for kind in ("failure", "error", "skipped"):
        if case.find(kind) is not None:
            return name, kind
    return name, case.get("outcome", "expected failure" if case.find("output") else PASSED)


def _differences(plain: Outcomes, recorded: Outcomes) -> list[Difference]:
    def told(outcomes: Outcomes, test: str) -> str:
        ends = sorted((end, count) for (name, end), count in outcomes.items() if name == test)
        return ", ".join(end if count == 1 else f"{count} times {end}" for end, count in ends)

    names = {name for name, _ in (plain - recorded) + (recorded - plain)}
    return [
        Difference(name, told(plain, name) or "absent", told(recorded, name) or "absent")
        for name in sorted(names)
    ]


def _tests_recorded(outcomes: Outcomes, out: Path) -> tuple[int, list[str]]:
    """Return how many of the tests that ran were recorded, and what is wrong with that."""
    entries = catalog.entries(out)
    if len(entries) != 1:
        return 0, [f"{len(entries)} recordings instead of one"]
    recording = catalog.load(entries[0])
    faults = [
        f"process {process.pid} was not recorded to its end: {process.stop_reason}"
        for process in recording.processes
        if process.stop_reason
    ]
    # By their own names: a test class may be renamed after its first call, or inherit its tests.
    called = {
        recording.functions[number].own_name
        for number, calls in zip(recording.tree.function, recording.tree.calls, strict=True)
        if calls
    }
    ran = {name.partition("[")[0] for name, end in outcomes if "." in name and end != "skipped"}
    own = [name for name in ran if name.rpartition(".")[2] in called]
    if 2 * len(own) < len(ran):
        faults.append(f"of {len(ran)} tests that ran only {len(own)} are in the recording")
    return len(own), faults
