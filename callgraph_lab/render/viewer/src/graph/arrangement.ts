// Which groups a drawing has and whether it runs left-right or top-down: render/arrangement.py.
import { columns } from "../format";
import type { Drawing, Fold } from "../model/budget";
import { callersFirst, heaviestCallers } from "../model/chains";
import type { GraphNode } from "../types";
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

/** Returns the direction in which a drawing comes nearer to the proportions of a window. */
export function directionOf(drawing: Drawing, shortName: (node: GraphNode) => string): Direction {
  if (drawing.nodes.length === 0) {
    return "TB";
  }
  const depthOf = new Map(drawing.nodes.map((node) => [node.id, node.min_depth]));
  const callerOf = new Map(drawing.edges.map((edge) => [edge.target, edge.source]));
  const atDepth = new Map<number, number>();
  const add = (depth: number): void => {
    atDepth.set(depth, (atDepth.get(depth) ?? 0) + 1);
  };
  drawing.nodes.forEach((node) => add(node.min_depth));
  drawing.folds.forEach((fold) => add((depthOf.get(callerOf.get(fold.id) ?? "") ?? 0) + 1));
  const depths = atDepth.size;
  const widest = Math.max(...atDepth.values());
  const named = drawing.nodes.map((node) => Math.min(ONE_LINE_COLUMNS, columns(shortName(node))));
  const boxWidth =
    BOX_MARGINS + (COLUMN_WIDTH * named.reduce((sum, each) => sum + each, 0)) / named.length;
  const topDown = (widest * (boxWidth + NODE_GAP)) / (depths * (BOX_HEIGHT + RANK_GAP));
  const leftRight = (depths * (boxWidth + RANK_GAP)) / (widest * (BOX_HEIGHT + NODE_GAP));
  return distortion(topDown) <= distortion(leftRight) ? "TB" : "LR";
}

function distortion(proportion: number): number {
  return Math.abs(Math.log(proportion / WANTED_PROPORTION));
}
