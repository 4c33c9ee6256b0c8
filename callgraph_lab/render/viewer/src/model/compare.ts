// What two call graphs have in common and what only one of them has: graph/compare.py.
import type { CallGraph, GraphEdge, GraphNode } from "../types";
import { largerOpenCalls } from "./endings";
import { pairNodes } from "./same_functions";

export type Side = "a" | "b" | "both";

interface Compared<Figures> {
  a: Figures | null;
  b: Figures | null;
  side: Side;
  isChanged: boolean;
}

export interface ComparedFunction extends Compared<GraphNode> {
  id: string;
  /** As A has it, else as B has it. */
  any: GraphNode;
}

/** Caller to callee, by the ids of compared functions. */
export interface ComparedEdge extends Compared<GraphEdge> {
  source: string;
  target: string;
}

/** Two graphs, laid over each other. Threads are among the functions. */
export interface GraphComparison {
  graphA: CallGraph;
  graphB: CallGraph;
  functions: ComparedFunction[];
  edges: ComparedEdge[];
}

export interface ComparisonSummary {
  onlyA: number;
  onlyB: number;
  changed: number;
  same: number;
}

export function compareGraphs(graphA: CallGraph, graphB: CallGraph): GraphComparison {
  const taken = new Set<string>();
  const idInA = new Map<string, string>();
  const idInB = new Map<string, string>();
  const functions = pairNodes(graphA.nodes, graphB.nodes).map(([a, b]): ComparedFunction => {
    const any = (a ?? b) as GraphNode;
    const id = newId(any.id, taken);
    if (a !== null) {
      idInA.set(a.id, id);
    }
    if (b !== null) {
      idInB.set(b.id, id);
    }
    const compared = comparedOf(a, b);
    // How many threads of one kind there were is no difference.
    const isChanged = compared.side !== "both" || (any.kind !== "thread" && compared.isChanged);
    return { id, any, ...compared, isChanged };
  });
  const edgesA = mergedEdges(graphA.edges, idInA);
  const edgesB = mergedEdges(graphB.edges, idInB);
  const edges = [...new Set([...edgesA.keys(), ...edgesB.keys()])].map((key): ComparedEdge => {
    const [a, b] = [edgesA.get(key) ?? null, edgesB.get(key) ?? null];
    const { source, target } = (a ?? b) as GraphEdge;
    return { source, target, ...comparedOf(a, b) };
  });
  return { graphA, graphB, functions, edges };
}

export function comparedOf<Figures extends GraphNode | GraphEdge>(
  a: Figures | null,
  b: Figures | null,
): Compared<Figures> {
  return {
    a,
    b,
    side: a === null ? "b" : b === null ? "a" : "both",
    isChanged: a === null || b === null || a.calls !== b.calls || a.resumes !== b.resumes,
  };
}

/** Leaves out functions that are the same in both graphs and lead to nothing that is not. */
export function onlyDifferences(comparison: GraphComparison): GraphComparison {
  const callers = new Map<string, string[]>();
  const toVisit = comparison.functions
    .filter((item) => item.isChanged || item.any.kind === "thread")
    .map((item) => item.id);
  for (const edge of comparison.edges) {
    callers.set(edge.target, [...(callers.get(edge.target) ?? []), edge.source]);
    if (edge.isChanged) {
      toVisit.push(edge.source, edge.target);
    }
  }
  const kept = new Set<string>();
  for (let id = toVisit.pop(); id !== undefined; id = toVisit.pop()) {
    if (!kept.has(id)) {
      kept.add(id);
      toVisit.push(...(callers.get(id) ?? []));
    }
  }
  return {
    ...comparison,
    functions: comparison.functions.filter((item) => kept.has(item.id)),
    edges: comparison.edges.filter(({ source, target }) => kept.has(source) && kept.has(target)),
  };
}

/** Counts functions by side; threads, and functions written in C, are left out. */
export function summaryOf(comparison: GraphComparison): ComparisonSummary {
  const summary: ComparisonSummary = { onlyA: 0, onlyB: 0, changed: 0, same: 0 };
  for (const { any, side, isChanged } of comparison.functions) {
    if (any.kind === "function") {
      const key = side === "a" ? "onlyA" : side === "b" ? "onlyB" : isChanged ? "changed" : "same";
      summary[key] += 1;
    }
  }
  return summary;
}

/** Returns both graphs as one, with the larger of the figures of both sides. */
export function together(comparison: GraphComparison): CallGraph {
  const { graphA, graphB } = comparison;
  return {
    ...graphA,
    deepest: Math.max(graphA.deepest, graphB.deepest),
    nodes: comparison.functions.map(({ id, any, a, b }) => largerNode(id, any, a ?? any, b ?? any)),
    edges: comparison.edges.map(({ source, target, a, b }) =>
      largerEdge(source, target, (a ?? b) as GraphEdge, (b ?? a) as GraphEdge),
    ),
  };
}

function largerNode(id: string, any: GraphNode, a: GraphNode, b: GraphNode): GraphNode {
  return {
    ...any,
    id,
    calls: Math.max(a.calls, b.calls),
    total_calls: Math.max(a.total_calls, b.total_calls),
    resumes: Math.max(a.resumes, b.resumes),
    open_calls: Math.max(a.open_calls, b.open_calls),
    open_calls_by_ending: largerOpenCalls(a.open_calls_by_ending, b.open_calls_by_ending),
    suspended: Math.max(a.suspended, b.suspended),
    inclusive_ns: Math.max(a.inclusive_ns, b.inclusive_ns),
    self_ns: Math.max(a.self_ns, b.self_ns),
    min_depth: Math.min(a.min_depth, b.min_depth),
  };
}

function largerEdge(source: string, target: string, a: GraphEdge, b: GraphEdge): GraphEdge {
  return {
    source,
    target,
    calls: Math.max(a.calls, b.calls),
    resumes: Math.max(a.resumes, b.resumes),
    inclusive_ns: Math.max(a.inclusive_ns, b.inclusive_ns),
    bridged: a.bridged && b.bridged,
    skipped_frames: Math.max(a.skipped_frames, b.skipped_frames),
  };
}

/** Adds up edges into one, such as the bridged and the direct one between two functions. */
export function sumOfEdges(edges: readonly GraphEdge[]): GraphEdge | null {
  const [first] = edges;
  if (first === undefined) {
    return null;
  }
  const sum = { ...first, calls: 0, resumes: 0, inclusive_ns: 0 };
  for (const edge of edges) {
    sum.calls += edge.calls;
    sum.resumes += edge.resumes;
    sum.inclusive_ns += edge.inclusive_ns;
    sum.bridged &&= edge.bridged;
    sum.skipped_frames = Math.max(sum.skipped_frames, edge.skipped_frames);
  }
  return sum;
}

function newId(wanted: string, taken: Set<string>): string {
  let id = wanted;
  for (let number = 2; taken.has(id); number += 1) {
    id = `${wanted}#${number}`;
  }
  taken.add(id);
  return id;
}

function mergedEdges(
  edges: readonly GraphEdge[],
  ids: ReadonlyMap<string, string>,
): Map<string, GraphEdge> {
  const groups = new Map<string, GraphEdge[]>();
  for (const edge of edges) {
    const source = ids.get(edge.source) as string;
    const target = ids.get(edge.target) as string;
    const key = JSON.stringify([source, target]);
    const group = groups.get(key);
    const moved = { ...edge, source, target };
    if (group === undefined) {
      groups.set(key, [moved]);
    } else {
      group.push(moved);
    }
  }
  return new Map([...groups].map(([key, group]) => [key, sumOfEdges(group) as GraphEdge]));
}
