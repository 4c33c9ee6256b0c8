// The scene of one graph: boxes filled by their share of the whole, lines as wide as the logarithm of
// their calls. What boxes say is what render/labels.py writes.
import { contrast, fill, heat, inkOn } from "../colours";
import { ELLIPSIS, count, duration, number, percent, shorten, size, visibleText } from "../format";
import type { Drawing, Fold } from "../model/budget";
import { openCallsLines, sumOfOpenCalls } from "../model/endings";
import { shortNameOf } from "../model/functions";
import type { Measure } from "../state";
import type { GraphEdge, GraphNode } from "../types";
import { clustersOf } from "./arrangement";
import type { Look } from "./look";
import {
  type Box,
  type Direction,
  FIGURE_POINTS,
  type Group,
  type Line,
  type Measure as MeasureText,
  type Scene,
  TITLE_POINTS,
  type TextLine,
  detailText,
  nameLines,
  nameText,
  shownText,
  sizeOf,
} from "./scene";

const LEGIBLE = 4.5;
const MOST_MEMBERS_IN_TOOLTIP = 25;
const [THINNEST, WIDEST, WIDER_PER_DECADE] = [0.8, 4.5, 0.85];
const LONGEST_TOOLTIP_NAME = 600;

export interface SceneOptions {
  drawing: Drawing;
  direction: Direction;
  look: Look;
  measureText: MeasureText;
}

/** Makes what a drawing consists of, with boxes and lines as `paint` makes them. */
export function sceneOf(
  { drawing, direction, measureText }: SceneOptions,
  paint: { box(member: GraphNode | Fold): Box; line(edge: GraphEdge, names: Names): Line },
): Scene {
  const names: Names = new Map([
    ...drawing.nodes.map((node) => [node.id, node.name] as const),
    ...drawing.folds.map((fold) => [fold.id, `${number(fold.members.length)} functions`] as const),
  ]);
  return {
    direction,
    boxes: [...drawing.nodes, ...drawing.folds].map((member) => paint.box(member)),
    lines: drawing.edges.map((edge) => paint.line(edge, names)),
    groups: clustersOf(drawing).map((cluster): Group => {
      const title = cluster.module.trim() === "" ? "(no module)" : shownText(cluster.module);
      return {
        id: JSON.stringify([cluster.module, cluster.visit]),
        title,
        titleWidth: measureText(title, TITLE_POINTS, true),
        members: cluster.members,
      };
    }),
  };
}

/** What the ends of lines are called, by their ids. */
export type Names = ReadonlyMap<string, string>;

export interface RecordingSceneOptions extends SceneOptions {
  measure: Measure;
  /** What all of the measure is: shares and colours are of it, at every depth. */
  whole: number;
}

export function recordingScene(options: RecordingSceneOptions): Scene {
  return sceneOf(options, {
    box: (member) => ("members" in member ? foldBox(member, options) : nodeBox(member, options)),
    line: (edge, names) => edgeLine(edge, names, options),
  });
}

/** Returns what a measure says of a function. */
export function amountOf(node: GraphNode, measure: Measure): number {
  switch (measure) {
    case "self":
      return node.self_ns;
    case "inclusive":
      return node.inclusive_ns;
    case "calls":
      return node.calls + node.resumes;
    case "bytes":
      return node.memory?.allocated_bytes ?? 0;
  }
}

/** Returns what all functions together have of a measure: the time of the threads, for times. */
export function wholeOf(nodes: readonly GraphNode[], measure: Measure): number {
  const sum = (take: (node: GraphNode) => number): number =>
    nodes.reduce((so_far, node) => so_far + take(node), 0);
  if (measure === "calls" || measure === "bytes") {
    return sum((node) => (node.kind === "thread" ? 0 : amountOf(node, measure)));
  }
  const threads = sum((node) => (node.kind === "thread" ? node.inclusive_ns : 0));
  return threads || sum((node) => node.self_ns);
}

/** Returns `12 calls, 3 resumes · 1.20 s`. */
export function figures(calls: number, resumes: number, inclusiveNs: number): string {
  const resumed = resumes > 0 ? `, ${count(resumes, "resume")}` : "";
  return `${count(calls, "call")}${resumed} · ${duration(inclusiveNs)}`;
}

export function tooltipName(name: string): string {
  return shorten(visibleText(name), LONGEST_TOOLTIP_NAME);
}

/** Puts texts into a box; `isOval` as of a thread. */
export function boxAround(
  id: string,
  kind: Box["kind"],
  lines: TextLine[],
  measureText: MeasureText,
  fillColour: string,
  look: Look,
): Pick<
  Box,
  | "id"
  | "kind"
  | "lines"
  | "width"
  | "height"
  | "fill"
  | "ink"
  | "mutedInk"
  | "stroke"
  | "strokeWidth"
  | "isDashed"
  | "isDouble"
> {
  const ink = inkOn(fillColour);
  return {
    id,
    kind,
    lines,
    ...sizeOf(lines, measureText, kind === "thread"),
    fill: fillColour,
    ink,
    mutedInk: contrast(look.muted, fillColour) >= LEGIBLE ? look.muted : ink,
    stroke: kind === "thread" ? fillColour : look.boxBorder,
    strokeWidth: 1,
    isDashed: kind === "fold",
    isDouble: false,
  };
}

