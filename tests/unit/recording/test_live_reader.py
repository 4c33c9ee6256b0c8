from __future__ import annotations

import os
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from unit.recording.builders import RUN, WORD_DEPTH, ended_process, live_file, plant_part
from unit.recording.validity import check_valid

from callgraph_lab.errors import RecordingError
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording import live_reader
from callgraph_lab.recording.assemble import assemble
from callgraph_lab.recording.ends import last_sign_ns, until_ns
from callgraph_lab.recording.live_reader import read_part, was_begun

if TYPE_CHECKING:
    from callgraph_lab.recording.live_part import LivePart


@pytest.fixture
def part_path(tmp_path: Path) -> Path:
    return plant_part(tmp_path, process=(4242, 99), calls_open=True)


def refusal(path: Path) -> str:
    with pytest.raises(RecordingError) as caught:
        read_part(path)
    assert caught.value.hint
    return str(caught.value)


def test_what_was_written_is_read(part_path: Path) -> None:
    part = read_part(part_path)
    assert (part.pid, part.start_time, part.finished, part.stop_reason) == (4242, 99, False, "")
    assert [item.qualname for item in part.functions] == ["MainThread", "serve", "f"]
    assert (list(part.parent), list(part.calls)) == ([-1, 0, 1], [1, 1, 2])
    (thread,) = part.threads
    assert (thread.root, thread.alive, [call.context for call in thread.open_calls]) == (
        0,
        True,
        [1],
    )
    check_valid(part)


def test_a_function_of_the_live_file_becomes_one_of_the_model(part_path: Path) -> None:
    recording = assemble([read_part(part_path)], RUN, now_ns=2**62)
    function = recording.functions[1]
    assert (function.name, function.line) == ("m.serve", 7)
    assert (function.class_name, function.ancestors) == ("m:C", ("m:C", "m:B"))
    assert recording.functions[0].kind == "thread"
    assert recording.processes[0].argv == ("x.py",)


def test_odd_names(tmp_path: Path) -> None:
    made = live_file(tmp_path)
    for name in ("", "\0", "\udcff", "日本", "x" * 100_000, "a\nb"):
        function = made.writer.add_function(("m", name, "f", "", "", name))
        made.thread.add_context(made.contexts["root"], function)
    part = read_part(tmp_path / os.path.basename(made.path))  # noqa: PTH119
    assert [item.qualname[:8] for item in part.functions[3:]] == [
        "",
        "\0",
        "\\udcff",
        "日本",
        "x" * 8,
        "a\nb",
    ]
    check_valid(part)


def test_not_a_file(tmp_path: Path) -> None:
    assert "cannot read" in refusal(tmp_path / "nothing")
    assert "not a file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a file" in refusal(tmp_path / "pipe")


