from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import (
    abandoned_run,
    ended_process,
    ended_run,
    live_file,
    plant_part,
    small_recording,
)

from callgraph_lab.errors import OutputError, RecordingError
from callgraph_lab.recording import catalog, folding, store
from callgraph_lab.recording.run_file import read_run_file, started_now, write_run_file

if TYPE_CHECKING:
    from callgraph_lab.recording.catalog import Entry


def put(folder: Path, name: str, *, modified: float = 0, **run: object) -> Path:
    path = folder / f"{name}.cglab"
    store.save(small_recording(**run), path)
    if modified:
        os.utime(path, (modified, modified))
    return path


def listed(folder: Path) -> list[str]:
    return [entry.path.name for entry in catalog.entries(folder)]


def only_entry(folder: Path) -> Entry:
    (entry,) = catalog.entries(folder)
    return entry


@pytest.mark.parametrize(
    ("target", "stem"),
    [
        ("ftpServer.py", "ftpServer"),
        ("/a/b/ftpServer.py", "ftpServer"),
        ("folder/", "folder"),
        ("pyftpdlib", "pyftpdlib"),
        ("http.server", "http.server"),
        ("a b;c'd.py", "a_b_c_d"),
        ("..", "recording"),
        ("", "recording"),
        ("/", "recording"),
        (".hidden.py", "hidden"),
        ("--help", "help"),
        ("日本.py", "日本"),
        ("e\udce9.py", "e_"),
        ("x\n.py", "x_"),
    ],
)
def test_stems(target: str, stem: str) -> None:
    assert catalog.name_stem(target) == stem


@pytest.mark.parametrize("letter", ["x", "é", "日", "𠀀"])
def test_a_long_name_still_fits(tmp_path: Path, letter: str) -> None:
    path, live_folder = catalog.reserve_recording(tmp_path, catalog.name_stem(letter * 300))
    write_run_file(live_folder, ended_run(begun(path)))
    part = plant_part(live_folder, process=(4_194_303, 2**40))
    part.write_bytes(b"damaged")
    plant_part(live_folder, process=ended_process())
    assert catalog.fold(only_entry(tmp_path)).path == path
    assert store.load_run(path).notes
    assert len(list(tmp_path.iterdir())) == 2


def begun(path: Path) -> object:
    return started_now(name=path.stem, target="x.py", argv=("x.py",), python="3.11", engine="none")


def test_two_runs_in_one_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_the_clock(monkeypatch)
    first, live = catalog.reserve_recording(tmp_path, "x")
    second, _ = catalog.reserve_recording(tmp_path, "x")
    live.rmdir()
    put(tmp_path, first.stem)
    third, _ = catalog.reserve_recording(tmp_path, "x")
    assert [path.name for path in (first, second, third)] == [
        "x-20261123-141502.cglab",
        "x-20261123-141502-2.cglab",
        "x-20261123-141502-3.cglab",
    ]
    assert listed(tmp_path) == [third.name, second.name, first.name]


def stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    class StoppedClock(catalog.datetime):  # type: ignore[misc,name-defined]
        @classmethod
        def now(cls, _: object = None) -> catalog.datetime:  # type: ignore[name-defined]
            return cls(2026, 11, 23, 14, 15, 2)

    monkeypatch.setattr(catalog, "datetime", StoppedClock)


def test_many_at_once_get_names_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_the_clock(monkeypatch)
    paths: list[Path] = []

    def reserve_and_finish() -> None:
        for _ in range(20):
            path, live_folder = catalog.reserve_recording(tmp_path, "x")
            paths.append(path)
            # The moment of the race: the file is there before its live folder is gone.
            path.touch(exist_ok=False)
            live_folder.rmdir()

    workers = [threading.Thread(target=reserve_and_finish) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(paths)) == 80
    assert not list(tmp_path.glob("*.live"))


