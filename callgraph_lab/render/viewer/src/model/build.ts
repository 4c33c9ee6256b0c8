// The call graph of a tree at a depth, with hidden functions bridged: graph/build.py. What it
// returns is what `cglab render --format json` writes, schema 1.
import type { DepthBy } from "../state";
import type { CallGraph, GraphEdge, GraphNode, GraphQuery, HiddenByRule } from "../types";
import type { DecidedTree } from "./c_functions";
import { memoryUpTo } from "./memory";
import { type NodeNames, nodeNames } from "./names";
import {
  HIDDEN,
  type EdgeTally,
  type Tally,
  contextDepths,
  deepestVisible,
  tallyUpTo,
} from "./tally";
import { NO_PARENT } from "./tree";

/** What the graphs of one tree at all its depths have in common. */
export interface GraphGround {
  decided: DecidedTree;
  names: NodeNames;
  /** By function: its node, `HIDDEN` where it does not show. */
  nodeOfFunction: Int32Array;
  depths: Int32Array;
  deepest: number;
  totals: FunctionTotals;
  hidden: CallGraph["hidden"];
}

interface FunctionTotals {
  calls: Float64Array;
  suspended: Float64Array;
  isCalled: Uint8Array;
}

export function groundOf(decided: DecidedTree, depthBy: DepthBy): GraphGround {
  const { tree, functions, decisions } = decided;
  const names = nodeNames(functions, tree.threads);
  const nodeOfFunction = names.nodeOfFunction.map((node, index) =>
    decisions[index]?.visible ? node : HIDDEN,
  );
  tree.parent.forEach((caller, context) => {
    if (caller === NO_PARENT) {
      const root = tree.function[context] as number;
      nodeOfFunction[root] = names.nodeOfFunction[root] as number;
    }
  });
  const counts = Uint8Array.from(nodeOfFunction, (node) =>
    depthBy === "stack" || node !== HIDDEN ? 1 : 0,
  );
  const depths = contextDepths(tree, counts);
  const totals = functionTotals(decided);
  return {
    decided,
    names,
    nodeOfFunction,
    depths,
    deepest: deepestVisible(tree, depths, nodeOfFunction),
    totals,
    hidden: countHidden(decided, nodeOfFunction, totals),
  };
}

/** Returns the graph that `query` asks for. Nodes and edges come in the order of first calls. */
export function buildGraph(ground: GraphGround, query: GraphQuery): CallGraph {
  const { decided, names, nodeOfFunction, depths, deepest } = ground;
  const wanted = query.max_depth ?? deepest;
  const limit = Math.max(Math.min(wanted, deepest), 0);
  const tally = tallyUpTo(decided.tree, nodeOfFunction, names.ids.length, depths, limit);
  const memory = memoryUpTo(decided.tree, nodeOfFunction, depths, limit);
  const nodes = makeNodes(ground, tally);
  for (const [node, figures] of memory ?? []) {
    const made = nodes.get(node);
    if (made !== undefined) {
      made.memory = figures;
    }
  }
  return {
    schema: 1,
    query,
    deepest,
    nodes: [...nodes.values()],
    edges: tally.edges.map((edge) => makeEdge(names, edge)),
    hidden: ground.hidden,
  };
}

function functionTotals({ tree, functions }: DecidedTree): FunctionTotals {
  const totals: FunctionTotals = {
    calls: new Float64Array(functions.length),
    suspended: new Float64Array(functions.length),
    isCalled: new Uint8Array(functions.length),
  };
  const calls = tree.figures("calls");
  const suspensions = tree.figures("suspensions");
  const resumes = tree.figures("resumes");
  // Where nothing was ever suspended, a resume says nothing of what still is.
  const anySuspended = suspensions.some((times) => times > 0);
  for (let context = 0; context < tree.contexts; context += 1) {
    const number = tree.function[context] as number;
    totals.isCalled[number] = 1;
    totals.calls[number] = (totals.calls[number] as number) + (calls[context] as number);
    if (anySuspended) {
      totals.suspended[number] =
        (totals.suspended[number] as number) +
        (suspensions[context] as number) -
        (resumes[context] as number);
    }
  }
  return totals;
}

function makeNodes({ names, nodeOfFunction, totals }: GraphGround, tally: Tally): Map<number, GraphNode> {
  const totalCalls = new Float64Array(names.ids.length);
  const suspended = new Float64Array(names.ids.length);
  nodeOfFunction.forEach((node, number) => {
    if (node !== HIDDEN) {
      totalCalls[node] = (totalCalls[node] as number) + (totals.calls[number] as number);
      suspended[node] = (suspended[node] as number) + (totals.suspended[number] as number);
    }
  });
  const called: [number, number][] = [];
  tally.nodes.forEach((entry, node) => {
    if (entry !== undefined) {
      called.push([entry.first, node]);
    }
  });
  called.sort(([one], [other]) => one - other);
  const nodes = new Map<number, GraphNode>();
  for (const [, node] of called) {
    const entry = tally.nodes[node];
    const of = names.functions[node];
    if (entry === undefined || of === undefined) {
      continue;
    }
    nodes.set(node, {
      id: names.ids[node] as string,
      kind: of.kind,
      name: names.names[node] as string,
      pycallgraph2_name: of.pycallgraph2_name,
      module: of.module,
      qualname: of.qualname,
      class: of.class === null ? null : of.class.replace(":", "."),
      defined_in: of.defined_in,
      file: of.file,
      line: of.line,
      stdlib: of.stdlib,
      calls: entry.calls,
      total_calls: totalCalls[node] as number,
      resumes: entry.resumes,
      open_calls: Object.values(entry.openCalls).reduce((sum, calls) => sum + calls, 0),
      open_calls_by_ending: entry.openCalls,
      suspended: Math.max(suspended[node] as number, 0),
      inclusive_ns: entry.inclusiveNs,
      self_ns: entry.selfNs,
      min_depth: entry.minDepth,
      memory: null,
    });
  }
  return nodes;
}

function makeEdge(names: NodeNames, edge: EdgeTally): GraphEdge {
  return {
    source: names.ids[edge.source] as string,
    target: names.ids[edge.target] as string,
    calls: edge.calls,
    resumes: edge.resumes,
    inclusive_ns: edge.inclusiveNs,
    bridged: edge.isBridged,
    skipped_frames: edge.skippedFrames,
  };
}

function countHidden(
  { decisions }: DecidedTree,
  nodeOfFunction: Int32Array,
  totals: FunctionTotals,
): CallGraph["hidden"] {
  const byRule = new Map<string, HiddenByRule>();
  const sum = { functions: 0, calls: 0 };
  nodeOfFunction.forEach((node, number) => {
    if (node !== HIDDEN || !totals.isCalled[number]) {
      return;
    }
    const rule = decisions[number]?.rule ?? "";
    const entry = byRule.get(rule) ?? { rule, functions: 0, calls: 0 };
    byRule.set(rule, entry);
    const calls = totals.calls[number] as number;
    entry.functions += 1;
    entry.calls += calls;
    sum.functions += 1;
    sum.calls += calls;
  });
  const rules = [...byRule.values()].sort((one, other) => other.functions - one.functions);
  return { ...sum, by_rule: rules };
}
