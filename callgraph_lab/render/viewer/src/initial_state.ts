// The state that a page begins with, and what becomes of one that cannot be on this page.
import type { Payload } from "./payload";
import { MEASURES, type ViewState } from "./state";

const MOST_LEVELS = 12;
const LEVELS = 2;

export function initialState({ query, slices }: Payload): ViewState {
  return {
    slice: slices.some(({ key }) => key === query.slice) ? query.slice : (slices[0]?.key ?? "all"),
    compare: null,
    process: query.process,
    thread: null,
    depth: query.max_depth,
    depthBy: query.depth_by,
    filters: query.filters,
    include: query.include,
    exclude: query.exclude,
    stdlib: query.stdlib,
    focus: null,
    up: LEVELS,
    down: LEVELS,
    maxNodes: query.max_nodes,
    expanded: [],
    collapsed: [],
    selected: null,
    zoom: null,
    tab: "graph",
    measure: "self",
    theme: "auto",
  };
}

/** Returns a function that mends states: an address may come from another recording. */
export function correcting(payload: Payload): (state: ViewState) => ViewState {
  const slices = new Map(payload.slices.map((slice) => [slice.key, slice]));
  const initial = initialState(payload);
  const filters = new Set(["auto", ...payload.filters.map(({ name }) => name)]);
  const pids = new Set(payload.recording.processes.map(({ pid }) => pid));
  const hasBytes = payload.slices.some(({ tree }) => tree.allocated_bytes !== undefined);
  const measures = MEASURES.filter((measure) => measure !== "bytes" || hasBytes);
  return (state) => {
    const slice = slices.has(state.slice) ? state.slice : initial.slice;
    const threads = slices.get(slice)?.threads ?? [];
    const process = state.process !== null && pids.has(state.process) ? state.process : null;
    const thread = state.thread === null ? undefined : threads[state.thread];
    const isThread = thread !== undefined && (process === null || thread.pid === process);
    const compare = state.compare !== null && slices.has(state.compare) ? state.compare : null;
    return {
      ...state,
      slice,
      compare: compare === slice ? null : compare,
      process,
      thread: isThread ? state.thread : null,
      depth: state.depth === null ? null : Math.max(1, state.depth),
      filters: state.filters.filter((name) => filters.has(name)),
      include: state.include.filter((glob) => glob !== ""),
      exclude: state.exclude.filter((glob) => glob !== ""),
      up: Math.min(state.up, MOST_LEVELS),
      down: Math.min(state.down, MOST_LEVELS),
      measure: measures.includes(state.measure) ? state.measure : initial.measure,
    };
  };
}
