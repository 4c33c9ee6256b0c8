"""The native engine charges memory to whom it belongs: to the byte, whoever frees it."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from support_native import PACKAGES, needs_native, read_parts, run, start

from callgraph_lab.recording.live_reader import read_part

if TYPE_CHECKING:
    from callgraph_lab.recording.live_part import LivePart

pytestmark = needs_native
_MORE_BYTES = sys.getsizeof(bytearray(1000)) - 1000
"""What a bytearray takes beside what is in it."""
_RAW = """
    import ctypes
    interpreter = ctypes.CDLL(None)   # calls of it release the interpreter lock
    interpreter.PyMem_RawMalloc.restype = ctypes.c_void_p
    interpreter.PyMem_RawMalloc.argtypes = [ctypes.c_size_t]
    interpreter.PyMem_RawRealloc.restype = ctypes.c_void_p
    interpreter.PyMem_RawRealloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    interpreter.PyMem_RawFree.restype = None
    interpreter.PyMem_RawFree.argtypes = [ctypes.c_void_p]
"""


class Memory(NamedTuple):
    allocated: int
    blocks: int
    freed: int
    net: int


def memory_of(part: LivePart, qualname: str) -> Memory:
    """Add up what the contexts of a function have."""
    assert part.memory is not None
    sums = [0, 0, 0, 0]
    for context, function in enumerate(part.function):
        if part.functions[function].qualname == qualname:
            for number, column in enumerate(part.memory.columns):
                sums[number] += column[context]
    allocated, blocks, freed, returned = sums
    return Memory(allocated, blocks, freed, allocated - returned)


def held_bytes(part: LivePart) -> int:
    """Return what the process holds of all that it has allocated since recording began."""
    assert part.memory is not None
    allocated, _, _, returned = (
        sum(column) + outside
        for column, outside in zip(part.memory.columns, part.memory.outside, strict=True)
    )
    return allocated - returned


def test_bytearrays_are_charged_to_the_byte(tmp_path: Path) -> None:
    script = """
        sizes = [1, 511, 512, 513, 4096, 100_000, 1 << 20, 1 << 25]
        kept = [None] * len(sizes)
        dropped = [None] * len(sizes)
        def hold(index, size):
            kept[index] = bytearray(size)
        def pass_by(index, size):
            dropped[index] = bytearray(size)
        def drop(index):
            dropped[index] = None
        for index, size in enumerate(sizes):
            hold(index, size)
            pass_by(index, size)
        for index in range(len(sizes)):
            drop(index)
        import os
        os._exit(0)
    """
    part = run(script, tmp_path, memory=True).part
    sizes = [1, 511, 512, 513, 4096, 100_000, 1 << 20, 1 << 25]
    expected = sum(size + _MORE_BYTES for size in sizes)
    assert memory_of(part, "hold") == (expected, 2 * len(sizes), 0, expected)
    assert memory_of(part, "pass_by") == (expected, 2 * len(sizes), 0, 0)
    assert memory_of(part, "drop") == (0, 0, expected, 0)
    assert part.memory is not None
    assert part.memory.peak_bytes >= 2 * expected


_BESIDE_TRACEMALLOC = """
    import glob, json, shutil, sys, tracemalloc
    live, = glob.glob({folder!r} + "/live/*.part")
    def moment(name):
        held, _ = tracemalloc.get_traced_memory()
        shutil.copyfile(live, {folder!r} + "/" + name)
        print(held)
    moment("warm")
    moment("first")
    import asyncio, decimal, email.message, http.client, xml.etree.ElementTree
    kept = [{{str(number): [number] * 3}} for number in range(50_000)]
    def work():
        for _ in range(20):
            json.loads(json.dumps(kept[:2000]))
    work()
    texts = [text.splitlines() for text in map(str, kept)]
    moment("second")
    del kept[::2]
    texts.clear()
    moment("third")
