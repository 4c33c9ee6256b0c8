/** An icicle in words: one frame, and the heaviest ones as a table. */
import { element } from "../dom";
import { count, duration, number, percent, shorten, size, visibleText } from "../format";
import type { Measure } from "../state";
import type { Frames } from "./icicle";

const MOST_ROWS = 200;
const LONGEST_NAME = 300;

export interface Naming {
  /** The name of a frame's function; the short one, or the whole one. */
  shortName(frame: number): string;
  name(frame: number): string;
}

/** Returns an amount of a measure: a time, a size, or a number. */
export function amountText(amount: number, measure: Measure): string {
  if (measure === "calls") return count(amount, "call");
  return measure === "bytes" ? size(amount) : duration(Math.round(amount));
}

/** Returns lines that say what a frame is and takes. */
export function describeFrame(frames: Frames, frame: number, naming: Naming, measure: Measure, isTurned: boolean): string {
  const value = frames.value[frame] as number;
  const lines = [shorten(visibleText(naming.name(frame)), LONGEST_NAME)];
  const part = percent(value, frames.value[0] as number);
  lines.push(frame === 0 ? amountText(value, measure) : `${amountText(value, measure)} (${part} of all)`);
  if (frame === 0) return lines.join("\n");
  if (isTurned) {
    const callee = calleeOf(frames, frame);
    if (callee !== frame) {
      const name = shorten(visibleText(naming.shortName(callee)), 80);
      lines.push(`of ${name}, called by way of this`);
    }
  } else {
    lines.push(...partsOf(frames, frame, measure));
  }
  const calls = count(frames.calls[frame] as number, "call");
  lines.push(`${measure === "calls" ? "" : `${calls} in `}${count(frames.contexts[frame] as number, "context")}`);
  return lines.join("\n");
}

/** What of a frame is its own, and what hidden callees take: nothing to say where it is all. */
function partsOf(frames: Frames, frame: number, measure: Measure): string[] {
  const [own, hidden] = [frames.own[frame] as number, frames.hidden[frame] as number];
  if (own === frames.value[frame] && hidden === 0) return [];
  const itself = `itself ${amountText(own - hidden, measure)}`;
  return [hidden === 0 ? itself : `${itself}, callees that are hidden ${amountText(hidden, measure)}`];
}

function calleeOf(frames: Frames, frame: number): number {
  let at = frame;
  while ((frames.row[at] as number) > 1) at = frames.parent[at] as number;
  return at;
}

/** Returns a frame and all below it from the largest on, so many at most, in the tree's order. */
export function heaviestFrames(frames: Frames, top: number, most = MOST_ROWS): number[] {
  const chosen: number[] = [];
  // The largest of what hangs below what is chosen: children never are larger than their frame.
  const edge = [top];
  while (edge.length > 0 && chosen.length < most) {
    let best = 0;
    for (let index = 1; index < edge.length; index++) {
      if ((frames.value[edge[index] as number] as number) > (frames.value[edge[best] as number] as number)) best = index;
    }
    const frame = edge[best] as number;
    edge.splice(best, 1);
    chosen.push(frame);
    const first = frames.firstChild[frame] as number;
    if (first < (frames.childrenEnd[frame] as number)) edge.push(first);
    const next = frame + 1;
    const parent = frames.parent[frame] as number;
    if (frame !== top && next < (frames.childrenEnd[parent] as number)) edge.push(next);
  }
  return inTreeOrder(frames, chosen);
}

function inTreeOrder(frames: Frames, chosen: number[]): number[] {
  return chosen.sort((one, other) => {
    const byStart = (frames.start[one] as number) - (frames.start[other] as number);
    return byStart || (frames.row[one] as number) - (frames.row[other] as number) || one - other;
  });
}

/** Makes the table of the heaviest frames below one. */
export function textTable(frames: Frames, top: number, naming: Naming, measure: Measure): HTMLElement {
  const body = element("tbody");
  for (const frame of heaviestFrames(frames, top)) {
    const name = element("th", { scope: "row" }, shorten(visibleText(naming.name(frame)), LONGEST_NAME));
    const level = (frames.row[frame] as number) - (frames.row[top] as number);
    name.style.paddingLeft = `${0.5 + Math.min(level, 40) * 0.75}em`;
    body.append(
      element(
        "tr",
        {},
        element("td", { class: "number" }, number(level)),
        name,
        element("td", { class: "number" }, amountText(frames.value[frame] as number, measure)),
        element("td", { class: "number" }, percent(frames.value[frame] as number, frames.value[0] as number)),
        element("td", { class: "number" }, amountText((frames.own[frame] as number) - (frames.hidden[frame] as number), measure)),
        element("td", { class: "number" }, number(frames.calls[frame] as number)),
      ),
    );
  }
  const titles = ["level", "function", "with callees", "of all", "itself", "calls"];
  const heads = titles.map((title) => element("th", { scope: "col" }, title));
  return element("table", { class: "text-table" }, element("thead", {}, element("tr", {}, ...heads)), body);
}
