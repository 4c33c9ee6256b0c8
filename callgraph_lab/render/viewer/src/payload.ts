/**
 * The data of a page, schema 1: made by `callgraph_lab/render/viewer_data.py`, read by everything here.
 *
 * Times are nanoseconds, moments count from the start of the run. Every text is the target's own and
 * may hold anything: show it with `visibleText` and as text only.
 */

export interface Payload {
  schema: 1;
  recording: RecordingInfo;
  functions: FunctionInfo[];
  /** [0] is the whole recording (key `all`); then actions, then instances of them, then marks. */
  slices: Slice[];
  /** How many slices were left out to keep the page small. */
  slices_left_out: number;
  filters: Preset[];
  auto: { plain: AutoChoice; with_include: AutoChoice };
  query: Query;
  /** As `cglab actions --format json` has them. */
  actions: ActionRow[];
  /** By the name of an action, as `cglab explain --format json` has them. */
  phases: Record<string, Phase[]>;
  /** The newest ones, in order of time. */
  events: EventLine[];
  events_dropped: number;
  marks: { name: string; moment_ns: number }[];
  resources: Resources | null;
  /** Instances of actions on the time line, in the order of their begins; the newest ones. */
  action_bands: ActionBand[];
  action_bands_dropped: number;
  /** By file, then by the number of a function's first line: its lines, cut where it is long. */
  sources: Record<string, Record<string, string[]>>;
  /** Files that were written to after the run began: their lines may be other ones by now. */
  changed_files: string[];
}

export interface RecordingInfo {
  name: string;
  target: string;
  argv: string[];
  python: string;
  engine: string;
  /** ISO 8601 with a zone. */
  started: string;
  duration_ns: number;
  complete: boolean;
  running: boolean;
  exit_status: number | null;
  notes: string[];
  processes: ProcessInfo[];
}

export interface ProcessInfo {
  pid: number;
  parent_pid: number;
  argv: string[];
  /** How many processes are in this row. */
  processes: number;
  running: boolean;
  ending: Ending;
  stop_reason: string;
}

/** How a process ended: by leaving, by running another program, by a signal; or recording stopped. */
export type Ending = "running" | "exited" | "replaced" | "killed" | "stopped";

export interface FunctionInfo {
  name: string;
  short_name: string;
  module: string;
  qualname: string;
  /** The class of `self`, `module:qualname`. */
  class: string | null;
  /** The class whose body holds the function, where that is another one. */
  defined_in: string | null;
  file: string;
  line: number;
  stdlib: boolean;
  kind: "function" | "c_function" | "thread";
  /** Classes along the method resolution order, `module:qualname`. */
  ancestors: string[];
  pycallgraph2_name: string;
  /** Of the script, or of a module in its folder. */
  is_target: boolean;
  /** It runs only because a module is imported. */
  is_import_code: boolean;
  /** Opens its source: the scheme is ours, the path percent-encoded. */
  link: string | null;
}

/** A tree of its own: the page picks slices, it never cuts them. */
export interface Slice {
  /** `all`, `action:STOR`, `action:STOR@slowest`, `mark:NAME`. */
  key: string;
  title: string;
  action: string | null;
  nth: "slowest" | "first" | "last" | null;
  mark: string | null;
  threads: ThreadInfo[];
  tree: TreeColumns;
}

export interface ThreadInfo {
  pid: number;
  name: string;
  /** Its root context, an index into the slice's tree. */
  root: number;
  threads: number;
  alive: boolean;
  /** How its process ended, and so its calls that have not returned. */
  ending: Ending;
}

/** Columns of equal length in preorder. A column that is zero throughout is left out. */
export interface TreeColumns {
  /** -1 for the root of a thread. */
  parent: number[];
  function: number[];
  calls?: number[];
  resumes?: number[];
  suspensions?: number[];
  inclusive_ns?: number[];
  self_ns?: number[];
  open_calls?: number[];
  allocated_bytes?: number[];
  net_bytes?: number[];
}

/** A filter by its name, or by the path of its file as the user gave it. */
export interface Preset {
  name: string;
  description: string;
  /** What it extends, each once, then itself: as `load_with_parents` returns them. */
  layers: FilterLayer[];
}

export interface FilterLayer {
  name: string;
  include: string[];
  exclude: string[];
  target: boolean;
  stdlib: boolean | null;
  import_code: boolean | null;
}

/** What `auto` means, and a sentence that says why. */
export interface AutoChoice {
  name: string;
  reason: string;
}

/** What `cglab view` was asked for: the state that the page begins with. */
export interface Query {
  /** Names of presets; none of them means `auto`. */
  filters: string[];
  include: string[];
  exclude: string[];
  stdlib: boolean | null;
  max_depth: number | null;
  depth_by: "visible" | "stack";
  slice: string;
  process: number | null;
  max_nodes: number;
}

export interface ActionRow {
  name: string;
  background: boolean;
  count: number;
  ended: number;
  /** How many did not end, by what became of their processes. */
  unended: Partial<Record<Ending, number>>;
  sessions: number;
  calls: number;
  functions: number;
  wall_ns: number;
  cpu_ns: number;
  duration_ns: number;
  p50_ns: number;
  p95_ns: number;
  max_ns: number;
  bytes: number;
  instances: number;
  dropped: number;
}

/** What was done in a phase: by the functions that the filters of the query show. */
export interface PhaseWork {
  calls: number;
  passes: number;
  time_ns: number;
  hidden_functions: number;
  functions: {
    name: string;
    qualname: string;
    file: string;
    line: number;
    calls: number;
    resumes: number;
    passes: number;
    time_ns: number;
  }[];
}

export interface Phase extends PhaseWork {
  name: string;
  sentence: string;
  begins_after_ns: number | null;
  lasts_ns: number | null;
  prepared: (PhaseWork & { action: string; count: number; for_this: number })[];
}

export interface EventLine {
  /** ISO 8601 with a zone. */
  time: string;
  moment_ns: number;
  sensor: string;
  session: string | null;
  action: string | null;
  instance: number | null;
  process: number;
  duration_ns: number;
  fields: Record<string, string>;
  rss_bytes: number | null;
  cpu_percent: number | null;
  /** Indices of functions, from the outermost call to the one that the event is about. */
  path: number[];
}

export interface Resources {
  moments_ns: number[];
  series: { name: string; unit: "%" | "B" | ""; values: (number | null)[] }[];
}

export interface ActionBand {
  name: string;
  /** What it was about, such as a path. */
  detail: string;
  begin_ns: number;
  /** Of one that did not end: the end of its process, or of the recording. */
  end_ns: number;
  /** How its process ended, where it had not ended by then. */
  ending: Ending | null;
  session: string;
}

/** Unpack the data of the page: base64 of gzip of JSON. */
export async function readPayload(base64: string): Promise<Payload> {
  const bytes = Uint8Array.from(atob(base64.trim()), (character) => character.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const payload = JSON.parse(await new Response(unpacked).text()) as Payload;
  if (payload.schema !== 1) {
    throw new Error(`this page cannot read data of schema ${String(payload.schema)}`);
  }
  return payload;
}
