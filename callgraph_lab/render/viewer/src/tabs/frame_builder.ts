/** Makes the frames of an icicle of 100,000 contexts and more: in typed arrays, without an object each. */
import type { Frames } from "./icicle";

/** Takes frames in any order in which parents come first, and puts them into rows. */
export class FrameBuilder {
  private readonly parent = [-1];
  private readonly node = [-1];
  private readonly context = [-1];
  private readonly contexts = [0];
  private readonly calls = [0];
  private readonly own = [0];
  private readonly hidden = [0];
  /** A hash table of frames by parent and node; 0 is a free place. */
  private places: Int32Array;

  constructor(expected: number) {
    this.places = new Int32Array(2 ** Math.ceil(Math.log2(2 * expected + 16)));
  }

  /** Returns the child of a frame for a node, new where there is none. */
  child(parent: number, node: number, context: number): number {
    const place = this.placeOf(parent, node);
    const known = this.places[place] as number;
    if (known !== 0) return known;
    const frame = this.parent.length;
    this.places[place] = frame;
    this.parent.push(parent);
    this.node.push(node);
    this.context.push(context);
    this.contexts.push(0);
    this.calls.push(0);
    this.own.push(0);
    this.hidden.push(0);
    if (2 * frame > this.places.length) this.grow();
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

  private placeOf(parent: number, node: number): number {
    const mask = this.places.length - 1;
    let place = (Math.imul(parent, 0x9e3779b1) ^ Math.imul(node, 0x85ebca6b)) >>> 0;
    place = (place ^ (place >>> 15)) & mask;
    for (;;) {
      const frame = this.places[place] as number;
      if (frame === 0 || (this.parent[frame] === parent && this.node[frame] === node)) return place;
      place = (place + 1) & mask;
    }
  }

  private grow(): void {
    this.places = new Int32Array(2 * this.places.length);
    for (let frame = 1; frame < this.parent.length; frame++) {
      this.places[this.placeOf(this.parent[frame] as number, this.node[frame] as number)] = frame;
    }
  }

  /** Returns the frames, and by the number that `child` gave where each is now. */
  finish(ids: string[]): { frames: Frames; places: Int32Array } {
    const length = this.parent.length;
    const values = this.values();
    const { first, next } = this.children();
    const order = new Int32Array(length);
    const places = new Int32Array(length);
    const made = emptyFrames(length, ids);
    const below: number[] = [];
    let end = 1;
    for (let place = 0; place < length; place++) {
      const frame = order[place] as number;
      places[frame] = place;
      this.fill(made, place, frame, values[frame] as number);
      made.firstChild[place] = end;
      below.length = 0;
      for (let child = first[frame] as number; child !== 0; child = next[child] as number) below.push(child);
      if (below.length > 1) {
        below.sort((one, other) => (values[other] as number) - (values[one] as number) || one - other);
      }
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

  private values(): Float64Array {
    const values = Float64Array.from(this.own);
    for (let frame = values.length - 1; frame > 0; frame--) {
      const parent = this.parent[frame] as number;
      values[parent] = (values[parent] as number) + (values[frame] as number);
    }
    return values;
  }

  /** The children of each frame as a list: the first, and after each the next; 0 ends it. */
  private children(): { first: Int32Array; next: Int32Array } {
    const length = this.parent.length;
    const [first, next] = [new Int32Array(length), new Int32Array(length)];
    for (let frame = length - 1; frame > 0; frame--) {
      const parent = this.parent[frame] as number;
      next[frame] = first[parent] as number;
      first[parent] = frame;
    }
    return { first, next };
  }

  private fill(made: Frames, place: number, frame: number, value: number): void {
    made.node[place] = this.node[frame] as number;
    made.context[place] = this.context[frame] as number;
    made.contexts[place] = this.contexts[frame] as number;
    made.calls[place] = this.calls[frame] as number;
    made.own[place] = this.own[frame] as number;
    made.hidden[place] = this.hidden[frame] as number;
    made.value[place] = value;
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