def test_out_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    for folder in (tmp_path / "out", tmp_path / "out" / "more"):
        with pytest.raises(OutputError, match="is not a folder") as caught:
            catalog.reserve_recording(folder, "x")
        assert caught.value.hint
    with pytest.raises(OutputError, match="cannot write"):
        catalog.reserve_recording(tmp_path / ("x" * 300), "x")


def test_the_newest_is_what_began_last(tmp_path: Path) -> None:
    """A server that began first and was finished last is not the newest; nor is a copied file."""
    put(tmp_path, "server-20261123-090000", modified=2_000_000_000)
    put(tmp_path, "quick-20261123-100000", modified=1_000_000_000)
    put(tmp_path, "quick-20261123-100000-10", modified=1_000_000_000)
    put(tmp_path, "quick-20261123-100000-2", modified=1_500_000_000)
    abandoned_run(tmp_path, "live-20261123-093000")
    assert [name.removesuffix(".cglab") for name in listed(tmp_path)] == [
        "quick-20261123-100000-10",
        "quick-20261123-100000-2",
        "quick-20261123-100000",
        "live-20261123-093000",
        "server-20261123-090000",
    ]
    assert catalog.find(None, tmp_path).path.name == "quick-20261123-100000-10.cglab"


def test_without_a_time_in_its_name_the_recording_says_when_it_began(tmp_path: Path) -> None:
    local = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(1_790_000_000))
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(1_790_000_001))
    put(tmp_path, "block", modified=2_000_000_000, started=local)
    put(tmp_path, f"x-{stamp}", modified=1_000_000_000)
    put(tmp_path, "odd", modified=1_790_000_002, started="yesterday")
    (tmp_path / "damaged.cglab").write_bytes(b"damaged")
    os.utime(tmp_path / "damaged.cglab", (1_790_000_003, 1_790_000_003))
    put(tmp_path, "x-99999999-999999", modified=1_790_000_004)
    assert listed(tmp_path) == [
        "x-99999999-999999.cglab",
        "damaged.cglab",
        "odd.cglab",
        f"x-{stamp}.cglab",
        "block.cglab",
    ]


def test_entries_are_recordings_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path, "x")
    (tmp_path / "x.svg").touch()
    (tmp_path / ".x.cglab.123.tmp").touch()
    (tmp_path / ".hidden.cglab").touch()
    (tmp_path / "folder.cglab").mkdir()
    (tmp_path / "file.cglab.live").touch()
    (tmp_path / "gone.cglab").symlink_to("nowhere")
    (tmp_path / "x.cglab.live").mkdir()
    assert listed(tmp_path) == ["x.cglab"]
    assert catalog.entries(tmp_path / "nowhere") == []
    assert catalog.entries(tmp_path / "x.cglab") == []


