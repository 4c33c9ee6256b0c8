// The ways to a function: from a thread's root down to it, the shortest and the most called ones.
import { HIDDEN } from "./tally";
import type { GraphGround } from "./build";
import { NO_PARENT } from "./tree";

/** One way: ids from a thread's root to the function, hidden frames left out. */
export interface CallPath {
  ids: string[];
  /** How many hidden frames were left out in all. */
  skippedFrames: number;
  /** Calls and resumes of the function that came this way. */
  entered: number;
}

/** Returns the ways to a function that most calls took, at most `most`, and how many there are. */
export function pathsTo(ground: GraphGround, id: string, most: number): { paths: CallPath[]; all: number } {
  const { names, nodeOfFunction, decided } = ground;
  const { tree } = decided;
  const node = names.ids.indexOf(id);
  const calls = tree.figures("calls");
  const resumes = tree.figures("resumes");
  const found = new Map<string, { context: number; entered: number }>();
  for (let context = 0; context < tree.contexts; context += 1) {
    // A hidden function is found too, by the node that it would be.
    if (names.nodeOfFunction[tree.function[context] as number] !== node) {
      continue;
    }
    const entered = (calls[context] as number) + (resumes[context] as number);
    const key = visibleAbove(ground, context).join();
    const path = found.get(key);
    if (path === undefined) {
      found.set(key, { context, entered });
    } else {
      path.entered += entered;
    }
  }
  const ways = [...found.values()].sort((one, other) => other.entered - one.entered);
  const paths = ways.slice(0, most).map(({ context, entered }): CallPath => {
    const nodes = visibleAbove(ground, context);
    let frames = 0;
    for (let at = context; at !== NO_PARENT; at = tree.parent[at] as number) {
      frames += 1;
    }
    const isShown = nodeOfFunction[tree.function[context] as number] !== HIDDEN;
    const shown = [...nodes].reverse().map((number) => names.ids[number] as string);
    return {
      ids: isShown ? shown : [...shown, id],
      skippedFrames: frames - nodes.length - (isShown ? 0 : 1),
      entered,
    };
  });
  return { paths, all: ways.length };
}

/** Returns the nodes that show, from a context up to its root. */
function visibleAbove({ decided: { tree }, nodeOfFunction }: GraphGround, context: number): number[] {
  const nodes: number[] = [];
  for (let at = context; at !== NO_PARENT; at = tree.parent[at] as number) {
    const node = nodeOfFunction[tree.function[at] as number] as number;
    if (node !== HIDDEN) {
      nodes.push(node);
    }
  }
  return nodes;
}
