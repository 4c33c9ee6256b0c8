// A budget of nodes for pictures: render/budget.py. Past it the lightest functions are folded into
// "n more" nodes, and still counted. Here folds can be expanded, and functions collapsed.
import type { CallGraph, GraphEdge, GraphNode } from "../types";
import { callersFirst, heaviestCallers } from "./chains";

const FEWEST_NODES = 2;
/** How many functions of one fold an expansion shows, the heaviest first. */
export const MOST_EXPANDED = 40;

/** One drawn node that stands for several functions. */
export interface Fold {
  id: string;
  /** The function beside which it hangs; null where nothing calls its members. */
  caller: string | null;
  members: GraphNode[];
  inner_calls: number;
  inner_resumes: number;
  /** The time of the calls that enter it from outside. */
  inclusive_ns: number;
}

/** A graph as it is drawn. Edges lead between ids of `nodes` and of `folds`. */
export interface Drawing {
  graph: CallGraph;
  nodes: GraphNode[];
  folds: Fold[];
  edges: GraphEdge[];
}

export interface BudgetOptions {
  maxNodes: number;
  /** Lesser nodes are folded first. */
  isLesser?: (node: GraphNode) => boolean;
  /** Ids whose folds are opened, beyond the budget; one that comes twice is opened twice as far. */
  expanded?: readonly string[];
  /** Ids whose callees are folded, where nothing else leads to them. */
  collapsed?: ReadonlySet<string>;
}

type Groups = Map<string | null, string[]>;

export function applyBudget(graph: CallGraph, options: BudgetOptions): Drawing {
  const maxNodes = Math.max(FEWEST_NODES, options.maxNodes);
  const collapsed = beneathCollapsed(graph, options.collapsed ?? new Set());
  if (graph.nodes.length <= maxNodes && collapsed.size === 0) {
    return { graph, nodes: graph.nodes, folds: [], edges: graph.edges };
  }
  const callers = heaviestCallers(graph.nodes, graph.edges);
  const worthiest = worthiestFirst(graph, callers, options.isLesser ?? (() => false));
  const order = worthiest.filter((id) => !collapsed.has(id));
  let kept = Math.min(order.length, graph.nodes.length <= maxNodes ? maxNodes : maxNodes - 1);
  const rest = (from: number): string[] => [
    ...order.slice(from),
    ...worthiest.filter((id) => collapsed.has(id)),
  ];
  let groups: Groups;
  for (;;) {
    groups = foldGroups(order.slice(0, kept), rest(kept), callers);
    const tooMany = kept + groups.size - maxNodes;
    if (tooMany <= 0) {
      break;
    }
    kept -= tooMany;
    if (kept < 1) {
      // So many roots that nothing calls: one fold for all.
      kept = Math.min(order.length, maxNodes - 1);
      groups = new Map([[null, rest(kept)]]);
      break;
    }
  }
  const drawn = new Set(order.slice(0, kept));
  groups = expand(groups, drawn, options.expanded ?? [], callers, collapsed);
  return draw(graph, drawn, groups);
}

function worthiestFirst(
  graph: CallGraph,
  callers: ReadonlyMap<string, string>,
  isLesser: (node: GraphNode) => boolean,
): string[] {
  const heaviestFirst = [...graph.nodes].sort(
    (one, other) =>
      Number(one.kind !== "thread") - Number(other.kind !== "thread") ||
      Number(isLesser(one)) - Number(isLesser(other)) ||
      other.inclusive_ns - one.inclusive_ns ||
      other.calls - one.calls ||
      one.min_depth - other.min_depth,
  );
  return callersFirst(
    heaviestFirst.map((node) => node.id),
    callers,
  );
}

/** Groups the folded ids by the nearest kept caller up their chain. */
function foldGroups(
  kept: Iterable<string>,
  folded: Iterable<string>,
  callers: ReadonlyMap<string, string>,
): Groups {
  const isKept = new Set(kept);
  const groups: Groups = new Map();
  for (const id of folded) {
    let caller = callers.get(id);
    while (caller !== undefined && !isKept.has(caller)) {
      caller = callers.get(caller);
    }
    const group = groups.get(caller ?? null);
    if (group === undefined) {
      groups.set(caller ?? null, [id]);
    } else {
      group.push(id);
    }
  }
  return groups;
}

