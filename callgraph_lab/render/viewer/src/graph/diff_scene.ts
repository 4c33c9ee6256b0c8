// The scene of a comparison: blue for A, orange for B, paler for what both have, as in
// render/diff_style.py.
import { change, changeFill, changeLine, sideFills, sideLines } from "../colours";
import { ELLIPSIS, count, duration, number, visibleText } from "../format";
import type { Drawing, Fold } from "../model/budget";
import {
  type ComparedEdge,
  type ComparedFunction,
  type GraphComparison,
  comparedOf,
  sumOfEdges,
} from "../model/compare";
import { openCallsLines } from "../model/endings";
import { shortNameOf } from "../model/functions";
import type { Measure } from "../state";
import type { GraphEdge, GraphNode } from "../types";
import {
  type Names,
  type SceneOptions,
  amountOf,
  boxAround,
  figures,
  lineId,
  membersText,
  penWidth,
  sceneOf,
  tooltipName,
} from "./recording_scene";
import {
  type Box,
  FIGURE_POINTS,
  type Line,
  type Scene,
  detailText,
  nameLines,
  nameText,
  shownText,
} from "./scene";

const ARROW = "\u2192";

export interface DiffSceneOptions extends SceneOptions {
  comparison: GraphComparison;
  measure: Measure;
  /** What the sides are called on boxes. */
  sideA: string;
  sideB: string;
}

interface Painter extends DiffSceneOptions {
  functions: ReadonlyMap<string, ComparedFunction>;
  edges: ReadonlyMap<string, ComparedEdge>;
}

export function diffScene(options: DiffSceneOptions): Scene {
  const painter: Painter = {
    ...options,
    functions: new Map(options.comparison.functions.map((item) => [item.id, item])),
    edges: drawnEdges(options.comparison, options.drawing),
  };
  return sceneOf(options, {
    box: (member) => ("members" in member ? foldBox(member, painter) : nodeBox(member, painter)),
    line: (edge, names) => edgeLine(edge, names, painter),
  });
}

function keyOf(source: string, target: string): string {
  return JSON.stringify([source, target]);
}

/** Adds up, side by side, the edges that one drawn line stands for. */
function drawnEdges(comparison: GraphComparison, drawing: Drawing): Map<string, ComparedEdge> {
  const drawnAs = new Map<string, string>();
  for (const fold of drawing.folds) {
    for (const member of fold.members) {
      drawnAs.set(member.id, fold.id);
    }
  }
  const groups = new Map<string, ComparedEdge[]>();
  for (const edge of comparison.edges) {
    const [source, target] = [edge.source, edge.target].map((id) => drawnAs.get(id) ?? id);
    const key = keyOf(source as string, target as string);
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, [edge]);
    } else {
      group.push(edge);
    }
  }
  return new Map(
    [...groups].map(([key, group]) => {
      const [source, target] = JSON.parse(key) as [string, string];
      const a = sumOfEdges(group.flatMap((edge) => edge.a ?? []));
      const b = sumOfEdges(group.flatMap((edge) => edge.b ?? []));
      return [key, { source, target, ...comparedOf(a, b) }];
    }),
  );
}

function entered(figuresOf: { calls: number; resumes: number } | null): number {
  return figuresOf === null ? 0 : figuresOf.calls + figuresOf.resumes;
}

function sideName(item: { side: "a" | "b" | "both" }, { sideA, sideB }: DiffSceneOptions): string {
  return item.side === "a" ? sideA : sideB;
}

function nodeBox(node: GraphNode, options: Painter): Box {
  const { look, measureText, measure } = options;
  const item = options.functions.get(node.id) as ComparedFunction;
  const tooltip = functionTooltip(item, options);
  const spoken = tooltip.replaceAll("\n", ", ");
  if (node.kind === "thread") {
    const detail =
      item.a === null || item.b === null
        ? `thread, only ${sideName(item, options)}`
        : `thread · ${duration(item.a.inclusive_ns)} ${ARROW} ${duration(item.b.inclusive_ns)}`;
    const lines = [nameText(shownText(node.name)), detailText(detail)];
    const box = boxAround(node.id, "thread", lines, measureText, look.threadFill, look);
    return { ...box, tooltip, spoken };
  }
  const lines = [...nameLines(shortNameOf(node)).map(nameText)];
  if (item.a === null || item.b === null) {
    lines.push(
      detailText(`only ${sideName(item, options)}`, true),
      detailText(figures(item.any.calls, item.any.resumes, item.any.inclusive_ns)),
    );
  } else {
    lines.push(detailText(bothEntered(item.a, item.b)));
    if (measure === "self" || measure === "inclusive") {
      const [a, b] = [amountOf(item.a, measure), amountOf(item.b, measure)];
      lines.push(detailText(`${measure} ${duration(a)} ${ARROW} ${duration(b)}`));
    }
  }
  const box = boxAround(node.id, "function", lines, measureText, fillOf(item, options), look);
  if (item.side !== "both") {
    box.stroke = sideLines(look.isDark)[item.side];
    box.strokeWidth = 1.8;
  }
  return { ...box, tooltip, spoken };
}

