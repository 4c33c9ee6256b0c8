/**
 * The frames of an icicle: the contexts that show, each under the nearest one above it that shows.
 *
 * Contexts of one function under one frame are one frame. What hidden contexts took of time or
 * memory counts as their frame's own, so a frame is as wide as its own part and its children
 * together; hidden calls are left out.
 */
import type { Measure } from "../state";
import type { CutTree } from "../types";
import { FrameBuilder } from "./frame_builder";

/**
 * Frames by number, 0 for everything. Those of one row stand together, so do the children of one
 * frame, the largest first: that bounds what is drawn, for behind a narrow child all are narrower.
 */
export interface Frames {
  length: number;
  parent: Int32Array;
  /** Index into `ids`. */
  node: Int32Array;
  ids: string[];
  /** The first context of each frame; -1 for everything. */
  context: Int32Array;
  /** How many contexts are in it. */
  contexts: Int32Array;
  calls: Float64Array;
  /** What the frame takes of the measure itself, and what of that its hidden contexts take. */
  own: Float64Array;
  hidden: Float64Array;
  /** What it takes with all its children. */
  value: Float64Array;
  /** Where it begins, in the measure's unit. */
  start: Float64Array;
  row: Int32Array;
  firstChild: Int32Array;
  childrenEnd: Int32Array;
  /** How many rows there are, that of everything included. */
  rows: number;
}

/** The frames of a tree, and by context the frame that it is in, or that it is hidden in. */
export interface Icicle {
  frames: Frames;
  frameOf: Int32Array;
}

const COLUMNS = { inclusive: "self_ns", self: "self_ns", calls: "calls", bytes: "allocated_bytes" } as const;

/** Returns the frames of a tree by a measure, from the callers down to the callees. */
export function makeIcicle(tree: CutTree, measure: Measure): Icicle {
  const amounts = tree.column(COLUMNS[measure]);
  const calls = tree.column("calls");
  const numbers = new Map<string, number>();
  const builder = new FrameBuilder(tree.contexts);
  const frameOf = new Int32Array(tree.contexts);
  const countsHidden = measure !== "calls";
  for (let context = 0; context < tree.contexts; context++) {
    const parent = tree.parent[context] as number;
    const above = parent < 0 ? 0 : (frameOf[parent] as number);
    const amount = Math.max(amounts?.[context] ?? 0, 0);
    if (!tree.visible[context]) {
      frameOf[context] = above;
      if (countsHidden) builder.add(above, amount, true);
      continue;
    }
    const id = tree.idOf(context);
    let node = numbers.get(id);
    if (node === undefined) numbers.set(id, (node = numbers.size));
    const frame = builder.child(above, node, context);
    frameOf[context] = frame;
    builder.add(frame, amount);
    builder.count(frame, calls?.[context] ?? 0);
  }
  const { frames, places } = builder.finish([...numbers.keys()]);
  return { frames, frameOf: frameOf.map((frame) => places[frame] as number) };
}

/** What a function has of the measure in all its frames, recursion counted once. */
export function totalOf(frames: Frames, id: string): { frames: number; value: number } {
  const node = frames.ids.indexOf(id);
  let [found, value] = [0, 0];
  if (node < 0) return { frames: 0, value: 0 };
  // Whether a frame lies within one of the function; parents come first.
  const inside = new Uint8Array(frames.length);
  for (let frame = 1; frame < frames.length; frame++) {
    const isIt = frames.node[frame] === node;
    const within = inside[frames.parent[frame] as number] as number;
    if (isIt) found++;
    if (isIt && !within) value += frames.value[frame] as number;
    inside[frame] = isIt ? 1 : within;
  }
  return { frames: found, value };
}
