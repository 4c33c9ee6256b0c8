"""Pictures of one FTP session at several depths: cglab's, gprof2dot's, pprof's and pycallgraph2's.

Run: ``python benchmarks/pictures_beside_others.py [--out docs/pictures/beside] [--depths 2,4,6,8]``

Needs the package gprof2dot, Graphviz' dot and Go (``go tool pprof``). Every tool draws the session
of examples/upload_client.py with examples/ftpServer.py by its own defaults at the given depth.
cProfile and pycallgraph2 trace a session of their own. pprof has no tracer for Python and no depth:
it gets what cglab has recorded, with every stack cut at the depth. docs/pictures.md shows them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from benchmarks import pprof_profile  # noqa: E402
from benchmarks.sweep_beside_pycallgraph2 import (  # noqa: E402
    CLIENT,
    SERVER,
    listening_port,
)
from callgraph_lab.recording import catalog  # noqa: E402

PROFILE = """
import cProfile, runpy, sys
stats, script, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = script
profile = cProfile.Profile()
try:
    profile.runcall(runpy.run_path, script, run_name="__main__")
finally:
    profile.dump_stats(stats)
"""
DOTS_PER_INCH = "72"
COLOURS = 256
GPROF2DOT_ROOT = "ftpServer:*:main"


def cglab_pictures(folder: Path, depths: list[int]) -> None:
    """Record a session and draw it."""
    cglab = [sys.executable, "-m", "callgraph_lab"]
    drive = f"{sys.executable} {CLIENT}"
    wanted, script = ",".join(map(str, depths)), str(SERVER.relative_to(REPOSITORY))
    command = [*cglab, "sweep", wanted, "--out", str(folder), "--format", "dot", "--drive", drive]
    subprocess.run([*command, script, "0"], cwd=REPOSITORY, check=True, capture_output=True)
    for depth in depths:
        (dot,) = folder.glob(f"*.depth-{depth}.dot")
        draw(dot, folder / f"cglab-{depth}.png")


def pprof_pictures(folder: Path, depths: list[int]) -> None:
    """Draw what cglab has recorded in that folder."""
    (entry,) = catalog.entries(folder)
    recording = catalog.load(entry)
    for depth in depths:
        profile = folder / f"pprof-{depth}.pb"
        profile.write_bytes(pprof_profile.from_recording(recording, depth))
        dot = folder / f"pprof-{depth}.dot"
        command = ["go", "tool", "pprof", "-dot", "-output", str(dot), str(profile)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        draw(dot, folder / f"pprof-{depth}.png")


def gprof2dot_pictures(folder: Path, depths: list[int]) -> None:
    """Profile a session with cProfile and draw it."""
    stats = folder / "server.pstats"
    serve([sys.executable, "-c", PROFILE, str(stats), str(SERVER), "0"])
    for depth in depths:
        dot = folder / f"gprof2dot-{depth}.dot"
        options = ["-f", "pstats", "--root", GPROF2DOT_ROOT, "--depth", str(depth)]
        command = [sys.executable, "-m", "gprof2dot", *options, "-o", str(dot), str(stats)]
        subprocess.run(command, check=True)
        draw(dot, folder / f"gprof2dot-{depth}.png")


def pycallgraph2_pictures(folder: Path, depths: list[int]) -> None:
    """Let pycallgraph2's own command trace and draw a session for each depth."""
    for depth in depths:
        picture = folder / f"pycallgraph2-{depth}.png"
        options = ["--max-depth", str(depth), "graphviz", "-o", str(picture)]
        program = str(Path(sys.executable).with_name("pycallgraph"))
        serve([program, *options, "--", str(SERVER), "0"])


def serve(command: list[str]) -> None:
    """Run a server under a tracer for the time of a client session."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        environment = {**os.environ, "CGLAB_PORT": str(listening_port(process))}
        subprocess.run(
            [sys.executable, str(CLIENT)], env=environment, check=True, stdout=subprocess.DEVNULL
        )
        process.send_signal(signal.SIGINT)
        process.wait(120)


def draw(dot: Path, picture: Path) -> None:
    """Draw DOT text as it is."""
    subprocess.run(  # the same program for all four
        ["dot", "-Tpng", f"-Gdpi={DOTS_PER_INCH}", "-o", str(picture), str(dot)],  # noqa: S607
        check=True,
    )


def keep(picture: Path, folder: Path) -> str:
    """Copy a picture with fewer colours, which makes it small; return what it measures."""
    with Image.open(picture) as image:
        width, height = image.size
        image.convert("RGB").quantize(COLOURS, kmeans=2).save(folder / picture.name, optimize=True)
    return f"{picture.name}: {width} x {height} pixels"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "pictures" / "beside")
    parser.add_argument("--depths", default="2,4,6,8")
    options = parser.parse_args()
    for program in ("dot", "go"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed (Debian's graphviz and golang-go)")
    depths = [int(text) for text in options.depths.split(",")]
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cglab_pictures(folder, depths)
        pprof_pictures(folder, depths)
        gprof2dot_pictures(folder, depths)
        pycallgraph2_pictures(folder, depths)
        for picture in sorted(folder.glob("*-[0-9].png")):
            print(keep(picture, options.out))


if __name__ == "__main__":
    main()
