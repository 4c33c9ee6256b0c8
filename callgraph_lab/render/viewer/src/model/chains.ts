// The heaviest chain of callers from a root to each function, a tree inside a graph: render/chains.py.
//
// A graph may have 100,000 edges, and every picture asks for this: ids are numbers here, and the
// queue is of numbers.
import type { GraphEdge, GraphNode } from "../types";

/** Edges by the numbers of their ends; those that leave a node stand together, in their order. */
interface Numbered {
  ids: string[];
  /** By node: where its edges begin; one item more than there are nodes. */
  start: Int32Array;
  target: Int32Array;
  weight: Float64Array;
  isCalled: Uint8Array;
}

/** Maps each called id to its caller on the heaviest chain from a root; roots are left out. */
export function heaviestCallers(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
): Map<string, string> {
  const numberOf = new Map<string, number>();
  const graph = numbered(nodes, edges, numberOf);
  const shallowestFirst = [...nodes].sort(
    (one, other) => one.min_depth - other.min_depth || other.inclusive_ns - one.inclusive_ns,
  );
  const order = shallowestFirst.map((node) => numberOf.get(node.id) as number);
  const roots = shallowestFirst
    .filter((node) => node.kind === "thread" || !graph.isCalled[numberOf.get(node.id) as number])
    .map((node) => numberOf.get(node.id) as number);
  const callers = new Map<string, string>();
  const isReached = new Uint8Array(graph.ids.length);
  const queue = new StepQueue(edges.length + 1);
  // What no root reaches (a ring on its own) starts a tree itself, the shallowest first.
  for (const start of [...roots, ...order]) {
    if (!isReached[start]) {
      grow(start, graph, queue, callers, isReached);
    }
  }
  return callers;
}

function numbered(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
  numberOf: Map<string, number>,
): Numbered {
  const number = (id: string): number => {
    let known = numberOf.get(id);
    if (known === undefined) {
      known = numberOf.size;
      numberOf.set(id, known);
    }
    return known;
  };
  nodes.forEach((node) => number(node.id));
  // Edges may lead to ids that are not among the nodes, as those of folds.
  const ends = edges.map(({ source, target }) => [number(source), number(target)] as const);
  const graph: Numbered = {
    ids: [...numberOf.keys()],
    start: new Int32Array(numberOf.size + 1),
    target: new Int32Array(edges.length),
    weight: new Float64Array(edges.length),
    isCalled: new Uint8Array(numberOf.size),
  };
  const { start } = graph;
  for (const [source, target] of ends) {
    start[source + 1] = (start[source + 1] as number) + 1;
    if (source !== target) {
      graph.isCalled[target] = 1;
    }
  }
  for (let index = 1; index < start.length; index += 1) {
    start[index] = (start[index] as number) + (start[index - 1] as number);
  }
  const next = start.slice();
  ends.forEach(([source, target], index) => {
    const place = next[source] as number;
    next[source] = place + 1;
    graph.target[place] = target;
    graph.weight[place] = edges[index]?.inclusive_ns ?? 0;
  });
  return graph;
}

function grow(
  start: number,
  graph: Numbered,
  queue: StepQueue,
  callers: Map<string, string>,
  isReached: Uint8Array,
): void {
  queue.clear();
  queue.push(0, start, -1);
  for (let step = queue.pop(); step >= 0; step = queue.pop()) {
    const target = queue.target[step] as number;
    const source = queue.source[step] as number;
    if (isReached[target]) {
      continue;
    }
    isReached[target] = 1;
    if (source >= 0) {
      callers.set(graph.ids[target] as string, graph.ids[source] as string);
    }
    const end = graph.start[target + 1] as number;
    for (let edge = graph.start[target] as number; edge < end; edge += 1) {
      const next = graph.target[edge] as number;
      if (!isReached[next]) {
        queue.push(graph.weight[edge] as number, next, target);
      }
    }
  }
}

/** Steps along edges, the heaviest first; among equals the one that was seen first. */
class StepQueue {
  readonly target: Int32Array;
  readonly source: Int32Array;
  private readonly weight: Float64Array;
  /** A heap of steps by their numbers, which say in what order they came. */
  private readonly heap: Int32Array;
  private steps = 0;
  private size = 0;

  constructor(most: number) {
    this.target = new Int32Array(most);
    this.source = new Int32Array(most);
    this.weight = new Float64Array(most);
    this.heap = new Int32Array(most);
  }

  clear(): void {
    this.steps = 0;
    this.size = 0;
  }

  push(weight: number, target: number, source: number): void {
    const step = this.steps;
    this.steps += 1;
    this.weight[step] = weight;
    this.target[step] = target;
    this.source[step] = source;
    let at = this.size;
    this.size += 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = this.heap[above] as number;
      if (!this.isBefore(step, other)) {
        break;
      }
      this.heap[at] = other;
      at = above;
    }
    this.heap[at] = step;
  }

  /** Returns the number of the first step, -1 where there is none. */
  pop(): number {
    if (this.size === 0) {
      return -1;
    }
    const first = this.heap[0] as number;
    this.size -= 1;
    const last = this.heap[this.size] as number;
    let at = 0;
    for (let below = 1; below < this.size; below = 2 * at + 1) {
      if (below + 1 < this.size && this.isBefore(this.heap[below + 1] as number, this.heap[below] as number)) {
        below += 1;
      }
      const other = this.heap[below] as number;
      if (!this.isBefore(other, last)) {
        break;
      }
      this.heap[at] = other;
      at = below;
    }
    this.heap[at] = last;
    return first;
  }

  private isBefore(one: number, other: number): boolean {
    const difference = (this.weight[one] as number) - (this.weight[other] as number);
    return difference !== 0 ? difference > 0 : one < other;
  }
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