"""


def test_thousands_of_blocks_of_all_sizes_that_come_and_go(tmp_path: Path) -> None:
    script = """
        import os, random, sys
        chance = random.Random(20261123)
        kept = [None] * 3000
        del bytearray(9)[3:]   # Python keeps the slice for the next one
        def come_and_go():
            for _ in range(30_000):
                index = chance.randrange(3000)
                size = chance.choice((1, 20, 300, 450, 455, 460, 2000, 70_000))
                what = chance.randrange(4)
                if what == 0 or kept[index] is None:
                    kept[index] = bytearray(size)
                elif what == 1:
                    kept[index].extend(bytes(size))
                elif what == 2:
                    del kept[index][size:]
                else:
                    kept[index] = None
        come_and_go()
        print(sum(sys.getsizeof(item) for item in kept if item is not None), flush=True)
        os._exit(0)
    """
    ran = run(script, tmp_path, memory=True)
    figures = memory_of(ran.part, "come_and_go")
    assert figures.net == int(ran.output) > 10_000_000
    assert figures.freed > figures.net
    assert ran.part.memory is not None
    assert ran.part.memory.unlisted_blocks == 0


def test_totals_are_those_of_tracemalloc(tmp_path: Path) -> None:
    script = _BESIDE_TRACEMALLOC.format(folder=str(tmp_path))
    # Below ours from the beginning, so that what it takes for itself is not seen.
    ran = run(script, tmp_path, python=["-X", "tracemalloc=1"], memory=True)
    assert ran.status == 0, ran.errors
    _, first, second, third = map(int, ran.output.split())
    parts = [read_part(tmp_path / name) for name in ("first", "second", "third")]
    ours_first, ours_second, ours_third = map(held_bytes, parts)
    assert second - first > 10_000_000
    assert ours_second - ours_first == pytest.approx(second - first, rel=0.001)
    assert ours_third - ours_first == pytest.approx(third - first, rel=0.001)


def test_who_frees_it_is_told_apart_from_who_holds_it(tmp_path: Path) -> None:
    script = """
        import gc, os, threading
        kept = [None]
        def make():
            kept[0] = bytearray(1_000_000)
        def free_elsewhere():
            kept[0] = None
        make()
        thread = threading.Thread(target=free_elsewhere)
        thread.start()
        thread.join()

        class Ends:
            def __del__(self):
                kept[0] = bytearray(2_000_000)
        def end():
            Ends()
        end()

        class Ring:
            pass
        def make_ring():
            ring = Ring()
            ring.self, ring.body = ring, bytearray(3_000_000)
        def collect():
            gc.collect()
        gc.disable()
        make_ring()
        collect()
        os._exit(0)
    """
    part = run(script, tmp_path, memory=True).part
    assert memory_of(part, "make").net == 0
    assert memory_of(part, "make").allocated == 1_000_000 + _MORE_BYTES
    assert memory_of(part, "free_elsewhere").freed == 1_000_000 + _MORE_BYTES
    assert memory_of(part, "Ends.__del__").net == 2_000_000 + _MORE_BYTES
    assert memory_of(part, "make_ring").allocated > 3_000_000
    assert memory_of(part, "make_ring").net < 1000
    assert memory_of(part, "collect").freed > 3_000_000


def test_what_runs_in_the_collector_allocates_for_itself(tmp_path: Path) -> None:
    script = """
        import gc, os, weakref
        kept = []
        class Ring:
            def __del__(self):
                kept.append(bytearray(1_000_000))
        def on_collection(phase, information):
            if phase == "start":
                kept.append(bytearray(2_000_000))
        def on_death(reference):
            kept.append(bytearray(3_000_000))
        def make_ring():
            ring = Ring()
            ring.self = ring
            return weakref.ref(ring, on_death)
        def fill():
            return [[] for _ in range(2000)]
        gc.disable()
        reference = make_ring()
        gc.callbacks.append(on_collection)
        gc.set_threshold(1000, 10_000, 10_000)
        gc.enable()
        lists = fill()
        gc.disable()
        gc.callbacks.clear()
        print(len(kept), flush=True)
        os._exit(0)
    """
    ran = run(script, tmp_path, memory=True)
    part = ran.part
    assert memory_of(part, "Ring.__del__").net == 1_000_000 + _MORE_BYTES
    assert memory_of(part, "on_death").net == 3_000_000 + _MORE_BYTES
    collections = int(ran.output) - 2
    # The collector runs in the middle of an allocation of this function's, which is not charged.
    assert collections >= 1
    called_back = memory_of(part, "on_collection")
    assert called_back.net == pytest.approx(collections * (2_000_000 + _MORE_BYTES), rel=0.001)
    assert memory_of(part, "fill").allocated < 1_000_000


def test_what_is_held_until_the_interpreter_takes_itself_down(tmp_path: Path) -> None:
    script = """
        import atexit
        kept = []
        def at_exit():
            kept.append(bytearray(1_000_000))
        atexit.register(at_exit)
        def hold():
            kept.append(bytearray(2_000_000))
        hold()
    """
    part = run(script, tmp_path, memory=True).part
    assert memory_of(part, "at_exit").allocated > 1_000_000
    assert memory_of(part, "hold").allocated > 2_000_000
    # The module's globals are cleared when all calls have returned: that is nobody's doing.
    assert memory_of(part, "hold").net > 2_000_000
    assert memory_of(part, "at_exit").net > 1_000_000
    assert memory_of(part, "MainThread").freed < 1_000_000


def test_a_block_that_moves_is_a_block_given_back_and_another(tmp_path: Path) -> None:
    script = """
        import os
        kept = bytearray(100)
        def grow():
            for _ in range(200):
                kept.extend(bytes(10_000))
        grow()
        kept_bytes = kept.__sizeof__()
        def shrink():
            del kept[10:]
        shrink()
        print(kept_bytes, kept.__sizeof__(), flush=True)
        os._exit(0)
    """
    ran = run(script, tmp_path, memory=True)
    grown, shrunk = map(int, ran.output.split())
    part = ran.part
    assert memory_of(part, "grow").allocated > grown > 2_000_000
    assert memory_of(part, "grow").net < 100
    assert memory_of(part, "shrink").net == shrunk - bytearray.__basicsize__
    assert held_bytes(part) < 2_000_000


def test_a_target_that_starts_and_stops_tracemalloc_itself(tmp_path: Path) -> None:
    script = """
        import os, tracemalloc
        kept = [None] * 9
        def before():
            kept[0] = bytearray(1_000_000)
        def between():
            kept[1] = bytearray(2_000_000)
        def after():
            kept[2] = bytearray(3_000_000)
        def drop():
            kept[:3] = [None] * 3
        before()
        tracemalloc.start()
        between()
        assert tracemalloc.get_traced_memory()[0] > 2_000_000
        tracemalloc.stop()
        after()
        drop()
        os._exit(0)
    """
    part = run(script, tmp_path, memory=True).part
    for name, size in (("before", 1_000_000), ("between", 2_000_000), ("after", 3_000_000)):
        figures = memory_of(part, name)
        # What tracemalloc keeps of a block comes from Python's raw domain, as this does.
        own = 100 if name == "between" else 0
        assert 0 <= figures.allocated - (size + _MORE_BYTES) <= own, name
        assert 0 <= figures.net <= own, name
    assert memory_of(part, "drop").freed >= 6_000_000 + 3 * _MORE_BYTES
    assert part.stop_reason == ""


def test_a_target_that_stops_a_tracemalloc_below_ours(tmp_path: Path) -> None:
    script = """
        import os, tracemalloc
        kept = [None]
        def after():
            kept[0] = bytearray(3_000_000)
        tracemalloc.stop()
        after()
        os._exit(0)
    """
    part = run(script, tmp_path, python=["-X", "tracemalloc"], memory=True).part
    assert memory_of(part, "after").net == 3_000_000 + _MORE_BYTES
    assert "put Python's allocators back" in part.stop_reason


def test_recordings_that_begin_and_end_below_tracemalloc(tmp_path: Path) -> None:
    script = f"""
        import os, sys, tracemalloc
        sys.path.insert(0, {str(PACKAGES)!r})
        from callgraph_lab import _native
        kept = [None] * 9
        def hold(index, size):
            kept[index] = bytearray(size)
        def record(name):
            path = _native.start({str(tmp_path)!r}, "{{}}", whole_program=False, memory=True)
            os.rename(path, {str(tmp_path)!r} + "/" + name)
        _native.stop()
        record("first")
        tracemalloc.start()
        hold(0, 1_000_000)
        _native.stop()
        hold(1, 5_000_000)
        record("second")
        hold(2, 2_000_000)
        tracemalloc.stop()
        hold(3, 3_000_000)
        kept[0] = None
        _native.stop()
        hold(4, 5_000_000)
        record("third")
        hold(5, 4_000_000)
        os._exit(0)
    """
    ran = run(script, tmp_path)
    assert ran.status == 0, ran.errors
    for name, size in (("first", 1_000_000), ("second", 5_000_000), ("third", 4_000_000)):
        figures = memory_of(read_part(tmp_path / name), "hold")
        count = 2 if name == "second" else 1
        assert size + count * _MORE_BYTES <= figures.net < size + count * (_MORE_BYTES + 200), name
        assert figures.freed == 0


def test_a_forked_child_counts_from_nothing(tmp_path: Path) -> None:
    script = """
        import os
        kept = [bytearray(1_000_000), None]
        def hold(size):
            kept[1] = bytearray(size)
        def drop():
            kept[0] = None
        child = os.fork()
        hold(2_000_000 if child else 3_000_000)
        drop()
        if child:
            os.waitpid(child, 0)
        os._exit(0)
    """
    parts = run(script, tmp_path, memory=True).parts
    child, parent = sorted(parts.values(), key=lambda part: memory_of(part, "hold").net)[::-1]
    assert child.parent_pid == parent.pid
    assert memory_of(child, "hold").net == 3_000_000 + _MORE_BYTES
    assert memory_of(parent, "hold").net == 2_000_000 + _MORE_BYTES
    assert memory_of(parent, "drop").freed == 1_000_000 + _MORE_BYTES
    assert memory_of(child, "drop").freed == 0
    assert child.memory is not None
    assert 3_000_000 < child.memory.peak_bytes < 4_000_000


def test_threads_that_allocate_without_the_interpreter_lock(tmp_path: Path) -> None:
    script = f"""{_RAW}
    import os, threading
    blocks = {{}}
    def make(number):
        mine = blocks[number] = [0] * 2000
        for index in range(2000):
            mine[index] = interpreter.PyMem_RawMalloc(1000 + number)
            if index % 2:
                mine[index] = interpreter.PyMem_RawRealloc(mine[index], 5000)
    def free(number):
        for address in blocks[number][:1500]:
            interpreter.PyMem_RawFree(address)
    def share(function):
        threads = [threading.Thread(target=function, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    share(make)
    share(free)
    os._exit(0)
    """
    part = run(script, tmp_path, memory=True).part
    made = 4 * 2000 * 1000 + 2000 * (0 + 1 + 2 + 3)
    moved = 4 * 1000 * 5000
    left = 4 * 250 * 5000 + sum(250 * (1000 + number) for number in range(4))
    figures = memory_of(part, "make")
    # Beside them there are numbers that ctypes makes, which do not come near.
    assert figures.allocated >= made + moved
    assert figures.net >= left
    assert figures.net == pytest.approx(left, rel=0.3)
    assert memory_of(part, "free").freed >= 4 * 750 * 5000


def test_greenlets_that_take_turns(tmp_path: Path) -> None:
    pytest.importorskip("greenlet")
    script = """
        import os
        from greenlet import getcurrent, greenlet
        kept = [None] * 300
        main = getcurrent()
        def take_turns(first):
            for index in range(first, first + 100):
                kept[index] = bytearray(10_000)
                main.switch()
        def others(first):
            for index in range(first, first + 100):
                kept[index] = bytearray(20_000)
                main.switch()
        def share():
            one, two = greenlet(take_turns), greenlet(others)
            one.switch(0)
            two.switch(100)
            for index in range(200, 300):
                kept[index] = bytearray(30_000)
                one.switch()
                two.switch()
        share()
        os._exit(0)
    """
    part = run(script, tmp_path, memory=True).part
    for name, size in (("take_turns", 10_000), ("others", 20_000), ("share", 30_000)):
        expected = 100 * (size + _MORE_BYTES)
        # Numbers above 256 are objects, and greenlets have some, too.
        assert 0 <= memory_of(part, name).net - expected < 10_000, name


def test_what_runs_still_can_be_read_and_a_kill_loses_nothing(tmp_path: Path) -> None:
    script = """
        import time
        kept = []
        def hold():
            kept.append(bytearray(1_000_000))
            print("held", flush=True)
            time.sleep(60)
        hold()
    """
    with start(script, tmp_path, memory=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        (running,) = read_parts(tmp_path).values()
        process.send_signal(signal.SIGKILL)
    (killed,) = read_parts(tmp_path).values()
    for part in (running, killed):
        assert 1_000_000 + _MORE_BYTES <= memory_of(part, "hold").net < 1_010_000


@pytest.mark.parametrize(("size", "count"), [(1, 500_000), (600, 100_000), (None, 300_000)])
def test_a_live_block_costs_24_bytes_at_most(size: int | None, count: int, tmp_path: Path) -> None:
    script = f"""
        import json, os, sys
        sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
        from callgraph_lab import _native
        def hold():
            if {size} is not None:
                return [bytearray({size}) for _ in range({count})]
            return [bytearray(1 + number * 7919 % 900) for number in range({count})]
        kept = hold()
        print(json.dumps(_native.status()))
    """
    ran = run(script, tmp_path, memory=True)
    status = json.loads(ran.output)
    assert status["memory_blocks"] >= 2 * count
    assert status["memory_table_bytes"] <= 24 * status["memory_blocks"]
