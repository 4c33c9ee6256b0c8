"""The layout of a live file: what an engine writes, one file a process, while the target runs.

A live file is mapped shared by its one writer and may be read by anybody at any moment, also after
the writer was killed. It only grows, so a reader never finds a place reused. All integers are
little-endian; everything stands on 8-byte boundaries.

The file starts with a header of ``HEADER_BYTES``::

      0  8s   MAGIC: written last, when the rest of the header is there
      8  u32  FORMAT_VERSION              12  u32  HEADER_BYTES
     16  u64  pid                         24  u64  start time of the process, clock ticks since boot
     32  u64  parent's pid                40  u32  clock (CLOCK_*)   44  u32 unused
     48  u64  first anchor: ticks         56  u64  CLOCK_MONOTONIC ns  64  u64  CLOCK_REALTIME ns
     72  u64  latest anchor: ticks        80  u64  CLOCK_MONOTONIC ns
     88  u64  ticks a second, where the clock is not in nanoseconds and the anchors are too close
     96  u32  state (STATE_*)            100  u32  errno of what stopped the recording
    104  u64  end of the last block published: nothing beyond it is to be read
    112  u64  contexts   120  u64  functions   128  u64  threads (for information)
    136  u64  contexts there were when their budget was used up, 0 if it never was: those made since
              stand for every path to the same caller, callee and depth
    144  u64  events ever made   152  u64  of these, how many were overwritten or had no room
    160  u64  forked children that could not begin a file of their own (they count themselves)
    168  u64  errno of the last of them
    176  u64  the most bytes that the process held at once, where memory is counted
    184  u64  blocks of memory that there was no room to list: they count as freed at once
    192  u64  when the process ended, CLOCK_MONOTONIC ns; 0 where it has not, or could not say so
    200  u32  how it ended (ENDING_*)
    204  u32  1: while the process is there the kernel keeps a lock on the byte LOCK_OF_OWNER of the
              file; 0: this file system has no such locks, so look for its pid and start time
    208  u32  other Pythons that the process has started, where these are not recorded
    212  u32  of them, how many multiprocessing started
    216  u32  1: the process went on as another Python (os.exec*), which is not recorded
    224  u64  functions there were when their budget was used up, 0 if it never was: those met since
              are one, ``<more functions>``
    256  256s why recording stopped, or a remark on it while it goes on, UTF-8, ended by NUL
    512  ...  information on the process as a JSON object, UTF-8, ended by NUL

A second lock, on the byte LOCK_OF_FAMILY, is held by the process as well, and by its forked
children as long as they have no file of their own, if they are to be recorded. Both are locks of
the open file (``F_OFD_SETLK``), and go with the last mapping made through it.

Blocks follow without a gap, each on a page boundary with a header of ``BLOCK_HEADER_BYTES`` (a
*filler* block only fills room that its writer could not use)::

      0  u32  BLOCK_MAGIC                  4  u32  type (BLOCK_*)
      8  u64  size of the block with its header, a multiple of PAGE_BYTES
     16  u64  used: payload bytes (functions) or records (all others) that are complete
     24  u32  id of the first record      28  u32  index of the thread (contexts, lines, thread)

A *functions* block holds records one after the other, each padded to 8 bytes::

      0  u32  bytes of the record, padding included    4  u32  function id, counted from 0
      8  u32  first line                              12  u32  flags (FUNCTION_*)
     16  six strings, each a u32 length and its UTF-8: module, qualname, file, class of ``self`` as
         ``module:qualname``, its ancestors likewise joined by newlines, pycallgraph2's name

A *contexts* block holds records of ``CONTEXT_BYTES`` of one thread; ids count on within a block
from the first that its header gives, and a context's caller always has the smaller id::

      0  u32  caller's context id or NO_CONTEXT        4  u32  function id
      8  u64  calls     16  u64  resumes     24  u64  suspensions
     32  u64  ticks inside calls that have ended, callees included
     40  u32  label: id of the action and lane that these calls serve, 0 = none
     44  u32  base of the resumes (modulo 2^32)     48  u64  base of the calls
     56  u64  base of the ticks: a counter less its base is the part of the instance that its label
              names; counters themselves only grow

A *thread* block holds one thread and the stack of its open calls, outermost first (a later block
of the same thread, made when the stack outgrew its capacity, replaces the earlier when it is
used: a single record, all of it)::

      0  u64  identifier         8  u64  native identifier
     16  u32  root context      20  u32  THREAD_ALIVE or THREAD_ENDED
     24  u64  threads that have used this block, one after the other
     32  u64  sequence: odd while the writer changes the stack, where it can be caught at that
     40  u64  depth: open calls, which may exceed the capacity
     48  u64  capacity           56  u64  ticks when the (first) thread began
     64  capacity entries: u32 context, u32 flags (OPEN_*), u64 ticks at its entry

Where memory is counted, a *memory* block holds records of ``MEMORY_BYTES``, one for each context id
from the first that its header gives, whether there is such a context or not; one block with the
first id NO_CONTEXT holds a single record of what no context has done. A record has the same four
figures twice, for blocks that are allocated under the interpreter lock and for the others::

      0  u64  bytes allocated             8  u64  blocks allocated
     16  u64  bytes freed while the context ran, whoever had allocated them
     24  u64  bytes of what the context has allocated that were freed, whoever did it
     32  the same four figures of blocks of the raw domain

Where instances of an action take turns with a context, an *instance memory* block holds records of
``INSTANCE_MEMORY_BYTES``: the figures that are not in the context's own record, which has those of
instances before::

      0  u32  context, or NO_CONTEXT     4  u32  1: of the instance that it counts for now
     64  a record as above

Where lines are counted, a *lines* block holds records of ``LINE_BYTES`` of one thread, each of a
source line that it has come to in a function::

      0  u32  function id                 4  u32  line
      8  u64  hits: how often the line began
     16  u64  ticks while at least one call was at the line, callees included; without the time
              since ``since`` where a call is at it now
     24  u64  since: ticks when the first of these came to it
     32  u32  open: calls that are at the line now
     36  u32  running: those of them that have not called a recorded function
     40  u64  own ticks, modulo 2^64: with ``running`` times the present moment what was spent at
              the line itself
     48  u64  bytes allocated by the thread meanwhile, without those since ``since``
     56  u64  bytes freed by it, likewise
     64  u64  bytes that the thread had allocated, and   72  u64  had freed at ``since``

Where memory is counted as well, the first record of a thread has the function id NO_CONTEXT: its
bytes are all that the thread has allocated and freed since then.

With an event map there are blocks for what the calls served; an id is the place of a record in all
blocks of its type, from 1, and 0 means none. An *actions* block holds records of ``ACTION_BYTES``::

      0  u32  bytes of the name            4  u32  flags (ACTION_*)
      8  u64  instances begun in this process     16  u64  of all, ended in it
     24  u64  sessions that had one       32  u64  busy ticks of threads   40  u64  their CPU ns
     48  u64  bytes moved                 56  u64  records of ended instances that were overwritten
     64  u64  ticks from begin to end of those that have ended
     72  56s  name, UTF-8

A *labels* block holds records of ``LABEL_BYTES``: an action and a lane of it, which instances use
one after the other::

      0  u32  action      4  u32  lane     8  u64  serial of the instance that the bases of its
                                                  contexts belong to (0: none, or in the making)

*Instances* and *events* blocks are rings: once there are as many records as are kept, the oldest
are overwritten (an instance only after its end). The serial of a record is 0 while it is changed.
An instance has ``INSTANCE_BYTES``::

      0  u64  serial, from 1 in each process     8  u64  session
     16  u32  action     20  u32  label (its lane's)
     24  u64  ticks at its begin     32  u64  ticks at its end, 0 while it is open
     40  u64  busy ticks    48  u64  CPU time, ns    56  u64  bytes
     64  u32  entries into it        68  u32  passes of the event loop that it was entered in
     72  u32  outcome (a reply code) 76  u32  flags (INSTANCE_*)
     80  u32  bytes of the detail    84  u32  index of the thread that began it
     88  eight phases, each the u64 ticks when its first call was entered (0: none was) and when the
         last that was open returned, or a generator was suspended (0: one is open)
    216  104s detail, UTF-8

A session is the pid that first saw it in the upper 32 bits and a number from 1 in the lower. An
instance that was open at a fork has the flag INSTANCE_IS_INHERITED in the child's file: there it
was not begun, but what it did there is counted, and it has a serial of the child's.

An event has ``EVENT_BYTES``::

      0  u64  serial, from 1    8  u64  ticks    16  u64  duration, ticks
     24  u64  session          32  u64  serial of the instance
     40  u32  sensor (SENSOR_STALLED: a pass of the event loop that took too long; SENSOR_LIMIT:
              an error said that a limit is reached)
     44  u32  context or NO_CONTEXT    48  u32  action    52  u32  bytes of the text
     56  456s text, UTF-8: key NUL value NUL and so on, cut between pairs

The order of writes makes readers safe: a record is complete before ``used`` counts it, a
block before the header's end covers it, a stack entry before ``depth`` does.
"""

