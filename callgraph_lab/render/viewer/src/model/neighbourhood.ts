// The part of a graph around one function: its callers and callees, some levels of each.
import type { CallGraph, GraphEdge } from "../types";

/** Returns the graph of a function, `up` levels of callers and `down` levels of callees. */
export function neighbourhood(graph: CallGraph, id: string, up: number, down: number): CallGraph {
  const kept = new Set([
    ...reached(graph.edges, id, up, (edge) => [edge.target, edge.source]),
    ...reached(graph.edges, id, down, (edge) => [edge.source, edge.target]),
  ]);
  return {
    ...graph,
    nodes: graph.nodes.filter((node) => kept.has(node.id)),
    edges: graph.edges.filter(({ source, target }) => kept.has(source) && kept.has(target)),
  };
}

function reached(
  edges: readonly GraphEdge[],
  start: string,
  levels: number,
  direction: (edge: GraphEdge) => [from: string, to: string],
): Set<string> {
  const next = new Map<string, string[]>();
  for (const edge of edges) {
    const [from, to] = direction(edge);
    const known = next.get(from);
    if (known === undefined) {
      next.set(from, [to]);
    } else {
      known.push(to);
    }
  }
  const found = new Set([start]);
  let frontier = [start];
  for (let level = 0; level < levels && frontier.length > 0; level += 1) {
    frontier = frontier.flatMap((id) => next.get(id) ?? []).filter((id) => !found.has(id));
    for (const id of frontier) {
      found.add(id);
    }
  }
  return found;
}
