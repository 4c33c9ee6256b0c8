// The heaviest chain of callers from a root to each function, a tree inside a graph: render/chains.py.
import type { GraphEdge, GraphNode } from "../types";

interface Step {
  weight: number;
  serial: number;
  target: string;
  source: string | null;
}

/** Maps each called id to its caller on the heaviest chain from a root; roots are left out. */
export function heaviestCallers(
  nodes: readonly GraphNode[],
  edges: Iterable<GraphEdge>,
): Map<string, string> {
  const edgesFrom = new Map<string, GraphEdge[]>();
  const called = new Set<string>();
  for (const edge of edges) {
    const from = edgesFrom.get(edge.source);
    if (from === undefined) {
      edgesFrom.set(edge.source, [edge]);
    } else {
      from.push(edge);
    }
    if (edge.source !== edge.target) {
      called.add(edge.target);
    }
  }
  const shallowestFirst = [...nodes].sort(
    (one, other) => one.min_depth - other.min_depth || other.inclusive_ns - one.inclusive_ns,
  );
  const roots = shallowestFirst.filter((node) => node.kind === "thread" || !called.has(node.id));
  const callers = new Map<string, string>();
  const reached = new Set<string>();
  // What no root reaches (a ring on its own) starts a tree itself, the shallowest first.
  for (const { id } of [...roots, ...shallowestFirst]) {
    if (!reached.has(id)) {
      grow(id, edgesFrom, callers, reached);
    }
  }
  return callers;
}

function grow(
  start: string,
  edgesFrom: ReadonlyMap<string, GraphEdge[]>,
  callers: Map<string, string>,
  reached: Set<string>,
): void {
  let serial = 0; // among equals the edge seen first wins
  const heap: Step[] = [{ weight: 0, serial, target: start, source: null }];
  for (let step = pop(heap); step !== undefined; step = pop(heap)) {
    if (reached.has(step.target)) {
      continue;
    }
    reached.add(step.target);
    if (step.source !== null) {
      callers.set(step.target, step.source);
    }
    for (const edge of edgesFrom.get(step.target) ?? []) {
      if (!reached.has(edge.target)) {
        serial += 1;
        push(heap, { weight: edge.inclusive_ns, serial, target: edge.target, source: step.target });
      }
    }
  }
}

function isBefore(one: Step, other: Step): boolean {
  return one.weight !== other.weight ? one.weight > other.weight : one.serial < other.serial;
}

function push(heap: Step[], step: Step): void {
  let at = heap.length;
  heap.push(step);
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (!isBefore(step, heap[above] as Step)) {
      break;
    }
    heap[at] = heap[above] as Step;
    at = above;
  }
  heap[at] = step;
}

function pop(heap: Step[]): Step | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) {
    return first;
  }
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) {
      break;
    }
    if (below + 1 < heap.length && isBefore(heap[below + 1] as Step, heap[below] as Step)) {
      below += 1;
    }
    if (!isBefore(heap[below] as Step, last)) {
      break;
    }
    heap[at] = heap[below] as Step;
    at = below;
  }
  heap[at] = last;
  return first;
}

/** Returns `ids` in their order, but each with the chain of its callers before it. */
export function callersFirst(
  ids: Iterable<string>,
  callers: ReadonlyMap<string, string>,
): string[] {
  const order = new Set<string>();
  for (const id of ids) {
    const chain = [id];
    for (;;) {
      const last = chain.at(-1) as string;
      const caller = callers.get(last);
      if (caller === undefined || order.has(last)) {
        break;
      }
      chain.push(caller);
    }
    for (const link of chain.reverse()) {
      order.add(link);
    }
  }
  return [...order];
}
