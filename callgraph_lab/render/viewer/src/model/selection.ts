// From a state to what it shows: the cut tree, the graph, the comparison. What the last states asked
// for is remembered, so that moving the slider decides on no filter anew.
import type { Payload, Slice } from "../payload";
import type { ViewState } from "../state";
import type { CallGraph, CutTree, GraphQuery } from "../types";
import { type GraphGround, buildGraph, groundOf } from "./build";
import { type DecidedTree, hideWithCallers } from "./c_functions";
import { type GraphComparison, compareGraphs } from "./compare";
import { type Decided, decide } from "./decisions";
import { HIDDEN } from "./tally";
import { cutTree } from "./tree";

const MOST_REMEMBERED = 12;

export interface Selection {
  slice(state: ViewState): Slice;
  compareSlice(state: ViewState): Slice | null;
  decided(state: ViewState): Decided;
  ground(state: ViewState): GraphGround;
  graph(state: ViewState): CallGraph;
  fullGraph(state: ViewState): CallGraph;
  /** Null where nothing is compared. A is the slice, B what it is compared with. */
  comparison(state: ViewState): GraphComparison | null;
  tree(state: ViewState): CutTree;
}

export function makeSelection(payload: Payload): Selection {
  const slices = new Map(payload.slices.map((slice) => [slice.key, slice]));
  const whole = payload.slices[0] as Slice;
  const decisions = remembering<Decided>();
  const grounds = remembering<GraphGround>();
  const graphs = remembering<CallGraph>();
  const comparisons = remembering<GraphComparison>();
  const trees = remembering<CutTree>();

  const filterKey = ({ filters, include, exclude, stdlib }: ViewState): unknown[] => [
    filters,
    include,
    exclude,
    stdlib,
  ];
  const groundKey = (state: ViewState, slice: Slice): unknown[] => [
    slice.key,
    state.process,
    // Threads are told by their place in the slice that is chosen, not in the one compared with.
    slice.key === state.slice ? state.thread : null,
    state.depthBy,
    filterKey(state),
  ];
  const decidedOf = (state: ViewState): Decided =>
    decisions(filterKey(state), () => decide(payload, state));
  const decidedTree = (state: ViewState, slice: Slice): DecidedTree =>
    hideWithCallers({
      tree: cutTree(slice, state.process, slice.key === state.slice ? state.thread : null),
      functions: payload.functions,
      decisions: decidedOf(state).decisions,
    });
  const groundFor = (state: ViewState, slice: Slice): GraphGround =>
    grounds(groundKey(state, slice), () => groundOf(decidedTree(state, slice), state.depthBy));
  const graphFor = (state: ViewState, slice: Slice, depth: number | null): CallGraph =>
    graphs([groundKey(state, slice), depth], () =>
      buildGraph(groundFor(state, slice), queryOf(state, slice, depth, decidedOf(state).names)),
    );
  const sliceOf = (state: ViewState): Slice => slices.get(state.slice) ?? whole;
  const compareSliceOf = ({ compare }: ViewState): Slice | null =>
    compare === null ? null : (slices.get(compare) ?? null);

  return {
    slice: sliceOf,
    compareSlice: compareSliceOf,
    decided: decidedOf,
    ground: (state) => groundFor(state, sliceOf(state)),
    graph: (state) => graphFor(state, sliceOf(state), state.depth),
    fullGraph: (state) => graphFor(state, sliceOf(state), null),
    comparison(state) {
      const other = compareSliceOf(state);
      if (other === null) {
        return null;
      }
      return comparisons([groundKey(state, sliceOf(state)), other.key, state.depth], () =>
        compareGraphs(
          graphFor(state, sliceOf(state), state.depth),
          graphFor(state, other, state.depth),
        ),
      );
    },
    tree: (state) =>
      trees(groundKey(state, sliceOf(state)), () =>
        makeCutTree(sliceOf(state), state, groundFor(state, sliceOf(state))),
      ),
  };
}

function queryOf(
  state: ViewState,
  slice: Slice,
  depth: number | null,
  filters: string[],
): GraphQuery {
  return {
    max_depth: depth,
    depth_by: state.depthBy,
    naming: "cglab",
    include: state.include,
    exclude: state.exclude,
    filters,
    process: state.process,
    action: slice.action ?? slice.mark,
    nth: slice.nth,
    stdlib: state.stdlib,
  };
}

function makeCutTree(slice: Slice, state: ViewState, ground: GraphGround): CutTree {
  // Functions of the ground may be twins that the payload does not have.
  const bare = cutTree(slice, state.process, state.thread);
  const { tree } = ground.decided;
  return {
    slice,
    contexts: bare.contexts,
    parent: bare.parent,
    function: bare.function,
    visible: Uint8Array.from(tree.function, (of) => (ground.nodeOfFunction[of] === HIDDEN ? 0 : 1)),
    depth: ground.depths,
    end: bare.end,
    origin: bare.origin,
    deepest: ground.deepest,
    column: bare.column,
    idOf: (context) =>
      ground.names.ids[ground.names.nodeOfFunction[bare.function[context] as number] as number] as string,
  };
}

/** Returns a function that remembers the newest few of what it was asked to make, by their keys. */
function remembering<Value>(): (key: unknown[], make: () => Value) => Value {
  const known = new Map<string, Value>();
  return (key, make) => {
    const text = JSON.stringify(key);
    let value = known.get(text);
    if (value === undefined) {
      value = make();
    }
    known.delete(text);
    known.set(text, value);
    const [oldest] = known.keys();
    if (known.size > MOST_REMEMBERED && oldest !== undefined) {
      known.delete(oldest);
    }
    return value;
  };
}
