/** The icicle from below: each function by its own part, beneath it who called it, and so on. */
import { FrameBuilder } from "./frame_builder";
import type { Frames } from "./icicle";

/** With so many frames it ends: each row may have as many as there are contexts. */
const MOST_FRAMES = 60_000;

/** A frame to be, and the frames of the icicle from above that it stands for. */
interface Group {
  node: number;
  /** Each once: its callers come next. */
  cursors: number[];
  /** For how much each counts. */
  amounts: number[];
  total: number;
}

interface Waiting {
  frame: number;
  group: Group;
}

/**
 * Turns an icicle around. Its first row has the functions, the next their callers, and so on until
 * there are `most` frames: the rows nearest to the functions are there, whole.
 */
export function makeCallerFrames(frames: Frames, most = MOST_FRAMES): Frames {
  return new Turning(frames, most).finish();
}

class Turning {
  private readonly builder: FrameBuilder;
  private readonly waiting: Waiting[] = [];
  private made = 0;
  /** By node: its group among those that are being made, valid where the stamp is the present one. */
  private readonly groupOf: Int32Array;
  private readonly groupStamp: Int32Array;
  /** By frame: where it is in its group, likewise. */
  private readonly placeOf: Int32Array;
  private readonly placeStamp: Int32Array;
  private stamp = 0;

  constructor(
    private readonly frames: Frames,
    private readonly most: number,
  ) {
    this.builder = new FrameBuilder(frames.length);
    this.groupOf = new Int32Array(frames.ids.length);
    this.groupStamp = new Int32Array(frames.ids.length);
    this.placeOf = new Int32Array(frames.length);
    this.placeStamp = new Int32Array(frames.length);
  }

  finish(): Frames {
    const { frames } = this;
    this.stamp++;
    const groups: Group[] = [];
    for (let frame = 1; frame < frames.length; frame++) {
      const own = frames.own[frame] as number;
      if (own > 0) this.put(groups, frame, own);
    }
    this.take(0, groups);
    // Row by row, for what is made is put behind what waits.
    for (let at = 0; at < this.waiting.length; at++) {
      const { frame, group } = this.waiting[at] as Waiting;
      this.callersOf(frame, group);
      // Its lists are not needed any more, and may be long.
      group.cursors = group.amounts = [];
    }
    return this.builder.finish(frames.ids).frames;
  }

  private callersOf(frame: number, group: Group): void {
    if (this.made >= this.most) {
      this.builder.add(frame, group.total);
      return;
    }
    this.stamp++;
    const groups: Group[] = [];
    for (let index = 0; index < group.cursors.length; index++) {
      const caller = this.frames.parent[group.cursors[index] as number] as number;
      const amount = group.amounts[index] as number;
      // Above a thread there is nothing: what is left is the frame's own.
      if (caller <= 0) this.builder.add(frame, amount);
      else this.put(groups, caller, amount);
    }
    this.take(frame, groups);
  }

  private put(groups: Group[], cursor: number, amount: number): void {
    const node = this.frames.node[cursor] as number;
    if (this.groupStamp[node] !== this.stamp) {
      this.groupStamp[node] = this.stamp;
      this.groupOf[node] = groups.length;
      groups.push({ node, cursors: [], amounts: [], total: 0 });
    }
    const group = groups[this.groupOf[node] as number] as Group;
    group.total += amount;
    if (this.placeStamp[cursor] === this.stamp) {
      const place = this.placeOf[cursor] as number;
      group.amounts[place] = (group.amounts[place] as number) + amount;
      return;
    }
    this.placeStamp[cursor] = this.stamp;
    this.placeOf[cursor] = group.cursors.length;
    group.cursors.push(cursor);
    group.amounts.push(amount);
  }

  private take(above: number, groups: Group[]): void {
    const { builder, frames } = this;
    for (const group of groups) {
      const frame = builder.child(above, group.node, frames.context[group.cursors[0] as number] as number);
      for (const cursor of group.cursors) {
        builder.count(frame, frames.calls[cursor] as number, frames.contexts[cursor] as number);
      }
      this.made++;
      this.waiting.push({ frame, group });
    }
  }
}
