"""A target cannot tell that it is recorded: what it prints, sees and leaves behind is the same."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support_engines import (
    DrivenRecording,
    calls_by_name,
    clean_environment,
    every_engine,
    write_script,
)

if TYPE_CHECKING:
    from callgraph_lab.model import Recording

# What the engines import inside the target and cannot take back: threads are traced through
# ``threading``, and the rest may have been handed on by the time we leave.
IMPORTED_BY_ENGINES = frozenset(
    """__future__ _collections _functools _json _opcode _opcode_metadata _operator _sre _struct
    _typing _weakrefset collections collections.abc contextlib copyreg enum fcntl functools
    importlib importlib._bootstrap importlib._bootstrap_external importlib.machinery itertools
    json json.decoder json.encoder json.scanner keyword mmap opcode operator re re._casefix
    re._compiler re._constants re._parser reprlib struct threading types typing typing.io
    typing.re warnings _warnings _weakref _contextvars _ast_unparse weakref _py_warnings
    annotationlib ast _types""".split()  # noqa: SIM905 - a list to be read
)

SCRIPTS = {
    "sees itself": """
        import __main__, os, sys
        print(sys.argv, sys.orig_argv[1:], sys.path, sys.flags, sys.executable)
        print(__name__, __file__, __package__, __spec__, __doc__, __builtins__.__name__)
        print(sorted(vars(__main__)), __main__.__file__, sys.modules["__main__"] is __main__)
        print(sorted(os.environ.items()), os.getcwd(), os.getpid() == os.getpgid(0))
        print(sys.meta_path, sys.path_hooks, sys.warnoptions)
        # Packages of the standard library that were imported have entries of their own.
        print(sorted(path for path in sys.path_importer_cache if "/lib/python" not in path))
        print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.getprofile(), sys.excepthook)
        print(sys.unraisablehook, sys.displayhook, sys.breakpointhook, sys.dont_write_bytecode)
        """,
    "descriptors": """
        import os, sys
        # Before 3.13 a mapping keeps a descriptor, which is made to have a high number.
        print(sorted(int(name) for name in os.listdir("/proc/self/fd") if int(name) < 400))
        with open(__file__) as file, open(os.devnull) as other:
            print(file.fileno(), other.fileno(), os.pipe())
        print(os.isatty(0), os.isatty(1), sys.stdin.mode, sys.stdout.encoding, sys.stdout.errors)
        """,
    "signals": """
        import signal
        print([(number, signal.getsignal(number)) for number in signal.valid_signals()])
        print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.getitimer(signal.ITIMER_REAL))
        print(signal.set_wakeup_fd(-1))
        """,
    "standard input": """
        import sys
        print(input(), sys.stdin.readline().upper(), sys.stdin.read()[::-1])
        """,
    "exception": """
        def outer():
            inner()
        def inner():
            raise ValueError("two\\nlines")
        outer()
        """,
    "exceptions in a chain": """
        class Odd(Exception):
            def __str__(self):
                return "odd " + super().__str__()
        def fails():
            try:
                {}["missing"]
            except KeyError as error:
                raise Odd("one") from error
        try:
            fails()
        finally:
            raise ExceptionGroup("several", [Odd("two"), ValueError(3)])
        """,
    "printed tracebacks": """
        import sys, traceback
        def generator():
            try:
                yield 1
            finally:
                traceback.print_stack(file=sys.stdout)
        def depth():
            frame, count = sys._getframe(), 0
            while frame:
                frame, count = frame.f_back, count + 1
            return count
        for _ in generator():
            pass
        print(depth(), [depth() for _ in range(2)], sorted([1], key=lambda _: depth()))
        try:
            1 / 0
        except ZeroDivisionError:
            traceback.print_exc()
        def hook(*details):
            print("hook", details[0], traceback.extract_tb(details[2]))
        sys.excepthook = hook
        [1 / 0 for _ in "a"]
        """,
    "syntax error": "def broken(:\\n    pass\\n",
    "indentation error": "if True:\\nprint(1)\\n",
    "not UTF-8": "x = '\\udcff'\\n",
    "null byte": "x = 1\\0\\n",
    "exit with a message": "import sys\ndef leave():\n    sys.exit('that was all')\nleave()\n",
    "exit with a number": "raise SystemExit(42)\n",
    "exit with an object": "import sys\nsys.exit([1, 2])\n",
    "exit with nothing": "import sys\nsys.exit(None)\n",
    "exit at once": "import os\nprint('lost')\nos._exit(7)\n",
    "killed": "import os, signal\nprint(1, flush=True)\nos.kill(os.getpid(), signal.SIGTERM)\n",
    "interrupted": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n",
    "aborted": "import os\nos.abort()\n",
    "interrupt is an exception": """
        import os, signal
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            print("caught")
        """,
    "at exit": """
        import atexit, sys, threading, weakref
        class Thing:
            def __del__(self):
                print("del", sys.is_finalizing())
        atexit.register(print, "first registered")
        atexit.register(lambda: print("second registered"))
        kept = Thing()
        weakref.finalize(kept, print, "finalized")
        cycle = [Thing()]
        cycle.append(cycle)
        threading.Thread(target=lambda: print("in a thread")).start()
        print("end of the script")
        """,
    "exception at exit": """
        import atexit
        def fails():
            raise ValueError("at exit")
        class Fails:
            def __del__(self):
                raise ValueError("in del")
        atexit.register(fails)
        Fails()
        """,
    "threads": """
        import threading, _thread
        def named():
            print(threading.current_thread().name, threading.active_count())
        print(threading.active_count(), threading.enumerate(), threading.main_thread().name)
        for _ in range(2):
            thread = threading.Thread(target=named)
            thread.start()
            thread.join()
        print(threading.Thread().name, threading.Thread(target=named).name)
        print(threading.stack_size(), threading._dangling.__class__, _thread._count())
        def fails():
            raise ValueError("in a thread")
        thread = threading.Thread(target=fails, name="failing")
        thread.start()
        thread.join()
        lock = _thread.allocate_lock()
        lock.acquire()
        _thread.start_new_thread(lambda: (named.__code__, lock.release()), ())
        lock.acquire()
        print(threading.active_count())
        """,
    "pickles": """
        import copy, pickle
        class Thing:
            def __init__(self, value):
                self.value = value
            def __eq__(self, other):
                return self.value == other.value
        def function():
            return 1
        text = pickle.dumps([Thing(1), Thing, function], protocol=0)
        print(text, pickle.loads(text)[0] == Thing(1), pickle.loads(text)[2] is function)
        print(copy.deepcopy(Thing([1])).value)
        """,
    "multiprocessing with fork": """
        import multiprocessing
        def work(number):
            print("child", multiprocessing.current_process().name, flush=True)
            return Thing(number)
        class Thing:
            def __init__(self, number):
                self.number = number
        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            with context.Pool(1) as pool:
                print([thing.number for thing in pool.map(work, range(3))])
            process = context.Process(target=work, args=(1,))
            process.start()
            process.join()
            print(process.exitcode, multiprocessing.active_children())
        """,
    "multiprocessing with spawn": """
        import multiprocessing, sys, os
        print("imported as", __name__, sys.argv, sorted(set(os.environ) - {"LC_CTYPE"}), flush=True)
        def work(number):
            print("child", sys.path, sys.orig_argv[1:2], flush=True)
            return Thing(number)
        class Thing:
            def __init__(self, number):
                self.number = number
        if __name__ == "__main__":
            context = multiprocessing.get_context("spawn")
            with context.Pool(1) as pool:
                print([thing.number for thing in pool.map(work, range(3))])
                pool.close()
                pool.join()
        """,
    "children": """
        import os, subprocess, sys
        print(subprocess.run([sys.executable, "-c", "import os, sys; print(sys.path,"
            "sorted(os.environ), 'sitecustomize' in sys.modules)"], capture_output=True).stdout)
        print(subprocess.run(["env"], capture_output=True).stdout)
        print(os.system("exit 3"), flush=True)
        child = os.fork()
        if child == 0:
            print("in the child", flush=True)
            sys.exit(5)
        print(os.waitpid(child, 0)[1])
        """,
    "executes another": """
        import os, sys
        print("before", flush=True)
        os.execv(sys.executable, [sys.executable, "-c", "import sys; print(sys.path); sys.exit(9)"])
        """,
    "warnings": """
        import warnings
        warnings.warn("of the script")
        def old():
            warnings.warn("is old", DeprecationWarning, stacklevel=2)
        old()
        open(__file__)
        async def never():
            pass
        never()
        print(warnings.filters)
        """,
    "recursion": """
        import sys
        def dive(depth):
            global deepest
            deepest = depth
            dive(depth + 1)
        try:
            dive(0)
        except RecursionError as error:
            print(error, deepest)
        dive(0)
        """,
    "the life of objects": """
        import gc, sys, weakref
        class Thing:
            pass
        def local_class():
            class Local:
                def method(self):
                    return 1
            Local().method()
            return weakref.ref(Local)
        class Owner:
            def method(self):
                return [1]
        owner = Owner()
        owner.method()
        print(sys.getrefcount(owner), sys.getrefcount(Owner.method))
        reference = weakref.ref(owner)
        del owner
        print(reference())
        reference = local_class()
        gc.collect()
        print(reference(), gc.isenabled(), gc.get_threshold(), gc.garbage, gc.callbacks)
        def generator():
            thing = Thing()
            references.append(weakref.ref(thing))
            yield 1
        references = []
        running = generator()
        next(running)
        del running
        print(references[0]())
        """,
    "inspection": """
        import dis, inspect, io, sys
        def function(first, *rest, named=1):
            here = inspect.currentframe()
            print(here.f_back.f_code.co_name, here.f_lineno, sorted(here.f_locals))
            return inspect.getframeinfo(here).lineno, [info.function for info in inspect.stack()]
        print(function(1, 2), inspect.signature(function), inspect.getsource(function))
        print(inspect.getmodule(function).__name__, inspect.getmodule(function.__code__).__name__)
        async def coroutine():
            pass
        waiting = coroutine()
        print(inspect.getcoroutinestate(waiting), waiting.cr_frame.f_lineno)
        waiting.close()
        print(sys.getprofile(), sys.get_asyncgen_hooks(), sys.get_coroutine_origin_tracking_depth())
        """,
    "logging and imports": """
        import importlib, logging, sys
        logging.basicConfig(format="%(filename)s %(funcName)s %(lineno)d %(message)s")
        def works():
            logging.warning("from %s", "works")
        works()
        print(importlib.import_module("json").loads("[1]"))
        try:
            import not_there
        except ImportError as error:
            print(error, error.name)
        for name in ("callgraph_lab", "pycallgraph2.tracer", "sitecustomize"):
            print(name in sys.modules)
        """,
    "locals": """
        import sys
        def changes(first, second):
            del first
            second, third = 5, [number for number in range(3)]
            exec("fourth = 4")
            return sorted(locals().items())
        class Body:
            value = 1
            print(sorted(locals()))
        def cells(value):
            def inner():
                nonlocal value
                value += 1
                return value
            inner()
            return inner(), value
        print(changes(1, 2), cells(1))
        """,
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, and what it printed."""

    status: int
    out: str
    errors: str


