"""Eight depths of an FTP server: one recording and a sweep, beside eight runs of pycallgraph2.

Run: ``python benchmarks/sweep_beside_pycallgraph2.py [--repeat 3] [--json FILE]``

Both ways serve the same client session (examples/upload_client.py) and are measured in turn, so
that the ratio holds on a noisy machine. Stock pycallgraph2 draws with the ``dot`` binary; where
there is none it only traces here, which is in its favour, and the output says so.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
SERVER = REPOSITORY / "examples" / "ftpServer.py"
CLIENT = REPOSITORY / "examples" / "upload_client.py"
DEPTHS = range(1, 9)
STOCK = """
import runpy, sys
from pycallgraph2 import Config, PyCallGraph
from pycallgraph2.output import GraphvizOutput, Output
class NoPicture(Output):
    def done(self): pass
    def sanity_check(self): pass
picture, depth, script, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = script
output = GraphvizOutput(output_file=picture) if picture else NoPicture()
with PyCallGraph(output=output, config=Config(max_depth=int(depth), include_stdlib=True)):
    runpy.run_path(script, run_name="__main__")
"""


def listening_port(process: subprocess.Popen[bytes]) -> int:
    """Wait until the server listens and return its port."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for connection in psutil.Process(process.pid).net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN:
                return int(connection.laddr.port)
        time.sleep(0.05)
    raise SystemExit("the server did not listen within 60 s")


def stock_session(depth: int, folder: Path, *, draws: bool) -> float:
    """Trace one server and client session with stock pycallgraph2; return wall seconds."""
    picture = str(folder / f"stock-{depth}.png") if draws else ""
    started = time.perf_counter()
    command = [sys.executable, "-c", STOCK, picture, str(depth), str(SERVER), "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        environment = {**os.environ, "CGLAB_PORT": str(listening_port(process))}
        subprocess.run(
            [sys.executable, str(CLIENT)], env=environment, check=True, stdout=subprocess.DEVNULL
        )
        process.send_signal(signal.SIGINT)
        process.wait(120)
    return time.perf_counter() - started


def cglab_sweep(folder: Path, engine: str) -> float:
    """Record one session and draw depths 1..8 with cglab; return wall seconds."""
    started = time.perf_counter()
    cglab = [sys.executable, "-m", "callgraph_lab"]
    drive = f"{sys.executable} {CLIENT}"
    command = [*cglab, "sweep", "1..8", "--out", str(folder), "--engine", engine]
    subprocess.run(
        [*command, "--drive", drive, str(SERVER), "0"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--engine", default="pycallgraph2")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    draws = shutil.which("dot") is not None
    if not draws:
        print("no dot binary here: stock pycallgraph2 only traces and draws nothing")
    rows = []
    for _ in range(options.repeat):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ours = cglab_sweep(folder, options.engine)
            stock = sum(stock_session(depth, folder, draws=draws) for depth in DEPTHS)
        rows.append({"cglab_s": ours, "stock_s": stock, "ratio": stock / ours})
        print(
            f"cglab {ours:6.2f} s, 1 session, 8 depths drawn   "
            f"stock {stock:6.2f} s, 8 sessions   ratio {stock / ours:.2f}"
        )
    ratio = statistics.median(row["ratio"] for row in rows)
    print(f"stock takes {ratio:.2f} times as long (median of {len(rows)}; the goal is 5)")
    if options.json:
        summary = {"stock_draws": draws, "engine": options.engine, "runs": rows, "median": ratio}
        options.json.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
