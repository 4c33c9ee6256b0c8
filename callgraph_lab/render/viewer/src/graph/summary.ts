// A picture in words: what it shows, why it shows nothing, what stands above it in a file.
import { count, number, visibleText } from "../format";
import type { RecordingInfo } from "../payload";
import type { ViewState } from "../state";
import type { PageContext } from "../types";
import type { Plan } from "./plan";

/** Returns what stands above a picture that is saved; the first line is its title. */
export function captionLines(plan: Plan, recording: RecordingInfo): string[] {
  const { max_depth: depth } = plan.graph.query;
  const sides = plan.comparison === null ? "" : ` · ${plan.sides.join(" → ")}`;
  return [
    `${visibleText(recording.target)}, ${depth === null ? "every depth" : `depth ${depth}`}${sides}`,
    visibleText(
      `Python ${recording.python} · engine ${recording.engine} · recorded ${recording.started}`,
    ),
    summaryText(plan),
  ];
}

/** Returns `17 functions, 18 calls between them · 3 folded`. */
export function summaryText({ graph, drawing }: Plan): string {
  const functions = graph.nodes.filter((node) => node.kind !== "thread");
  const calls = functions.reduce((sum, node) => sum + node.calls, 0);
  const folded = drawing.folds.reduce((sum, fold) => sum + fold.members.length, 0);
  return [
    count(functions.length, "function"),
    count(calls, "call"),
    ...(folded > 0 ? [`${number(folded)} folded`] : []),
  ].join(" · ");
}

/** Returns what is read out when a picture has changed. */
export function spokenSummary(plan: Plan, { depth }: ViewState): string {
  return `${depth === null ? "Every depth" : `Depth ${depth}`}: ${summaryText(plan)}`;
}

/** Returns why there is nothing to see; empty where there is something. */
export function emptyText({ graph }: Plan, { selection }: PageContext, state: ViewState): string {
  if (graph.nodes.some((node) => node.kind !== "thread")) {
    return "";
  }
  if (state.compare !== null) {
    return "Both sides are alike: there is no difference to draw.";
  }
  const { hidden } = selection.graph(state);
  return hidden.functions > 0
    ? `Nothing is left to draw: the filters hide ${count(hidden.functions, "function")}.`
    : "Nothing was called.";
}
