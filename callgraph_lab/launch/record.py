"""Record one run of a target from its start to a finished recording on disk."""

from __future__ import annotations

import importlib.util
import shlex
import signal
import tempfile
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from callgraph_lab.actions.compile import (
    DEFAULT_KEPT_INSTANCES,
    compile_maps,
    recorded_event_map,
)
from callgraph_lab.actions.load import AUTO as AUTO_MAPS
from callgraph_lab.actions.load import load_event_maps
from callgraph_lab.engines.c_calls import note_of_price
from callgraph_lab.engines.choice import AUTO, NATIVE, choose
from callgraph_lab.errors import (
    DriveError,
    EngineError,
    EventMapError,
    OutputError,
    UsageError,
)
from callgraph_lab.filtering.globs import with_own_names
from callgraph_lab.launch import heap_options
from callgraph_lab.launch.beside import Beside
from callgraph_lab.launch.conclude import conclude
from callgraph_lab.launch.daemons import Daemons
from callgraph_lab.launch.drive import Drive, DriveState
from callgraph_lab.launch.faults import Faults
from callgraph_lab.launch.interpreter import find_interpreter
from callgraph_lab.launch.interrupts import interrupts_held
from callgraph_lab.launch.passing_on import signals_to_pass_on
from callgraph_lab.launch.rest import Rest
from callgraph_lab.launch.runtime import Runtime
from callgraph_lab.launch.stack_limit import raise_for_exec, soft_limit
from callgraph_lab.launch.start import named_descriptors, open_descriptors
from callgraph_lab.launch.stopping import DEFAULT_STOP_AFTER_S
from callgraph_lab.launch.supervisor import LONGEST_WAIT_S, Supervisor
from callgraph_lab.launch.target import check_module, check_script
from callgraph_lab.recording import catalog
from callgraph_lab.recording.guarded_file import make_parents
from callgraph_lab.recording.live_format import DEFAULT_MAX_CONTEXTS, DEFAULT_MAX_FUNCTIONS
from callgraph_lab.recording.live_information import without_arguments
from callgraph_lab.recording.maker import seal_live_folder
from callgraph_lab.recording.removing import remove_live_folder
from callgraph_lab.recording.run_file import started_now, write_run_file
from callgraph_lab.recording.running import RunLock
from callgraph_lab.resources.limit_watch import LimitWatch
from callgraph_lab.resources.limits import error_limits_of, ftp_limits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from callgraph_lab.actions.event_map import EventMap
    from callgraph_lab.engines.choice import Choice
    from callgraph_lab.errors import CallgraphLabError
    from callgraph_lab.launch.heap_options import HeapOptions
    from callgraph_lab.launch.supervisor import Outcome
    from callgraph_lab.launch.target import Target
    from callgraph_lab.recording.run_file import RunFile
    from callgraph_lab.resources.limits import Limit, OnLimit
    from callgraph_lab.resources.line_format import LogResources


_NS_PER_MS = 1_000_000
_LIMITS = "watching limits"

