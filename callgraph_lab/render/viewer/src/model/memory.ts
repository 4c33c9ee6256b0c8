// What functions have allocated, per node of the graph at a depth, where memory was counted.
import type { NodeMemory } from "../types";
import type { BareTree } from "./tree";
import { HIDDEN } from "./tally";

/** Returns the bytes of each node at depths up to `limit`; null where memory was not counted. */
export function memoryUpTo(
  tree: BareTree,
  nodeOfFunction: Int32Array,
  depths: Int32Array,
  limit: number,
): Map<number, NodeMemory> | null {
  const allocated = tree.column("allocated_bytes");
  const net = tree.column("net_bytes");
  if (allocated === null) {
    return null;
  }
  const memory = new Map<number, NodeMemory>();
  for (let context = 0; context < tree.contexts; context += 1) {
    const node = nodeOfFunction[tree.function[context] as number] as number;
    if (node === HIDDEN || (depths[context] as number) > limit) {
      continue;
    }
    let entry = memory.get(node);
    if (entry === undefined) {
      entry = { allocated_bytes: 0, net_bytes: 0 };
      memory.set(node, entry);
    }
    entry.allocated_bytes += allocated[context] as number;
    entry.net_bytes += net?.[context] ?? 0;
  }
  return memory;
}
