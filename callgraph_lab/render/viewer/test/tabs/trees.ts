/** Trees for tests, as an app gives them: written by hand, or as large as wanted. */
import type { FunctionInfo, Payload, Slice, ThreadInfo } from "../../src/payload";
import type { ViewState } from "../../src/state";
import type { CallGraph, ColumnName, CutTree, GraphNode, PageContext } from "../../src/types";

/** A context: its parent, its function's name, its columns; hidden with `isHidden`. */
export interface Context {
  parent: number;
  name: string;
  calls?: number;
  selfNs?: number;
  bytes?: number;
  isHidden?: boolean;
}

export function treeOf(contexts: readonly Context[]): { tree: CutTree; functions: FunctionInfo[] } {
  const names = [...new Set(contexts.map((one) => one.name))];
  const columns: Partial<Record<ColumnName, Float64Array>> = {
    calls: Float64Array.from(contexts, (one) => one.calls ?? 1),
    self_ns: Float64Array.from(contexts, (one) => one.selfNs ?? 0),
  };
  if (contexts.some((one) => one.bytes !== undefined)) {
    columns.allocated_bytes = Float64Array.from(contexts, (one) => one.bytes ?? 0);
  }
  const numbers = Int32Array.from(contexts, (one) => names.indexOf(one.name));
  const functions = names.map((name) => functionCalled(name));
  const parent = Int32Array.from(contexts, (one) => one.parent);
  const tree: CutTree = {
    slice: sliceOf("all", "run"),
    contexts: contexts.length,
    parent,
    function: numbers,
    visible: Uint8Array.from(contexts, (one) => (one.isHidden ? 0 : 1)),
    depth: new Int32Array(contexts.length),
    end: new Int32Array(contexts.length),
    origin: Int32Array.from(contexts, (_, index) => index),
    deepest: 0,
    column: (name) => columns[name] ?? null,
    idOf: (context) => names[numbers[context] as number] as string,
  };
  return { tree, functions };
}

export function functionCalled(name: string): FunctionInfo {
  return {
    name,
    short_name: name.split(".").slice(-1)[0] ?? name,
    module: "m",
    qualname: name,
    class: null,
    defined_in: null,
    file: "/src/m.py",
    line: 1,
    stdlib: false,
    kind: "function",
    ancestors: [],
    pycallgraph2_name: name,
    is_target: true,
    is_import_code: false,
    link: null,
  };
}

export function sliceOf(key: string, title: string, more: Partial<Slice> = {}): Slice {
  const threads: ThreadInfo[] = [];
  return { key, title, action: null, nth: null, mark: null, threads, tree: { parent: [], function: [] }, ...more };
}

export function payloadOf(more: Partial<Payload> = {}): Payload {
  const preset = { name: "none", reason: "" };
  return {
    schema: 1,
    recording: {
      name: "run",
      target: "t.py",
      argv: [],
      python: "3.11",
      engine: "native",
      started: "2026-11-23T12:00:00+00:00",
      duration_ns: 1e10,
      complete: true,
      running: false,
      exit_status: 0,
      notes: [],
      processes: [],
    },
    functions: [],
    slices: [sliceOf("all", "run")],
    slices_left_out: 0,
    filters: [],
    auto: { plain: preset, with_include: preset },
    query: {
      filters: [],
      include: [],
      exclude: [],
      stdlib: null,
      max_depth: null,
      depth_by: "visible",
      slice: "all",
      process: null,
      max_nodes: 100,
    },
    actions: [],
    phases: {},
    events: [],
    events_dropped: 0,
    marks: [],
    resources: null,
    action_bands: [],
    action_bands_dropped: 0,
    sources: {},
    changed_files: [],
    ...more,
  };
}

export function nodeCalled(name: string, more: Partial<GraphNode> = {}): GraphNode {
  return {
    id: name,
    kind: "function",
    name,
    pycallgraph2_name: name,
    module: "m",
    qualname: name,
    class: null,
    defined_in: null,
    file: "/src/m.py",
    line: 1,
    stdlib: false,
    calls: 1,
    total_calls: 1,
    resumes: 0,
    open_calls: 0,
    open_calls_by_ending: {},
    suspended: 0,
    inclusive_ns: 0,
    self_ns: 0,
    min_depth: 1,
    memory: null,
    ...more,
  };
}

export interface TestApp extends PageContext {
  announced: string[];
  highlighted: string[][];
}

/** An app whose store only keeps; `tabs` are told of every change, as the shell tells them. */
export function appOf(payload: Payload, tree: CutTree, nodes: GraphNode[] = []): TestApp & { onChange: () => void } {
  const graph = { nodes, edges: [], query: { max_depth: null }, hidden: { functions: 0, calls: 0, by_rule: [] } };
  let state = { slice: "all", process: null, thread: null, selected: null, zoom: null, measure: "inclusive" } as unknown as ViewState;
  const app = {
    payload,
    announced: [] as string[],
    highlighted: [] as string[][],
    onChange: () => {},
    store: {
      get: () => state,
      update(change: Partial<ViewState>) {
        state = { ...state, ...change };
        app.onChange();
      },
      subscribe: () => () => {},
    },
    graph: () => graph as unknown as CallGraph,
    fullGraph: () => graph as unknown as CallGraph,
    tree: () => tree,
    highlight: (ids: readonly string[]) => void app.highlighted.push([...ids]),
    isDark: () => false,
    selection: { comparison: () => null } as unknown as PageContext["selection"],
    announce: (text: string) => void app.announced.push(text),
  };
  return app;
}

/** A tree of so many contexts: a few wide functions, many narrow ones, some recursion. */
export function largeTree(contexts: number, functions = 5_000): CutTree {
  // xorshift32: the same tree each time.
  let seed = 7;
  const random = (below: number): number => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) % below;
  };
  const path: number[] = [];
  const made: Context[] = [{ parent: -1, name: "MainThread", selfNs: 10 }];
  for (let index = 1; index < contexts; index++) {
    while (path.length > 0 && (path.length > 40 || random(3) === 0)) path.pop();
    made.push({ parent: path.at(-1) ?? 0, name: `f${random(functions)}`, selfNs: random(1000), calls: 1 + random(9) });
    path.push(index);
  }
  return treeFast(made);
}

function treeFast(contexts: readonly Context[]): CutTree {
  const numbers = new Map<string, number>();
  const names: string[] = [];
  const functions = Int32Array.from(contexts, ({ name }) => {
    let at = numbers.get(name);
    if (at === undefined) {
      numbers.set(name, (at = names.length));
      names.push(name);
    }
    return at;
  });
  const { tree } = treeOf([]);
  const calls = Float64Array.from(contexts, (one) => one.calls ?? 1);
  const selfNs = Float64Array.from(contexts, (one) => one.selfNs ?? 0);
  return {
    ...tree,
    contexts: contexts.length,
    parent: Int32Array.from(contexts, (one) => one.parent),
    function: functions,
    visible: new Uint8Array(contexts.length).fill(1),
    origin: Int32Array.from(contexts, (_, index) => index),
    column: (name) => (name === "calls" ? calls : name === "self_ns" ? selfNs : null),
    idOf: (context) => names[functions[context] as number] as string,
  };
}