/** Opens the folds of some functions: adds to `drawn` and returns the folds that are left. */
function expand(
  groups: Groups,
  drawn: Set<string>,
  expanded: readonly string[],
  callers: ReadonlyMap<string, string>,
  collapsed: ReadonlySet<string>,
): Groups {
  const mostShown = new Map<string, number>();
  for (const id of expanded) {
    mostShown.set(id, (mostShown.get(id) ?? 0) + MOST_EXPANDED);
  }
  let left = groups;
  // What comes out of a fold may itself have one that is to be opened.
  for (;;) {
    const next = [...mostShown.keys()].find((id) => drawn.has(id));
    if (next === undefined) {
      return left;
    }
    const group = left.get(next) ?? [];
    const callees = group.filter((id) => callers.get(id) === next && !collapsed.has(id));
    for (const id of callees.slice(0, mostShown.get(next))) {
      drawn.add(id);
    }
    mostShown.delete(next);
    left = foldGroups(drawn, [...left.values()].flat().filter((id) => !drawn.has(id)), callers);
  }
}

/** Returns the ids to which only collapsed functions lead. */
function beneathCollapsed(graph: CallGraph, collapsed: ReadonlySet<string>): Set<string> {
  if (!graph.nodes.some((node) => collapsed.has(node.id))) {
    return new Set();
  }
  const callees = new Map<string, string[]>();
  const called = new Set<string>();
  for (const { source, target } of graph.edges) {
    callees.set(source, [...(callees.get(source) ?? []), target]);
    if (source !== target) {
      called.add(target);
    }
  }
  const reached = new Set<string>();
  const toVisit = graph.nodes
    .filter((node) => node.kind === "thread" || !called.has(node.id))
    .map((node) => node.id);
  for (let id = toVisit.pop(); id !== undefined; id = toVisit.pop()) {
    if (!reached.has(id)) {
      reached.add(id);
      toVisit.push(...(collapsed.has(id) ? [] : (callees.get(id) ?? [])));
    }
  }
  return new Set(graph.nodes.map((node) => node.id).filter((id) => !reached.has(id)));
}

function draw(graph: CallGraph, kept: Set<string>, groups: Groups): Drawing {
  const nodeOf = new Map(graph.nodes.map((node) => [node.id, node]));
  const drawnAs = new Map<string, string>();
  const folds = new Map<string, Fold>();
  for (const [caller, group] of groups) {
    const [alone] = group;
    if (group.length === 1 && alone !== undefined) {
      kept.add(alone); // a fold of one function takes the place of one node and tells less
      continue;
    }
    const id = foldId(caller, nodeOf);
    const members = group.map((member) => nodeOf.get(member) as GraphNode);
    folds.set(id, { id, caller, members, inner_calls: 0, inner_resumes: 0, inclusive_ns: 0 });
    for (const member of group) {
      drawnAs.set(member, id);
    }
  }
  for (const id of kept) {
    drawnAs.set(id, id);
  }
  const edges = mergeEdges(graph.edges, drawnAs, folds);
  const nodes = graph.nodes.filter((node) => kept.has(node.id));
  return { graph, nodes, folds: [...folds.values()], edges };
}

/** A fold goes by its caller, so that it is the same one from depth to depth. */
function foldId(caller: string | null, taken: ReadonlyMap<string, GraphNode>): string {
  let id = `more of ${caller ?? "no caller"}`;
  while (taken.has(id)) {
    id += "-";
  }
  return id;
}

function mergeEdges(
  edges: Iterable<GraphEdge>,
  drawnAs: ReadonlyMap<string, string>,
  folds: ReadonlyMap<string, Fold>,
): GraphEdge[] {
  // A graph may have 100,000 edges: a key of text for each would take longer than all the rest.
  const merged = new Map<string, [Map<string, GraphEdge>, Map<string, GraphEdge>]>();
  const order: GraphEdge[] = [];
  for (const edge of edges) {
    const source = drawnAs.get(edge.source) as string;
    const target = drawnAs.get(edge.target) as string;
    const fold = folds.get(target);
    if (fold !== undefined && source === target) {
      fold.inner_calls += edge.calls;
      fold.inner_resumes += edge.resumes;
      continue;
    }
    if (fold !== undefined) {
      fold.inclusive_ns += edge.inclusive_ns;
    }
    let from = merged.get(source);
    if (from === undefined) {
      from = [new Map(), new Map()];
      merged.set(source, from);
    }
    const to = from[edge.bridged ? 1 : 0];
    const before = to.get(target);
    if (before === undefined) {
      const drawn = { ...edge, source, target };
      to.set(target, drawn);
      order.push(drawn);
    } else {
      addTo(before, edge);
    }
  }
  return order;
}

function addTo(sum: GraphEdge, edge: GraphEdge): void {
  sum.calls += edge.calls;
  sum.resumes += edge.resumes;
  sum.inclusive_ns += edge.inclusive_ns;
  sum.skipped_frames = Math.max(sum.skipped_frames, edge.skipped_frames);
}
