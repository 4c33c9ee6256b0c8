// Adds up the contexts of a tree per node and edge of the graph at a depth: graph/tally.py.
//
// Its loops run once for every context, 100,000 and more of them, whenever the slider moves.
import type { Ending } from "../payload";
import { type OpenCalls, addOpenCalls } from "./endings";
import { NO_PARENT, type BareTree } from "./tree";

/** Stands for the node of a function that does not show. */
export const HIDDEN = -1;

export interface NodeTally {
  /** The first context of it. */
  first: number;
  minDepth: number;
  calls: number;
  resumes: number;
  openCalls: OpenCalls;
  inclusiveNs: number;
  selfNs: number;
}

export interface EdgeTally {
  first: number;
  source: number;
  target: number;
  isBridged: boolean;
  calls: number;
  resumes: number;
  inclusiveNs: number;
  skippedFrames: number;
  /** Behind the subtree that was last added to the time: within it, time is counted already. */
  countedUntil: number;
}

export interface Tally {
  /** By node; undefined where it was not called. */
  nodes: (NodeTally | undefined)[];
  edges: EdgeTally[];
}

/** Returns each context's depth, of frames whose function counts; a root's is 0. */
export function contextDepths(tree: BareTree, counts: Uint8Array): Int32Array {
  const { contexts, parent, function: functions } = tree;
  const depths = new Int32Array(contexts);
  for (let context = 0; context < contexts; context += 1) {
    const caller = parent[context] as number;
    if (caller !== NO_PARENT) {
      depths[context] =
        (depths[caller] as number) + (counts[functions[context] as number] as number);
    }
  }
  return depths;
}

/** Returns the greatest depth of a context that shows. */
export function deepestVisible(
  tree: BareTree,
  depths: Int32Array,
  nodeOfFunction: Int32Array,
): number {
  let deepest = 0;
  for (let context = 0; context < tree.contexts; context += 1) {
    const depth = depths[context] as number;
    if (depth > deepest && nodeOfFunction[tree.function[context] as number] !== HIDDEN) {
      deepest = depth;
    }
  }
  return deepest;
}

/** Adds up what lies at depths up to `limit`. `nodes` is how many nodes there are. */
export function tallyUpTo(
  tree: BareTree,
  nodeOfFunction: Int32Array,
  nodes: number,
  depths: Int32Array,
  limit: number,
): Tally {
  const { contexts, parent, end: ends, function: functions } = tree;
  const calls = tree.figures("calls");
  const resumes = tree.figures("resumes");
  const openCalls = tree.figures("open_calls");
  const inclusiveNs = tree.figures("inclusive_ns");
  const selfNs = tree.figures("self_ns");
  const endingOfRoot = new Map(tree.threads.map(({ root, ending }) => [root, ending]));
  let ending: Ending = "exited";
  const tally: Tally = { nodes: new Array<undefined>(nodes), edges: [] };
  const edgeOf = new Map<number, EdgeTally>();
  // The nearest node that shows, of each context or above it, and how many hidden frames lie
  // between that and whatever the context calls.
  const visibleNodes = new Int32Array(contexts);
  const gaps = new Int32Array(contexts);
  const countedUntil = new Int32Array(nodes);
  for (let context = 0; context < contexts; context += 1) {
    const depth = depths[context] as number;
    if (depth > limit) {
      // Nothing below it is less deep.
      context = (ends[context] as number) - 1;
      continue;
    }
    const node = nodeOfFunction[functions[context] as number] as number;
    const caller = parent[context] as number;
    if (caller === NO_PARENT) {
      ending = endingOfRoot.get(context) ?? ending;
    }
    if (node === HIDDEN) {
      visibleNodes[context] = visibleNodes[caller] as number;
      gaps[context] = (gaps[caller] as number) + 1;
      continue;
    }
    visibleNodes[context] = node;
    const end = ends[context] as number;
    const durationNs = inclusiveNs[context] as number;
    let entry = tally.nodes[node];
    if (entry === undefined) {
      entry = newNode(context, depth);
      tally.nodes[node] = entry;
    } else if (depth < entry.minDepth) {
      entry.minDepth = depth;
    }
    entry.calls += calls[context] as number;
    entry.resumes += resumes[context] as number;
    if ((openCalls[context] as number) > 0) {
      addOpenCalls(entry.openCalls, ending, openCalls[context] as number);
    }
    entry.selfNs += selfNs[context] as number;
    const isOutermost = context >= (countedUntil[node] as number);
    if (isOutermost) {
      countedUntil[node] = end;
      entry.inclusiveNs += durationNs;
    }
    if (caller === NO_PARENT) {
      continue;
    }
    const skippedFrames = gaps[caller] as number;
    const source = visibleNodes[caller] as number;
    const key = (source * nodes + node) * 2 + (skippedFrames > 0 ? 1 : 0);
    let edge = edgeOf.get(key);
    if (edge === undefined) {
      edge = newEdge(context, source, node, skippedFrames > 0);
      edgeOf.set(key, edge);
      tally.edges.push(edge);
    }
    edge.calls += calls[context] as number;
    edge.resumes += resumes[context] as number;
    edge.skippedFrames = Math.max(edge.skippedFrames, skippedFrames);
    if (isOutermost || context >= edge.countedUntil) {
      edge.inclusiveNs += durationNs;
      edge.countedUntil = end;
    }
  }
  return tally;
}

function newNode(first: number, minDepth: number): NodeTally {
  return {
    first,
    minDepth,
    calls: 0,
    resumes: 0,
    openCalls: {},
    inclusiveNs: 0,
    selfNs: 0,
  };
}

function newEdge(first: number, source: number, target: number, isBridged: boolean): EdgeTally {
  return {
    first,
    source,
    target,
    isBridged,
    calls: 0,
    resumes: 0,
    inclusiveNs: 0,
    skippedFrames: 0,
    countedUntil: 0,
  };
}