_ADDRESS = re.compile(r"0x[0-9a-f]+|(?<=started )\d+")
INPUT = "first\nsecond\nthird\n"


def without_addresses(text: str) -> str:
    """Replace what differs from one run to the next."""
    return _ADDRESS.sub("ADDRESS", text)


def run_both(
    target: Path | str,
    *arguments: str,
    folder: Path,
    engine: str,
    is_module: bool = False,
    **environment: str,
) -> tuple[Ended, Ended, Recording]:
    """Run a target untraced, then recorded; return how both ended, and the recording."""
    working_folder = folder / "work"
    working_folder.mkdir(exist_ok=True)
    # No bytecode: the first run must not leave anything that the second would find.
    variables = clean_environment(PYTHONDONTWRITEBYTECODE="1", **environment)
    start = ["-m", str(target)] if is_module else [str(target)]
    plain = subprocess.run(
        [sys.executable, *start, *arguments],
        cwd=working_folder,
        env=variables,
        input=INPUT,
        capture_output=True,
        text=True,
        check=False,
    )
    status = 128 - plain.returncode if plain.returncode < 0 else plain.returncode
    driven = DrivenRecording(
        target,
        *arguments,
        folder=folder,
        engine=engine,
        is_module=is_module,
        working_folder=working_folder,
        environment=variables,
    )
    out, errors = driven.process.communicate(INPUT)
    return (
        Ended(status, without_addresses(plain.stdout), without_addresses(plain.stderr)),
        Ended(driven.process.returncode, without_addresses(out), without_addresses(errors)),
        driven.recording(),
    )