FollowChildren = Literal["fork", "all", "none"]
"""Which children are recorded: forked ones, those and new Python interpreters, or none."""


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """How to record. ``drive`` is a command line; durations are in seconds."""

    folder: Path
    engine: str = AUTO
    python: str | None = None
    name: str | None = None
    duration_s: float | None = None
    drive: str | None = None
    drive_timeout_s: float = 30.0
    stop_after_s: float = DEFAULT_STOP_AFTER_S
    """How long the target has after a signal that is to end it, before it gets a harder one."""
    follow_children: FollowChildren = "fork"
    max_contexts: int = DEFAULT_MAX_CONTEXTS
    max_functions: int = DEFAULT_MAX_FUNCTIONS
    c_calls: bool = False
    memory: bool = False
    no_argv: bool = False
    """Leave the arguments of the target, and of programs that it starts, out of the recording."""
    lines: tuple[str, ...] = ()
    """Globs of the functions whose source lines are to be counted."""
    event_maps: tuple[str, ...] = (AUTO_MAPS,)
    """``auto`` for all maps that come with the package, ``none``, names of theirs, or files."""
    keep_instances: int = DEFAULT_KEPT_INSTANCES
    stall_ms: float | None = None
    """How long a pass of the event loop may work; 0 for ever, None for what the maps say."""
    log_events: Path | None = None
    """The file that a line for each event is appended to."""
    log_resources: LogResources | None = None
    heap: HeapOptions | None = None
    heartbeat_s: float | None = None
    log_file: Path | None = None
    """Where heartbeats go; None: where everything else goes that we say."""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    on_limit: OnLimit | None = None
    """None: what is the way of each limit; ``cpu-time`` ends the target, the others do not."""

    @property
    def stall_ns(self) -> int | None:
        """``stall_ms`` in nanoseconds."""
        return None if self.stall_ms is None else round(self.stall_ms * _NS_PER_MS)

    @property
    def asks_for_actions(self) -> bool:
        """Whether anything is asked for that only an engine with actions can do."""
        wants_events = bool(self.stall_ms) or self.log_events is not None
        return wants_events or set(self.event_maps) != {AUTO_MAPS}

    def of_engine(self) -> dict[str, object]:
        """Return what the engine is to be told. Not every engine knows of all of it."""
        options: dict[str, object] = {
            "follow_forks": self.follow_children != "none",
            "max_contexts": self.max_contexts,
            "max_functions": self.max_functions,
        }
        if self.c_calls:
            options["c_calls"] = True
        if self.memory:
            options["memory"] = True
        if self.lines:
            options["lines"] = with_own_names(self.lines)
        return options


@dataclass(slots=True)
class Recorded:
    """A run that is over: its recording, how the target ended, what went wrong with the client."""

    entry: catalog.Entry
    outcome: Outcome
    engine: str
    notes: list[str] = field(default_factory=list)
    error: CallgraphLabError | None = None
    """Why there is no finished recording, or nothing in it. The target's end is not its concern."""
    drive_error: DriveError | None = None


