"""The package from Python: trace a block of this process, open a recording, ask it, draw it."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from callgraph_lab.engines.c_calls import note_of_price
from callgraph_lab.engines.choice import AUTO, choose, load_engine
from callgraph_lab.errors import EngineError, LayoutError, OutputError, RecordingError, UsageError
from callgraph_lab.filtering import build_filter_set
from callgraph_lab.filtering.globs import with_own_names
from callgraph_lab.graph.build import build_graph
from callgraph_lab.graph.c_functions import hide_with_callers
from callgraph_lab.graph.lines import line_tables
from callgraph_lab.launch.interpreter import this_interpreter
from callgraph_lab.model import GraphQuery
from callgraph_lab.recording import catalog, store
from callgraph_lab.recording import live_format as layout
from callgraph_lab.recording.ends import stopped
from callgraph_lab.recording.live_information import brief_arguments
from callgraph_lab.recording.maker import seal_live_folder
from callgraph_lab.recording.removing import remove_live_folder
from callgraph_lab.recording.run_file import ended_now, started_now, write_run_file
from callgraph_lab.recording.running import RunLock
from callgraph_lab.recording.source_files import with_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike
    from types import TracebackType

    from callgraph_lab.graph.lines import LineTable
    from callgraph_lab.model import CallGraph, DepthBy, Function, GraphNode, Naming, RunInformation

_tracing = threading.Lock()


class trace:  # noqa: N801 - used like a function
    """Record the calls that a block makes, and those of threads that start meanwhile.

    >>> with trace("block.cglab", engine="pycallgraph2"):
    ...     sorted("cba", key=lambda letter: -ord(letter))
    ['c', 'b', 'a']
    >>> [item.own_name for item in open_recording("block.cglab").functions(filters=["none"])]
    ['<lambda>']

    With ``c_calls`` functions written in C are recorded as well, with ``memory`` it is counted what
    each function allocates and frees, by the engine that can. Of functions that a glob in ``lines``
    finds every source line is counted. Past ``max_contexts`` calls are told apart by caller, callee
    and depth only, past ``max_functions`` all further functions are one; the recording says so.

    The recording is at ``path`` when the block has been left, also by an exception. Raises
    ``EngineError`` for an engine that cannot be used, ``OutputError`` where the recording cannot
    be written, ``UsageError`` inside another block: a process has one recording at a time.
    """

    def __init__(  # noqa: PLR0913 - by keyword
        self,
        path: str | PathLike[str],
        *,
        engine: str = AUTO,
        c_calls: bool = False,
        memory: bool = False,
        lines: Sequence[str] = (),
        max_contexts: int = layout.DEFAULT_MAX_CONTEXTS,
        max_functions: int = layout.DEFAULT_MAX_FUNCTIONS,
    ) -> None:
        for name, number, least in (
            ("max_contexts", max_contexts, layout.LEAST_MAX_CONTEXTS),
            ("max_functions", max_functions, layout.LEAST_MAX_FUNCTIONS),
        ):
            if number < least:
                raise UsageError(f"{name} is {number:,}; the least is {least:,}")
        self._path = Path(path)
        self._engine = choose(engine, c_calls=c_calls, memory=memory, lines=bool(lines)).name
        self._options: dict[str, Any] = {
            "max_contexts": max_contexts,
            "max_functions": max_functions,
        }
        if c_calls:
            self._options["c_calls"] = True
        if memory:
            self._options["memory"] = True
        if lines:
            self._options["lines"] = with_own_names(lines)
        self._stop: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        """Begin to record."""
        if not _tracing.acquire(blocking=False):
            raise UsageError(
                "this process is being traced already", hint="leave the other trace() block first"
            )
        try:
            self._begin()
        except BaseException:
            _tracing.release()
            raise
        return self

    def _begin(self) -> None:
        live_folder = catalog.reserve_live_folder(self._path)
        if live_folder is None:
            # It may be what a process that was killed inside its block has left.
            catalog.fold_abandoned(self._path.parent)
            live_folder = catalog.reserve_live_folder(self._path)
        if live_folder is None:
            raise UsageError(
                f"{self._path} is being recorded by another process",
                hint="give this recording another path",
            )
        interpreter = this_interpreter()
        argv = tuple(sys.argv) or ("",)
        self._live_folder = live_folder
        self._run = started_now(
            name=self._path.name.removesuffix(catalog.RECORDING_SUFFIX),
            target=argv[0] or "python",
            argv=argv,
            python=interpreter.version,
            engine=self._engine,
            notes=(note_of_price(),) if "c_calls" in self._options else (),
        )
        information = {"argv": brief_arguments(argv), "stdlib": interpreter.stdlib_folders}
        try:
            self._run_lock = RunLock(live_folder)
            write_run_file(live_folder, self._run)
            seal_live_folder(live_folder)
            self._stop = load_engine(self._engine).start(
                live_folder, information=information, whole_program=False, **self._options
            )
        except RuntimeError as error:
            remove_live_folder(live_folder)
            raise EngineError(f"the engine {self._engine} cannot start: {error}") from error
        except OSError as system_error:
            remove_live_folder(live_folder)
            raise _cannot_record(self._path, system_error) from system_error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and write the recording."""
        try:
            if self._stop is not None:
                self._stop()
            write_run_file(self._live_folder, ended_now(self._run, exit_status=None))
            # This process goes on, but what was to be recorded is over.
            recording = stopped(catalog.read_live(self._live_folder))
            store.save(with_sources(recording), self._path, self._live_folder)
            remove_live_folder(self._live_folder)
            self._run_lock.let_go()
        except OSError as system_error:
            raise _cannot_record(self._path, system_error) from system_error
        finally:
            _tracing.release()