function fillOf(item: ComparedFunction, { look, measure }: Painter): string {
  if (item.a === null || item.b === null) {
    return sideFills(look.isDark)[item.a === null ? "b" : "a"];
  }
  return changeFill(change(amountOf(item.a, measure), amountOf(item.b, measure)), look.isDark);
}

function bothEntered(a: GraphNode | GraphEdge, b: GraphNode | GraphEdge): string {
  const [before, after] = [entered(a), entered(b)];
  if (before === after) {
    return count(before, "call");
  }
  const more = `${after > before ? "+" : "\u2212"}${number(Math.abs(after - before))}`;
  return `${number(before)} ${ARROW} ${count(after, "call")} (${more})`;
}

function functionTooltip(item: ComparedFunction, { sideA, sideB }: Painter): string {
  const lines = [tooltipName(item.any.name)];
  for (const [side, node] of [
    [sideA, item.a],
    [sideB, item.b],
  ] as const) {
    lines.push(
      node === null
        ? `${side}: not called`
        : `${side}: ${figures(node.calls, node.resumes, node.inclusive_ns)} inclusive, ${duration(node.self_ns)} self`,
    );
    const open = openCallsLines(node?.open_calls_by_ending ?? {});
    lines.push(...open.map((line) => `${side}: ${line}`));
  }
  return lines.join("\n");
}

function kindOf(item: ComparedFunction, options: Painter): string {
  if (item.side === "both") {
    return item.isChanged ? "with other counts" : "the same";
  }
  return `only ${sideName(item, options)}`;
}

function foldBox(fold: Fold, options: Painter): Box {
  const { look, measureText } = options;
  const kinds = new Map<string, number>();
  const tell = (node: GraphNode): string =>
    kindOf(options.functions.get(node.id) as ComparedFunction, options);
  for (const member of fold.members) {
    kinds.set(tell(member), (kinds.get(tell(member)) ?? 0) + 1);
  }
  const told = [...kinds].sort(([, one], [, other]) => other - one);
  const lines = [
    nameText(`${ELLIPSIS} ${number(fold.members.length)} more`),
    ...told.map(([kind, times]) => detailText(`${number(times)} ${kind}`)),
  ];
  const box = boxAround(fold.id, "fold", lines, measureText, look.foldFill, look);
  const title = `${count(fold.members.length, "function")} folded; a click shows them`;
  return {
    ...box,
    tooltip: [title, ...membersText(fold.members, tell)].join("\n"),
    spoken: `${count(fold.members.length, "more function")}, folded`,
  };
}

function edgeLine(edge: GraphEdge, names: Names, options: Painter): Line {
  const { measure, measureText } = options;
  const item = options.edges.get(keyOf(edge.source, edge.target)) as ComparedEdge;
  const { a, b } = item;
  const [before, after] = [entered(a), entered(b)];
  const text =
    a === null || b === null || before === after
      ? number(Math.max(before, after))
      : `${number(before)} ${ARROW} ${number(after)}`;
  const tooltip = [
    `${tooltipName(names.get(edge.source) ?? "")} calls ${tooltipName(names.get(edge.target) ?? "")}`,
  ];
  for (const [side, one] of [
    [options.sideA, a],
    [options.sideB, b],
  ] as const) {
    tooltip.push(
      one === null
        ? `${visibleText(side)}: never`
        : `${visibleText(side)}: ${figures(one.calls, one.resumes, one.inclusive_ns)}`,
    );
  }
  return {
    id: lineId(edge),
    source: edge.source,
    target: edge.target,
    text,
    note: "",
    textWidth: measureText(text, FIGURE_POINTS, false),
    strokeWidth: penWidth(edge.calls + edge.resumes),
    colour: lineColour(item, measure, options),
    isDashed: edge.bridged,
    tooltip: tooltip.join("\n"),
  };
}

function lineColour({ a, b, side }: ComparedEdge, measure: Measure, { look }: Painter): string {
  if (a === null || b === null) {
    return sideLines(look.isDark)[side === "a" ? "a" : "b"];
  }
  const place =
    measure === "calls" || measure === "bytes"
      ? change(entered(a), entered(b))
      : change(a.inclusive_ns, b.inclusive_ns);
  return changeLine(place, look.isDark) ?? look.line;
}
