/**
 * The frames of an icicle: the contexts that show, each under the nearest one above it that shows.
 *
 * Contexts of one function under one frame are one frame. What hidden contexts took of time or
 * memory counts as their frame's own, so a frame is as wide as its own part and its children
 * together; hidden calls are left out.
 */
import type { Measure } from "../state";
import type { CutTree } from "../types";

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
  const builder = new FrameBuilder();
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

/** Takes frames in any order in which parents come first, and puts them into rows. */
export class FrameBuilder {
  private readonly parent = [-1];
  private readonly node = [-1];
  private readonly context = [-1];
  private readonly contexts = [0];
  private readonly calls = [0];
  private readonly own = [0];
  private readonly hidden = [0];
  private readonly known = new Map<number, number>();

  /** Returns the child of a frame for a node, new where there is none. */
  child(parent: number, node: number, context: number): number {
    // No tree has so many functions that the product loses digits.
    const key = parent * 0x200000 + node;
    let frame = this.known.get(key);
    if (frame === undefined) {
      frame = this.parent.length;
      this.known.set(key, frame);
      this.parent.push(parent);
      this.node.push(node);
      this.context.push(context);
      this.contexts.push(0);
      this.calls.push(0);
      this.own.push(0);
      this.hidden.push(0);
    }
    return frame;
  }

  add(frame: number, amount: number, isHidden = false): void {
    this.own[frame] = (this.own[frame] as number) + amount;
    if (isHidden) this.hidden[frame] = (this.hidden[frame] as number) + amount;
  }

  count(frame: number, calls: number, contexts = 1): void {
    this.contexts[frame] = (this.contexts[frame] as number) + contexts;
    this.calls[frame] = (this.calls[frame] as number) + calls;
  }

  /** Returns the frames, and by the number that `child` gave where each is now. */
  finish(ids: string[]): { frames: Frames; places: Int32Array } {
    const length = this.parent.length;
    const values = Float64Array.from(this.own);
    const children: number[][] = Array.from({ length }, () => []);
    for (let frame = length - 1; frame > 0; frame--) {
      const parent = this.parent[frame] as number;
      values[parent] = (values[parent] as number) + (values[frame] as number);
      (children[parent] as number[]).push(frame);
    }
    const order = new Int32Array(length);
    const places = new Int32Array(length);
    const made = emptyFrames(length, ids);
    let end = 1;
    for (let place = 0; place < length; place++) {
      const frame = order[place] as number;
      places[frame] = place;
      made.node[place] = this.node[frame] as number;
      made.context[place] = this.context[frame] as number;
      made.contexts[place] = this.contexts[frame] as number;
      made.calls[place] = this.calls[frame] as number;
      made.own[place] = this.own[frame] as number;
      made.hidden[place] = this.hidden[frame] as number;
      made.value[place] = values[frame] as number;
      made.firstChild[place] = end;
      const below = children[frame] as number[];
      below.sort((one, other) => (values[other] as number) - (values[one] as number) || one - other);
      let start = made.start[place] as number;
      for (const child of below) {
        order[end] = child;
        made.parent[end] = place;
        made.row[end] = (made.row[place] as number) + 1;
        made.start[end] = start;
        start += values[child] as number;
        end++;
      }
      made.childrenEnd[place] = end;
    }
    made.rows = (made.row[length - 1] as number) + 1;
    return { frames: made, places };
  }
}

function emptyFrames(length: number, ids: string[]): Frames {
  const parent = new Int32Array(length);
  parent[0] = -1;
  return {
    length,
    parent,
    ids,
    node: new Int32Array(length),
    context: new Int32Array(length),
    contexts: new Int32Array(length),
    calls: new Float64Array(length),
    own: new Float64Array(length),
    hidden: new Float64Array(length),
    value: new Float64Array(length),
    start: new Float64Array(length),
    row: new Int32Array(length),
    firstChild: new Int32Array(length),
    childrenEnd: new Int32Array(length),
    rows: 1,
  };
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