from __future__ import annotations

import struct

MAGIC = b"CGLABLV1"
FORMAT_VERSION = 6
HEADER_BYTES = 4096
PAGE_BYTES = 4096

CLOCK_MONOTONIC_NS = 1
CLOCK_TIME_STAMP_COUNTER = 2

STATE_RECORDING = 0
STATE_FINISHED = 1
STATE_STOPPED = 2

ENDING_UNKNOWN = 0
ENDING_FINISHED = 1
ENDING_EXITED = 2
ENDING_REPLACED = 3
"""It runs another program since, by ``exec``."""

LOCK_OF_OWNER = 0
LOCK_OF_FAMILY = 1

IDENTITY = struct.Struct("<8sIIQQQI4x")
"""magic, version, header bytes, pid, start time, parent's pid, clock."""
ANCHORS_OFFSET = 48
ANCHORS = struct.Struct("<QQQQQQ")
STATE_OFFSET = 96
STATE = struct.Struct("<II")
END_OFFSET = 104
TOTALS_OFFSET = 112
FOLDED_FROM = struct.Struct("<Q")
FOLDED_FROM_OFFSET = 136
EVENT_TOTALS = struct.Struct("<QQ")
EVENT_TOTALS_OFFSET = 144
LOST_CHILDREN = struct.Struct("<QQ")
LOST_CHILDREN_OFFSET = 160
MEMORY_TOTALS = struct.Struct("<QQ")
MEMORY_TOTALS_OFFSET = 176
ENDED = struct.Struct("<QI")
ENDED_OFFSET = 192
IS_LOCKED = struct.Struct("<I")
IS_LOCKED_OFFSET = 204
OTHER_PYTHONS = struct.Struct("<III")
OTHER_PYTHONS_OFFSET = 208
FUNCTIONS_FOLDED_FROM_OFFSET = 224
STOP_REASON_OFFSET = 256
STOP_REASON_BYTES = 256
INFORMATION_OFFSET = 512
INFORMATION_BYTES = HEADER_BYTES - INFORMATION_OFFSET