def test_a_run_that_ends_while_the_folder_is_listed_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its recording was made after the listing had come past its name; its live folder may go."""
    live_folder = abandoned_run(tmp_path)
    monkeypatch.setattr(catalog, "_items", lambda _folder: [live_folder])
    (running,) = catalog.entries(tmp_path)
    assert running.live_folder == live_folder
    running.path.touch()
    for _ in range(2):
        (ended,) = catalog.entries(tmp_path)
        assert (ended.path, ended.live_folder) == (running.path, None)
        shutil.rmtree(live_folder, ignore_errors=True)


def test_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    path = put(folder, "x-20261123-141502")
    live_folder = abandoned_run(folder, "y-20261123-141502")
    monkeypatch.chdir(tmp_path)
    for reference in (
        "x-20261123-141502",
        "x-20261123-141502.cglab",
        str(path),
        str(path.with_suffix("")),
        "out/x-20261123-141502.cglab",
        "out/x-20261123-141502",
    ):
        found = catalog.find(reference, folder)
        assert (found.path.resolve(), found.live_folder) == (path, None)
    for reference in (
        "y-20261123-141502",
        "out/y-20261123-141502",
        "out/y-20261123-141502.cglab",
        "out/y-20261123-141502.cglab.live",
        "out/y-20261123-141502.cglab.live/",
    ):
        found = catalog.find(reference, folder)
        assert found.path.name == "y-20261123-141502.cglab"
        assert found.live_folder is not None
        assert found.live_folder.resolve() == live_folder


@pytest.mark.parametrize(
    "reference", ["", ".", "..", "/", "nothing", "a\0b", "x" * 5_000, "e\udce9", "out/", "~"]
)
def test_find_nothing(tmp_path: Path, reference: str) -> None:
    """What names no recording is refused, at the latest when it is read."""
    with pytest.raises(RecordingError) as caught:
        catalog.load(catalog.find(reference, tmp_path))
    assert caught.value.hint
    with pytest.raises(RecordingError, match="yet"):
        catalog.find(None, tmp_path)


def test_a_near_name_is_suggested(tmp_path: Path) -> None:
    put(tmp_path, "ftpServer-20261123-141502")
    for reference in ("ftpServer", "ftpserver-20261123-141502.cglab"):
        with pytest.raises(RecordingError) as caught:
            catalog.find(reference, tmp_path)
        assert caught.value.hint == "did you mean ftpServer-20261123-141502.cglab?"


def test_an_abandoned_run_is_folded_once(tmp_path: Path) -> None:
    live_folder = abandoned_run(tmp_path)
    entry = only_entry(tmp_path)
    assert not entry.running
    assert entry.size_bytes > 4096
    assert entry.path == live_folder.with_suffix("")
    seen = catalog.load(entry)
    ((folded, error),) = catalog.fold_abandoned(tmp_path)
    assert (folded.path, folded.live_folder, error) == (entry.path, None, None)
    assert not live_folder.exists()
    assert catalog.load(folded) == seen
    assert not seen.run.complete
    assert seen.run.exit_status is None
    assert seen.run.duration_ns > 0
    assert sum(seen.tree.open_calls) == 1
    assert catalog.fold_abandoned(tmp_path) == []
    assert catalog.fold(folded) == folded
    # Who had listed it before still gets it.
    assert catalog.load(entry) == seen
    assert catalog.fold(entry).live_folder is None


def test_a_run_that_ended_well_is_complete(tmp_path: Path) -> None:
    live_folder = abandoned_run(tmp_path)
    for part in live_folder.glob("*.part"):
        part.unlink()
    plant_part(live_folder, process=ended_process())
    write_run_file(live_folder, ended_run(read_run_file(live_folder)))
    run = catalog.load(catalog.fold(only_entry(tmp_path))).run
    assert (run.complete, run.exit_status) == (True, 0)


def test_a_killed_target_is_not_complete(tmp_path: Path) -> None:
    live_folder = abandoned_run(tmp_path)
    write_run_file(live_folder, replace(ended_run(read_run_file(live_folder)), exit_status=137))
    run = catalog.load(catalog.fold(only_entry(tmp_path))).run
    assert (run.complete, run.exit_status) == (False, 137)


def test_a_target_killed_before_its_first_call_is_not_complete(tmp_path: Path) -> None:
    live_folder = abandoned_run(tmp_path)
    for part in live_folder.glob("*.part"):
        part.unlink()
    plant_part(live_folder, process=ended_process(), has_called=False)
    write_run_file(live_folder, replace(ended_run(read_run_file(live_folder)), exit_status=137))
    assert not catalog.load(catalog.fold(only_entry(tmp_path))).run.complete


def test_what_still_runs_is_left_alone(tmp_path: Path) -> None:
    live_folder = abandoned_run(tmp_path)
    made = live_file(live_folder)
    entry = only_entry(tmp_path)
    assert entry.running
    assert catalog.fold(entry) == entry
    assert catalog.fold_abandoned(tmp_path) == []
    with pytest.raises(RecordingError, match="still running"):
        catalog.remove(entry)
    recording = catalog.load(entry)
    assert not recording.run.complete
    assert [process.running for process in recording.processes].count(True) == 1
    assert Path(made.path).exists()


def test_a_run_whose_cglab_still_watches_is_left_alone(tmp_path: Path) -> None:
    path, live_folder = catalog.reserve_recording(tmp_path, "x")
    assert only_entry(tmp_path).running  # its run file is not there yet
    write_run_file(live_folder, begun(path))
    plant_part(live_folder, process=ended_process())
    assert only_entry(tmp_path).running
    assert catalog.fold_abandoned(tmp_path) == []


def test_a_damaged_part_costs_only_itself(tmp_path: Path) -> None:
    live_folder = abandoned_run(tmp_path)
    bad = plant_part(live_folder, process=(4242, 99))
    content = bad.read_bytes()[:9_999]
    bad.write_bytes(content)
    worse = live_folder / "4243-99.part"
    worse.mkdir()
    (live_folder / "4244-99.part").write_bytes(bytes(8192))  # was only being made
    recording = catalog.load(only_entry(tmp_path))
    *notes, killed = (note.partition(": ") for note in recording.run.notes)
    assert [note[0] for note in notes] == ["left out"] * 2
    assert killed[2].startswith("it was killed while nobody looked")
    assert "4242-99.part" in recording.run.notes[0]
    assert str(tmp_path) not in recording.run.notes[0]
    assert len(recording.processes) == 1
    folded = catalog.fold(only_entry(tmp_path))
    assert catalog.load(folded) == recording
    kept = tmp_path / f"{folded.path.name}.4242-99.part.damaged"
    assert kept.read_bytes() == content
    catalog.remove(folded)
    assert list(tmp_path.iterdir()) == []


def test_nothing_but_damage_is_an_error_and_stays(tmp_path: Path) -> None:
    live_folder = abandoned_run(tmp_path)
    (part,) = live_folder.glob("*.part")
    part.write_bytes(b"damaged")
    ((entry, error),) = catalog.fold_abandoned(tmp_path)
    assert isinstance(error, RecordingError)
    assert error.hint
    assert part.exists()
    catalog.remove(entry)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"[]", b"{}", b"null", b"\xff", b'{"name": 1}', b"[" * 100_000],
)
def test_a_damaged_run_file_costs_little(tmp_path: Path, content: bytes | None) -> None:
    live_folder = abandoned_run(tmp_path)
    run_file = live_folder / "run.json"
    run_file.unlink()
    if content is not None:
        run_file.write_bytes(content)
    os.utime(live_folder, (1, 1))
    ((entry, error),) = catalog.fold_abandoned(tmp_path)
    assert error is None
    run = catalog.load_run(entry)
    assert (run.name, run.target, run.engine) == ("x-20260101-120000", "x.py", "none")
    assert run.notes[0].startswith("run.json cannot be read")
    assert run.started.startswith("20")


def test_a_run_file_with_a_wrong_type(tmp_path: Path) -> None:
    live_folder = abandoned_run(tmp_path)
    text = (live_folder / "run.json").read_text()
    for before, after in (
        ('"ended_monotonic_ns": null', '"ended_monotonic_ns": "x"'),
        ('"argv": ["x.py"]', '"argv": "x.py"'),
        ('"exit_status": null', '"exit_status": []'),
        ('"engine": "none"', '"engine": null'),
    ):
        assert before in text
        (live_folder / "run.json").write_text(text.replace(before, after))
        with pytest.raises(RecordingError) as caught:
            read_run_file(live_folder)
        assert caught.value.hint


def test_a_live_folder_with_nothing_in_it_goes(tmp_path: Path) -> None:
    live_folder = tmp_path / "x-20260101-120000.cglab.live"
    live_folder.mkdir()
    (live_folder / ".run.json.tmp").touch()
    os.utime(live_folder, (1, 1))
    assert catalog.fold_abandoned(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_recorded_nothing_is_a_recording_of_nothing(tmp_path: Path) -> None:
    path, live_folder = catalog.reserve_recording(tmp_path, "x")
    write_run_file(live_folder, ended_run(begun(path)))
    recording = catalog.load(catalog.fold(catalog.Entry(path, live_folder, 0.0)))
    assert (len(recording.tree), recording.run.complete) == (0, True)


def test_what_a_killed_fold_has_left_goes(tmp_path: Path) -> None:
    """``cglab`` was killed after it had saved the recording and before it had tidied up."""
    live_folder = abandoned_run(tmp_path)
    store.save(catalog.load(only_entry(tmp_path)), live_folder.with_suffix(""))
    content = live_folder.with_suffix("").read_bytes()
    assert listed(tmp_path) == ["x-20260101-120000.cglab"]
    assert catalog.fold_abandoned(tmp_path) == []
    assert [item.read_bytes() for item in tmp_path.iterdir()] == [content]


def test_an_unfinished_file_goes_with_the_fold(tmp_path: Path) -> None:
    abandoned_run(tmp_path)
    (tmp_path / ".x-20260101-120000.cglab.77.tmp").write_bytes(b"half of it")
    catalog.fold_abandoned(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["x-20260101-120000.cglab"]


def test_another_recording_of_that_name_is_not_overwritten(tmp_path: Path) -> None:
    abandoned_run(tmp_path)
    other = put(tmp_path, "x-20260101-120000")
    content = other.read_bytes()
    ((entry, error),) = catalog.fold_abandoned(tmp_path)
    assert error is None
    assert entry.path.name == "x-20260101-120000-2.cglab"
    assert other.read_bytes() == content
    assert len(catalog.load(entry).tree) == 3


def test_two_commands_fold_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first and finds its work done, however slow the first is."""
    abandoned_run(tmp_path)
    entry = only_entry(tmp_path)
    saves = []
    save = store.save

    def save_slowly(*arguments: object) -> None:
        saves.append(arguments)
        time.sleep(0.2)
        save(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "save", save_slowly)
    folded: list[Entry] = []
    workers = [
        threading.Thread(target=lambda: folded.append(catalog.fold(entry))) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(saves) == 1
    assert {item.path for item in folded} == {entry.path}
    assert [item.live_folder for item in folded] == [None] * 3
    assert len(catalog.load(entry).tree) == 3


def test_a_fold_that_fails_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live_folder = abandoned_run(tmp_path)
    before = sorted(item.name for item in live_folder.iterdir())

    def fail(*_: object) -> None:
        raise OutputError("the disk is full", hint="make room")

    with monkeypatch.context() as patch:
        patch.setattr(store, "save", fail)
        ((_, error),) = catalog.fold_abandoned(tmp_path)
    assert isinstance(error, OutputError)
    assert sorted(item.name for item in live_folder.iterdir()) == before
    ((_, error),) = catalog.fold_abandoned(tmp_path)
    assert error is None


def test_what_is_gone_is_gone(tmp_path: Path) -> None:
    live_folder = abandoned_run(tmp_path)
    entry = only_entry(tmp_path)
    catalog.remove(entry)
    assert not live_folder.exists()
    assert (entry.size_bytes, entry.running) == (0, False)
    for ask in (catalog.load, catalog.load_run, catalog.fold):
        with pytest.raises(RecordingError) as caught:
            ask(entry)
        assert caught.value.hint


def test_remove(tmp_path: Path) -> None:
    path = put(tmp_path, "x")
    other = put(tmp_path, "x[1]")
    (tmp_path / "x.cglab.1-1.part.damaged").touch()
    (tmp_path / "x.svg").touch()
    catalog.remove(catalog.find("x", tmp_path))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["x.svg", "x[1].cglab"]
    catalog.remove(catalog.find("x[1]", tmp_path))
    assert not path.exists()
    assert not other.exists()


def test_a_run_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        write_run_file(tmp_path / "nowhere", begun(tmp_path / "x"))
    assert caught.value.hint


def test_the_suffix_of_damaged_parts_is_no_recordings() -> None:
    assert not folding.DAMAGED_SUFFIX.endswith(catalog.RECORDING_SUFFIX)
