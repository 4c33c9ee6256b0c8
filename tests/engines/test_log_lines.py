"""What ``--log-resources`` puts into a target: as little as can be, and none of it recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support_engines import calls_by_name, every_engine, run_recorded, write_script

from callgraph_lab.recording import catalog
from callgraph_lab.resources.line_format import LogResources
from callgraph_lab.resources.log_lines import ProcessUsage

if TYPE_CHECKING:
    from pathlib import Path

LOGGING = """
import sys
import logging
logging.basicConfig(level=logging.INFO, stream=open(sys.argv[1], "w"))

class Text:
    def __str__(self):
        return "text"

def work():
    logging.info("%s", Text())

for _ in range(3):
    work()
"""
WATCHING = """
import sys
with open(sys.argv[1], "w") as file:
    print(sorted(sys.modules), sys.path, len(sys.meta_path), file=file)
    import logging
    print([type(item).__name__ for item in sys.meta_path], file=file)
    print(sorted(sys.modules), logging.__loader__, logging.__spec__, file=file)
    print(logging.Handler.format.__qualname__, logging.Handler.format.__module__, file=file)
"""


def seen(folder: Path, script: str, engine: str, *, log: bool) -> list[str]:
    """Return what a script has written into a file, and the calls that were recorded."""
    output = folder / "output"
    recorded = run_recorded(
        write_script(folder, script),
        str(output),
        folder=folder,
        engine=engine,
        log_resources=LogResources() if log else None,
    )
    assert recorded.outcome.status == 0
    calls = calls_by_name(catalog.load(recorded.entry))
    return [*output.read_text().splitlines(), *(f"{name} {calls[name]}" for name in sorted(calls))]


@every_engine
def test_callees_hang_where_they_would_without(engine: str, tmp_path: Path) -> None:
    """The log is not the same, the calls are: but for the import that we wait for."""
    bare = seen(tmp_path, LOGGING, engine, log=False)
    told = seen(tmp_path, LOGGING, engine, log=True)
    assert bare[:3] == ["INFO:root:text"] * 3
    assert all(line.startswith("INFO:root:text [cpu=") for line in told[:3])
    assert [line for line in told[3:] if "importlib" not in line] == [
        line for line in bare[3:] if "importlib" not in line
    ]


@every_engine
def test_target_finds_nothing_of_it_after_the_import(engine: str, tmp_path: Path) -> None:
    bare = seen(tmp_path, WATCHING, engine, log=False)
    told = seen(tmp_path, WATCHING, engine, log=True)
    # Until then a finder waits.
    assert bare[0].rpartition(" ")[0] == told[0].rpartition(" ")[0]
    assert int(told[0].rpartition(" ")[2]) == int(bare[0].rpartition(" ")[2]) + 1
    assert bare[1] == told[1]
    assert [line.partition(" object at ")[0] for line in bare[2:4]] == [
        line.partition(" object at ")[0] for line in told[2:4]
    ]
    assert told[3] == "Handler.format logging"


@every_engine
def test_logging_that_the_target_looks_for_first(engine: str, tmp_path: Path) -> None:
    """Looking is not importing, and may be done by hand."""
    script = """
        import importlib.util, sys
        assert importlib.util.find_spec("logging").loader.name == "logging"
        spec = importlib.util.find_spec("logging")
        logging = importlib.util.module_from_spec(spec)
        sys.modules["logging"] = logging
        spec.loader.exec_module(logging)
        logging.basicConfig(level=logging.INFO, stream=open(sys.argv[1], "w"))
        logging.info("text")
        """
    text = "\n".join(line[8:] for line in script.splitlines())
    assert seen(tmp_path, text, engine, log=True)[0].startswith("INFO:root:text [cpu=")


def test_cpu_is_that_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Since the line before, over a tenth of a second at least; a child begins anew."""
    from callgraph_lab.resources import log_lines  # noqa: PLC0415 - to turn its clocks

    now = {"wall": 100_000_000_000, "cpu": 0, "pid": 1}
    monkeypatch.setattr(log_lines, "monotonic_ns", lambda: now["wall"])
    monkeypatch.setattr(log_lines, "process_time_ns", lambda: now["cpu"])
    monkeypatch.setattr(log_lines, "getpid", lambda: now["pid"])
    monkeypatch.setattr(log_lines, "_age_ns", lambda: 1_000_000_000)
    usage = ProcessUsage()
    now["cpu"] = 500_000_000
    assert usage.cpu_percent() == pytest.approx(50)
    now["wall"] += 10_000_000_000
    assert usage.cpu_percent() == pytest.approx(0)
    now["wall"] += 200_000_000
    now["cpu"] += 100_000_000
    assert usage.cpu_percent() == pytest.approx(50)
    now["wall"] += 1_000
    now["cpu"] += 1_000
    assert usage.cpu_percent() == pytest.approx(50, rel=0.01)
    now.update(pid=2, cpu=1_000_000)
    assert usage.cpu_percent() == pytest.approx(0.1)