def record(target: Target, options: RecordOptions, *, say: Callable[[str], None]) -> Recorded:
    """Run a target under an engine and return its recording, however the target ends.

    ``say`` gets what a user should know while it runs, one line at a time. Raises ``TargetError``,
    ``EngineError``, ``EventMapError`` or ``OutputError`` before anything has been started; what
    fails afterwards is an ``error`` of what is returned.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        return _record(target, options, mask, say=say)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _record(
    target: Target,
    options: RecordOptions,
    mask: set[int | signal.Signals],
    *,
    say: Callable[[str], None],
) -> Recorded:
    interpreter = find_interpreter(options.python)
    if target.is_module:
        check_module(target.name, interpreter.program)
    else:
        check_script(target.name)
    engine = _choose_engine(options)
    follow_interpreters = options.follow_children == "all"
    if follow_interpreters:
        _check_that_interpreters_can_be_followed()
    maps, engine_options = _event_maps(options, engine.name, say)
    heap_options.check_engine(options.heap, engine.name, has_actions=bool(maps))
    with_guppy = heap_options.choose_counter(options.heap, interpreter.program, say)
    limit_watch = LimitWatch(options.limits, options.on_limit, interpreter.program, say)
    uses_stack = engine.name == NATIVE and "memory" not in options.limits
    not_ours = open_descriptors() - named_descriptors((options.log_file, options.log_events))
    drive = None
    if options.drive is not None:
        drive = Drive(options.drive, timeout_s=options.drive_timeout_s, say=say)
    _make_folder(options.folder)
    beside = Beside(say=say, log_file=options.log_file, log_events=options.log_events)
    stem = catalog.name_stem(options.name or target.name)
    # From here on there is something to remove again: what would end us waits for the target.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals_to_pass_on())
    # The lock tells other commands, until we return, that this run goes on.
    path, live_folder, _run_lock = _reserve(options.folder, stem)
    daemons = Daemons(live_folder)
    if drive is not None:
        drive.tell_recording(live_folder)
    command = target.command(interpreter.program)
    run = started_now(
        name=path.name.removesuffix(catalog.RECORDING_SUFFIX),
        target=str(target),
        argv=tuple(without_arguments(command[1:]) if options.no_argv else command[1:]),
        python=interpreter.version,
        engine=engine.name,
        notes=(note_of_price(),) if options.c_calls else (),
        event_map=recorded_event_map(maps, stall_ns=options.stall_ns),
    )
    runtime = _prepare(live_folder, run)
    faults = Faults(say)
    beside.begin(live_folder, run.name, options.heartbeat_s)
    try:
        environment = runtime.environment(
            engine=engine.name,
            interpreter=interpreter,
            log_resources=None if options.log_resources is None else asdict(options.log_resources),
            heap=heap_options.configure(options.heap, live_folder, with_guppy=with_guppy),
            ftp_limits=ftp_limits_of(options.limits),
            error_limits=error_limits_of(options.limits) if engine.name == NATIVE else {},
            options=engine_options,
            follow_interpreters=follow_interpreters,
            stack_limit=soft_limit() if uses_stack else None,
            no_argv=options.no_argv,
        )
        supervisor = Supervisor(
            command,
            environment,
            say=say,
            mask=mask,
            duration_s=options.duration_s,
            drive=drive,
            daemons=daemons,
            stop_after_s=options.stop_after_s,
            kept_descriptors=named_descriptors((options.log_file, options.log_events)),
        )
        limit_watch.begin(
            live_folder, supervisor.request_stop, engine_sees_errors=engine.name == NATIVE
        )
        outcome = supervisor.run(
            lambda pid: min(
                beside.attend(pid),
                faults.guard(_LIMITS, lambda: limit_watch.attend(pid), LONGEST_WAIT_S),
            ),
            lambda: _prepare_process(limit_watch, uses_stack=uses_stack),
        )
    except BaseException:
        faults.guard(_LIMITS, limit_watch.close, None)
        beside.close()
        runtime.remove()
        raise
    with interrupts_held():
        faults.guard(_LIMITS, limit_watch.close, None)
        rest = Rest(daemons, beside, runtime, supervisor.pid)
        rest.first_process_has_ended()
        notes = [f"stopped by {outcome.stopped_by}"] if outcome.stopped_by else []
        notes += [*outcome.notes, *outcome.faults, *beside.faults, *faults.notes]
        notes += faults.guard(_LIMITS, lambda: limit_watch.finish(outcome.status), [])
        concluded = conclude(path, live_folder, run, outcome, notes, say=say)
        rest.go_on(concluded.entry, mask=mask, let_go_of=not_ours)
        return Recorded(
            entry=concluded.entry,
            outcome=outcome,
            engine=engine.name,
            notes=[
                *outcome.notes,
                *(note for note in concluded.remarks if note not in limit_watch.said_notes),
            ],
            error=concluded.error,
            drive_error=None if drive is None else _drive_error(drive, options, outcome),
        )


def _check_that_interpreters_can_be_followed() -> None:
    # Whatever the engine: it is the extension that amends the environment of what is started.
    if importlib.util.find_spec("callgraph_lab._native") is None:
        raise EngineError(
            "--follow-children all needs the compiled extension, which this Python has not",
            hint="use --follow-children fork, or install cglab where there is a C compiler",
        )


def _choose_engine(options: RecordOptions) -> Choice:
    """Return the engine that can do what is asked for, with the reason."""
    if not all(options.lines):
        raise UsageError(
            "--lines '' finds no function", hint="name functions: --lines 'Epoll.poll'"
        )
    return choose(
        options.engine,
        c_calls=options.c_calls,
        memory=options.memory,
        lines=bool(options.lines),
    )


def _event_maps(
    options: RecordOptions, engine: str, say: Callable[[str], None]
) -> tuple[tuple[EventMap, ...], dict[str, object]]:
    """Return the event maps that are recorded with, and what the engine is to be told."""
    maps = load_event_maps(options.event_maps)
    if options.stall_ms and not any(item.passes for item in maps):
        raise EventMapError(
            "--stall needs to know what a pass of the event loop is",
            hint="name an event map that has a 'pass' with --event-map",
        )
    if options.log_events is not None and not maps:
        raise EventMapError(
            "--log-events needs an event map: without one there are no events",
            hint="leave --event-map none away",
        )
    engine_options = options.of_engine()
    # A limit that is reached is an event, too, without a map.
    has_events = bool(maps) or bool(error_limits_of(options.limits))
    if (has_events and engine == NATIVE) or (maps and options.asks_for_actions):
        engine_options["event_map"] = compile_maps(
            maps, keep_instances=options.keep_instances, stall_ns=options.stall_ns
        )
    if maps and engine != NATIVE:
        maps = ()
        if options.asks_for_actions:
            say(f"the engine {engine} tells no actions apart: that takes the engine {NATIVE}")
    return maps, engine_options


def _prepare_process(limit_watch: LimitWatch, *, uses_stack: bool) -> None:
    """Make a process ready that is about to become the target."""
    if uses_stack:
        raise_for_exec()
    limit_watch.apply_in_target()


def _make_folder(folder: Path) -> None:
    """Make the folder of the recording, in which the user may want other files as well."""
    try:
        make_parents(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _reserve(folder: Path, stem: str) -> tuple[Path, Path, RunLock]:
    try:
        path, live_folder = catalog.reserve_recording(folder, stem)
        return path, live_folder, RunLock(live_folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write to {folder}: {error.strerror}", hint="choose another folder with --out"
    )


def _prepare(live_folder: Path, run: RunFile) -> Runtime:
    """Write down what is about to run. Leave nothing behind where that fails."""
    try:
        _write_run_file(live_folder, run)
        seal_live_folder(live_folder)
        return Runtime(live_folder)
    except OSError as error:
        remove_live_folder(live_folder)
        raise OutputError(
            f"cannot write to {tempfile.gettempdir()}: {error.strerror}",
            hint="free some space there, or set TMPDIR to another folder",
        ) from error
    except OutputError:
        remove_live_folder(live_folder)
        raise


def _write_run_file(live_folder: Path, run: RunFile) -> None:
    try:
        write_run_file(live_folder, run)
    except OSError as error:
        raise OutputError(
            f"cannot write to {live_folder}: {error.strerror}",
            hint="free some space there, or choose another folder with --out; what has been"
            " recorded is kept, and 'cglab list' finishes it",
        ) from error


def _drive_error(drive: Drive, options: RecordOptions, outcome: Outcome) -> DriveError | None:
    client = shlex.join(shlex.split(options.drive or ""))
    error = None
    if drive.state is DriveState.NEVER_LISTENED:
        error = DriveError(
            f"the target did not listen on a TCP port within {options.drive_timeout_s:g} s,"
            f" so {client} was not started",
            hint="is it a server? Give it more time with --drive-timeout",
        )
    elif drive.state in (DriveState.WAITING, DriveState.CUT_SHORT):
        # Where the user, or --duration, stopped the target, that was meant.
        if not outcome.stopped_by:
            error = _died_early(drive, client)
    elif drive.exit_status:
        error = DriveError(
            f"the client {client} failed with exit status {drive.exit_status}",
            hint="what it printed says why; the recording shows what the target did",
        )
    return error


def _died_early(drive: Drive, client: str) -> DriveError:
    if drive.state is DriveState.WAITING:
        return DriveError(
            f"the target ended before it listened on a TCP port, so {client} was not started",
            hint="run the target by itself to see why",
        )
    return DriveError(
        f"the target ended while the client {client} was still running",
        hint="run the target by itself to see why; the recording shows how far it came",
    )
