/** The icicle from below: each function by its own part, beneath it who called it, and so on. */
import { FrameBuilder, type Frames } from "./icicle";

/** What is less than this part of everything is left out: no screen is wide enough for it. */
const LEAST_PART = 1 / 20_000;

interface Group {
  frame: number;
  /** Frames of the icicle from above: whose callers come next, and for how much they count. */
  cursors: number[];
  amounts: number[];
}

/** Turns an icicle around. Its first row has the functions, the next their callers. */
export function makeCallerFrames(frames: Frames): Frames {
  const builder = new FrameBuilder();
  const least = (frames.value[0] as number) * LEAST_PART;
  const everything: Group = { frame: 0, cursors: [], amounts: [] };
  for (let frame = 1; frame < frames.length; frame++) {
    if ((frames.own[frame] as number) > 0) {
      everything.cursors.push(frame);
      everything.amounts.push(frames.own[frame] as number);
    }
  }
  const waiting = groupsBelow(builder, frames, everything, (frame) => frame, least);
  for (let group = waiting.pop(); group !== undefined; group = waiting.pop()) {
    waiting.push(...groupsBelow(builder, frames, group, (frame) => frames.parent[frame] as number, least));
  }
  return builder.finish(frames.ids).frames;
}

/** Makes the children of a group, and gives what it does not hand on to itself. */
function groupsBelow(
  builder: FrameBuilder,
  frames: Frames,
  group: Group,
  next: (frame: number) => number,
  least: number,
): Group[] {
  const byNode = new Map<number, { cursors: number[]; amounts: number[]; total: number }>();
  let kept = 0;
  group.cursors.forEach((cursor, index) => {
    const at = next(cursor);
    const amount = group.amounts[index] as number;
    if (at <= 0) {
      kept += amount;
      return;
    }
    const node = frames.node[at] as number;
    let found = byNode.get(node);
    if (found === undefined) byNode.set(node, (found = { cursors: [], amounts: [], total: 0 }));
    found.cursors.push(at);
    found.amounts.push(amount);
    found.total += amount;
  });
  const groups: Group[] = [];
  for (const [node, { cursors, amounts, total }] of byNode) {
    if (total < least) {
      kept += total;
      continue;
    }
    const frame = builder.child(group.frame, node, frames.context[cursors[0] as number] as number);
    let [calls, contexts] = [0, 0];
    for (const cursor of new Set(cursors)) {
      calls += frames.calls[cursor] as number;
      contexts += frames.contexts[cursor] as number;
    }
    builder.count(frame, calls, contexts);
    groups.push({ frame, cursors, amounts });
  }
  builder.add(group.frame, kept);
  return groups;
}
