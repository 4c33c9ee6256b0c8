/** What of an icicle is to be drawn in a window of it, where a point lies, where keys lead. */
import type { Frames } from "./icicle";

/** The part of the icicle that is seen, in the measure's unit. */
export interface Span {
  from: number;
  until: number;
}

/** A rectangle in pixels from the left: one frame, or several that are too narrow to be drawn. */
export interface Bar {
  /** The frame, or the first of several. */
  frame: number;
  /** How many frames it stands for. */
  frames: number;
  row: number;
  left: number;
  width: number;
}

const LEAST_WIDTH = 1;

export function spanOf(frames: Frames, frame: number): Span {
  const from = frames.start[frame] as number;
  return { from, until: from + (frames.value[frame] as number) };
}

/**
 * Returns the bars of some rows, in no order to rely on. Frames narrower than a pixel are one bar
 * together, so there are never more bars in a row than pixels.
 */
export function visibleBars(frames: Frames, span: Span, width: number, firstRow = 0, rowsEnd = frames.rows): Bar[] {
  const whole = span.until - span.from;
  if (whole <= 0 || width <= 0) return [];
  const scale = width / whole;
  const bars: Bar[] = [];
  let above = [0];
  for (let row = 0; row < rowsEnd && above.length > 0; row++) {
    const next: number[] = [];
    for (const frame of above) {
      if (row >= firstRow) bars.push(barOf(frames, frame, span, scale, width));
      const end = frames.childrenEnd[frame] as number;
      for (let child = firstSeen(frames, frame, span); child < end; child++) {
        const start = frames.start[child] as number;
        if (start >= span.until) break;
        if ((frames.value[child] as number) * scale < LEAST_WIDTH) {
          const rest = restOf(frames, child, end, span, scale, width);
          if (row + 1 >= firstRow && row + 1 < rowsEnd && rest.width >= LEAST_WIDTH) bars.push(rest);
          break;
        }
        next.push(child);
      }
    }
    above = next;
  }
  return bars;
}

/** Finds the first child that reaches into the span: their starts ascend. */
function firstSeen(frames: Frames, frame: number, span: Span): number {
  let low = frames.firstChild[frame] as number;
  let high = frames.childrenEnd[frame] as number;
  while (low < high) {
    const middle = (low + high) >> 1;
    const end = (frames.start[middle] as number) + (frames.value[middle] as number);
    if (end <= span.from) low = middle + 1;
    else high = middle;
  }
  return low;
}

function barOf(frames: Frames, frame: number, span: Span, scale: number, width: number): Bar {
  const start = ((frames.start[frame] as number) - span.from) * scale;
  const left = Math.max(start, 0);
  const right = Math.min(start + (frames.value[frame] as number) * scale, width);
  return { frame, frames: 1, row: frames.row[frame] as number, left, width: right - left };
}

function restOf(frames: Frames, first: number, end: number, span: Span, scale: number, width: number): Bar {
  const last = end - 1;
  const left = Math.max(((frames.start[first] as number) - span.from) * scale, 0);
  const until = (frames.start[last] as number) + (frames.value[last] as number);
  const right = Math.min((until - span.from) * scale, width);
  return { frame: first, frames: end - first, row: frames.row[first] as number, left, width: right - left };
}

/** Returns the bar under a point, of bars as `visibleBars` gives them. */
export function barAt(bars: readonly Bar[], row: number, x: number): Bar | undefined {
  return bars.find((bar) => bar.row === row && x >= bar.left && x < bar.left + bar.width);
}

export type Step = "ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight" | "Home" | "End";

/**
 * Returns the frame that a key leads to from another: up to the caller, down to the largest callee,
 * left and right to the next frame of the row that is wide enough to be seen.
 */
export function stepFrom(frames: Frames, frame: number, key: Step, span: Span, width: number): number {
  if (key === "Home") return 0;
  if (key === "ArrowUp") return Math.max(frames.parent[frame] as number, 0);
  if (key === "ArrowDown") {
    const child = frames.firstChild[frame] as number;
    const hasChild = child < (frames.childrenEnd[frame] as number) && (frames.value[child] as number) > 0;
    return hasChild ? child : frame;
  }
  const row = frames.row[frame] as number;
  const seen = visibleBars(frames, span, width, row, row + 1);
  const places = seen.filter((bar) => bar.frames === 1).map((bar) => bar.frame);
  if (key === "End") return places.at(-1) ?? frame;
  const at = places.indexOf(frame);
  if (at < 0) return places[0] ?? frame;
  return places[key === "ArrowRight" ? at + 1 : at - 1] ?? frame;
}
