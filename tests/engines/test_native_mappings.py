"""What happens to memory and to the live file under the target costs neither it nor its parent."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import TYPE_CHECKING

import pytest
from support_native import counts, needs_native, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_native

FORKED_PAST_HANDLERS = """
import ctypes, os, sys
libc = ctypes.PyDLL(None)
def leaf(): pass
def makes(letter, number):
    for index in range(number):
        exec(f"def {letter}{index}(): pass\\n{letter}{index}()", {})
def gone_through():
    yield fork()
    yield leaf()
def fork():
    pid = libc._Fork()
    if pid == 0:
        for _ in range(1000): leaf()
        makes("child", 300)
        sorted([3, 1, 2], key=lambda number: leaf() or number)
        if os.fork() == 0:
            leaf()
            os._exit(0)
        os.wait()
    return pid
def grows(): makes("parent", 300)
def begin():
    steps = gone_through()
    pid = next(steps)
    if pid == 0:
        list(steps)
        sys.exit(7)
    list(steps)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
status = begin()
for _ in range(10): leaf()
grows()
print(status)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "_Fork"), reason="glibc before 2.34")
@pytest.mark.parametrize(
    "options",
    [{}, {"c_calls": True, "lines": ("*leaf*", "*fork*")}, {"memory": True}],
    ids=["calls", "c-calls-and-lines", "memory"],
)
def test_a_child_forked_past_our_handlers_writes_nothing_into_its_parents_part(
    options: dict[str, object], tmp_path: Path
) -> None:
    ran = run(FORKED_PAST_HANDLERS, tmp_path, **options)
    assert (ran.status, ran.output, ran.errors) == (0, "7\n", "")
    found = counts(ran.part)
    assert found["leaf"] == 1 + 10
    assert sum(calls for name, calls in found.items() if name.startswith("parent")) == 300
    assert not [name for name in found if name.startswith("child")]
    assert found["fork"] == 1
    assert ran.part.lost_children == 1


GROWS = """
import os, signal, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads
from pathlib import Path
folder = Path(sys.argv[1])
def leaf(number): return number
def grows(start):
    for index in range(start, start + 400):
        exec(f"def f{index}(): pass\\nf{index}()", {"leaf": leaf})
def steps(count):
    for number in range(count): yield leaf(number)
def busy():
    while not stop:
        sum(steps(50)); bytes(100)
stop = []
threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads: thread.start()
grows(0)
(part,) = folder.glob("*.part")
os.truncate(part, int(sys.argv[2]))
for _ in range(1000): leaf(0)
if sys.argv[3] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
grows(400)
if sys.argv[3] == "fork":
    pid = os.fork()
    if pid == 0:
        grows(800); leaf(1)
        stop.append(1)
        os._exit(5)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
stop.append(1)
for thread in threads: thread.join()
print("end")
"""


@pytest.mark.parametrize(
    "options",
    [{}, {"c_calls": True, "lines": ("*leaf*", "*steps*")}, {"memory": True}],
    ids=["calls", "c-calls-and-lines", "memory"],
)
@pytest.mark.parametrize("length", [0, 4096, 10_000])
def test_a_live_file_that_is_cut_short_does_not_cost_the_target(
    length: int, options: dict[str, object], tmp_path: Path
) -> None:
    arguments = [str(tmp_path / "live"), str(length), "fork" if length == 0 else "-"]
    ran = run(GROWS, tmp_path, arguments=arguments, **options)
    assert (ran.status, ran.output, ran.errors) == (0, "end\n", "")
    assert "was cut short by another program" in ran.part.stop_reason
    assert not ran.part.finished
    assert ran.part.ending == "stopped", "nobody killed it"


def test_a_live_file_that_is_cut_short_says_so_before_anything_else_happens(tmp_path: Path) -> None:
    ran = run(GROWS, tmp_path, arguments=[str(tmp_path / "live"), "0", "killed"])
    assert ran.status == -signal.SIGKILL
    assert "was cut short by another program" in ran.part.stop_reason


