/**
 * The frames of an icicle: the contexts that show, each under the nearest one above it that shows.
 *
 * Contexts of one function under one frame are one frame. What hidden contexts took of time or
 * memory counts as their frame's own, so a frame is as wide as its own part and its children
 * together; hidden calls are left out.
 */
import type { Measure } from "../state";
import type { CutTree, TreeColumns } from "../types";

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
  /** What the frame takes of the measure, itself and with all its children. */
  own: Float64Array;
  value: Float64Array;
  /** Where it begins, in the measure's unit. */
  start: Float64Array;
  row: Int32Array;
  firstChild: Int32Array;
  childrenEnd: Int32Array;
  /** How many rows there are, that of everything included. */
  rows: number;
}

/** The column that is added up; undefined where the recording has none. */
export function columnOf(columns: TreeColumns, measure: Measure): Float64Array | undefined {
  if (measure === "calls") return columns.calls;
  return measure === "bytes" ? columns.allocated_bytes : columns.self_ns;
}

/** Returns the frames of a tree by a measure, from the callers down to the callees. */
export function makeFrames(tree: CutTree, measure: Measure): Frames {
  const { columns, visible } = tree;
  const amounts = columnOf(columns, measure);
  const numbers = new Map<string, number>();
  const builder = new FrameBuilder();
  const frameOf = new Int32Array(columns.length);
  const countsHidden = measure !== "calls";
  for (let context = 0; context < columns.length; context++) {
    const parent = columns.parent[context] as number;
    const above = parent < 0 ? 0 : (frameOf[parent] as number);
    const amount = Math.max(amounts?.[context] ?? 0, 0);
    if (!visible[context]) {
      frameOf[context] = above;
      if (countsHidden) builder.add(above, amount);
      continue;
    }
    const id = tree.idOf(context);
    let node = numbers.get(id);
    if (node === undefined) numbers.set(id, (node = numbers.size));
    const frame = builder.child(above, node, context);
    frameOf[context] = frame;
    builder.add(frame, amount);
    builder.count(frame, columns.calls[context] as number);
  }
  return builder.finish([...numbers.keys()]);
}

/** Takes frames in any order in which parents come first, and puts them into rows. */
export class FrameBuilder {
  private readonly parent = [-1];
  private readonly node = [-1];
  private readonly context = [-1];
  private readonly contexts = [0];
  private readonly calls = [0];
  private readonly own = [0];
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
    }
    return frame;
  }

  add(frame: number, amount: number): void {
    this.own[frame] = (this.own[frame] as number) + amount;
  }

  count(frame: number, calls: number, contexts = 1): void {
    this.contexts[frame] = (this.contexts[frame] as number) + contexts;
    this.calls[frame] = (this.calls[frame] as number) + calls;
  }

  finish(ids: string[]): Frames {
    const length = this.parent.length;
    const values = Float64Array.from(this.own);
    const children: number[][] = Array.from({ length }, () => []);
    for (let frame = length - 1; frame > 0; frame--) {
      const parent = this.parent[frame] as number;
      values[parent] = (values[parent] as number) + (values[frame] as number);
      (children[parent] as number[]).push(frame);
    }
    const order = new Int32Array(length);
    const made = emptyFrames(length, ids);
    let end = 1;
    for (let place = 0; place < length; place++) {
      const frame = order[place] as number;
      made.node[place] = this.node[frame] as number;
      made.context[place] = this.context[frame] as number;
      made.contexts[place] = this.contexts[frame] as number;
      made.calls[place] = this.calls[frame] as number;
      made.own[place] = this.own[frame] as number;
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
    return made;
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
    value: new Float64Array(length),
    start: new Float64Array(length),
    row: new Int32Array(length),
    firstChild: new Int32Array(length),
    childrenEnd: new Int32Array(length),
    rows: 1,
  };
}

/** Returns the ids from below everything down to a frame. */
export function pathOf(frames: Frames, frame: number): string[] {
  const path: string[] = [];
  for (let at = frame; at > 0; at = frames.parent[at] as number) {
    path.push(frames.ids[frames.node[at] as number] as string);
  }
  return path.reverse();
}

/** Returns the frame at the end of a path of ids, or the last one on the way that there is. */
export function frameAt(frames: Frames, path: readonly string[]): number {
  let frame = 0;
  for (const id of path) {
    let next = -1;
    for (let child = frames.firstChild[frame] as number; child < (frames.childrenEnd[frame] as number); child++) {
      if (frames.ids[frames.node[child] as number] === id) next = child;
    }
    if (next < 0) break;
    frame = next;
  }
  return frame;
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
