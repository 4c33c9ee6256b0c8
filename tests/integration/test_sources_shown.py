"""Only files that this user's own target ran are shown, unless a folder is named for more."""

from __future__ import annotations

import base64
import gzip
import io
import os
import re
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support_cli import cglab, only_recording, write_target

from callgraph_lab.recording import store

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from callgraph_lab.model import Recording

Run = Callable[..., "subprocess.CompletedProcess[str]"]

TARGET = "def work():\n    return 'TARGETLINE'\n\nwork()\n"
PRIVATE = "PRIVATELINE"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a recording of a target, its lines as well. Only to be copied."""
    folder = tmp_path_factory.mktemp("recorded")
    write_target(folder, TARGET)
    cglab("run", "--no-render", "--lines", "*work", "target.py", folder=folder)
    return folder


def shown(run: Run, folder: Path, *options: str | Path, recording: str | Path = "") -> str:
    """Return all that a page and a listing show of sources, and what was said."""
    which = [recording] if recording else []
    viewed = run("view", *which, "-o", "page.html", *options, folder=folder)
    page = (folder / "page.html").read_text(encoding="utf-8")
    data = re.search(r'id="data">([^<]*)<', page)
    assert data
    listed = run("lines", "work", *which, *options, folder=folder, status=None)
    document = gzip.decompress(base64.b64decode(data[1])).decode("ascii")
    return document + listed.stdout + listed.stderr + viewed.stderr


def naming(recording: Recording, file: str) -> Recording:
    """Return a recording in which every function says that it is from a file."""
    functions = [
        replace(item, file=file, line=1) if item.kind == "function" else item
        for item in recording.functions
    ]
    return replace(recording, functions=functions)


def test_of_an_own_recording_what_ran(recorded: Path, cglab_here: Run) -> None:
    assert "TARGETLINE" in shown(cglab_here, recorded)


@pytest.mark.parametrize("name", ["private.key", "private.py"])
def test_no_other_file_however_it_is_named(
    name: str, recorded: Path, tmp_path: Path, cglab_here: Run
) -> None:
    """Even where all else of the recording is this user's own."""
    secret = tmp_path / name
    secret.write_text(f"def work(): {PRIVATE}\n", encoding="utf-8")
    made = store.load(only_recording(recorded))
    store.save(naming(made, str(secret)), tmp_path / "x.cglab")
    found = shown(cglab_here, tmp_path, recording="x.cglab")
    assert PRIVATE not in found
    assert "is no file of Python source that the target ran" in found


def test_nothing_where_the_list_of_files_is_not_ours(
    recorded: Path, tmp_path: Path, cglab_here: Run
) -> None:
    secret = tmp_path / "private.py"
    secret.write_text(f"def work(): {PRIVATE}\n", encoding="utf-8")
    made = naming(store.load(only_recording(recorded)), str(secret))
    digests = tuple((str(secret), digest) for _, digest in made.sources.digests)
    store.save(replace(made, sources=replace(made.sources, digests=digests)), tmp_path / "x.cglab")
    found = shown(cglab_here, tmp_path, recording="x.cglab")
    assert PRIVATE not in found
    assert "nothing says that you have made this recording yourself" in found
    assert "--sources FOLDER" in found


def test_of_somebody_elses_only_what_is_asked_for(
    recorded: Path, tmp_path: Path, cglab_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of-another-user"))
    found = shown(cglab_here, recorded)
    assert "TARGETLINE" not in found
    assert "nothing says that you have made this recording yourself" in found
    copy = tmp_path / "checkout" / "src"
    copy.mkdir(parents=True)
    shutil.copy(recorded / "target.py", copy)
    assert "TARGETLINE" in shown(cglab_here, recorded, "--sources", copy)
    # A folder beside it has no file of that name.
    assert "TARGETLINE" not in shown(cglab_here, recorded, "--sources", tmp_path / "checkout")


def test_a_folder_that_is_asked_for_is_not_left(
    recorded: Path, tmp_path: Path, cglab_here: Run
) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("private.py", ".env"):
        (tmp_path / name).write_text(f"def work(): {PRIVATE}\n", encoding="utf-8")
        (folder / f"link-{name}").symlink_to(tmp_path / name)
    (folder / ".env").write_text(PRIVATE, encoding="utf-8")
    made = store.load(only_recording(recorded))
    for file in ("/x/../../private.py", "/../private.py", "/link-private.py", "/.env"):
        store.save(naming(made, file), tmp_path / "x.cglab")
        found = shown(cglab_here, tmp_path, "--sources", folder, recording="x.cglab")
        assert PRIVATE not in found


def test_what_has_changed_is_another_file(recorded: Path, tmp_path: Path, cglab_here: Run) -> None:
    folder = tmp_path / "moved"
    shutil.copytree(recorded, folder)
    target = recorded / "target.py"
    try:
        target.unlink()
        (tmp_path / "private").write_text(f"def work(): {PRIVATE}\n", encoding="utf-8")
        target.symlink_to(tmp_path / "private")
        found = shown(cglab_here, recorded)
    finally:
        target.unlink()
        shutil.copy2(folder / "target.py", target)
    assert PRIVATE not in found
    assert "has changed since it was recorded" in found


def test_a_target_cannot_lend_its_name_to_any_file(tmp_path: Path, cglab_here: Run) -> None:
    """Code may say that it is from any file: only Python source is listed."""
    secret = tmp_path / "id_rsa"
    secret.write_text(f"{PRIVATE}\n", encoding="utf-8")
    code = f"exec(compile('def work(): pass\\nwork()', {str(secret)!r}, 'exec'))\n"
    write_target(tmp_path, code)
    cglab("run", "--no-render", "--lines", "*work", "target.py", folder=tmp_path)
    assert PRIVATE not in shown(cglab_here, tmp_path)


def test_a_live_folder_from_an_archive_is_nobodys(tmp_path: Path, cglab_here: Run) -> None:
    """Whoever finishes it vouches for nothing in it."""
    from unit.recording.builders import abandoned_run  # noqa: PLC0415

    from callgraph_lab.recording.maker import is_own_live_folder, seal_live_folder  # noqa: PLC0415

    (tmp_path / "sent").mkdir()
    live = abandoned_run(tmp_path / "sent")
    seal_live_folder(live)
    assert is_own_live_folder(live)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as writing:
        writing.add(live, "out/" + live.name)
    archive.seek(0)
    with tarfile.open(fileobj=archive) as reading:
        reading.extractall(tmp_path, filter="data")
    assert not is_own_live_folder(tmp_path / "out" / live.name)
    cglab_here("list", folder=tmp_path)
    assert store.load(only_recording(tmp_path)).sources.digests == ()


def test_a_key_that_others_could_know_is_none(
    recorded: Path, cglab_here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    shutil.copytree(os.environ["XDG_STATE_HOME"], state)
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "TARGETLINE" in shown(cglab_here, recorded)
    (state / "callgraph_lab" / "maker.key").chmod(0o644)
    assert "TARGETLINE" not in shown(cglab_here, recorded)


def test_files_that_are_no_files_hang_nothing(
    recorded: Path, tmp_path: Path, cglab_here: Run
) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    made = store.load(only_recording(recorded))
    for file in ("pipe.py", str(tmp_path / "pipe.py"), "/dev/zero", "/", ""):
        store.save(naming(made, file), tmp_path / "x.cglab")
        for options in ((), ("--sources", tmp_path), ("--sources", "/dev")):
            shown(cglab_here, tmp_path, *options, recording="x.cglab")
