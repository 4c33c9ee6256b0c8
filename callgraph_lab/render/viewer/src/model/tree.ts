// The tree of a slice in typed arrays, cut to one process or one thread of it.
import type { Slice, ThreadInfo } from "../payload";
import type { ColumnName } from "../types";

export const NO_PARENT = -1;

/** A tree, or what is left of one. Contexts stand in preorder, so a subtree is a range. */
export interface BareTree {
  readonly contexts: number;
  readonly parent: Int32Array;
  readonly function: Int32Array;
  readonly end: Int32Array;
  readonly origin: Int32Array;
  readonly threads: readonly ThreadInfo[];
  column(name: ColumnName): Float64Array | null;
  /** As `column`, but zeros where the recording has no such column. */
  figures(name: ColumnName): Float64Array;
}

/** Columns that every recording has: where the payload leaves one out, all of it is zero. */
const ALWAYS: ReadonlySet<ColumnName> = new Set<ColumnName>([
  "calls",
  "resumes",
  "suspensions",
  "self_ns",
  "inclusive_ns",
  "open_calls",
]);

const wholeTrees = new WeakMap<Slice, BareTree>();

/** Returns the tree of a slice; the same object whenever it is asked. */
export function wholeTree(slice: Slice): BareTree {
  let tree = wholeTrees.get(slice);
  if (tree === undefined) {
    const { parent, function: functions } = slice.tree;
    const contexts = parent.length;
    tree = makeTree(
      {
        parent: Int32Array.from(parent),
        function: Int32Array.from(functions),
        origin: Int32Array.from({ length: contexts }, (_, context) => context),
      },
      slice.threads,
      (name) => {
        const values = slice.tree[name];
        return values === undefined ? null : Float64Array.from(values);
      },
    );
    wholeTrees.set(slice, tree);
  }
  return tree;
}

/**
 * Returns what one process did, or one thread (an index into the slice's threads); as
 * graph/processes.py does it, thread after thread.
 */
export function cutTree(slice: Slice, pid: number | null, thread: number | null): BareTree {
  const whole = wholeTree(slice);
  if (pid === null && thread === null) {
    return whole;
  }
  const kept = slice.threads.filter(
    (one, index) => (pid === null || one.pid === pid) && (thread === null || thread === index),
  );
  const ranges = kept.map(({ root }) => [root, whole.end[root] ?? root] as const);
  const contexts = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  const origin = new Int32Array(contexts);
  const parent = new Int32Array(contexts);
  const threads: ThreadInfo[] = [];
  let place = 0;
  ranges.forEach(([start, end], index) => {
    threads.push({ ...(kept[index] as ThreadInfo), root: place });
    const shift = place - start;
    for (let context = start; context < end; context += 1, place += 1) {
      origin[place] = context;
      parent[place] = context === start ? NO_PARENT : (whole.parent[context] as number) + shift;
    }
  });
  return makeTree(
    { parent, origin, function: origin.map((context) => whole.function[context] as number) },
    threads,
    (name) => {
      const values = whole.column(name);
      return values && Float64Array.from(origin, (context) => values[context] as number);
    },
  );
}

/** Returns a tree with other functions of its contexts. */
export function withFunctions(tree: BareTree, functions: Int32Array): BareTree {
  return { ...tree, function: functions };
}

type Shape = Pick<BareTree, "parent" | "function" | "origin">;

function makeTree(
  shape: Shape,
  threads: readonly ThreadInfo[],
  load: (name: ColumnName) => Float64Array | null,
): BareTree {
  const contexts = shape.parent.length;
  const columns = new Map<ColumnName, Float64Array | null>();
  const zeros = new Float64Array(contexts);
  const column = (name: ColumnName): Float64Array | null => {
    let values = columns.get(name);
    if (values === undefined) {
      values = load(name) ?? (ALWAYS.has(name) ? zeros : null);
      columns.set(name, values);
    }
    return values;
  };
  return {
    ...shape,
    contexts,
    threads,
    end: subtreeEnds(shape.parent),
    column,
    figures: (name) => column(name) ?? zeros,
  };
}

function subtreeEnds(parents: Int32Array): Int32Array {
  const ends = new Int32Array(parents.length);
  for (let context = parents.length - 1; context >= 0; context -= 1) {
    const end = Math.max(ends[context] as number, context + 1);
    ends[context] = end;
    const parent = parents[context] as number;
    if (parent !== NO_PARENT && (ends[parent] as number) < end) {
      ends[parent] = end;
    }
  }
  return ends;
}