HANDLERS = """
import faulthandler, os, signal, subprocess, sys
print(signal.getsignal(signal.SIGBUS) is signal.SIG_DFL)
child = "import re; print(re.search('SigCgt:(.*)', open('/proc/self/status').read())[1].strip())"
caught = int(subprocess.check_output([sys.executable, "-S", "-c", child]), 16)
print(caught >> (signal.SIGBUS - 1) & 1)
if sys.argv[1] == "own":
    signal.signal(signal.SIGBUS, lambda *_: print("own"))
elif sys.argv[1] == "default":
    signal.signal(signal.SIGBUS, signal.SIG_DFL)
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGBUS)
"""


@pytest.mark.parametrize(
    ("whose", "status", "last"),
    [("ours", -signal.SIGBUS, "0"), ("default", -signal.SIGBUS, "0"), ("own", 0, "own")],
)
def test_a_bus_error_is_otherwise_what_it_is_without_us(
    whose: str, status: int, last: str, tmp_path: Path
) -> None:
    ran = run(HANDLERS, tmp_path, arguments=[whose])
    assert (ran.status, ran.errors) == (status, "")
    assert ran.output.split() == ["True", "0", *([last] if last == "own" else [])]


def test_a_bus_error_of_the_targets_own_mapping_ends_it_as_ever(tmp_path: Path) -> None:
    script = """
        import mmap, os, sys
        with open(sys.argv[1], "w+b") as file:
            file.truncate(4096)
            mapped = mmap.mmap(file.fileno(), 4096)
            file.truncate(0)
        mapped[0]
    """
    ran = run(script, tmp_path, arguments=[str(tmp_path / "mapped")])
    assert ran.status == -signal.SIGBUS
    assert counts(ran.part)["<module>"] == 1


NO_ROOM = """
import os, re, resource, sys
def leaf(): pass
def grows(start):
    for index in range(start, start + 2000):
        exec(f"def f{index}(): pass\\nf{index}()", {})
grows(0)
size = int(re.search(r"VmSize:\\s*(\\d+)", open("/proc/self/status").read())[1]) * 1024
before = resource.getrlimit(resource.RLIMIT_AS)
room = bytearray(1 << 20)
del room
resource.setrlimit(resource.RLIMIT_AS, (size - (1 << 16), before[1]))
pid = os.fork()
if pid == 0:
    for _ in range(1000): leaf()
    os._exit(5)
resource.setrlimit(resource.RLIMIT_AS, before)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
for _ in range(10): leaf()
"""


@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer needs room as well"
)
def test_a_forked_child_without_room_for_memory_of_its_own_leaves_its_parents_part_alone(
    tmp_path: Path,
) -> None:
    ran = run(NO_ROOM, tmp_path)
    assert (ran.status, ran.output, ran.errors) == (0, "5\n", "")
    assert counts(ran.part)["leaf"] == 10
    assert ran.part.lost_children == 1


FILTERED = """
import ctypes, os, platform, struct, sys
numbers = {
    "x86_64": {"fallocate": 285, "mremap": 25, "madvise": 28},
    "aarch64": {"fallocate": 47, "mremap": 216, "madvise": 233},
}[platform.machine()]
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER, EPERM = 38, 22, 2, 1
LOAD, JUMP_IF_EQUAL, RETURN, ALLOW, REFUSE = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000 | EPERM
def refuse(names):
    steps = [(LOAD, 0, 0, 0)]
    for position, name in enumerate(names):
        steps.append((JUMP_IF_EQUAL, len(names) - position, 0, numbers[name]))
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    header = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program))
    assert libc.prctl(PR_SET_SECCOMP, FILTER, header, 0, 0) == 0
def leaf(): pass
def grows(start):
    for index in range(start, start + 2000):
        exec(f"def f{index}(): pass\\nf{index}()", {})
for _ in range(10): leaf()
refuse(sys.argv[1].split(","))
grows(0)
pid = os.fork()
if pid == 0:
    for _ in range(1000): leaf()
    os._exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.parametrize("refused", ["fallocate", "mremap", "madvise", "fallocate,mremap,madvise"])
def test_a_target_may_forbid_itself_what_a_recording_needs(refused: str, tmp_path: Path) -> None:
    ran = run(FILTERED, tmp_path, arguments=[refused])
    assert (ran.status, ran.output, ran.errors) == (0, "5\n", "")
    first = min(ran.parts.values(), key=lambda part: part.began)
    assert counts(first)["leaf"] == 10
    assert ("Operation not permitted" in first.stop_reason) == ("fallocate" in refused)