def _cannot_record(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot record into {path}: {error.strerror}",
        hint="choose another path; 'cglab list' finishes what has been recorded",
    )


class OpenRecording:
    """A recording in memory, to be asked.

    ``graph``, ``functions`` and ``render`` take the same filters as the command line: ``include``
    and ``exclude`` globs, names or files of ``filters``, and ``stdlib``.
    """

    def __init__(self, entry: catalog.Entry) -> None:
        self.path = entry.path
        self._recording = catalog.load(entry)

    @property
    def run(self) -> RunInformation:
        """What was run, when, on which Python, for how long."""
        return self._recording.run

    def graph(  # noqa: PLR0913 - a query has that many parts, all by keyword
        self,
        *,
        max_depth: int | None = 4,
        depth_by: DepthBy = "visible",
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        filters: Sequence[str] = (),
        stdlib: bool | None = None,
        naming: Naming = "cglab",
    ) -> CallGraph:
        """Return the call graph down to ``max_depth`` (None: every depth).

        >>> with trace("doc.cglab"):
        ...     print(callable(lambda: 0), (lambda: 1)())
        True 1
        >>> graph = open_recording("doc.cglab").graph(filters=["none"])
        >>> [(edge.source, edge.calls) for edge in graph.edges]
        [('thread MainThread', 1)]
        """
        if max_depth is not None and max_depth < 1:
            raise UsageError(f"max_depth is {max_depth}; depths begin at 1")
        functions = self._recording.functions
        filter_set = build_filter_set(
            filters, include=include, exclude=exclude, stdlib=stdlib, functions=functions
        )
        query = GraphQuery(
            max_depth=max_depth,
            depth_by=depth_by,
            naming=naming,
            include=tuple(include),
            exclude=tuple(exclude),
            filters=filter_set.names,
            stdlib=stdlib,
        )
        decisions = filter_set.decide_all(functions)
        recording, decisions = hide_with_callers(self._recording, decisions)
        return build_graph(recording, query, decisions)

    def functions(
        self,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        filters: Sequence[str] = (),
        stdlib: bool | None = None,
    ) -> tuple[Function, ...]:
        """Return the functions that ran and that the filters let show, by first call."""
        nodes: tuple[GraphNode, ...] = self.graph(
            max_depth=None, include=include, exclude=exclude, filters=filters, stdlib=stdlib
        ).nodes
        return tuple(node.function for node in nodes if node.function.kind != "thread")

    def lines(self, name: str) -> tuple[LineTable, ...]:
        """Return what was counted of the source lines of the functions called ``name``."""
        return line_tables(self._recording, name)

    def render(
        self,
        path: str | PathLike[str],
        *,
        max_depth: int = 4,
        exclude: Sequence[str] = (),
        include: Sequence[str] = (),
        filters: Sequence[str] = (),
    ) -> Path:
        """Draw the graph into ``path``, a ``.dot``, ``.svg`` or ``.png`` file, and return it.

        Raises ``LayoutError`` where Graphviz fails, ``OutputError`` where the file cannot be
        written, ``UsageError`` for another ending.
        """
        from callgraph_lab.render.pictures import draw  # noqa: PLC0415 - Graphviz only to draw

        file = Path(path)
        graph = self.graph(max_depth=max_depth, include=include, exclude=exclude, filters=filters)
        picture_format = file.suffix.removeprefix(".")
        drawn = draw(graph, self.run, path_stem=file.with_suffix(""), formats=(picture_format,))
        if picture_format in drawn.skipped:
            raise LayoutError(f"{file} was not drawn: {drawn.skipped[picture_format]}")
        return drawn.files[picture_format]


def open_recording(path: str | PathLike[str]) -> OpenRecording:
    """Open a recording, finished or still running.

    Raises ``RecordingError`` where there is none, or it is damaged or of a newer version.
    """
    file = Path(path)
    if not file.exists() and not file.with_name(f"{file.name}.live").is_dir():
        raise RecordingError(f"there is no recording {file}")
    return OpenRecording(catalog.find(str(file), file.parent))