@every_engine
@pytest.mark.parametrize("name", SCRIPTS)
def test_script_runs_as_it_does_without_us(engine: str, name: str, tmp_path: Path) -> None:
    text = SCRIPTS[name]
    lines = text.splitlines()
    if text.startswith("\n"):
        text = "\n".join(line.removeprefix(" " * 8) for line in lines) + "\n"
    script = tmp_path / "script.py"
    script.write_text(text, encoding="utf-8", errors="surrogateescape")
    plain, recorded, _ = run_both(script, "an argument", "--option", folder=tmp_path, engine=engine)
    assert recorded == plain


MODULES = """
import sys
print(*sorted(sys.modules))
"""


@every_engine
def test_no_module_is_loaded_but_those_on_the_list(engine: str, tmp_path: Path) -> None:
    plain, recorded, _ = run_both(write_script(tmp_path, MODULES), folder=tmp_path, engine=engine)
    before, after = set(plain.out.split()), set(recorded.out.split())
    assert before <= after
    assert after - before <= IMPORTED_BY_ENGINES


CUSTOMIZED = """
import sys
print("customized", __name__, __file__, sys.path)
def of_customize():
    pass
of_customize()
"""
ASKING = """
import sys
def main():
    for name in ("sitecustomize", "usercustomize"):
        module = sys.modules.get(name)
        print(name, module and module.__file__)
    print(sys.path, sys.argv)
main()
"""