BLOCK_MAGIC = 0x4B4C4243
BLOCK_FILLER = 0
BLOCK_FUNCTIONS = 1
BLOCK_CONTEXTS = 2
BLOCK_THREAD = 3
BLOCK_ACTIONS = 4
BLOCK_LABELS = 5
BLOCK_INSTANCES = 6
BLOCK_EVENTS = 7
BLOCK_MEMORY = 8
BLOCK_INSTANCE_MEMORY = 9
BLOCK_LINES = 10
BLOCK_HEADER_BYTES = 64
BLOCK_HEADER = struct.Struct("<IIQQII")
BLOCK_USED_OFFSET = 16

FUNCTION_HEADER = struct.Struct("<IIII")
FUNCTION_STRINGS = 6
FUNCTION_IS_THREAD = 1
FUNCTION_IS_C = 2
STRING_LENGTH = struct.Struct("<I")
LONGEST_STRING_BYTES = 16 * 1024

CONTEXT_BYTES = 64
CONTEXT = struct.Struct("<IIQQQQIIQQ")
NO_CONTEXT = 0xFFFFFFFF

MEMORY_BYTES = 64
INSTANCE_MEMORY_BYTES = 128
INSTANCE_MEMORY = struct.Struct("<II")
INSTANCE_MEMORY_FIGURES_OFFSET = 64

LINE = struct.Struct("<IIQQQIIQQQQQ")
LINE_BYTES = LINE.size

THREAD = struct.Struct("<QQIIQQQQQ")
THREAD_ENTRIES_OFFSET = 64
THREAD_ALIVE = 1
THREAD_ENDED = 2
OPEN_ENTRY = struct.Struct("<IIQ")
OPEN_IS_RESUME = 1
OPEN_IS_INHERITED = 2

ACTION = struct.Struct("<IIQQQQQQQQ56s")
ACTION_BYTES = ACTION.size
ACTION_IS_BACKGROUND = 1
ACTION_IS_ONCE = 2
ACTION_SESSIONS_AT_LEAST = 4
"""One object may have stood where an earlier one had, and been taken for it."""
LABEL = struct.Struct("<IIQ")
LABEL_BYTES = LABEL.size
INSTANCE = struct.Struct("<QQIIQQQQQIIIIII16Q104s")
INSTANCE_BYTES = INSTANCE.size
INSTANCE_IS_ABANDONED = 1
INSTANCE_HAS_LATE_WORK = 2
INSTANCE_IS_INHERITED = 4
PHASES = 8
EVENT = struct.Struct("<QQQQQIIII456s")
EVENT_BYTES = EVENT.size
SENSOR_STALLED = 0xFFFFFFFF
SENSOR_LIMIT = 0xFFFFFFFE
DEFAULT_KEEP_INSTANCES = 10_000
DEFAULT_KEEP_EVENTS = 20_000

DEFAULT_MAX_CONTEXTS = 1_000_000
"""How many contexts an engine keeps apart in a process, unless told otherwise: 64 MB."""

LEAST_MAX_CONTEXTS = 1000
"""No smaller number of contexts can be asked for."""
DEFAULT_MAX_FUNCTIONS = 50_000
"""How many functions an engine tells apart in a process, unless told otherwise."""
LEAST_MAX_FUNCTIONS = 100
"""No smaller number of functions can be asked for."""
MORE_FUNCTIONS = "<more functions>"
"""Stands for all functions past that."""

LIVE_SUFFIX = ".live"
"""A recording ``out/x.cglab`` that still runs is the folder ``out/x.cglab.live``."""
PART_SUFFIX = ".part"
"""Each process of it writes ``<pid>-<start time>.part`` there; one that has run another program
since, which is recorded as well, has ``<pid>-<start time>-1.part`` beside it."""
NOTE_SUFFIX = ".note"
"""A sentence for the recording, from a child interpreter that could not be recorded."""
RUN_FILE = "run.json"
"""What ``cglab`` itself knows of the run."""
RUN_LOCK_FILE = ".run.lock"
"""``cglab`` holds a lock on its first byte until it has made one file of the folder."""