function nodeBox(node: GraphNode, options: RecordingSceneOptions): Box {
  const { look, measureText, measure, whole } = options;
  if (node.kind === "thread") {
    const name = node.name.trim() === "" ? "(no name)" : shownText(node.name);
    const lines = [nameText(name), detailText(`thread · ${duration(node.inclusive_ns)}`)];
    const tooltip = `thread ${tooltipName(node.name)}\nin calls for ${duration(node.inclusive_ns)}`;
    const box = boxAround(node.id, "thread", lines, measureText, look.threadFill, look);
    return { ...box, tooltip, spoken: tooltip.replace("\n", ", ") };
  }
  const details = [detailText(figures(node.calls, node.resumes, node.inclusive_ns))];
  if (measure === "bytes" && node.memory !== null) {
    details.push(detailText(`${size(node.memory.allocated_bytes)} allocated`));
  }
  if (node.defined_in !== null) {
    details.push(detailText(`defined in ${shownText(node.defined_in)}`));
  }
  details.push(...openCallsLines(node.open_calls_by_ending).map((line) => detailText(line, true)));
  if (node.suspended > 0) {
    details.push(detailText(`suspended: ${number(node.suspended)}`));
  }
  const lines = [...nameLines(shortNameOf(node)).map(nameText), ...details];
  const background = fill(heat(amountOf(node, measure), whole), look.isDark);
  const box = boxAround(node.id, "function", lines, measureText, background, look);
  if (node.open_calls > 0) {
    Object.assign(box, { stroke: look.openCall, strokeWidth: 1.6, isDouble: true });
  }
  const facts = nodeFacts(node, options);
  return { ...box, tooltip: facts.join("\n"), spoken: facts.slice(0, 1).concat(facts.slice(2)).join(", ") };
}

function nodeFacts(node: GraphNode, { measure, whole }: RecordingSceneOptions): string[] {
  const place = node.file ? `${tooltipName(node.file)}:${node.line}` : "written in C";
  const atAll = node.total_calls === node.calls ? "" : ` (${number(node.total_calls)} at any depth)`;
  const share = percent(amountOf(node, measure), whole);
  return [
    tooltipName(node.name),
    node.defined_in === null ? place : `defined in ${tooltipName(node.defined_in)}, ${place}`,
    `${count(node.calls, "call")}${atAll}`,
    ...(node.resumes > 0 ? [count(node.resumes, "resume")] : []),
    `inclusive ${duration(node.inclusive_ns)}, self ${duration(node.self_ns)}`,
    `${share} of all ${measure === "calls" ? "calls" : measure === "bytes" ? "bytes" : "time"}`,
    `shallowest depth ${node.min_depth}`,
    ...openCallsLines(node.open_calls_by_ending),
    ...(node.suspended > 0 ? [`suspended: ${number(node.suspended)}`] : []),
  ];
}

function foldBox(fold: Fold, { look, measureText }: RecordingSceneOptions): Box {
  const { members } = fold;
  const sum = (take: (node: GraphNode) => number): number =>
    members.reduce((so_far, node) => so_far + take(node), 0);
  const open = sumOfOpenCalls(members.map((node) => node.open_calls_by_ending));
  const entered = figures(
    sum((node) => node.calls),
    sum((node) => node.resumes),
    fold.inclusive_ns,
  );
  const modules = [...new Set(members.map((member) => member.module))];
  const [first] = modules;
  const where = modules.length === 1 ? first || "threads" : count(modules.length, "module");
  const lines = [
    nameText(`${ELLIPSIS} ${number(members.length)} more`),
    detailText(`in ${shownText(where ?? "")}`),
    detailText(entered),
    ...openCallsLines(open).map((line) => detailText(line, true)),
  ];
  const box = boxAround(fold.id, "fold", lines, measureText, look.foldFill, look);
  const heaviest = membersText(members, (node) =>
    figures(node.calls, node.resumes, node.inclusive_ns),
  );
  return {
    ...box,
    tooltip: [`${count(members.length, "function")} folded; a click shows them`, entered, ...heaviest].join("\n"),
    spoken: `${count(members.length, "more function")}, folded: ${entered}`,
  };
}

/** Returns lines for a tooltip about the members of a fold, the heaviest first. */
export function membersText(
  members: readonly GraphNode[],
  tell: (node: GraphNode) => string,
): string[] {
  const heaviest = [...members].sort((one, other) => other.inclusive_ns - one.inclusive_ns);
  const lines = heaviest
    .slice(0, MOST_MEMBERS_IN_TOOLTIP)
    .map((node) => `${shownText(node.name, 88)}: ${tell(node)}`);
  const left = members.length - MOST_MEMBERS_IN_TOOLTIP;
  return left > 0 ? [...lines, `and ${number(left)} more`] : lines;
}

export function penWidth(entered: number): number {
  return Math.min(WIDEST, THINNEST + WIDER_PER_DECADE * Math.log10(Math.max(1, entered)));
}

export function lineId(edge: GraphEdge): string {
  return JSON.stringify([edge.source, edge.target, edge.bridged]);
}

function edgeLine(edge: GraphEdge, names: Names, { look, measureText }: RecordingSceneOptions): Line {
  const parts = edge.calls > 0 || edge.resumes === 0 ? [number(edge.calls)] : [];
  if (edge.resumes > 0) {
    parts.push(count(edge.resumes, "resume"));
  }
  const note = edge.bridged ? ` · skips ${number(edge.skipped_frames)}` : "";
  const text = parts.join(" + ");
  const across = edge.bridged ? `\nacross ${count(edge.skipped_frames, "hidden frame")} at most` : "";
  return {
    id: lineId(edge),
    source: edge.source,
    target: edge.target,
    text,
    note,
    textWidth: measureText(text + note, FIGURE_POINTS, false),
    strokeWidth: penWidth(edge.calls + edge.resumes),
    colour: look.line,
    isDashed: edge.bridged,
    tooltip:
      `${tooltipName(names.get(edge.source) ?? "")} calls ${tooltipName(names.get(edge.target) ?? "")}\n` +
      figures(edge.calls, edge.resumes, edge.inclusive_ns) +
      across,
  };
}
