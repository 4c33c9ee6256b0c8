// Which functions of two graphs are the same one: graph/same_functions.py.
import type { GraphNode } from "../types";
import { withoutNumbers } from "./names";

export type Pair = [GraphNode | null, GraphNode | null];

/** Returns each function of two graphs once, with its node on either side, or null. */
export function pairNodes(nodesA: readonly GraphNode[], nodesB: readonly GraphNode[]): Pair[] {
  const groupsA = byIdentity(nodesA);
  const groupsB = byIdentity(nodesB);
  const partner = new Map<string, GraphNode>();
  for (const [identity, groupA] of groupsA) {
    for (const [id, node] of partners(groupA, groupsB.get(identity) ?? [])) {
      partner.set(id, node);
    }
  }
  const paired = new Set([...partner.values()].map((node) => node.id));
  return [
    ...nodesA.map((node): Pair => [node, partner.get(node.id) ?? null]),
    ...nodesB.filter((node) => !paired.has(node.id)).map((node): Pair => [null, node]),
  ];
}

function byIdentity(nodes: readonly GraphNode[]): Map<string, GraphNode[]> {
  const groups = new Map<string, GraphNode[]>();
  for (const node of nodes) {
    const identity = JSON.stringify(
      node.kind === "thread"
        ? ["thread", withoutNumbers(node.name)]
        : ["function", node.name, node.class ?? "", node.qualname],
    );
    groups.set(identity, [...(groups.get(identity) ?? []), node]);
  }
  for (const group of groups.values()) {
    group.sort((one, other) => compareTexts(one.file, other.file) || one.line - other.line);
  }
  return groups;
}

/** Compares by code points, as Python does; the order of UTF-16 is another one. */
function compareTexts(one: string, other: string): number {
  const a = [...one];
  const b = [...other];
  for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
    const difference = (a[index]?.codePointAt(0) ?? 0) - (b[index]?.codePointAt(0) ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return a.length - b.length;
}

type Place = (node: GraphNode) => string;

/** Pairs what has one name: in the same file, in a file of the same name, in whatever file. */
function partners(groupA: GraphNode[], groupB: GraphNode[]): Map<string, GraphNode> {
  const places: Place[] = [
    ({ file }) => file,
    ({ file }) => file.slice(file.lastIndexOf("/") + 1),
    () => "",
  ];
  if (groupA.length !== groupB.length) {
    // One has come or gone: those that stayed where they were are known by that.
    places.unshift(({ file, line }) => JSON.stringify([file, line]));
  }
  const found = new Map<string, GraphNode>();
  const paired = new Set<string>();
  for (const place of places) {
    const candidates = new Map<string, GraphNode[]>();
    for (const node of groupB.filter(({ id }) => !paired.has(id))) {
      candidates.set(place(node), [...(candidates.get(place(node)) ?? []), node]);
    }
    for (const node of groupA.filter(({ id }) => !found.has(id))) {
      const same = candidates.get(place(node))?.shift();
      if (same !== undefined) {
        found.set(node.id, same);
        paired.add(same.id);
      }
    }
  }
  return found;
}
