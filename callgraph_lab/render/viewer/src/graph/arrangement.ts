// Which groups a drawing has and whether it runs left-right or top-down: render/arrangement.py.
import { columns } from "../format";
import type { Drawing, Fold } from "../model/budget";
import { callersFirst, heaviestCallers } from "../model/chains";
import { shortNameOf } from "../model/functions";
import type { CallGraph, GraphNode } from "../types";
import type { Direction } from "./scene";

const WANTED_PROPORTION = 1.4;
const BOX_HEIGHT = 52;
const BOX_MARGINS = 40;
const COLUMN_WIDTH = 6.5;
const RANK_GAP = 60;
const NODE_GAP = 18;
const ONE_LINE_COLUMNS = 26;

export interface Cluster {
  module: string;
  /** How often the heaviest chain to it has been in the module, this time counted. */
  visit: number;
  members: string[];
}

/** Returns the clusters of a drawing; what stands in none, threads among it, is left out. */
export function clustersOf(drawing: Drawing): Cluster[] {
  const modules = new Map<string, string | null>();
  for (const node of drawing.nodes) {
    modules.set(node.id, node.kind === "thread" ? null : node.module);
  }
  for (const fold of drawing.folds) {
    modules.set(fold.id, moduleOfFold(fold));
  }
  const callers = heaviestCallers(drawing.nodes, drawing.edges);
  const visitsOnChain = new Map<string, Map<string, number>>();
  const clusters = new Map<string, Cluster>();
  for (const id of callersFirst(modules.keys(), callers)) {
    const module = modules.get(id) ?? null;
    const caller = callers.get(id);
    let visits = (caller === undefined ? undefined : visitsOnChain.get(caller)) ?? new Map<string, number>();
    if (module !== null && (caller === undefined || modules.get(caller) !== module)) {
      visits = new Map(visits).set(module, (visits.get(module) ?? 0) + 1);
    }
    visitsOnChain.set(id, visits);
    if (module !== null) {
      const visit = visits.get(module) ?? 0;
      const key = JSON.stringify([module, visit]);
      const cluster = clusters.get(key) ?? { module, visit, members: [] };
      cluster.members.push(id);
      clusters.set(key, cluster);
    }
  }
  return [...clusters.values()];
}

function moduleOfFold({ members }: Fold): string | null {
  const modules = new Set(members.map((member) => member.module));
  const [only] = modules;
  return modules.size === 1 && only ? only : null;
}

/**
 * Returns the direction in which graphs, those of one selection at several depths, come nearer to the
 * proportions of a window. It estimates as render/arrangement.py does, from the heaviest nodes.
 */
export function directionOf(graphs: readonly CallGraph[], maxNodes: number): Direction {
  let difference = 0;
  for (const { nodes } of graphs) {
    if (nodes.length > 0) {
      const heaviest = [...nodes].sort((one, other) => other.inclusive_ns - one.inclusive_ns);
      const { topDown, leftRight } = proportionsOf(heaviest.slice(0, maxNodes));
      difference += distortion(topDown) - distortion(leftRight);
    }
  }
  return difference <= 0 ? "TB" : "LR";
}

function proportionsOf(nodes: readonly GraphNode[]): { topDown: number; leftRight: number } {
  const atDepth = new Map<number, number>();
  let letters = 0;
  for (const node of nodes) {
    atDepth.set(node.min_depth, (atDepth.get(node.min_depth) ?? 0) + 1);
    letters += Math.min(ONE_LINE_COLUMNS, columns(shortNameOf(node)));
  }
  const depths = atDepth.size;
  const widest = Math.max(...atDepth.values());
  const boxWidth = BOX_MARGINS + (COLUMN_WIDTH * letters) / nodes.length;
  return {
    topDown: (widest * (boxWidth + NODE_GAP)) / (depths * (BOX_HEIGHT + RANK_GAP)),
    leftRight: (depths * (boxWidth + RANK_GAP)) / (widest * (BOX_HEIGHT + NODE_GAP)),
  };
}

function distortion(proportion: number): number {
  return Math.abs(Math.log(proportion / WANTED_PROPORTION));
}