@pytest.mark.parametrize("content", [b"", b"CGLABLV1", bytes(4096), b"SQLite format 3\0" * 999])
def test_not_a_part(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "1-1.part"
    path.write_bytes(content)
    assert "not a readable part" in refusal(path)


def test_newer_format(part_path: Path) -> None:
    with part_path.open("r+b") as file:
        file.seek(8)
        file.write(struct.pack("<I", layout.FORMAT_VERSION + 1))
    assert "newer" in refusal(part_path)


def test_begun_is_what_has_its_first_bytes(tmp_path: Path, part_path: Path) -> None:
    assert was_begun(part_path)
    empty = tmp_path / "2-2.part"
    empty.write_bytes(bytes(256 * 1024))
    assert not was_begun(empty)


def test_a_sparse_file_of_a_terabyte_costs_nothing(part_path: Path) -> None:
    os.truncate(part_path, 2**40)
    check_valid(read_part(part_path))
    with part_path.open("r+b") as file:
        file.seek(layout.END_OFFSET)
        file.write(struct.pack("<Q", 2**63))
    assert "truncated" in refusal(part_path)


def test_truncated_anywhere(part_path: Path) -> None:
    content = part_path.read_bytes()
    end = int.from_bytes(content[layout.END_OFFSET : layout.END_OFFSET + 8], "little")
    for size in (*range(0, 600, 7), *range(600, end, 509), end - 1):
        part_path.write_bytes(content[:size])
        refusal(part_path)
    part_path.write_bytes(content[:end])
    check_valid(read_part(part_path))


def test_two_threads_of_one_root_are_one(tmp_path: Path) -> None:
    made = live_file(tmp_path)
    second = made.writer.add_thread(identifier=2, native_identifier=2)
    second.set_root(made.contexts["root"])
    part = read_part(tmp_path / os.path.basename(made.path))  # noqa: PTH119
    assert len(part.threads) == 1
    check_valid(part)


def test_a_root_whose_thread_is_not_there_yet(tmp_path: Path) -> None:
    made = live_file(tmp_path)
    second = made.writer.add_thread(identifier=2, native_identifier=2)
    function = made.writer.add_function(
        ("", "worker", "", "", "", ""), flags=layout.FUNCTION_IS_THREAD
    )
    second.add_context(layout.NO_CONTEXT, function)
    part = read_part(tmp_path / os.path.basename(made.path))  # noqa: PTH119
    assert [thread.root for thread in part.threads] == [0, 3]
    check_valid(part)


def test_a_function_added_while_the_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its block stands before that of the context that names it, and has been read by then."""
    made = live_file(tmp_path)
    path = tmp_path / os.path.basename(made.path)  # noqa: PTH119
    read = live_reader.read_published
    reads = []

    def read_slowly(path: Path) -> bytes:
        data = bytearray(read(path))
        if not reads:
            functions_end = layout.HEADER_BYTES + 64 * 1024
            made.add("f", "new")
            data[functions_end:] = read(path)[functions_end:]
        reads.append(path)
        return bytes(data)

    monkeypatch.setattr(live_reader, "read_published", read_slowly)
    part = read_part(path)
    assert [item.qualname for item in part.functions] == ["MainThread", "serve", "f", "new"]
    assert len(part.parent) == 4
    assert len(reads) == 2


def test_read_while_it_is_written(tmp_path: Path) -> None:
    made = live_file(tmp_path, calls_open=True)
    path = tmp_path / os.path.basename(made.path)  # noqa: PTH119
    done = threading.Event()
    read: list[LivePart] = []
    errors: list[RecordingError] = []

    def read_on() -> None:
        while not done.is_set():
            try:
                read.append(read_part(path))
            except RecordingError as error:
                errors.append(error)

    reader = threading.Thread(target=read_on)
    reader.start()
    for number in range(8_000):
        made.add("f" if number % 2 else "serve", f"g{number % 500}-{number}")
        made.open_calls("serve", "f") if number % 3 else made.open_calls("serve")
    done.set()
    reader.join()
    assert not errors
    assert [len(part.parent) for part in read] == sorted(len(part.parent) for part in read)
    assert len(read_part(path).parent) == 8_003
    for part in read[:: len(read) // 10 + 1]:
        check_valid(part)


def test_time_so_far_of_open_calls(part_path: Path) -> None:
    part = read_part(part_path)
    (call,) = part.threads[0].open_calls
    part.is_running = True
    recording = assemble([part], RUN, now_ns=call.start_ticks + 10_000)
    tree = recording.tree
    assert list(tree.open_calls) == [0, 1, 0]
    assert list(tree.inclusive_ns) == [10_000, 10_000, 3_000]
    assert list(tree.self_ns) == [0, 7_000, 3_000]
    assert recording.processes[0].running


def test_parts_are_joined_in_the_order_of_their_start(tmp_path: Path) -> None:
    parts = [
        read_part(plant_part(tmp_path / str(start), process=(pid, start)))
        for pid, start in ((7, 30), (8, 10), (9, 20))
    ]
    recording = assemble(parts, RUN, now_ns=0)
    assert [item.pid for item in recording.processes] == [8, 9, 7]
    assert [item.root for item in recording.threads] == [0, 3, 6]
    assert len(recording.functions) == 3
    assert list(recording.tree.calls) == [1, 1, 2] * 3


def test_the_last_sign_of_a_process(tmp_path: Path) -> None:
    ended = read_part(plant_part(tmp_path / "1", process=ended_process()))
    assert until_ns(ended, 2**62) == ended.threads[0].began_ticks + 5_000
    killed = read_part(plant_part(tmp_path / "2", process=ended_process(), calls_open=True))
    assert until_ns(killed, 2**62) == killed.threads[0].open_calls[0].start_ticks
    assert killed.ending == "killed"


def test_a_call_that_has_returned_is_a_sign_too(tmp_path: Path) -> None:
    """A server that was killed while it waited for the next client has served others before."""
    made = live_file(tmp_path, calls_open=True)
    made.open_calls("serve", "f")
    made.thread.words[WORD_DEPTH] = 1
    part = read_part(Path(made.path))
    (thread,) = part.threads
    (serve,) = thread.open_calls
    assert serve.start_ticks < thread.latest_ticks
    assert last_sign_ns(part) == thread.latest_ticks