@every_engine
def test_sitecustomize_of_the_user_still_runs(engine: str, tmp_path: Path) -> None:
    write_script(tmp_path / "theirs", CUSTOMIZED, "sitecustomize.py")
    script = write_script(tmp_path, ASKING)
    plain, recorded, recording = run_both(
        script, folder=tmp_path, engine=engine, PYTHONPATH=str(tmp_path / "theirs")
    )
    assert "customized sitecustomize" in plain.out
    assert recorded == plain
    assert calls_by_name(recording)["__main__.main"] == 1


@every_engine
def test_sitecustomize_of_the_user_that_fails_fails_alike(engine: str, tmp_path: Path) -> None:
    write_script(tmp_path / "theirs", "import not_there\n", "sitecustomize.py")
    script = write_script(tmp_path, ASKING)
    plain, recorded, recording = run_both(
        script, folder=tmp_path, engine=engine, PYTHONPATH=str(tmp_path / "theirs")
    )
    assert recorded.out == plain.out
    assert recorded.status == plain.status
    assert "No module named 'not_there'" in recorded.errors
    assert calls_by_name(recording)["__main__.main"] == 1


@every_engine
def test_usercustomize_of_the_user_still_runs(engine: str, tmp_path: Path) -> None:
    write_script(tmp_path / "theirs", CUSTOMIZED, "usercustomize.py")
    script = write_script(tmp_path, ASKING)
    plain, recorded, recording = run_both(
        script, folder=tmp_path, engine=engine, PYTHONPATH=str(tmp_path / "theirs")
    )
    assert recorded == plain
    assert calls_by_name(recording)["__main__.main"] == 1


PACKAGE = {
    "package/__init__.py": "print('the package', __name__)\n",
    "package/__main__.py": "import sys\nfrom package.inner import work\n"
    "print(__name__, __package__, __spec__.name, __file__, sys.argv, sys.path)\nwork()\n",
    "package/inner.py": "def work():\n    print('work')\n",
    "package/runs.py": "import sys\nfrom . import inner\n"
    "print(__name__, __package__, sys.argv, sys.orig_argv[1:])\ninner.work()\n",
}


def write_package(folder: Path) -> None:
    for name, text in PACKAGE.items():
        write_script(folder, text, name)


@every_engine
@pytest.mark.parametrize("module", ["package", "package.runs"])
def test_module_runs_as_it_does_without_us(engine: str, module: str, tmp_path: Path) -> None:
    write_package(tmp_path / "work")
    plain, recorded, recording = run_both(
        module, "x", "-y", folder=tmp_path, engine=engine, is_module=True
    )
    assert plain.status == 0
    assert recorded == plain
    assert calls_by_name(recording)["package.inner.work"] == 1


@every_engine
def test_folder_with_a_main_runs_as_it_does_without_us(engine: str, tmp_path: Path) -> None:
    folder = tmp_path / "program"
    write_script(
        folder, "import helper, sys\nprint(__file__, sys.path[0])\nhelper.work()\n", "__main__.py"
    )
    write_script(folder, "def work():\n    print('work')\n", "helper.py")
    plain, recorded, recording = run_both(folder, folder=tmp_path, engine=engine)
    assert plain.status == 0
    assert recorded == plain
    assert calls_by_name(recording)["helper.work"] == 1


@every_engine
def test_zip_application_runs_as_it_does_without_us(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "program.pyz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "__main__.py", "import helper, sys\nprint(__file__, sys.path[0])\nhelper.work()\n"
        )
        archive.writestr("helper.py", "def work():\n    print('work', __file__)\n    1 / 0\n")
    plain, recorded, recording = run_both(path, folder=tmp_path, engine=engine)
    assert plain.status == 1
    assert recorded == plain
    assert calls_by_name(recording)["helper.work"] == 1


@every_engine
def test_script_in_the_working_folder_under_a_relative_name(engine: str, tmp_path: Path) -> None:
    write_script(tmp_path / "work", "import neighbour\nprint(__file__, neighbour.__file__)\n")
    write_script(tmp_path / "work", "", "neighbour.py")
    plain, recorded, _ = run_both(Path("target.py"), folder=tmp_path, engine=engine)
    assert plain.status == 0
    assert recorded == plain


SUBINTERPRETER = """
import sys
try:
    import _interpreters
except ImportError:
    import _xxsubinterpreters as _interpreters
interpreter = _interpreters.create()
_interpreters.run_string(interpreter, "import sys; print('inside', 'sitecustomize' in sys.modules)")
_interpreters.destroy(interpreter)
print("done")
"""


@every_engine
def test_a_sub_interpreter_starts_as_ever(engine: str, tmp_path: Path) -> None:
    script = write_script(tmp_path, SUBINTERPRETER)
    plain, recorded, _ = run_both(script, folder=tmp_path, engine=engine)
    assert recorded == plain
    assert plain.out.endswith("done\n")
