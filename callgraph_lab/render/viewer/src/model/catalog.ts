// All functions of a recording by their ids, found or hidden: for the search, and for what is told of
// one function.
import type { FunctionInfo } from "../payload";
import type { CallGraph, GraphNode } from "../types";
import type { GraphGround } from "./build";
import { HIDDEN } from "./tally";

export interface CatalogEntry {
  id: string;
  name: string;
  of: FunctionInfo;
  /** Calls at any depth of what is selected; 0 where it was not called there. */
  calls: number;
  /** Its node at every depth; null where it does not show. */
  node: GraphNode | null;
  /** The rule that decided. */
  rule: string;
  isHidden: boolean;
}

const catalogs = new WeakMap<GraphGround, Map<string, CatalogEntry>>();

/** Returns the functions that were called, and those that were not, by their ids. */
export function catalogOf(ground: GraphGround, fullGraph: CallGraph): Map<string, CatalogEntry> {
  let catalog = catalogs.get(ground);
  if (catalog === undefined) {
    catalog = makeCatalog(ground, fullGraph);
    catalogs.set(ground, catalog);
  }
  return catalog;
}

function makeCatalog(ground: GraphGround, fullGraph: CallGraph): Map<string, CatalogEntry> {
  const { names, nodeOfFunction, totals, decided } = ground;
  const nodes = new Map(fullGraph.nodes.map((node) => [node.id, node]));
  const catalog = new Map<string, CatalogEntry>();
  names.nodeOfFunction.forEach((node, index) => {
    const id = names.ids[node] as string;
    const isHidden = nodeOfFunction[index] === HIDDEN;
    const calls = totals.calls[index] as number;
    const entry = catalog.get(id);
    if (entry === undefined) {
      catalog.set(id, {
        id,
        name: names.names[node] as string,
        of: names.functions[node] as FunctionInfo,
        calls,
        node: nodes.get(id) ?? null,
        rule: decided.decisions[index]?.rule ?? "",
        isHidden,
      });
      return;
    }
    // A function may show below some callers and be hidden below others: it is found then.
    entry.calls += calls;
    if (entry.isHidden && !isHidden) {
      entry.isHidden = false;
      entry.rule = decided.decisions[index]?.rule ?? "";
    }
  });
  return catalog;
}

/** How well a name answers what was typed: 0 best, null not at all. */
function rankOf(name: string, wanted: string): number | null {
  const at = name.indexOf(wanted);
  if (at < 0) {
    return null;
  }
  const own = name.slice(name.lastIndexOf(".") + 1);
  if (own === wanted) {
    return 0;
  }
  return own.startsWith(wanted) ? 1 : /[._]/.test(name[at - 1] ?? ".") ? 2 : 3;
}

/** Returns what the words of a text find, the best first. Without a capital letter case is alike. */
export function find(entries: Iterable<CatalogEntry>, text: string, most: number): CatalogEntry[] {
  const isAlike = text === text.toLowerCase();
  const words = text.split(/[\s*]+/).filter((word) => word !== "");
  const found: { entry: CatalogEntry; rank: number }[] = [];
  for (const entry of entries) {
    const name = isAlike ? entry.name.toLowerCase() : entry.name;
    let rank: number | null = 0;
    for (const word of words) {
      const part: number | null = rankOf(name, word);
      rank = part === null || rank === null ? null : rank + part;
    }
    if (rank !== null) {
      found.push({ entry, rank: rank + (entry.isHidden ? 0.5 : 0) + (entry.calls > 0 ? 0 : 0.7) });
    }
  }
  found.sort(
    (one, other) =>
      one.rank - other.rank ||
      other.entry.calls - one.entry.calls ||
      one.entry.name.length - other.entry.name.length,
  );
  return found.slice(0, most).map(({ entry }) => entry);
}
