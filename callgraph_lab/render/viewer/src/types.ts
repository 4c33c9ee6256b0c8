// What the parts of the page share: the graph (schema 1 of `cglab render --format json`), the tree
// that a state selects, and what a tab is.
import type { OpenCalls } from "./model/endings";
import type { Selection } from "./model/selection";
import type { Payload, Slice } from "./payload";
import type { DepthBy, Store, ViewState } from "./state";

/** One function of a graph; a thread's root has the kind `thread`. Times are in nanoseconds. */
export interface GraphNode {
  id: string;
  kind: "function" | "c_function" | "thread";
  name: string;
  pycallgraph2_name: string;
  module: string;
  qualname: string;
  class: string | null;
  defined_in: string | null;
  file: string;
  line: number;
  stdlib: boolean;
  calls: number;
  total_calls: number;
  resumes: number;
  open_calls: number;
  open_calls_by_ending: OpenCalls;
  suspended: number;
  inclusive_ns: number;
  self_ns: number;
  min_depth: number;
  memory: NodeMemory | null;
}

/** Bytes, at the depths that the graph shows; null in a node where the recording has none. */
export interface NodeMemory {
  allocated_bytes: number;
  net_bytes: number;
}

export interface GraphEdge {
  source: string;
  target: string;
  calls: number;
  resumes: number;
  inclusive_ns: number;
  bridged: boolean;
  skipped_frames: number;
}

export interface HiddenByRule {
  rule: string;
  functions: number;
  calls: number;
}

export interface GraphQuery {
  max_depth: number | null;
  depth_by: DepthBy;
  naming: "cglab";
  include: string[];
  exclude: string[];
  filters: string[];
  process: number | null;
  action: string | null;
  nth: string | null;
  stdlib: boolean | null;
}

export interface CallGraph {
  schema: 1;
  query: GraphQuery;
  deepest: number;
  nodes: GraphNode[];
  edges: GraphEdge[];
  hidden: { functions: number; calls: number; by_rule: HiddenByRule[] };
}

export type ColumnName =
  | "calls"
  | "resumes"
  | "suspensions"
  | "self_ns"
  | "inclusive_ns"
  | "open_calls"
  | "allocated_bytes"
  | "net_bytes";

/** What a state selects of a slice: one process or thread of it, and how it shows. */
export interface CutTree {
  readonly slice: Slice;
  readonly contexts: number;
  /** By context, in preorder: the caller's context of this tree, -1 for a thread's root. */
  readonly parent: Int32Array;
  /** By context: index into the payload's functions. */
  readonly function: Int32Array;
  /** By context: whether it shows. A root always does. */
  readonly visible: Uint8Array;
  /** By context: its depth, of the frames that count; 0 for a root. */
  readonly depth: Int32Array;
  /** By context: the index behind its subtree. */
  readonly end: Int32Array;
  /** By context: its index in the slice's own tree. */
  readonly origin: Int32Array;
  /** The greatest depth of a context that shows. */
  readonly deepest: number;
  /** Null where the recording has no such column; one that is all zero is there. */
  column(name: ColumnName): Float64Array | null;
  /** The id that a context's function has in graphs. */
  idOf(context: number): string;
}

export interface App {
  readonly payload: Payload;
  readonly store: Store;
  /** The graph of the current state, as `cglab render --format json` has it. */
  graph(): CallGraph;
  /** The same at every depth. */
  fullGraph(): CallGraph;
  tree(): CutTree;
  /** Marks nodes of the graph beside the one that is selected; none ends it. */
  highlight(ids: readonly string[]): void;
  /** Tells people who do not see the page what happened. */
  announce(text: string): void;
}

/** What the parts that draw graphs and tell of functions need beside. */
export interface PageContext extends App {
  readonly selection: Selection;
  /** Whether the page is dark now: the theme, as resolved. */
  isDark(): boolean;
}

export interface Tab {
  readonly element: HTMLElement;
  show(): void;
  hide(): void;
  update(state: ViewState): void;
}

export type MakeTab = (app: App) => Tab;
